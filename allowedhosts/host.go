package allowedhosts

import (
	"net/netip"
	"strconv"
	"strings"
)

// Limits of host names (RFC 1035, section 2.3.4), without the dot of the root.
const (
	longestName  = 253
	longestLabel = 63
)

// host is what a Host field names, without its port: a name or an address.
type host struct {
	name string     // lower case, no dot at the end; empty for an address
	addr netip.Addr // IPv4 unmapped, no zone; invalid for a name
}

// parseHost reads a Host field. It is strict: what it accepts, other parsers
// must not read as another host.
func parseHost(field string) (h host, ok bool) {
	if rest, bracketed := strings.CutPrefix(field, "["); bracketed {
		literal, port, closed := strings.Cut(rest, "]")
		if !closed || !validPort(port) {
			return host{}, false
		}
		addr, ok := parseIPv6(literal)
		return host{addr: addr}, ok
	}
	name, port := field, ""
	if i := strings.IndexByte(field, ':'); i >= 0 {
		name, port = field[:i], field[i:]
	}
	if !validPort(port) {
		return host{}, false
	}
	return parseName(name)
}

// parseName reads a host name or an IPv4 address, with or without a dot at the
// end.
func parseName(text string) (h host, ok bool) {
	name := strings.TrimSuffix(text, ".")
	if !validName(name) {
		return host{}, false
	}
	if endsInNumber(name) {
		addr, err := netip.ParseAddr(name)
		return host{addr: addr}, err == nil
	}
	return host{name: strings.ToLower(name)}, true
}

// parseIPv6 reads what stands between brackets. A zone means something on one
// machine only: its form is checked and it is dropped.
func parseIPv6(literal string) (netip.Addr, bool) {
	literal, zone, zoned := strings.Cut(literal, "%")
	if zoned && !validZone(strings.TrimPrefix(zone, "25")) { // in a URI the percent sign is written %25 (RFC 6874)
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(literal)
	if err != nil || !addr.Is6() {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// validPort reports whether s is what may follow a host: nothing, or a colon and
// a port, which may be empty (RFC 3986, section 3.2.3).
func validPort(s string) bool {
	if s == "" || s == ":" {
		return true
	}
	_, err := strconv.ParseUint(s[1:], 10, 16)
	return s[0] == ':' && err == nil
}

// validName reports whether s is a sequence of labels. Underscores are no
// letters of host names, but names with them are in use.
func validName(s string) bool {
	if s == "" || len(s) > longestName {
		return false
	}
	label := 0 // length so far
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
		case isAlphanumeric(c) || c == '-' || c == '_':
			label++
			if label > longestLabel {
				return false
			}
		default:
			return false
		}
	}
	return label > 0
}

func validZone(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("-._~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// endsInNumber reports whether the last label of a valid name is a number, in
// which case browsers take the whole for an IPv4 address, of whatever form, and
// never for a name (WHATWG URL Standard, "ends in a number checker").
func endsInNumber(name string) bool {
	label := name[strings.LastIndexByte(name, '.')+1:]
	if len(label) >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X') {
		return strings.Trim(label[2:], "0123456789abcdefABCDEF") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
