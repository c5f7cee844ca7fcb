package allowedhosts

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/linelimit"
)

// An Owner knows the addresses of this machine, for the entry "self".
type Owner interface {
	// Addrs returns the addresses at this moment; loopback and link-local
	// addresses only if they shall be allowed. It is called from many goroutines
	// at once, for each request that names an address no other entry allows. So
	// it must not block: look addresses up in the background. The slice is read
	// only, by both sides.
	Addrs() []netip.Addr
}

// Handler hands requests with an allowed Host to Next, as they are and with the
// same ResponseWriter, and answers all others 400 with a short text that repeats
// nothing of the request. Set the fields before the first request and leave them
// alone; a Handler must not be copied after it.
type Handler struct {
	// Next gets the allowed requests. Required.
	Next http.Handler

	// Rules say which hosts are allowed. Zero allows none.
	Rules Rules

	// Own is asked for the addresses that "self" stands for. Nil means none.
	Own Owner

	// ExemptPaths go to Next whatever the Host, even without one: the path of
	// the health check. A path matches itself, with or without a slash at the
	// end, and nothing else: no path below it and no other spelling of it, such
	// as /x/../health_check, //health_check or /health%5Fcheck. Each begins with
	// a slash and is written decoded. The query does not matter.
	ExemptPaths []string

	// OnRefused, if not nil, is called for each refused request before it is
	// answered, from many goroutines at once. It must not block; it is meant
	// for counting.
	OnRefused func(*http.Request)

	// Log gets a warning for refused requests: 10 in a row at most, then one
	// each 10 seconds, which says how many were left out. Nil means
	// slog.Default().
	Log *slog.Logger

	lines linelimit.Limit
}

// ServeHTTP passes a request on or refuses it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.allows(r) || isExempt(r.URL, h.ExemptPaths) {
		h.Next.ServeHTTP(w, r)
		return
	}
	if h.OnRefused != nil {
		h.OnRefused(r)
	}
	h.logRefused(r)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "this host is not served here", http.StatusBadRequest)
}

// Allow reports whether the Rules allow a host, given the machine's addresses
// at this moment. It suits other handlers that want to know, such as one that
// redirects.
func (h *Handler) Allow(host string) bool {
	parsed, ok := parseHost(host)
	if !ok {
		return false
	}
	if h.Rules.lists(parsed) {
		return true
	}
	return h.Rules.self && h.Own != nil && parsed.addr.IsValid() && isOneOf(parsed, h.Own.Addrs())
}

func (h *Handler) allows(r *http.Request) bool {
	// A user name in an absolute request line is not seen in r.Host.
	if r.URL.User != nil {
		return false
	}
	// An HTTP/2 request may carry a Host field beside its :authority, which is
	// r.Host. They must not differ (RFC 9113, section 8.3.1). HTTP/1 requests with
	// two Hosts do not get here.
	for _, other := range r.Header["Host"] {
		if other != r.Host {
			return false
		}
	}
	return h.Allow(r.Host)
}

// isExempt reports whether u has one of the paths. RawPath is set if the path
// came in another encoding than the default one, so that a handler behind us
// may read it differently than we do.
func isExempt(u *url.URL, paths []string) bool {
	if u.RawPath != "" || !strings.HasPrefix(u.Path, "/") {
		return false
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		return strings.HasPrefix(path, "/") && strings.TrimSuffix(u.Path, "/") == strings.TrimSuffix(path, "/")
	})
}

func (h *Handler) logRefused(r *http.Request) {
	ok, leftOut := h.lines.Allow(time.Now())
	if !ok {
		return
	}
	log := cmp.Or(h.Log, slog.Default())
	if leftOut > 0 {
		log = log.With("lines_left_out", leftOut)
	}
	log.LogAttrs(r.Context(), slog.LevelWarn, "host refused",
		slog.String("host", quoteOdd(r.Host)),
		slog.String("peer", r.RemoteAddr),
		slog.String("method", r.Method),
		slog.String("path", quoteOdd(r.URL.EscapedPath())))
}

// quoteOdd quotes and cuts what is not plain and short. Log handlers that are
// not the standard library's may print values as they are.
func quoteOdd(s string) string {
	plain := func(c rune) bool {
		return c < 0x80 && (isAlphanumeric(byte(c)) || strings.ContainsRune("-._~:/[]%", c))
	}
	if len(s) <= 100 && strings.IndexFunc(s, func(c rune) bool { return !plain(c) }) < 0 {
		return s
	}
	return quote(s)
}
