package httpsredirect

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/visitor"
)

// Handler redirects plain-http requests to https and hands all others to Next,
// with the same ResponseWriter. Set the fields before the first request and
// leave them alone; a Handler must not be copied after it.
type Handler struct {
	// Next gets what is not redirected. Required.
	Next http.Handler

	// TrustedProxies are the networks of the proxies in front of this server,
	// whose word on a visitor's protocol is believed. List only proxies that set
	// X-Forwarded-Proto or Forwarded themselves. IPv4 networks are written as
	// such, not mapped into IPv6. A connection that has no IP address, as over a
	// Unix socket, is nobody's. Empty: nobody is trusted.
	TrustedProxies []netip.Prefix

	// AllowHost reports whether visitors may be redirected to a host, which it
	// gets as it was sent, without the port: "Example.com", "[2001:db8::1]". It
	// is called for each request that would be redirected, from many goroutines
	// at once; a refused one is answered 400. Nil allows no host: a list is
	// needed, since the Host of a request is whatever its sender likes.
	AllowHost func(host string) bool

	// ExemptPaths are handed to Next over http as well: the path of the health
	// check. A path matches itself, with or without a slash at the end, and
	// nothing else: no path below it and no other spelling of it, such as
	// /x/../health_check, //health_check or /health%5Fcheck. Each begins with a
	// slash and is written decoded. The query does not matter.
	ExemptPaths []string

	// Port is the port of the redirect. Zero and 443 mean the port of https,
	// which is not written.
	Port uint16

	// HSTS is for how long browsers shall come by https without asking
	// (Strict-Transport-Security, RFC 6797), rounded up to seconds. Zero sends no
	// such field. Negative sends max-age=0, which makes browsers forget.
	HSTS time.Duration

	// HSTSSubdomains extends HSTS to all names below the host's.
	HSTSSubdomains bool

	// Log gets one warning, once, when a trusted proxy does not say how its
	// visitors came. Nil means slog.Default().
	Log *slog.Logger

	once sync.Once // sets the field below
	hsts []string  // the value of Strict-Transport-Security, shared by all answers; nil: none
	warn sync.Once // the warning
}

// ServeHTTP redirects a request or hands it on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	came := visitor.Of(r, h.TrustedProxies)
	switch {
	case came.Scheme == "https":
		h.setHSTS(w.Header())
	case r.Method == http.MethodConnect, r.Method == http.MethodOptions && r.URL.Path == "*", isExempt(r.URL, h.ExemptPaths):
	default:
		if came.Silent {
			h.warn.Do(func() { h.warnSilent(r) })
		}
		h.redirect(w, r)
		return
	}
	h.Next.ServeHTTP(w, r)
}

func (h *Handler) redirect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	to, ok := h.location(r)
	if !ok {
		http.Error(w, "this host is not served here", http.StatusBadRequest)
		return
	}
	w.Header().Set("Location", to)
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	w.WriteHeader(http.StatusPermanentRedirect)
}

func (h *Handler) setHSTS(header http.Header) {
	h.once.Do(func() {
		if h.HSTS != 0 {
			h.hsts = []string{hstsValue(h.HSTS, h.HSTSSubdomains)}
		}
	})
	if h.hsts != nil {
		header["Strict-Transport-Security"] = h.hsts
	}
}

func hstsValue(age time.Duration, subdomains bool) string {
	seconds := max(0, int64(age/time.Second))
	if age%time.Second > 0 {
		seconds++
	}
	value := "max-age=" + strconv.FormatInt(seconds, 10)
	if subdomains {
		value += "; includeSubDomains"
	}
	return value
}

func (h *Handler) warnSilent(r *http.Request) {
	cmp.Or(h.Log, slog.Default()).LogAttrs(r.Context(), slog.LevelWarn,
		"a trusted proxy does not say whether a visitor came by https, so all its visitors are redirected to https, even those who did; "+
			"let it set X-Forwarded-Proto, or exempt the path if this is its probe",
		slog.String("proxy", r.RemoteAddr),
		slog.String("method", r.Method),
		slog.String("path", r.URL.EscapedPath()))
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
