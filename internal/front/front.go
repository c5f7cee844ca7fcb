// Package front is the side of a server that faces its visitors: it accepts
// connections on one listener, serves HTTP/1.1 on them within limits, and leaves
// so that as few requests as possible are lost. Balancer and agent share it.
//
// What a [Front] guarantees:
//
//   - When its context ends, [Front.Run] serves on for the parting time and has each
//     answer end its connection, accepts what is in the listener's queue and nothing
//     more, lets the requests in flight finish within the drain timeout, cuts off
//     what is left, and returns when all that it started has ended. Connections that
//     a handler took over (WebSocket) are waited for until the handler returns.
//   - A header has a time and a size, a target has a size, an unused connection has
//     a time. A body has none unless asked for: uploads and event streams last as
//     long as they last.
//   - An answer never waits for a body that its handler did not read: it goes out
//     at once and ends the connection, and what is left of the body is dropped for
//     5 seconds at most.
//   - With a Doorman, bare health questions are answered before net/http sees them.
//
// So a client loses no request at the end if it keeps its connection and uses it
// within the parting time. One whose kept connection was idle for all of it can
// lose the request that crosses the closing on its way; HTTP clients repeat those
// that may be repeated. On Linux a new connection that arrives while the listener
// is being closed is kept waiting and then refused; elsewhere it can be reset. All
// later ones are refused.
//
// A Front is for one Run. InFlight may be called from any goroutine.
package front

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inservice/inservice/internal/doorman"
)

// What zero means.
const (
	// DefaultReadHeaderTimeout keeps a client that sends its header byte by byte
	// from holding a connection for ever.
	DefaultReadHeaderTimeout = 10 * time.Second
	// DefaultIdleTimeout is above the 60 s for which AWS's Application Load Balancer
	// keeps an unused connection by default: when one stands in front, it closes
	// first and never sends into a closed connection.
	DefaultIdleTimeout = 75 * time.Second
	// DefaultMaxHeaderBytes and DefaultMaxURIBytes are what AWS's Application Load
	// Balancer takes (its user guide, "Quotas", HTTP headers: 64K for a whole request
	// header, 16K for a request line).
	DefaultMaxHeaderBytes = 64 << 10
	DefaultMaxURIBytes    = 16 << 10
)

// partingLook is how often a front that is leaving looks whether anybody is still
// connected.
const partingLook = 10 * time.Millisecond

// lingerTime is the end of the parting time, in which nobody is accepted any more,
// but those who are connected are still served. [http.Server.Shutdown] has requests
// dropped that were not read when it began, so whoever came last needs a moment to
// send one. And balancers that learn from refused connections learn in it.
const lingerTime = 250 * time.Millisecond

// Front serves one listener. Set the fields, then call Run once.
type Front struct {
	Socket  net.Listener // required; Run closes it. See Listen
	Handler http.Handler // required

	// Doorman, if not nil, answers bare health questions. Its Listener is set by
	// Run, and so are its time-outs and its Log where they are zero.
	Doorman *doorman.Doorman

	Log *slog.Logger // told of what is cut off, and of net/http's complaints at level Debug; nil means slog.Default()

	ReadHeaderTimeout time.Duration // for a whole header; zero means 10 seconds
	IdleTimeout       time.Duration // for a connection without a request; zero means 75 seconds
	ReadTimeout       time.Duration // for header and body; zero means none
	WriteTimeout      time.Duration // from the header's end to the answer's; zero means none

	MaxHeaderBytes int // above it, 431; zero means 64 KiB. net/http adds 4 KiB to it
	MaxURIBytes    int // above it, 414, unless the header is too large already; zero means 16 KiB

	// open counts what keeps the front from being over: the accepting goroutine,
	// each connection, and each request, which outlives its connection's count
	// when it takes the connection over (WebSocket). Whoever adds one holds
	// another, so the count can't rise again once it is down to zero.
	open        sync.WaitGroup
	connections atomic.Int64 // not counting those taken over, nor those with the doorman
	requests    atomic.Int64 // in flight
	leaving     atomic.Bool  // every answer ends its connection
}

// InFlight is the number of requests that the handler is busy with. Connections
// that it took over count until it returns. Questions that the Doorman answers
// don't.
func (f *Front) InFlight() int64 { return f.requests.Load() }

// Run serves until ctx ends or the listener breaks, drains, and returns when all
// is over. It asks leave once, when it leaves, how long that may take: partingTime is
// the part of drainTimeout in which requests are still taken, cut short when nobody
// is connected. A ctx that has ended already makes Run close the listener and
// return.
func (f *Front) Run(ctx context.Context, leave func() (partingTime, drainTimeout time.Duration)) error {
	queue := &queue{Listener: f.Socket}
	defer queue.Close()
	if ctx.Err() != nil {
		return nil
	}
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := f.server(requests)
	listener := f.listener(queue)

	served := make(chan error, 1)
	f.open.Go(func() { served <- server.Serve(listener) })
	select {
	case <-ctx.Done():
	case err := <-served:
		_, drainTimeout := leave()
		f.drain(server, drainTimeout, cut)
		return err
	}
	partingTime, drainTimeout := leave()
	end := time.Now().Add(drainTimeout)
	linger := min(lingerTime, drainTimeout)
	f.part(partingTime - linger)
	var err error
	if queue.leave() {
		err = awaitLeft(served, time.Until(end))
		f.part(min(linger, time.Until(end)))
	}
	f.drain(server, time.Until(end), cut)
	return err
}

// awaitLeft waits until the queue is empty and the doorman holds nobody any more.
func awaitLeft(served <-chan error, timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err := <-served:
		if errors.Is(err, errLeft) {
			return nil
		}
		return err
	case <-timer.C:
		return nil
	}
}

// listener is what net/http accepts from.
func (f *Front) listener(queue *queue) net.Listener {
	if f.Doorman == nil {
		return queue
	}
	f.Doorman.Listener = queue
	f.Doorman.HeaderTimeout = cmp.Or(f.Doorman.HeaderTimeout, f.ReadHeaderTimeout, DefaultReadHeaderTimeout)
	f.Doorman.IdleTimeout = cmp.Or(f.Doorman.IdleTimeout, f.IdleTimeout, DefaultIdleTimeout)
	f.Doorman.Log = cmp.Or(f.Doorman.Log, f.Log)
	return f.Doorman
}

func (f *Front) log() *slog.Logger { return cmp.Or(f.Log, slog.Default()) }

func (f *Front) server(requests context.Context) *http.Server {
	return &http.Server{
		Handler:                      http.HandlerFunc(f.serve),
		ReadHeaderTimeout:            cmp.Or(f.ReadHeaderTimeout, DefaultReadHeaderTimeout),
		IdleTimeout:                  cmp.Or(f.IdleTimeout, DefaultIdleTimeout),
		ReadTimeout:                  f.ReadTimeout,
		WriteTimeout:                 f.WriteTimeout,
		MaxHeaderBytes:               cmp.Or(f.MaxHeaderBytes, DefaultMaxHeaderBytes),
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is for the handler: net/http's own answer is a 200 that nobody has any part in
		ConnState:                    f.connState,
		ErrorLog:                     slog.NewLogLogger(f.log().Handler(), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return requests },
	}
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request) {
	f.open.Add(1)
	defer f.open.Done()
	f.requests.Add(1)
	defer f.requests.Add(-1)
	r, body := watchBody(r)
	parting := &partingWriter{ResponseWriter: w, leaving: &f.leaving, body: body}
	defer parting.limitBody()
	defer parting.begin() // net/http begins the answer of a handler that writes nothing after this
	if len(r.RequestURI) > cmp.Or(f.MaxURIBytes, DefaultMaxURIBytes) {
		http.Error(parting, "inservice: the request's target is too long", http.StatusRequestURITooLong)
		return
	}
	f.Handler.ServeHTTP(parting, r)
}

// connState is called by the accepting goroutine for new connections and by
// the connection's own goroutine for all that follows.
func (f *Front) connState(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		f.open.Add(1)
		f.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		f.connections.Add(-1)
		f.open.Done()
	}
}

// part serves on while each answer tells its client that the connection will be
// closed. So clients that keep connections send nothing into one that is being
// closed. It returns when the time has passed, or earlier if nobody is connected
// and so nobody can be told.
func (f *Front) part(d time.Duration) {
	f.leaving.Store(true)
	if f.Doorman != nil {
		f.Doorman.Part()
	}
	over := time.NewTimer(d)
	defer over.Stop()
	look := time.NewTicker(partingLook)
	defer look.Stop()
	for f.connected() {
		select {
		case <-over.C:
			return
		case <-look.C:
		}
	}
}

func (f *Front) connected() bool {
	return f.connections.Load() > 0 || f.Doorman != nil && f.Doorman.Held() > 0
}

// drain stops accepting, lets what is in flight finish until the timeout, cuts
// off the rest, and returns when all is over.
func (f *Front) drain(server *http.Server, timeout time.Duration, cut context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = server.Shutdown(ctx) // fails only if ctx ends, which is looked at below
	over := make(chan struct{})
	go func() {
		f.open.Wait()
		close(over)
	}()
	select {
	case <-over:
		return
	case <-ctx.Done():
	}
	if n := f.requests.Load(); n > 0 {
		f.log().Warn("drain timeout has passed, requests are cut off",
			"listener", f.Socket.Addr().String(), "requests", n)
	}
	cut()
	server.Close()
	<-over
}
