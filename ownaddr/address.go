package ownaddr

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Source is somebody who knows addresses of this machine.
type Source string

// The sources, in the order of a report: what is at hand first.
const (
	Interfaces Source = "interfaces" // the machine's own network interfaces
	Kubernetes Source = "kubernetes" // the downward API, by environment variables
	ECS        Source = "ecs"        // the task metadata endpoint of Amazon ECS
	EC2        Source = "ec2"        // the instance metadata service of Amazon EC2
	Google     Source = "google"     // the metadata server of Google Compute Engine
	Azure      Source = "azure"      // the instance metadata service of Azure
)

// Kind says for whom an address is.
type Kind string

// The kinds. The first three are taken, the last two are left out.
const (
	// Private is an address inside the machine's own network: one that its
	// source calls so, or one of RFC 1918, RFC 4193 or RFC 6598.
	Private Kind = "private"
	// Public is any other address: one that the world may call.
	Public Kind = "public"
	// Host is an address of the node that this container runs on. Traffic to a
	// port of the node arrives with it.
	Host Kind = "host"
	// Loopback and LinkLocal are addresses that call no machine in particular.
	Loopback  Kind = "loopback"
	LinkLocal Kind = "link-local"
)

// Address is one address of this machine, as one source names it. Sources
// overlap, so the same Addr may come from several.
type Address struct {
	// Addr is the address, never IPv4-mapped and without a zone.
	Addr netip.Addr
	// Kind says for whom it is.
	Kind Kind
	// Source is who named it.
	Source Source
	// Name is what the source calls it: the interface ("eth0"), the variable
	// ("POD_IP") or the metadata key ("local-ipv4").
	Name string
	// Seen is when the source was asked that last named it. If that was before
	// the report was started, the address is kept from an earlier look.
	Seen time.Time
}

// shared is the address space between a provider and its customers (RFC 6598),
// which netip does not count as private.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// thisNetwork holds addresses that mean "here" as a source and nothing as a
// destination (RFC 791, RFC 1122 section 3.2.1.3).
var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

// broadcast is everybody on one cable (RFC 919).
var broadcast = netip.MustParseAddr("255.255.255.255")

// kindOf is the kind of an address of which nothing but its number is known.
func kindOf(addr netip.Addr) Kind {
	switch {
	case addr.IsLoopback():
		return Loopback
	case addr.IsLinkLocalUnicast():
		return LinkLocal
	case addr.IsPrivate() || shared.Contains(addr):
		return Private
	default:
		return Public
	}
}

// errNoAddress is the error of an answer that can't be this machine's address.
var errNoAddress = errors.New("refused")

// parseAddr reads an address that somebody else says is ours, and refuses what
// can't be the address of one machine in a network.
func parseAddr(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: %s is no IP address", errNoAddress, excerpt(text))
	}
	addr = plain(addr)
	var is string
	switch {
	case thisNetwork.Contains(addr) || addr.IsUnspecified():
		is = "no machine's"
	case addr.IsLoopback():
		is = "a loopback address"
	case addr.IsMulticast():
		is = "a multicast address"
	case addr == broadcast:
		is = "the broadcast address"
	case addr.IsLinkLocalUnicast():
		is = "a link-local address"
	default:
		return addr, nil
	}
	return netip.Addr{}, fmt.Errorf("%w: %s is %s", errNoAddress, addr, is)
}

// plain is an address in the form that addresses are compared in.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// excerpt is the beginning of what somebody answered, fit for one line.
func excerpt(text string) string {
	const enough = 40
	if len(text) > enough {
		return fmt.Sprintf("%q…", text[:enough])
	}
	return fmt.Sprintf("%q", text)
}
