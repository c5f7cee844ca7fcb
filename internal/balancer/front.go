package balancer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// readHeaderTimeout keeps a client that sends its header byte by byte from
	// holding a connection for ever.
	readHeaderTimeout = 10 * time.Second
	// idleTimeout is above the 60 s for which AWS's Application Load Balancer
	// keeps an unused connection by default: when one stands in front of this
	// balancer, it closes first and never sends into a closed connection.
	idleTimeout = 75 * time.Second
	// maxHeaderBytes is several times what browsers with many cookies send.
	maxHeaderBytes = 64 << 10
	// partingLook is how often a front that is leaving looks whether anybody is
	// still connected.
	partingLook = 10 * time.Millisecond
)

// A front accepts requests on one listener and has a group answer them.
type front struct {
	socket *door
	group  *group
	server *http.Server
	log    *slog.Logger

	// open counts what keeps the front from being over: the accepting goroutine,
	// each connection, and each request, which outlives its connection's count
	// when it takes the connection over (WebSocket). Whoever adds one holds
	// another, so the count can't rise again once it is down to zero.
	open        sync.WaitGroup
	connections atomic.Int64 // not counting those taken over
	requests    atomic.Int64 // in flight
	leaving     atomic.Bool  // every answer ends its connection
}

func newFront(socket net.Listener, g *group, log *slog.Logger) *front {
	f := &front{socket: &door{Listener: socket}, group: g, log: log}
	f.server = &http.Server{
		Handler:                      f,
		ReadHeaderTimeout:            readHeaderTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is for the target to answer
		ConnState:                    f.connState,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return f
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.open.Add(1)
	defer f.open.Done()
	f.requests.Add(1)
	defer f.requests.Add(-1)
	f.group.proxy.ServeHTTP(&partingWriter{w, &f.leaving}, r)
}

// A partingWriter tells the client that its connection will be closed, if the
// answer begins when the front is leaving.
type partingWriter struct {
	http.ResponseWriter
	leaving *atomic.Bool
}

func (w *partingWriter) WriteHeader(code int) {
	if code >= 200 && w.leaving.Load() {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is how http.ResponseController finds flushing, hijacking and deadlines.
func (w *partingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// connState is called by the accepting goroutine for new connections and by
// the connection's own goroutine for all that follows.
func (f *front) connState(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		f.open.Add(1)
		f.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		f.connections.Add(-1)
		f.open.Done()
	}
}

// run waits until the group is ready, serves until ctx ends or the listener
// breaks, drains, and returns when all is over.
func (f *front) run(ctx context.Context, partingTime, drainTimeout time.Duration) error {
	defer f.socket.Close()
	if !f.awaitGroup(ctx) {
		return nil
	}
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	f.server.BaseContext = func(net.Listener) context.Context { return requests }

	served := make(chan error, 1)
	f.open.Go(func() { served <- f.server.Serve(f.socket) })
	select {
	case <-ctx.Done():
	case err := <-served:
		f.drain(drainTimeout, cut)
		return err
	}
	started := time.Now()
	f.part(partingTime)
	var err error
	if f.socket.leave() {
		if err = <-served; errors.Is(err, errLeft) {
			err = nil
		}
	}
	f.drain(drainTimeout-time.Since(started), cut)
	return err
}

// part serves on while each answer tells its client that the connection will be
// closed. So clients that keep connections send nothing into one that is being
// closed. It returns when the time has passed, or earlier if nobody is connected
// and so nobody can be told.
func (f *front) part(d time.Duration) {
	f.leaving.Store(true)
	over := time.NewTimer(d)
	defer over.Stop()
	look := time.NewTicker(partingLook)
	defer look.Stop()
	for f.connections.Load() > 0 {
		select {
		case <-over.C:
			return
		case <-look.C:
		}
	}
}

// awaitGroup returns true when requests may be accepted, false if ctx ended
// first.
func (f *front) awaitGroup(ctx context.Context) bool {
	timeout := time.NewTimer(f.group.probeTimeout)
	defer timeout.Stop()
	select {
	case <-f.group.ready:
	case <-timeout.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// drain stops accepting, lets what is in flight finish until the timeout, cuts
// off the rest, and returns when all is over.
func (f *front) drain(timeout time.Duration, cut context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = f.server.Shutdown(ctx) // fails only if ctx ends, which is looked at below
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
		f.log.Warn("drain timeout has passed, requests are cut off",
			"listener", f.socket.Addr().String(), "requests", n)
	}
	cut()
	f.server.Close()
	<-over
}
