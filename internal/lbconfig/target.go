package lbconfig

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// aim sets the target, or says why the host is none.
func (c *Check) aim(host string, port uint16) {
	if c.Target = targetURL(c.Scheme, host, port, c.Path); c.Target == "" {
		c.Why = "this is no name of a host: " + printable(strconv.Quote(host))
	}
}

// targetURL puts a target together as package dialect takes it.
func targetURL(scheme, host string, port uint16, path string) string {
	if strings.ContainsAny(host, "/?#@ %\\\t\r\n") || host == "" {
		return ""
	}
	if scheme != "http" && scheme != "https" {
		path = ""
	} else if !strings.HasPrefix(path, "/") {
		path = "" // such as *, or a whole URL: Path has it
	}
	text := scheme + "://" + net.JoinHostPort(host, strconv.Itoa(int(port))) + path
	if _, err := url.Parse(text); err != nil {
		return ""
	}
	return text
}

// isAddress reports whether text is an IP address.
func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}
