package refusal

import (
	"net/netip"
	"strings"
)

// plainHost splits a Host field as RFC 3986 has it: a name or an address, an
// IPv6 address in brackets, and a port behind a colon. ok is false for anything
// else.
func plainHost(host string) (name, port string, ok bool) {
	name, rest := host, ""
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return "", "", false
		}
		name, rest = host[:end+1], host[end+1:]
		if _, err := netip.ParseAddr(name[1:end]); err != nil {
			return "", "", false
		}
	} else if i := strings.IndexByte(host, ':'); i >= 0 {
		name, rest = host[:i], host[i:]
	}
	if rest != "" {
		port = rest[1:]
		if rest[0] != ':' || strings.Trim(port, "0123456789") != "" {
			return "", "", false
		}
	}
	return name, port, name != "" && (name[0] == '[' || strings.Trim(strings.ToLower(name), letters+"0123456789-._~%!$&'()*+,;=") == "")
}

// isDotted reports whether s is digits and dots as an IPv4 address has them.
func isDotted(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// splitDjango is what Django makes of a Host field: the name in lower case
// without port and last dot. The name is empty for a Host that Django takes for
// no host at all; no setting helps then, not even "*".
func splitDjango(host string) (domain string) {
	host = strings.ToLower(host)
	name, rest := host, ""
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return ""
		}
		name, rest = host[:end+1], host[end+1:]
		inner := name[1:end]
		head, tail, colon := strings.Cut(inner, ":")
		if !colon || strings.Trim(head, hexDigits) != "" || tail == "" || strings.Trim(tail, hexDigits+".:") != "" {
			return ""
		}
	} else if i := strings.IndexByte(host, ':'); i >= 0 {
		name, rest = host[:i], host[i:]
	}
	if rest != "" && (rest[0] != ':' || len(rest) == 1 || strings.Trim(rest[1:], "0123456789") != "") {
		return ""
	}
	if !strings.HasPrefix(name, "[") && (name == "" || strings.Trim(name, letters+"0123456789.-") != "") {
		return ""
	}
	return strings.TrimSuffix(name, ".")
}

const (
	letters   = "abcdefghijklmnopqrstuvwxyz"
	hexDigits = "0123456789abcdef"
)

// splitRails is what Rails compares of a Host field: the address, if it is one,
// else the Host as it is, of which the rule made from a string leaves out a port.
// isAddr tells which.
func splitRails(host string) (value string, isAddr bool) {
	name, port, ok := strings.Cut(host, ":")
	if isDotted(name) && (!ok || port != "" && strings.Trim(port, "0123456789") == "") {
		return name, true
	}
	if inner, found := strings.CutPrefix(host, "["); found {
		if addr, rest, _ := strings.Cut(inner, "]"); strings.HasPrefix(rest, ":") { // brackets only with a port
			if _, err := netip.ParseAddr(addr); err == nil {
				return addr, true
			}
		}
		return host, false
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return host, true
	}
	if ok && port != "" && strings.Trim(port, "0123456789") == "" {
		return name, false
	}
	return host, false
}
