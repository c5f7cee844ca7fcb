package httpsredirect

import (
	"cmp"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// location returns where to send r. It is not ok if that can't be said without
// doubt, or if the host is not allowed.
func (h *Handler) location(r *http.Request) (to string, ok bool) {
	host, ok := hostname(r.Host)
	if !ok || h.AllowHost == nil || !h.AllowHost(host) {
		return "", false
	}
	target, ok := pathAndQuery(r)
	if !ok {
		return "", false
	}
	port := ""
	if h.Port != 0 && h.Port != 443 {
		port = ":" + strconv.Itoa(int(h.Port))
	}
	return "https://" + host + port + target, true
}

// pathAndQuery returns them as they stand in the request line.
func pathAndQuery(r *http.Request) (target string, ok bool) {
	target = cmp.Or(r.RequestURI, r.URL.RequestURI()) // the former is empty in requests made by hand
	if !strings.HasPrefix(target, "/") {
		target, ok = cutAuthority(target, r.Host)
		if !ok {
			return "", false
		}
	}
	// net/http lets none of these through; others may. A browser would drop some
	// of them.
	for i := range len(target) {
		if target[i] <= ' ' || target[i] == 0x7f {
			return "", false
		}
	}
	return target, true
}

// cutAuthority returns what follows the host in a target in absolute form. A
// user name in front of the host is in nobody's interest.
func cutAuthority(target, host string) (rest string, ok bool) {
	scheme, rest, _ := strings.Cut(target, "://")
	if !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", false
	}
	rest, ok = strings.CutPrefix(rest, host)
	if !ok {
		return "", false
	}
	if rest == "" || rest[0] == '?' {
		rest = "/" + rest
	}
	return rest, rest[0] == '/'
}

// hostname returns a Host field without its port, as it was sent. It is ok only
// if no parser can take it for another host: names of letters, digits, hyphens
// and underscores, IPv4 addresses of four numbers, IPv6 addresses in brackets
// without a zone.
func hostname(field string) (host string, ok bool) {
	if strings.HasPrefix(field, "[") {
		end := strings.IndexByte(field, ']')
		if end < 0 || !isPort(field[end+1:]) {
			return "", false
		}
		addr, err := netip.ParseAddr(field[1:end])
		return field[:end+1], err == nil && addr.Is6() && addr.Zone() == ""
	}
	host = field
	if colon := strings.IndexByte(field, ':'); colon >= 0 {
		host = field[:colon]
	}
	return host, isPort(field[len(host):]) && isName(strings.TrimSuffix(host, "."))
}

// isPort reports whether s may follow a host: nothing, or a colon and a port,
// which may be empty.
func isPort(s string) bool {
	if s == "" || s == ":" {
		return true
	}
	_, err := strconv.ParseUint(s[1:], 10, 16)
	return s[0] == ':' && err == nil
}

func isName(name string) bool {
	if len(name) > 253 {
		return false
	}
	var last string
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.Trim(label, "-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return false
		}
		last = label
	}
	if !isNumber(last) {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// isNumber reports whether browsers take a name that ends in this label for an
// IPv4 address (WHATWG URL Standard, "ends in a number checker").
func isNumber(label string) bool {
	if len(label) >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X') {
		return strings.Trim(label[2:], "0123456789abcdefABCDEF") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
