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

// listenAddress judges an address to listen on: the host may be left out and the port may
// be 0. It gives the one spelling that equal addresses share.
func listenAddress(text string, hidden bool) (canonical string, c *complaint) {
	host, port, c := splitAddress(text, hidden, ":8080")
	switch {
	case c != nil:
		return "", c
	case host == "":
		return ":" + port, nil
	}
	return canonicalAddress(text, host, port, hidden)
}

// remoteAddress judges an address to connect to: it needs a host and a port above 0.
func remoteAddress(text string, hidden bool) (canonical string, c *complaint) {
	host, port, c := splitAddress(text, hidden, "10.0.0.5:80")
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

// splitAddress takes host:port apart and judges the port; like shows a right address.
func splitAddress(text string, hidden bool, like string) (host, port string, c *complaint) {
	shown := quote(text, hidden)
	if strings.Contains(text, "://") {
		want := "write host:port such as " + like
		if u, err := url.Parse(text); err == nil && u.Port() != "" && u.User == nil && !hidden {
			want = "write " + u.Host
		}
		return "", "", &complaint{shown + " is a URL", want}
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", "", splitComplaint(text, hidden, like)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case port == "":
		return "", "", &complaint{shown + " has no port after the colon", "write host:port such as " + like}
	case err != nil:
		return "", "", &complaint{shown + " has no port from 1 to 65535", "write host:port such as " + like}
	}
	return host, strconv.FormatUint(n, 10), nil
}

// splitComplaint says why text is not host:port.
func splitComplaint(text string, hidden bool, like string) *complaint {
	shown := quote(text, hidden)
	want := "write host:port such as " + like
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	_, notPort := strconv.ParseUint(text, 10, 16)
	switch {
	case hidden:
	case err == nil:
		want = "add the port, such as " + net.JoinHostPort(addr.String(), "80")
	case notPort == nil:
		want = "write " + strings.TrimSuffix(like, like[strings.LastIndex(like, ":"):]) + ":" + text
	case strings.Count(text, ":") > 1:
		return &complaint{shown + " has too many colons", "write host:port; an IPv6 address goes in brackets, such as [::1]:80"}
	case hostName.MatchString(text):
		want = "add the port, such as " + text + ":80"
	}
	return &complaint{shown + " has no port", want}
}

// canonicalAddress judges the host, and spells it in the one way that equal hosts share.
func canonicalAddress(text, host, port string, hidden bool) (string, *complaint) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(addr.Unmap().String(), port), nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	last := name[strings.LastIndex(name, ".")+1:]
	switch {
	case !hostName.MatchString(host) || len(host) > 253:
		return "", &complaint{quote(text, hidden) + " has a host that is neither a name nor an address", "write host:port such as web-1:80"}
	case strings.Trim(last, "0123456789") == "": // no name ends in a number
		return "", &complaint{quote(text, hidden) + " looks like an IPv4 address but is none", "write four numbers from 0 to 255"}
	}
	return net.JoinHostPort(name, port), nil
}

// hostHeader judges the value of a Host header: a host, with a port if need be.
func hostHeader(text string, hidden bool) *complaint {
	host := text
	if h, port, err := net.SplitHostPort(text); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			host = h
		}
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || hostName.MatchString(host) {
		return nil
	}
	return &complaint{quote(text, hidden) + " is not a host", "write a name such as mysite.com"}
}

// requestPath judges a path as it goes into a request line.
func requestPath(text string, query, hidden bool) *complaint {
	switch {
	case !strings.HasPrefix(text, "/"):
		return &complaint{quote(text, hidden) + " does not start with /", "write a path such as /health_check"}
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return &complaint{quote(text, hidden) + " holds a space or a control character", "write it percent-encoded, a space as %20"}
	case strings.Contains(text, "#"):
		return &complaint{quote(text, hidden) + " holds a #, which is never sent", "leave out the # and what follows"}
	case !query && strings.Contains(text, "?"):
		return &complaint{quote(text, hidden) + " holds a query", "write the path without ? and what follows"}
	}
	return nil
}
