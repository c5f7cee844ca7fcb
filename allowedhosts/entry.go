package allowedhosts

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// privateDomains are the top-level domains whose names nobody can register, so
// that all of them may be allowed at once: RFC 6761 (example, localhost, test),
// RFC 6762 (local), and internal, which ICANN has reserved for private use.
var privateDomains = []string{"example", "internal", "local", "localhost", "test"}

// insteadOfAll refuses what stands for all hosts, or all addresses.
const insteadOfAll = "it would allow every %s, and with it whatever a forged Host does to links, caches and redirects; " +
	"list the names your visitors use, such as example.com or .example.com, and self for the addresses of this machine"

// add adds one entry, as a person wrote it.
func (r *Rules) add(entry string) error {
	text := strings.TrimSpace(entry)
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", quote(text), fmt.Sprintf(format, args...))
	}
	switch {
	case text == "":
		return errors.New("an empty entry; write a host name such as example.com, or leave it out")
	case strings.EqualFold(strings.TrimSuffix(text, "."), "self"):
		r.self = true
		return nil
	case text == "*" || text == ".":
		return wrong(insteadOfAll, "host")
	case strings.Contains(text, "*"):
		if domain, ok := strings.CutPrefix(text, "*."); ok && validName(domain) && !isTopLevel(domain) {
			return wrong("write .%s, which stands for %[1]s and every name below it", domain)
		}
		return wrong("a * stands for nothing; write .example.com for a domain with all names below it, 10.0.0.0/8 for a network")
	case strings.Contains(text, "://"):
		if u, err := url.Parse(text); err == nil && validName(u.Hostname()) {
			return wrong("this is a URL; write the host alone: %s", u.Hostname())
		}
		return wrong("this is a URL; write the host alone, such as example.com")
	case strings.ContainsAny(text, ", \t\r\n;"):
		return wrong("write one entry for each host")
	case strings.IndexFunc(text, func(c rune) bool { return c >= 0x80 }) >= 0:
		return wrong("write the ASCII form that browsers send, which has xn-- in front of each encoded part")
	}
	if strings.Contains(text, "/") {
		return r.addNetwork(text, wrong)
	}
	if text[0] == '[' || strings.Count(text, ":") > 1 {
		return r.addIPv6(text, wrong)
	}
	return r.addName(text, wrong)
}

func (r *Rules) addNetwork(text string, wrong func(string, ...any) error) error {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		if name, _, _ := strings.Cut(text, "/"); validName(name) && !endsInNumber(name) {
			return wrong("a host has no path; write %s", name)
		}
		return wrong("not a network; write it as 10.0.0.0/8 or 2001:db8::/32")
	}
	right := network.Masked()
	if network.Addr().Is4In6() && network.Bits() >= 96 { // IPv4 in disguise
		right = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96).Masked()
	}
	switch {
	case right.Bits() == 0:
		return wrong(insteadOfAll, "address")
	case right != network:
		return wrong("the network is %s; write that, or the address %s alone", right, network.Addr().Unmap())
	}
	r.networks = append(r.networks, network)
	return nil
}

func (r *Rules) addIPv6(text string, wrong func(string, ...any) error) error {
	literal := text
	if rest, ok := strings.CutPrefix(text, "["); ok {
		inside, port, closed := strings.Cut(rest, "]")
		switch {
		case !closed || !validPort(port):
			return wrong("not an address; write an IPv6 address as 2001:db8::1")
		case port != "":
			return wrong("ports are ignored; write %s", inside)
		}
		literal = inside
	}
	addr, err := netip.ParseAddr(literal)
	switch {
	case err != nil || !strings.Contains(literal, ":"):
		return wrong("not an address; write an IPv6 address as 2001:db8::1")
	case addr.Zone() != "":
		return wrong("zones are ignored; write %s", addr.WithZone(""))
	}
	r.addAddress(addr)
	return nil
}

// addName adds a name, a domain or an IPv4 address.
func (r *Rules) addName(text string, wrong func(string, ...any) error) error {
	name, port, hasPort := strings.Cut(text, ":")
	domain, isDomain := strings.CutPrefix(name, ".")
	h, ok := parseName(domain)
	switch {
	case hasPort && ok && validPort(":"+port):
		return wrong("ports are ignored; write %s", name)
	case hasPort:
		return wrong("not a host name; write one such as example.com")
	case !ok && validName(strings.TrimSuffix(domain, ".")):
		return wrong("browsers take this for an IPv4 address; write all four numbers, 0 to 255, without leading zeros")
	case !ok:
		return wrong("not a host name: labels of 1 to %d letters, digits, hyphens and underscores with dots between, %d bytes in all",
			longestLabel, longestName)
	case h.addr.IsValid() && isDomain:
		return wrong("there are no names below an address; write the address alone, or a network such as 10.0.0.0/8")
	case h.addr.IsValid():
		r.addAddress(h.addr)
	case !isDomain:
		r.names = append(r.names, h.name)
	case isTopLevel(h.name):
		return wrong("it would allow every name of a top-level domain, whoever owns it; write the domains that are yours, such as .example.%s", h.name)
	default:
		r.domains = append(r.domains, h.name)
	}
	return nil
}

// isTopLevel reports whether anybody may register names below domain, as far as
// that can be told without a list of public suffixes.
func isTopLevel(domain string) bool {
	return !strings.Contains(domain, ".") && !slices.Contains(privateDomains, domain)
}

func (r *Rules) addAddress(addr netip.Addr) {
	addr = addr.Unmap()
	r.networks = append(r.networks, netip.PrefixFrom(addr, addr.BitLen()))
}

// quote makes foreign text safe to print on one line: cut, and quoted.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}
