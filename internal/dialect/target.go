package dialect

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/lbprofile"
)

// target is what a URL says, before a dialect makes a request of it.
type target struct {
	scheme string // "http", "https", "h2c", "tcp", "tls", "grpc", "grpcs"
	host   string // without brackets and zone; of a unix socket "localhost"
	zone   string // of an IPv6 address, with its percent sign: it matters on this machine only, and is never sent
	port   string // as written, or that of the scheme; empty if there is none
	stated bool   // the port is in the URL
	path   string // with its query, as it goes into the request line; empty if the URL has none
	unix   string // path of the socket
	http   bool   // it is the URL of an HTTP question, though only its port may be asked
}

// ports are those that a URL need not state.
var ports = map[string]string{"http": "80", "https": "443", "h2c": "80"}

// parseTarget reads a URL. A bare host:port is taken for http, unix:/path for
// http over a socket; unix:/path:/request-path and http://unix:/path:/request-path
// say what to ask there, as nginx writes it.
func parseTarget(raw string) (target, error) {
	if raw == "" {
		return target{}, fmt.Errorf("no target: give a URL such as http://10.0.0.5:8080/health")
	}
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return target{}, fmt.Errorf("target %q: a URL holds no blanks or control characters; write %%20 for a blank", raw)
	}
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		scheme, rest = "http", raw
	}
	t := target{scheme: strings.ToLower(scheme)}
	if !slices.Contains([]string{"http", "https", "h2c", "tcp", "tls", "grpc", "grpcs"}, t.scheme) {
		return target{}, fmt.Errorf("target %q: %q cannot be asked; use http, https, h2c, tcp, tls, grpc or grpcs", raw, scheme)
	}
	if socket, ok := strings.CutPrefix(rest, "unix:"); ok {
		return parseSocket(t, raw, socket)
	}
	// The scheme is parsed apart, so that "tcp" and the like have paths and ports
	// by the same rules, and the path stays as it is written.
	u, err := url.Parse("http://" + rest)
	if err != nil {
		return target{}, fmt.Errorf("target %q: %w; write it as %s://host:port/path", raw, cleared(err), t.scheme)
	}
	if u.User != nil {
		return target{}, fmt.Errorf("target %s://…@%s: no balancer sends a name and password; put them into an Authorization field", t.scheme, u.Host)
	}
	t.host, t.port = u.Hostname(), u.Port()
	if addr, err := netip.ParseAddr(t.host); err == nil && addr.Zone() != "" {
		t.host, t.zone = addr.WithZone("").String(), "%"+addr.Zone()
	}
	if t.host == "" {
		return target{}, fmt.Errorf("target %q: no host in it; write it as %s://host:port/path", raw, t.scheme)
	}
	if t.stated = t.port != ""; !t.stated {
		if t.port = ports[t.scheme]; t.port == "" {
			return target{}, fmt.Errorf("target %q: %s has no port of its own; write %s://%s:PORT", raw, t.scheme, t.scheme, bracketed(t.host))
		}
	}
	if n, err := strconv.ParseUint(t.port, 10, 16); err != nil || n == 0 {
		return target{}, fmt.Errorf("target %q: port %q is none; use 1 to 65535", raw, t.port)
	}
	t.path = u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		if t.path == "" {
			t.path = "/"
		}
		t.path += "?" + u.RawQuery
	}
	return t, nil
}

func parseSocket(t target, raw, rest string) (target, error) {
	if !strings.HasPrefix(rest, "/") {
		return target{}, fmt.Errorf("target %q: a socket's path begins with a slash: unix:/run/app.sock", raw)
	}
	t.unix, t.path, _ = strings.Cut(rest, ":")
	if t.path != "" && !strings.HasPrefix(t.path, "/") {
		return target{}, fmt.Errorf("target %q: after the socket's path and a colon comes the path to ask, with a slash: unix:/run/app.sock:/health", raw)
	}
	t.host = "localhost"
	return t, nil
}

// cleared drops from an error of package url what the caller says himself.
func cleared(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// authority is host and port as a URL has them: without the port where that is
// the scheme's own and not stated.
func (t target) authority() string {
	if t.unix != "" || !t.stated && ports[t.scheme] == t.port {
		return bracketed(t.host)
	}
	return net.JoinHostPort(t.host, t.port)
}

// short is host and port, without the port where it is the scheme's own.
func (t target) short() string {
	if t.unix != "" || ports[t.scheme] == t.port {
		return bracketed(t.host)
	}
	return net.JoinHostPort(t.host, t.port)
}

// long is host and port, always with the port.
func (t target) long() string {
	if t.unix != "" {
		return t.host
	}
	return net.JoinHostPort(t.host, t.port)
}

func (t target) tls() bool { return t.scheme == "https" || t.scheme == "tls" || t.scheme == "grpcs" }

// connects reports whether all that this prober ever does is to connect, so that
// it asks any URL's port.
func connects(p lbprofile.Profile) bool {
	return !slices.ContainsFunc(p.Protocols, func(kind string) bool { return kind != "tcp" && kind != "tls" })
}

// calls reports whether all that this prober ever does is to call by gRPC.
func calls(p lbprofile.Profile) bool {
	return !slices.ContainsFunc(p.Protocols, func(kind string) bool { return kind != "grpc" && kind != "grpcs" })
}

// fit makes t one that p can ask, or says why it can't.
func fit(p lbprofile.Profile, t target) (target, error) {
	has := func(kind string) bool { return slices.Contains(p.Protocols, kind) }
	switch {
	case connects(p):
		t.http = t.scheme == "http" || t.scheme == "https" || t.scheme == "h2c"
		if t.tls() && has("tls") {
			t.scheme = "tls"
		} else {
			t.scheme = "tcp"
		}
		return t, nil
	case calls(p) && (t.scheme == "http" || t.scheme == "h2c"):
		t.scheme = "grpc"
	case calls(p) && t.scheme == "https":
		t.scheme = "grpcs"
	}
	if t.scheme == "grpcs" && !has("grpcs") && has("grpc") {
		return target{}, fmt.Errorf("%s calls by gRPC in plain text only: write grpc://%s", p.Name, t.long())
	}
	if !has(t.scheme) {
		return target{}, fmt.Errorf("%s cannot ask %s://; it asks %s%s", p.Name, t.scheme, list(asked(p)), instead(t.scheme))
	}
	return t, nil
}

// asked is what of a profile's Protocols a URL can say.
func asked(p lbprofile.Profile) []string {
	return slices.DeleteFunc(slices.Clone(p.Protocols), func(kind string) bool {
		return !slices.Contains([]string{"http", "https", "h2c", "tcp", "tls", "grpc", "grpcs"}, kind)
	})
}

// instead names dialects that ask what another cannot.
func instead(kind string) string {
	switch kind {
	case "tcp":
		return "; nlb-tcp, haproxy-tcp and kubelet-tcp ask tcp://"
	case "tls":
		return "; elb and haproxy-tcp ask tls://"
	case "grpc", "grpcs":
		return "; alb-grpc and kubelet-grpc ask grpc://"
	}
	return ""
}

func list(words []string) string {
	switch len(words) {
	case 0:
		return "nothing by a URL"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
