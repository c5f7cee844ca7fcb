package ownaddr

import (
	"fmt"
	"io/fs"
	"strings"
)

// dmi is what the firmware says of the machine, and on Xen the hypervisor. All
// of it is readable without privileges; product_uuid and product_serial, which
// other programs go by, are root's.
type dmi struct {
	sysVendor, productName, biosVersion string
	boardAssetTag, chassisAssetTag      string
	hypervisorUUID                      string
}

func readDMI(sys fs.FS) dmi {
	read := func(name string) string {
		text, err := fs.ReadFile(sys, name)
		if err != nil {
			return "" // no Linux, no DMI (Firecracker, some ARM boards), or hidden by a sandbox
		}
		return strings.TrimSpace(string(text))
	}
	return dmi{
		sysVendor:       read("class/dmi/id/sys_vendor"),
		productName:     read("class/dmi/id/product_name"),
		biosVersion:     read("class/dmi/id/bios_version"),
		boardAssetTag:   read("class/dmi/id/board_asset_tag"),
		chassisAssetTag: read("class/dmi/id/chassis_asset_tag"),
		hypervisorUUID:  read("hypervisor/uuid"),
	}
}

// azureAssetTag is the chassis of every machine in Azure. The maker,
// "Microsoft Corporation", is also that of Hyper-V and of laptops. (canonical/
// cloud-init, tools/ds-identify and cloudinit/sources/DataSourceAzure.py.)
const azureAssetTag = "7783-7084-3265-9085-8269-3286-77"

// evidence returns the fact that puts the machine into a cloud.
func (d dmi) evidence(s Source) (fact string, ok bool) {
	switch s {
	case EC2:
		return d.amazon()
	case Google:
		// googleapis/google-cloud-go, compute/metadata. The maker "Google" is no
		// sign: laptops have it too.
		if d.productName == "Google Compute Engine" || d.productName == "Google" {
			return fmt.Sprintf("DMI: product_name is %q", d.productName), true
		}
	case Azure:
		if d.chassisAssetTag == azureAssetTag {
			return "DMI: chassis_asset_tag is Azure's", true
		}
	}
	return "", false
}

// amazon goes by what Amazon documents for users without privileges, the board's
// asset tag on Nitro and the hypervisor's UUID on Xen:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
// and by two names that others go by: the maker on Nitro (systemd's
// src/basic/virt.c, Amazon's own clock-bound), and the BIOS on Xen ("4.2.amazon"
// in public dumps; tailscale's util/cloudenv looks for that ending too).
func (d dmi) amazon() (fact string, ok bool) {
	switch {
	case d.sysVendor == "Amazon EC2":
		return `DMI: sys_vendor is "Amazon EC2"`, true
	case d.instance() != "":
		return "DMI: board_asset_tag is the instance " + d.instance(), true
	case strings.HasSuffix(d.biosVersion, ".amazon"):
		return fmt.Sprintf("DMI: bios_version is %q", d.biosVersion), true
	case strings.HasPrefix(strings.ToLower(d.hypervisorUUID), "ec2"):
		return "the hypervisor's UUID begins with ec2", true
	}
	return "", false
}

// instance is the EC2 instance's own id, where the firmware has it (Nitro).
func (d dmi) instance() string {
	id, ok := strings.CutPrefix(d.boardAssetTag, "i-")
	if !ok || len(id) < 8 || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return d.boardAssetTag
}

// other says why there is no evidence.
func (d dmi) other() string {
	if d.sysVendor == "" && d.productName == "" {
		return "nothing says so: this system shows no DMI data"
	}
	return fmt.Sprintf("nothing says so: DMI calls this machine %q by %q", d.productName, d.sysVendor)
}
