package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"time"
)

// flushDelay is how long bytes of an answer of known length may wait to be
// sent together. Short answers then leave in one piece.
const flushDelay = 5 * time.Millisecond

var errClientGone = errors.New("the client went away")

// An exchange is one request on its way to a target and the answer on its way
// back. The standard library's ReverseProxy does the copying; one is made for
// each exchange, so that its hooks are methods here. Nothing outside this file
// knows of it.
//
// All fields but broken belong to the goroutine that called run.
type exchange struct {
	proxy   *Proxy
	target  string
	client  http.ResponseWriter // a wayBack
	request *http.Request       // as it came
	started time.Time
	cut     context.CancelFunc // ends the request at the target

	body      io.ReadCloser // of the request; nil: none
	sent      bool          // the request was given to the transport
	connected bool          // the transport had a connection for it, so some of it may have been sent
	status    int           // of the answer given to the client; 0 until known
	answered  int           // status of the target's own answer; 0 if none began
	err       error         // why there is no complete answer
	gone      bool          // err, or the lack of a complete answer, is the client's doing
	complete  bool          // the answer was written to its end

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
	ctx, cut := context.WithCancel(x.request.Context())
	defer cut()
	x.cut = cut
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { x.connected = true },
	})
	forward := httputil.ReverseProxy{
		Rewrite:       x.rewrite,
		Transport:     x,
		FlushInterval: flushDelay,
		BufferPool:    x.proxy.buffers,
		ErrorLog:      x.proxy.silence,
		ErrorHandler:  x.refuse,
	}
	forward.ServeHTTP(x.client, x.request.WithContext(ctx))
	x.complete = true
}

// finish is deferred by run, for it must see what run panicked with.
func (x *exchange) finish() {
	panicked := recover()
	if panicked != nil {
		defer panic(panicked)
	}
	if !x.sent {
		return
	}
	switch {
	case x.complete || x.err != nil:
	case panicked == http.ErrAbortHandler:
		// Reading from the target did not fail, so writing to the client did.
		x.err, x.gone = errClientGone, true
	default:
		x.err = fmt.Errorf("forwarding panicked: %v", panicked)
	}
	x.report()
}

// report tells what became of the request at the target.
func (x *exchange) report() {
	if x.gone {
		x.status = statusClientGone
	}
	x.proxy.report(Observation{
		Target:       x.target,
		Request:      x.request,
		Status:       x.status,
		TargetStatus: x.answered,
		Err:          x.err,
		TimedOut:     !x.gone && isTimeout(x.err),
		ClientGone:   x.gone,
		Duration:     time.Since(x.started),
	})
}

// rewrite makes the request that goes to the target. It runs after the
// hop-by-hop fields were removed, so a client can't name our fields in its
// Connection field to get rid of them.
func (x *exchange) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	x.proxy.setForwarded(out.Header, x.request)
	if !x.request.ProtoAtLeast(1, 1) {
		// RFC 9110, section 7.8: Upgrade in an HTTP/1.0 request is to be ignored.
		out.Header.Del("Connection")
		out.Header.Del("Upgrade")
	}
	// After a final answer in place of the interim answer 100 the transport would
	// still send the body to keep the connection, and so have the client send it.
	out.Close = out.Header.Get("Expect") != ""
	x.body = out.Body
}

// RoundTrip sends the request to the target, and to one other if the first
// can't be reached. It is the ReverseProxy's transport.
func (x *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	x.sent = true
	res, err := x.ask(out)
	if x.mayAskOther(err) {
		if other, pickErr := x.proxy.Picker.PickOther(x.target); pickErr == nil {
			x.err = err
			x.status, _ = verdict(err)
			x.report()
			x.target, x.err, x.status = other, nil, 0
			res, err = x.ask(out)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the target closed the connection without an answer: %w", err)
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode < 100 { // above it, three digits are what WriteHeader accepts
		res.Body.Close()
		return nil, fmt.Errorf("the target answered with status %03d, which is none", res.StatusCode)
	}
	x.answered = res.StatusCode
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
	res.Body = &answerBody{ReadCloser: res.Body, exchange: x, patience: x.proxy.responseTimeout()}
	if _, ok := res.Header["Content-Type"]; !ok {
		x.client.Header()["Content-Type"] = nil // keeps the server from guessing one
	}
	return res, nil
}

// ask sends the request to x.target. It may be called again if the request
// never arrived, because then the body has not been read.
func (x *exchange) ask(out *http.Request) (*http.Response, error) {
	out.URL = targetURL(x.target, x.request)
	out.Host = x.request.Host
	if _, unix := socketPath(x.target); unix && out.Host == "" {
		out.Host = "localhost" // what the URL names is no host
	}
	if x.body != nil {
		body := newRequestBody(x.body, x)
		out.Body = body
		out.Trailer = body.trailer
	}
	if p := x.proxy; p.Waiting != nil {
		target := x.target
		waiting := remind(cmp.Or(p.Patience, defaultPatience), func() { p.Waiting(target) })
		defer waiting.stop()
	}
	return x.proxy.transport.RoundTrip(out)
}

// mayAskOther reports whether the target can't be connected to, and another one may
// get the request: because not a byte of it can have been sent, or because a safe
// request without a body may be sent twice. The latter is what the transport does
// itself when a kept connection turns out to be closed, and then the target it asks
// again can be gone.
func (x *exchange) mayAskOther(err error) bool {
	_, dial := errors.AsType[*dialError](err)
	return dial && (!x.connected || x.body == nil && isSafe(x.request.Method)) && x.request.Context().Err() == nil
}

// isSafe reports whether a method is safe (RFC 9110, section 9.2.1): asking twice
// asks for nothing more.
func isSafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
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
	if _, ok := errors.AsType[*dialError](err); ok {
		return http.StatusBadGateway, "the target can't be reached"
	}
	return http.StatusBadGateway, "the target gave no valid answer"
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
