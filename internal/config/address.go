package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$`)

// zone matches the name of a network interface behind the % of an IPv6 address.
var zone = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// direction is what an address is for: its ports in words, and a right one.
type direction struct{ ports, like string }

var (
	listening  = direction{ports: "0 to 65535", like: ":8080"}
	connecting = direction{ports: "1 to 65535", like: "10.0.0.5:80"}
)

// listenAddress judges an address to listen on: the host may be left out and the port may
// be 0. It gives the one spelling that equal addresses share; that of every address of the
// machine has no host.
func listenAddress(text string, hidden bool) (canonical string, c *complaint) {
	host, port, c := splitAddress(text, hidden, listening)
	switch addr, err := netip.ParseAddr(host); {
	case c != nil:
		return "", c
	case host == "", err == nil && addr.Unmap().IsUnspecified():
		return ":" + port, nil
	}
	return canonicalAddress(text, host, port, hidden)
}

// remoteAddress judges an address to connect to: it needs a host and a port above 0.
func remoteAddress(text string, hidden bool) (canonical string, c *complaint) {
	host, port, c := splitAddress(text, hidden, connecting)
	switch {
	case c != nil:
		return "", c
	case host == "":
		return "", &complaint{quote(text, hidden) + " has no host", "write host:port such as 10.0.0.5:80"}
	case port == "0":
		return "", &complaint{quote(text, hidden) + " has port 0", "write a port from 1 to 65535"}
	}
	return canonicalAddress(text, host, port, hidden)
}

// splitAddress takes host:port apart and judges the port.
func splitAddress(text string, hidden bool, d direction) (host, port string, c *complaint) {
	shown := quote(text, hidden)
	if strings.Contains(text, "://") {
		want := "write host:port such as " + d.like
		if u, err := url.Parse(text); err == nil && u.Port() != "" && u.User == nil && !hidden {
			want = "write " + u.Host
		}
		return "", "", &complaint{shown + " is a URL", want}
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", "", splitComplaint(text, hidden, d)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case port == "":
		return "", "", &complaint{shown + " has no port after the colon", "write host:port such as " + d.like}
	case err != nil:
		return "", "", &complaint{shown + " has no port from " + d.ports, "write host:port such as " + d.like}
	}
	return host, strconv.FormatUint(n, 10), nil
}

// splitComplaint says why text is not host:port.
func splitComplaint(text string, hidden bool, d direction) *complaint {
	shown := quote(text, hidden)
	want := "write host:port such as " + d.like
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	_, notPort := strconv.ParseUint(text, 10, 16)
	switch {
	case hidden:
	case err == nil:
		want = "add the port: " + net.JoinHostPort(addr.String(), "PORT")
	case notPort == nil:
		want = "write " + d.like[:strings.LastIndex(d.like, ":")] + ":" + text
	case strings.Count(text, ":") > 1:
		return &complaint{shown + " has too many colons", "write host:port; an IPv6 address goes in brackets, such as [::1]:80"}
	case hostName.MatchString(text):
		want = "add the port: " + text + ":PORT"
	}
	return &complaint{shown + " has no port", want}
}

// canonicalAddress judges the host, and spells it in the one way that equal hosts share.
func canonicalAddress(text, host, port string, hidden bool) (string, *complaint) {
	addr, err := netip.ParseAddr(host)
	switch {
	case err == nil && addr.Zone() != "" && !zone.MatchString(addr.Zone()):
		return "", &complaint{quote(text, hidden) + " has a zone that names no network interface", "write it such as [fe80::1%eth0]:80"}
	case err == nil:
		return net.JoinHostPort(addr.Unmap().String(), port), nil
	case looksLikeIPv4(host):
		return "", &complaint{quote(text, hidden) + " looks like an IPv4 address but is none", "write four numbers from 0 to 255"}
	case !isHostName(host):
		return "", &complaint{quote(text, hidden) + " has a host that is neither a name nor an address", "write host:port such as web-1:80"}
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port), nil
}

func isHostName(s string) bool { return len(s) <= 253 && hostName.MatchString(s) && !looksLikeIPv4(s) }

// looksLikeIPv4 reports whether a name ends in a number, which no name does.
func looksLikeIPv4(s string) bool {
	s = strings.TrimSuffix(s, ".")
	return hostName.MatchString(s) && strings.Trim(s[strings.LastIndex(s, ".")+1:], "0123456789") == ""
}

// hostHeader judges the value of a Host header: a name, an IPv4 address or an IPv6 address
// in brackets, with a port if need be.
func hostHeader(text string, hidden bool) *complaint {
	host := text
	if i := strings.LastIndex(text, ":"); i >= 0 {
		if _, err := strconv.ParseUint(text[i+1:], 10, 16); err == nil {
			host = text[:i]
		}
	}
	inner, bracketed := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	addr, err := netip.ParseAddr(inner)
	switch {
	case err == nil && addr.Zone() == "" && bracketed == addr.Is6() && closed == addr.Is6():
		return nil
	case isHostName(host):
		return nil
	}
	return &complaint{quote(text, hidden) + " is not a host", "write a name such as mysite.com, or an address (IPv6 in brackets)"}
}

// requestPath judges a path as it goes into a request line.
func requestPath(text string, hidden bool) *complaint {
	switch {
	case !strings.HasPrefix(text, "/"):
		return &complaint{quote(text, hidden) + " does not start with /", "write a path such as /health_check"}
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return &complaint{quote(text, hidden) + " holds a space, a control character or a letter beyond ASCII", "write it percent-encoded, a space as %20"}
	case strings.Contains(text, "#"):
		return &complaint{quote(text, hidden) + " holds a #, which is never sent", "leave out the # and what follows"}
	}
	return nil
}

// answeredPath judges a path that the agent answers on. It is compared with a request's
// path without query and after decoding, so that some paths would match nothing.
func answeredPath(text string, hidden bool) *complaint {
	switch {
	case strings.Contains(text, "%"), strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return &complaint{quote(text, hidden) + " holds a character that is percent-encoded in a request", "use letters, digits, / - _ and dots"}
	case strings.Contains(text, "?"):
		return &complaint{quote(text, hidden) + " holds a query", "write the path without ? and what follows"}
	case strings.Contains(text, "//"):
		return &complaint{quote(text, hidden) + " holds two slashes in a row", "write one"}
	}
	return requestPath(text, hidden)
}
