// Package proxy forwards HTTP requests to targets.
//
// What a [Proxy] guarantees:
//
//   - Method, path and query reach the target byte for byte, and so does Host;
//     a request without one (HTTP/1.0) gets the target's address, or "localhost"
//     if that is a Unix socket. Fields that
//     belong to one connection (RFC 9110, section 7.6.1) are removed in both
//     directions; nothing is added but the forwarding fields and, to a request
//     with Expect, "Connection: close".
//   - X-Forwarded-For, -Proto and -Host tell the truth. Only a peer in
//     [Proxy.TrustedProxies] is believed. Whatever a stranger wrote into Forwarded,
//     X-Real-IP, a field whose name begins with X-Forwarded, or one of the others in
//     which proxies of some vendor name the client's address, scheme, host or target
//     is dropped. So is, whoever sent it, a field that some targets can't tell from
//     one of them, such as X_Forwarded_For, and the field Proxy. None of all these
//     passes as a trailer.
//   - Answers stream: bytes of unknown length go on at once, those of known
//     length within a few milliseconds. Interim answers (1xx), trailers in
//     both directions and protocol upgrades such as WebSocket pass. HTTP/1.0
//     clients get neither interim answers nor upgrades.
//   - An answer that the target broke off is broken off for the client too,
//     under an [http.Server]; it never looks complete. (Only to an HTTP/1.0
//     client, to which the end of the connection is the end of an answer of
//     unknown length, the two look the same.)
//   - A request is sent to one target and is not repeated, but for one case
//     that cannot have two effects: a kept connection turns out to be closed
//     before a byte of the answer came. It is then sent again, to the same
//     target, if none of it had been written, or if it has no body and its
//     method is GET, HEAD, OPTIONS or TRACE or it carries an Idempotency-Key.
//   - A request that could not be sent, because its target can't be connected to,
//     is given to one other target, once; so is one without a body and with a safe
//     method whose kept connection was closed and whose target then can't be
//     connected to again. The first one's failure is observed and logged all the
//     same.
//   - No side may hold the other for ever: every wait for the next bytes is
//     bounded, in both directions; see [Proxy.ResponseTimeout]. Only upgraded
//     connections may be silent for as long as they like.
//   - A client that leaves, or takes nothing more, ends the request at the target,
//     and is never held against the target.
//
// Answers of our own are short plain text that begins with "inservice:" and
// name no address: 503 when no target may receive traffic, 502 when the target
// can't be reached or gives no valid answer, 504 when it takes too long, 400 or
// 408 for a request body that breaks off or stops, 405 for CONNECT. 503 carries
// no Retry-After: nobody knows when a target will be back, and a guess would
// bring all clients back at the same moment.
//
// Three limits come from the standard library. A client that closes its sending
// side before it has the answer counts as gone. Bytes that a client sends after
// an upgrade request, before the 101 has come, may be lost; protocols such as
// WebSocket forbid them. And when a target dies while the client pauses in the
// middle of its body, the client learns it with its next bytes, or when
// [Proxy.ResponseTimeout] has passed.
//
// The write deadline of an HTTP/1 connection is the proxy's: it is renewed with
// each answer and stays set after it, so all requests that come over that
// connection must be given to a Proxy.
//
// A Proxy may serve any number of requests at the same time. It starts no
// goroutine of its own that outlives them, but it keeps connections to targets
// open; [Proxy.Close] ends those.
package proxy

import (
	"cmp"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/linelimit"
)

const (
	// A dial that loses its first packet tries again after one second, and after
	// two more: 5 s leaves room for both.
	defaultDialTimeout = 5 * time.Second
	// The idle timeout of AWS's Application Load Balancer is 60 s.
	defaultResponseTimeout = time.Minute
	// The default timeout of package probe: a page that takes longer than a health
	// check may is worth asking about.
	defaultPatience = 2 * time.Second
	// How many lines on failed targets may come in a row, and how long it takes
	// until there may be one more; a dead target under load would otherwise write
	// as many as there are requests.
	failureLines = 10
	failureEvery = time.Second / 10
	// An error may quote what the target sent. More of it than this many bytes
	// tells people nothing.
	errorLength = 200
	// The Observation.Status of a request that its client ended: nginx's number
	// for the case. It is never sent.
	statusClientGone = 499
)

// A Picker chooses the target for each request. Its methods are called from many
// goroutines at once and must not block.
type Picker interface {
	// Pick returns the target that the next request goes to: its host:port, or
	// "unix:" and the path of its Unix socket. An error means that no target may
	// receive traffic.
	Pick() (address string, err error)
	// PickOther is Pick without the target at the address than, which can't be
	// connected to. An error means that there is no other.
	PickOther(than string) (address string, err error)
}

// An Observation is what became of one request at one target.
type Observation struct {
	Target string // as picked
	// Request is the one that the proxy was given. It is not to be changed, and
	// its body not to be read.
	Request *http.Request
	// Status is that of the answer the client was given: the target's own, or
	// 502 or 504 in its place, even if another target was then found for the
	// request. It is 101 for a protocol upgrade and 499 when ClientGone is set.
	Status int
	// TargetStatus is that of the target's own answer, whatever became of it; 0 if
	// no answer began.
	TargetStatus int
	// Err says why there was no complete answer; nil if there was one. An answer
	// that broke off after its header has the target's Status and an Err.
	Err error
	// TimedOut means that Err is the target's taking too long.
	TimedOut bool
	// ClientGone means that the exchange ended because of the client: it closed
	// the connection or took no more of the answer, its request body broke off or
	// stopped, or the server that called the proxy cancelled the request. The
	// target is not to blame.
	ClientGone bool
	// Duration is the time from the request's arrival to the last byte of the
	// answer; for an upgrade, to the end of the connection.
	Duration time.Duration
}

// Failed reports whether the target is to blame: it gave no complete answer, or
// one with a 5xx status.
func (o Observation) Failed() bool {
	return !o.ClientGone && (o.Err != nil || o.Status >= 500)
}

// Proxy is an [http.Handler] that sends each request to the target that its
// Picker names. Set the fields before the first request and leave them alone.
type Proxy struct {
	// Picker is required.
	Picker Picker

	// TrustedProxies are the networks of proxies in front of this one. A request
	// from a peer in one of them keeps its forwarding fields; the peer's address
	// is appended to X-Forwarded-For, X-Forwarded-Proto becomes the one scheme that
	// package visitor reads from them, and X-Forwarded-Host is set if it is missing.
	// All else is passed on as it is, even "X-Forwarded-For: unknown". So list only
	// proxies that set these fields themselves. Empty: nobody is trusted. An IPv4
	// network is written as such, not mapped into IPv6.
	TrustedProxies []netip.Prefix

	// LastHop means that targets are apps, which may believe whatever field they
	// know. They are told one story, for a trusted proxy passes on from its
	// visitors what it does not set itself: fields that could contradict
	// X-Forwarded-For, -Proto and -Host, Forwarded among them, are dropped also if
	// they come from a trusted proxy, X-Real-IP becomes the visitor's address, and
	// X-Forwarded-Host becomes the Host unless it is there once and AllowHost
	// allows it. Other fields, such as X-Forwarded-Prefix or -User, are a trusted
	// proxy's own affair.
	LastHop   bool
	AllowHost func(host string) bool // nil allows every host

	// DialTimeout bounds connecting to a target. Zero means 5 seconds.
	DialTimeout time.Duration

	// ResponseTimeout bounds each wait for the other side: for the client to send
	// the next bytes of the request body, and for the target to take them; for the
	// header of the target's answer once the whole request was sent; and for the
	// target to send the next bytes of the answer, and for the client to take
	// them. None bounds a body as a whole. A stream of events that is silent for
	// longer needs heartbeats, as it does behind AWS's Application Load Balancer,
	// whose idle timeout is as long by default. Zero means 60 seconds.
	ResponseTimeout time.Duration

	// Waiting, if not nil, is told of a target that has not answered a request for
	// the time Patience, and again after each further Patience until the header of
	// its answer is there. That is reason to look at the target, no more: some
	// answers take their time, and so do some clients with their bodies. It is
	// called from many goroutines at once and must not block.
	Waiting  func(target string)
	Patience time.Duration // zero means 2 seconds

	// Observe, if not nil, is called once for each target that a request was
	// meant for, after its end there, from many goroutines at once. It must not
	// block.
	Observe func(Observation)

	// Log gets one warning for each failure of a target: 10 in a row at most, then
	// one each tenth of a second, which says how many were left out. A 5xx answer
	// of the target is not a failure in this sense, nor is a client that leaves.
	// The path is logged, the query never is, and of the error 200 bytes at most.
	// Nil means slog.Default().
	Log *slog.Logger

	dialContext dialFunc // nil: net.Dialer; set by tests

	once      sync.Once // sets the fields below
	dialer    *dialer
	transport *http.Transport
	buffers   *buffers
	silence   *log.Logger // swallows what the standard library would log: we log each failure ourselves
	lines     linelimit.Limit
}

func (p *Proxy) init() {
	dial := p.dialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	p.dialer = newDialer(dial, cmp.Or(p.DialTimeout, defaultDialTimeout), p.responseTimeout())
	p.transport = newTransport(p.dialer, p.responseTimeout())
	p.buffers = &buffers{}
	p.silence = log.New(io.Discard, "", 0)
	p.lines.Burst, p.lines.Every = failureLines, failureEvery
}

func (p *Proxy) responseTimeout() time.Duration {
	return cmp.Or(p.ResponseTimeout, defaultResponseTimeout)
}

// ServeHTTP forwards r to a target and w gets its answer. It panics with
// [http.ErrAbortHandler], which an [http.Server] takes as the order to break
// the connection, when an answer cannot be completed or the client has gone.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.once.Do(p.init)
	w = newWayBack(w, r, p.responseTimeout())
	if r.Method == http.MethodConnect {
		http.Error(w, "inservice: CONNECT is not possible here", http.StatusMethodNotAllowed)
		return
	}
	started := time.Now()
	target, err := p.Picker.Pick()
	if err != nil {
		http.Error(w, "inservice: no target is in service", http.StatusServiceUnavailable)
		return
	}
	x := &exchange{proxy: p, target: target, client: w, request: r, started: started}
	x.run()
}

// Close gives up the dials that still run, waits for them, and closes the idle
// connections to targets. Call it when no request is being served; the proxy
// can't be used after it.
func (p *Proxy) Close() {
	p.once.Do(p.init)
	p.dialer.close()
	p.transport.CloseIdleConnections()
}

// report logs a failure to answer and hands the observation on.
func (p *Proxy) report(o Observation) {
	if o.Err != nil && !o.ClientGone {
		p.logFailure(o)
	}
	if p.Observe != nil {
		p.Observe(o)
	}
}

func (p *Proxy) logFailure(o Observation) {
	ok, dropped := p.lines.Allow(time.Now())
	if !ok {
		return
	}
	log := cmp.Or(p.Log, slog.Default())
	if dropped > 0 {
		log = log.With("lines_left_out", dropped)
	}
	log.LogAttrs(o.Request.Context(), slog.LevelWarn, "target failed",
		slog.String("target", o.Target),
		slog.String("method", o.Request.Method),
		slog.String("path", o.Request.URL.EscapedPath()),
		slog.Int("status", o.Status),
		slog.String("error", shorten(o.Err.Error())))
}

// shorten cuts off what would make a line of the log too long.
func shorten(text string) string {
	if len(text) <= errorLength {
		return text
	}
	return strings.ToValidUTF8(text[:errorLength], "") + "…"
}
