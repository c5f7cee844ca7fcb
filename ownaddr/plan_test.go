package ownaddr

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWhichCloud goes by firmware alone. Nobody answers; what counts is who was
// asked.
func TestWhichCloud(t *testing.T) {
	tests := map[string]struct {
		dmi  map[string]string
		want []Source
	}{
		"EC2 Nitro":            {dmi: nitro, want: []Source{EC2}},
		"EC2 by its board":     {dmi: map[string]string{"board_asset_tag": "i-0af01c0123456789a"}, want: []Source{EC2}},
		"EC2 Xen":              {dmi: xen, want: []Source{EC2}},
		"EC2 Xen, paravirtual": {dmi: map[string]string{"../../../hypervisor/uuid": "ec2e1916-9099-7caf-fd21-012345abcdef"}, want: []Source{EC2}},
		"Xen elsewhere":        {dmi: map[string]string{"sys_vendor": "Xen", "bios_version": "4.11", "../../../hypervisor/uuid": "8ec2e191"}},
		"a board with a tag":   {dmi: map[string]string{"sys_vendor": "Dell Inc.", "board_asset_tag": "i-have-a-tag"}},
		"Google":               {dmi: gce, want: []Source{Google}},
		"Google, early":        {dmi: map[string]string{"product_name": "Google"}, want: []Source{Google}},
		"Chromebook":           {dmi: map[string]string{"sys_vendor": "Google", "product_name": "Eve"}},
		"Azure":                {dmi: azure, want: []Source{Azure}},
		"Hyper-V":              {dmi: map[string]string{"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine", "chassis_asset_tag": "1234-5678"}},
		"QEMU":                 {dmi: qemu},
		"no firmware":          {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(tt.dmi)
				r := m.finder().Find(t.Context())
				if diff := cmp.Diff(append([]Source{Interfaces}, tt.want...), tried(r)); diff != "" {
					t.Errorf("tried (-want +got):\n%s", diff)
				}
				if dials := m.dialled(); len(dials) != len(tt.want) {
					t.Errorf("dialled %v, want %d of them", dials, len(tt.want))
				}
				for _, a := range r.Attempts {
					if a.Why == "" {
						t.Errorf("%s: %s, and no reason", a.Source, a.Outcome)
					}
				}
			})
		})
	}
}

// TestNoMetadataAtAll is the machine in the cellar: the look is over at once,
// and no packet was sent.
func TestNoMetadataAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(qemu)
		m.unroutable(t, metadata) // whoever asked would wait
		r := m.finder().Find(t.Context())
		if r.Took != 0 || len(m.dialled()) > 0 {
			t.Errorf("took %v and dialled, want neither", r.Took)
		}
		if diff := cmp.Diff([]Source{Interfaces}, tried(r)); diff != "" {
			t.Errorf("tried (-want +got):\n%s", diff)
		}
		if got, want := r.Addrs(), addrs("10.0.0.5"); !slices.Equal(got, want) {
			t.Errorf("addresses %v, want %v", got, want)
		}
	})
}

// TestSources has the user choose.
func TestSources(t *testing.T) {
	tests := map[string]struct {
		sources []Source
		env     map[string]string
		want    []Source
	}{
		"all":                           {want: []Source{Interfaces, EC2}},
		"one at hand":                   {sources: []Source{Interfaces}, want: []Source{Interfaces}},
		"a cloud that nobody speaks of": {sources: []Source{Azure, Google}, want: []Source{Google, Azure}},
		"a variable that is needed":     {sources: []Source{ECS}},
		"a source that is forbidden":    {sources: []Source{EC2}, env: map[string]string{imdsDisabled: "true"}},
		"one that does not exist":       {sources: []Source{"ec3", Interfaces}, want: []Source{Interfaces}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(nitro)
				m.env = tt.env
				f := m.finder()
				f.Sources = tt.sources
				r := f.Find(t.Context())
				if diff := cmp.Diff(tt.want, tried(r)); diff != "" {
					t.Errorf("tried (-want +got):\n%s", diff)
				}
				if slices.Contains(tt.sources, "ec3") {
					mentions(t, "reason", attempt(t, r, "ec3").Why, "there is no such source; there are [interfaces kubernetes ecs ec2 google azure]")
				}
			})
		})
	}
}

// tried are the sources that a look asked.
func tried(r Report) []Source {
	var sources []Source
	for _, a := range r.Attempts {
		if a.Outcome != NotTried {
			sources = append(sources, a.Source)
		}
	}
	return sources
}

func TestKubernetes(t *testing.T) {
	tests := map[string]struct {
		env       map[string]string
		want      []string
		why       string
		err, hint string
	}{
		"not in a pod":               {want: []string{"not tried"}, why: "neither KUBERNETES_SERVICE_HOST nor POD_IP is set"},
		"a host's address elsewhere": {env: map[string]string{"HOST_IP": "0.0.0.0"}, want: []string{"not tried"}, why: "neither"},
		"nothing filled in": {
			env:  map[string]string{inPod: "10.96.0.1"},
			want: []string{"found nothing"}, why: "KUBERNETES_SERVICE_HOST is set", hint: "fieldPath: status.podIP",
		},
		"one": {env: map[string]string{"POD_IP": "10.244.1.7"}, want: []string{"found", "10.244.1.7 private POD_IP"}, why: "POD_IP is set"},
		"two families and the node": {
			env:  map[string]string{inPod: "10.96.0.1", "POD_IP": "10.244.1.7", "POD_IPS": "10.244.1.7,2001:db8::7", "HOST_IP": "192.168.1.9", "NODE_IP": "192.168.1.9"},
			want: []string{"found", "10.244.1.7 private POD_IP", "2001:db8::7 public POD_IPS", "192.168.1.9 host HOST_IP"},
			why:  "KUBERNETES_SERVICE_HOST is set",
		},
		"as the documentation calls them": {
			env:  map[string]string{"MY_POD_IP": "10.244.1.7", "MY_HOST_IPS": "192.168.1.9, 2001:db8::9"},
			want: []string{"found", "10.244.1.7 private MY_POD_IP", "192.168.1.9 host MY_HOST_IPS", "2001:db8::9 host MY_HOST_IPS"}, why: "MY_POD_IP is set",
		},
		"the host's network": {
			env:  map[string]string{inPod: "10.96.0.1", "POD_IP": "192.168.1.9", "HOST_IP": "192.168.1.9"},
			want: []string{"found", "192.168.1.9 private POD_IP", "192.168.1.9 host HOST_IP"}, why: inPod,
		},
		"not expanded": {
			env:  map[string]string{"POD_IP": "$(POD_IP)", "HOST_IP": "192.168.1.9"},
			want: []string{"found", "192.168.1.9 host HOST_IP"}, why: "POD_IP is set",
			err: `POD_IP: refused: "$(POD_IP)" is no IP address`, hint: "status.podIP",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMachine(nil)
			m.env = tt.env
			r := m.finder().Find(t.Context())
			a := attempt(t, r, Kubernetes)
			expect(t, a, tt.err, tt.want...)
			mentions(t, "reason", a.Why, tt.why)
			mentions(t, "hint", a.Hint, tt.hint)
		})
	}
}

func TestInterfaces(t *testing.T) {
	m := newMachine(nil)
	m.nics = append(m.nics,
		nic{name: "eth1", addrs: addrs("::ffff:203.0.113.5", "2001:db8::5", "fd00::5", "169.254.3.4")},
		nic{name: "tun0", addrs: addrs("100.101.102.103")},
		nic{name: "veth0"})
	a := attempt(t, m.finder().Find(t.Context()), Interfaces)
	expect(t, a, "", "found", "10.0.0.5 private eth0", "203.0.113.5 public eth1", "2001:db8::5 public eth1", "fd00::5 private eth1",
		"100.101.102.103 private tun0")
	left := Attempt{Source: Interfaces, Addresses: a.LeftOut}
	expect(t, left, "", "", "127.0.0.1 loopback lo", "::1 loopback lo", "fe80::1 link-local eth0", "169.254.3.4 link-local eth1")
}

// TestRealInterfaces reads those of this machine, which has at least loopback.
func TestRealInterfaces(t *testing.T) {
	f := Finder{Sources: []Source{Interfaces}}
	a := attempt(t, f.Find(t.Context()), Interfaces)
	if a.Err != nil {
		t.Fatal(a.Err)
	}
	if !slices.ContainsFunc(a.LeftOut, func(x Address) bool { return x.Kind == Loopback && x.Name != "" }) {
		t.Errorf("left out %v: no loopback address among them", a.LeftOut)
	}
	for _, x := range a.Addresses {
		if x.Addr.IsLoopback() || x.Addr.IsLinkLocalUnicast() || x.Addr.Zone() != "" || x.Addr.Is4In6() || x.Seen.After(time.Now()) {
			t.Errorf("%+v does not belong there", x)
		}
	}
}
