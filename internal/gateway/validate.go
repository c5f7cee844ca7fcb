package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// longestSocket is the length of the longest path that a Unix socket's address
// has room for on Linux (unix(7)); other systems have less.
const longestSocket = 107

var errNoOther = errors.New("there is one app only")

// validate reports every field that is wrong and returns the proxy's word for
// App.
func (g *Gateway) validate() (target string, err error) {
	var wrong []error
	target, err = parseApp(g.App)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("app: %w", err))
	}
	for _, n := range g.TrustedProxies {
		if !n.IsValid() || n.Addr().Is4In6() {
			wrong = append(wrong, fmt.Errorf("trusted proxies has %q: use networks such as 10.0.0.0/8 or 2001:db8::/32", n))
		}
	}
	if g.Redirect && g.Hosts == nil {
		wrong = append(wrong, errors.New("the redirect to https has no allowed hosts: name them, since a Host is whatever its sender likes"))
	}
	if !g.Redirect && (g.HSTS != 0 || g.HSTSSubdomains) {
		wrong = append(wrong, errors.New("HSTS is set without the redirect to https: switch that on, or HSTS off"))
	}
	if g.HSTSSubdomains && g.HSTS == 0 {
		wrong = append(wrong, errors.New("HSTS for subdomains is set without HSTS: say for how long"))
	}
	for _, path := range g.ExemptPaths {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") {
			wrong = append(wrong, fmt.Errorf("exempt path %q: write the path alone, beginning with a slash", path))
		}
	}
	if g.DialTimeout < 0 || g.ResponseTimeout < 0 {
		wrong = append(wrong, errors.New("a timeout is below zero: zero means the default"))
	}
	if g.Traffic != nil {
		if err := g.Traffic.Validate(); err != nil {
			wrong = append(wrong, fmt.Errorf("traffic: %w", err))
		}
	}
	if g.AccessLog != nil && g.AccessLog.Writer == nil {
		wrong = append(wrong, errors.New("the access log has no writer"))
	}
	return target, errors.Join(wrong...)
}

// parseApp returns the proxy's word for where an app listens: its host:port, or
// "unix:" and a path. The errors don't repeat app, which may hold a password.
func parseApp(app string) (target string, err error) {
	if path, ok := strings.CutPrefix(app, "unix:"); ok {
		switch {
		case !filepath.IsAbs(path) || filepath.Clean(path) != path:
			return "", errors.New("write the socket's whole path, such as unix:/run/app.sock")
		case len(path) > longestSocket:
			return "", fmt.Errorf("the path has %d bytes, and a socket's can't have more than %d", len(path), longestSocket)
		}
		return app, nil
	}
	u, err := url.Parse(app)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" {
		return "", errors.New("write where the app listens, such as http://127.0.0.1:8000 or unix:/run/app.sock")
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errors.New("write no more than the address, such as http://127.0.0.1:8000: visitors bring path and query")
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %s is none: use 1 to 65535", port)
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
