package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// flushDelay is how long bytes of an answer of known length may wait to be
// sent together. Short answers then leave in one piece.
const flushDelay = 5 * time.Millisecond

// An exchange is one request on its way to one target and the answer on its way
// back. The standard library's ReverseProxy does the copying; one is made for
// each exchange, so that its hooks are methods here. Nothing outside this file
// knows of it.
//
// All fields but broken belong to the goroutine that called run.
type exchange struct {
	proxy   *Proxy
	target  string
	client  http.ResponseWriter
	request *http.Request // as it came
	started time.Time

	sent     bool  // the request was given to the transport
	status   int   // of the answer given to the client; 0 until known
	err      error // why there is no complete answer
	gone     bool  // err, or the lack of a complete answer, is the client's doing
	complete bool  // the answer was written to its end

	broken atomic.Pointer[error] // of reading the request body; set by the transport's goroutine
}

// run forwards the request and reports what became of it, even if the end is a
// panic with http.ErrAbortHandler.
func (x *exchange) run() {
	defer x.finish()
	// Without full duplex the server would throw the rest of the request body
	// away as soon as the answer begins, while the transport still sends it. Only
	// HTTP/1 has the switch; HTTP/2 needs none.
	if x.request.ContentLength != 0 {
		_ = http.NewResponseController(x.client).EnableFullDuplex()
	}
	forward := httputil.ReverseProxy{
		Rewrite:       x.rewrite,
		Transport:     x,
		FlushInterval: flushDelay,
		BufferPool:    x.proxy.buffers,
		ErrorLog:      x.proxy.silence,
		ErrorHandler:  x.refuse,
	}
	forward.ServeHTTP(wayBack{x.client}, x.request)
	x.complete = true
}

// A wayBack leads to the client, but not for the interim answer 100. The server
// writes one itself when the body is first read, which is when the target has
// asked for it; with the target's own, the client would get two.
type wayBack struct{ http.ResponseWriter }

func (w wayBack) WriteHeader(code int) {
	if code != http.StatusContinue {
		w.ResponseWriter.WriteHeader(code)
	}
}

// Unwrap is how http.ResponseController finds flushing and hijacking.
func (w wayBack) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (x *exchange) finish() {
	if !x.sent {
		return
	}
	if !x.complete && x.err == nil {
		// Reading from the target did not fail, so writing to the client did.
		x.err, x.gone = errors.New("the client went away"), true
	}
	if x.gone {
		x.status = StatusClientGone
	}
	x.proxy.report(Observation{
		Target:     x.target,
		Status:     x.status,
		Err:        x.err,
		ClientGone: x.gone,
		Duration:   time.Since(x.started),
	}, x.request)
}

// rewrite makes the request that goes to the target. It runs after the
// hop-by-hop fields were removed, so a client can't name our fields in its
// Connection field to get rid of them.
func (x *exchange) rewrite(pr *httputil.ProxyRequest) {
	in, out := pr.In, pr.Out
	out.URL = targetURL(x.target, in)
	setForwarded(out.Header, in, x.proxy.TrustedProxies)
	if out.Body == nil {
		return
	}
	body := &requestBody{
		ReadCloser: out.Body,
		exchange:   x,
		client:     http.NewResponseController(x.client),
		patience:   x.proxy.responseTimeout(),
	}
	if out.ContentLength < 0 {
		// Only chunked bodies have trailers. The map must be there when sending
		// starts, for trailers that were not announced.
		body.trailer = make(http.Header)
		copyTrailer(body.trailer, in.Trailer)
		out.Trailer = body.trailer
	}
	out.Body = body
}

// RoundTrip sends the request to the target. It is the ReverseProxy's
// transport.
func (x *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	x.sent = true
	res, err := x.proxy.transport.RoundTrip(out)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the target closed the connection without an answer: %w", err)
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		asked, got := out.Header.Get("Upgrade"), res.Header.Get("Upgrade")
		if asked == "" || !strings.EqualFold(asked, got) {
			res.Body.Close()
			return nil, fmt.Errorf("the target switched to protocol %q although %q was asked for", got, asked)
		}
		x.status = res.StatusCode
		return res, nil
	}
	x.status = res.StatusCode
	res.Body = &answerBody{ReadCloser: res.Body, exchange: x}
	if _, ok := res.Header["Content-Type"]; !ok {
		x.client.Header()["Content-Type"] = nil // keeps the server from guessing one
	}
	return res, nil
}

// refuse ends an exchange for which there is no answer to copy. It is the
// ReverseProxy's error handler.
func (x *exchange) refuse(w http.ResponseWriter, _ *http.Request, err error) {
	if !x.sent {
		// The only requests that ReverseProxy itself turns down.
		http.Error(w, "inservice: the Upgrade field is not valid", http.StatusBadRequest)
		return
	}
	if x.status == http.StatusSwitchingProtocols {
		// The target did its part; handing the client's connection over failed.
		x.err, x.gone = err, true
		panic(http.ErrAbortHandler)
	}
	x.fail(err)
	switch broken := x.broken.Load(); {
	case broken != nil && isTimeout(*broken):
		w.Header().Set("Connection", "close")
		http.Error(w, "inservice: the request body did not arrive in time", http.StatusRequestTimeout)
	case broken != nil:
		w.Header().Set("Connection", "close")
		http.Error(w, "inservice: the request body broke off", http.StatusBadRequest)
	case x.gone:
		// Returning would send an empty 200 to a client that only closed its
		// sending side.
		panic(http.ErrAbortHandler)
	default:
		var text string
		x.status, text = verdict(err)
		http.Error(w, "inservice: "+text, x.status)
	}
}

// fail notes why there is no complete answer, and whose doing that is. It must
// be called as soon as the failure shows: later, a client may have left because
// of it.
func (x *exchange) fail(err error) {
	x.err = err
	if broken := x.broken.Load(); broken != nil {
		// The server cancels a request whose body can't be read, and err may only
		// tell of that.
		x.err, x.gone = fmt.Errorf("reading the request body: %w", *broken), true
	} else if x.request.Context().Err() != nil {
		x.gone = true
	}
}

// verdict returns how a failure to get an answer from the target is told to the
// client.
func verdict(err error) (status int, text string) {
	if isTimeout(err) {
		return http.StatusGatewayTimeout, "the target did not answer in time"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return http.StatusBadGateway, "the target can't be reached"
	}
	return http.StatusBadGateway, "the target gave no valid answer"
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// targetURL returns where the request goes, with path and query as they stood
// in the request line.
func targetURL(target string, in *http.Request) *url.URL {
	u := &url.URL{
		Scheme:     "http",
		Host:       target,
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
