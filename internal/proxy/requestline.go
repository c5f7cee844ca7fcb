package proxy

import (
	"net/http"
	"net/url"
	"strings"
)

// targetURL returns where the request goes, with path and query as they stood
// in the request line.
func targetURL(target string, in *http.Request) *url.URL {
	u := &url.URL{
		Scheme:     "http",
		Host:       authority(target),
		Path:       in.URL.Path,
		RawPath:    in.URL.RawPath,
		RawQuery:   in.URL.RawQuery,
		ForceQuery: in.URL.ForceQuery,
	}
	// A path with bytes that ought to have been escaped would be escaped on the
	// way out. Opaque is sent as it is, but must not begin with "//": such a
	// path, if it also has such bytes, is sent with them escaped.
	if raw := rawPath(in); raw != u.EscapedPath() && !strings.HasPrefix(raw, "//") {
		u.Opaque = raw
	}
	return u
}

// rawPath returns the path of the request line: all before the query and, in the
// absolute form that is meant for proxies, after the authority.
func rawPath(in *http.Request) string {
	path, _, _ := strings.Cut(in.RequestURI, "?")
	if path == "*" || strings.HasPrefix(path, "/") {
		return path
	}
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return in.URL.EscapedPath() // not from a request line
}
