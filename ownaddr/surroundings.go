package ownaddr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
)

// surroundings is all that a Finder sees of the outside, and its only way out.
type surroundings struct {
	getenv     func(name string) string
	sys        fs.FS // Linux's /sys; elsewhere there is none, and reading it fails
	interfaces func() ([]nic, error)
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
}

// outside is the real thing. Tests of this package put a dialler in its place
// that reaches loopback only, so that no test can ask a real metadata service.
var outside = surroundings{
	getenv:     os.Getenv,
	sys:        os.DirFS("/sys"),
	interfaces: systemInterfaces,
	dial:       new(net.Dialer).DialContext,
}

// nic is a network interface that is up.
type nic struct {
	name  string
	addrs []netip.Addr
}

// systemInterfaces lists the interfaces that are up. With an error it returns
// those that could be read.
func systemInterfaces() ([]nic, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing the network interfaces: %w", err)
	}
	var up []nic
	var errs []error
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the addresses of %s: %w", i.Name, err))
			continue
		}
		n := nic{name: i.Name}
		for _, a := range addrs {
			if network, ok := a.(*net.IPNet); ok {
				if addr, ok := netip.AddrFromSlice(network.IP); ok {
					n.addrs = append(n.addrs, addr)
				}
			}
		}
		up = append(up, n)
	}
	return up, errors.Join(errs...)
}
