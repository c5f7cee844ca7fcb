// Package gateway stands in front of one app and sends it what visitors ask for,
// with strict rules and open eyes.
//
// A request passes, in this order: the access log, which sees all that follows;
// the list of allowed hosts (package allowedhosts); the redirect to https (package
// httpsredirect); and the way to the app and back (package proxy), where traffic
// is watched (package traffic). Whose request it is, is decided in one place
// (package visitor), by the word of trusted proxies only. So a field that a
// stranger forges changes nothing: not the redirect, nor what the app is told, nor
// whose mistakes are counted, nor the access log. And what a trusted proxy passes on
// from its visitor can't tell the app another scheme or host than the one that was
// judged here, see [proxy.Proxy.LastHop]; only what stands left of the visitor in
// X-Forwarded-For is whatever the visitor wrote.
//
// The health path is not a visitor's: whoever wires a gateway answers it before,
// whatever its Host and scheme.
//
// # Traffic as evidence
//
// Each answer that the app was asked for counts once, when it ends: a 5xx, an
// answer that broke off and an app that can't be reached are bad, one that does
// not come in time has timed out, all others, 4xx too, are good. So are 501 and 505,
// which visitors get for a method or a version of their own choice. What a client
// spoils counts for nothing: it left, or its body broke off. An upgrade such as
// WebSocket counts as good when it happens and not at its end, which may be hours
// later and, when the app dies, comes for all of them at once. A request that is
// refused or redirected here says nothing of the app and does not count.
//
// # Concurrency
//
// Open comes first. After it, everything may be called from any goroutine, but
// Close, which is the last. Nothing here starts a goroutine that outlives the
// request it serves.
package gateway

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/httpsredirect"
	"github.com/inservice/inservice/internal/accesslog"
	"github.com/inservice/inservice/internal/proxy"
	"github.com/inservice/inservice/internal/traffic"
)

// Gateway is an [http.Handler] in front of one app. Set the fields, call Open and
// leave them alone; a Gateway must not be copied.
type Gateway struct {
	// App is where the app listens: "http://host:port", or "unix:" and the
	// absolute path of its socket. Required.
	App string

	// TrustedProxies are the networks of the proxies in front of this one, such
	// as the load balancer's. Only they are believed when they say who a visitor
	// is and how they came, so list only proxies that say it themselves, or
	// visitors can. IPv4 networks are written as such, not mapped into IPv6.
	// Empty: nobody is trusted.
	TrustedProxies []netip.Prefix

	// Hosts are the hosts that are served; all others get 400. Nil serves every
	// host. Own are the addresses that its entry "self" stands for; nil: none.
	Hosts *allowedhosts.Rules
	Own   allowedhosts.Owner

	// Redirect sends visitors who came by plain http to https. It needs Hosts: a
	// Host is whatever its sender likes.
	Redirect bool

	// HSTS and HSTSSubdomains are the fields of [httpsredirect.Handler]. They need
	// Redirect. An app in front of which they stand should not send
	// Strict-Transport-Security itself: browsers heed the first, which is ours.
	HSTS           time.Duration
	HSTSSubdomains bool

	// ExemptPaths are not redirected. They are not exempt from Hosts: only the
	// health path, which never gets here, is answered whatever the Host. A path
	// matches itself and nothing else, as in [httpsredirect.Handler].
	ExemptPaths []string

	// Traffic says when what visitors get is bad. Nil: it is not watched.
	Traffic *traffic.Policy

	// AccessLog, if not nil, gets a line for each request, refused ones too.
	AccessLog *accesslog.Log

	// Log gets what fails, refused hosts and what is wrong with the proxies in
	// front, each at a bounded rate. Nil means slog.Default().
	Log *slog.Logger

	// DialTimeout bounds connecting to the app, and ResponseTimeout each wait for
	// the other side. Zero means the defaults of [proxy.Proxy]: 5 and 60 seconds.
	DialTimeout     time.Duration
	ResponseTimeout time.Duration

	proxy   *proxy.Proxy
	handler http.Handler // what ServeHTTP counts and hands on to
	watch   *watch       // nil: traffic is not watched
	opened  time.Time

	requests atomic.Uint64
	refused  atomic.Uint64
	inFlight atomic.Int64
	last     atomic.Int64 // of the last admitted request: time since opened; 0: none yet
}

// Open looks at the fields and puts the parts together. Its error names each
// field that is wrong. It starts nothing and does not look whether the app is
// there: an app may come later.
func (g *Gateway) Open() error {
	target, err := g.validate()
	if err != nil {
		return err
	}
	g.opened = time.Now()
	if g.Traffic != nil {
		g.watch = &watch{trusted: g.TrustedProxies, window: traffic.New(*g.Traffic)}
	}
	hosts := &allowedhosts.Handler{Own: g.Own, OnRefused: func(*http.Request) { g.refused.Add(1) }, Log: g.Log}
	g.proxy = &proxy.Proxy{
		Picker:          only(target),
		TrustedProxies:  g.TrustedProxies,
		LastHop:         true,
		DialTimeout:     g.DialTimeout,
		ResponseTimeout: g.ResponseTimeout,
		Observe:         g.observe,
		Log:             g.Log,
	}
	if g.Hosts != nil {
		hosts.Rules = *g.Hosts
		g.proxy.AllowHost = hosts.Allow
	}
	g.handler = g.chain(hosts)
	return nil
}

// chain builds the handlers from the inside out.
func (g *Gateway) chain(hosts *allowedhosts.Handler) http.Handler {
	next := http.Handler(g.proxy)
	if g.watch != nil {
		next = g.watch.upgrades(next)
	}
	if g.Redirect {
		next = &httpsredirect.Handler{
			Next:           next,
			TrustedProxies: g.TrustedProxies,
			AllowHost:      hosts.Allow,
			ExemptPaths:    g.ExemptPaths,
			HSTS:           g.HSTS,
			HSTSSubdomains: g.HSTSSubdomains,
			Log:            g.Log,
		}
	}
	next = g.admitted(next)
	if g.Hosts != nil {
		hosts.Next = next
		next = hosts
	}
	if g.AccessLog != nil {
		next = g.AccessLog.Wrap(next, g.TrustedProxies)
	}
	return next
}

// ServeHTTP serves a visitor's request. As [proxy.Proxy] does, it panics with
// [http.ErrAbortHandler] to break an answer off.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	g.inFlight.Add(1)
	defer g.inFlight.Add(-1)
	g.handler.ServeHTTP(w, r)
}

// admitted notes when the last request came that was not refused.
func (g *Gateway) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.last.Store(max(1, int64(time.Since(g.opened))))
		next.ServeHTTP(w, r)
	})
}

// observe is told by the proxy what became of each request at the app.
func (g *Gateway) observe(o proxy.Observation) {
	if g.watch != nil {
		g.watch.observe(o)
	}
	if g.AccessLog != nil {
		accesslog.SetTargetStatus(o.Request.Context(), o.TargetStatus)
	}
}

// Stats are a gateway's numbers at one moment.
type Stats struct {
	Requests uint64 // of visitors, since Open, with those refused and those in flight
	Refused  uint64 // of them, those for a host that is not served
	// Last is when the last request arrived that was not refused; zero if none
	// has. When a server goes away, visitors have gone when it does not move.
	Last     time.Time
	InFlight int64           // requests being served, upgraded connections among them
	Traffic  traffic.Verdict // zero if traffic is not watched
}

// Stats returns the numbers of this moment.
func (g *Gateway) Stats() Stats {
	s := Stats{
		Requests: g.requests.Load(),
		Refused:  g.refused.Load(),
		InFlight: g.inFlight.Load(),
	}
	if last := g.last.Load(); last > 0 {
		s.Last = g.opened.Add(time.Duration(last))
	}
	if g.watch != nil {
		s.Traffic = g.watch.verdict(time.Now())
	}
	return s
}

// Close ends the connections to the app. Call it when no request is being
// served; before Open it does nothing.
func (g *Gateway) Close() {
	if g.proxy != nil {
		g.proxy.Close()
	}
}

// only is the one target of a gateway.
type only string

func (o only) Pick() (string, error)            { return string(o), nil }
func (o only) PickOther(string) (string, error) { return "", errNoOther }
