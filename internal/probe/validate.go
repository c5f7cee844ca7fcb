package probe

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Validate returns an error that names every field that cannot be right, or
// nil. Run makes the same test, so calling it is a matter of finding out
// earlier. It touches no network.
func (p Probe) Validate() error {
	var problems []error
	if !slices.Contains([]Protocol{TCP, HTTP, HTTPS}, p.Protocol) {
		problems = append(problems, fmt.Errorf("protocol %q is not one of tcp, http, https", p.Protocol))
	}
	host, port, err := net.SplitHostPort(p.Address)
	if err != nil || host == "" || port == "" {
		problems = append(problems, fmt.Errorf("address %q is not host:port (an IPv6 address goes in brackets: [::1]:80)", p.Address))
	}
	if c, bad := findOutside(p.Address, `/?#@\`); bad {
		problems = append(problems, fmt.Errorf("address %q contains %q, which no host or port can", p.Address, c))
	}
	if p.Timeout < 0 {
		problems = append(problems, fmt.Errorf("timeout %v is negative; use 0 for %v", p.Timeout, DefaultTimeout))
	}
	// Path and Host, or else Address, are written into the request as they are.
	// What could end a line early would let whoever chose them send requests of
	// their own.
	if p.Path != "" && p.Path[0] != '/' {
		problems = append(problems, fmt.Errorf("path %q does not begin with a slash", p.Path))
	}
	if c, bad := findOutside(p.Path, "#"); bad {
		problems = append(problems, fmt.Errorf("path %q contains %q, which must be percent-encoded", p.Path, c))
	}
	if c, bad := findOutside(p.Host, `/?#@\`); bad {
		problems = append(problems, fmt.Errorf("host %q contains %q, which no host name can", p.Host, c))
	}
	if c, bad := findOutside(p.ServerName, `/?#@\:`); bad {
		problems = append(problems, fmt.Errorf("server name %q contains %q, which no host name can", p.ServerName, c))
	}
	return errors.Join(problems...)
}

// findOutside returns the first byte of s that is a space, a control
// character, not ASCII, or one of forbidden.
func findOutside(s, forbidden string) (c string, found bool) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(forbidden, s[i]) >= 0 {
			return s[i : i+1], true
		}
	}
	return "", false
}

// hostHeader is the value of the Host header.
func (p Probe) hostHeader() string {
	if p.Host != "" {
		return p.Host
	}
	// A zone ("fe80::1%eth0") means something on this machine only.
	host, port, err := net.SplitHostPort(p.Address)
	if err != nil {
		return p.Address
	}
	host, _, _ = strings.Cut(host, "%")
	return net.JoinHostPort(host, port)
}

// serverName is the name for SNI; crypto/tls leaves it out if it is an address,
// in brackets or not.
func (p Probe) serverName() string {
	if p.ServerName != "" {
		return p.ServerName
	}
	host := p.hostHeader()
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}
