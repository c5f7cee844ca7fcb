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
)

// A front accepts requests on one listener and has a group answer them.
type front struct {
	socket net.Listener
	group  *group
	server *http.Server
	log    *slog.Logger

	// open counts what keeps the front from being over: the accepting goroutine,
	// each connection, and each request, which outlives its connection's count
	// when it takes the connection over (WebSocket). Whoever adds one holds
	// another, so the count can't rise again once it is down to zero.
	open     sync.WaitGroup
	requests atomic.Int64 // in flight
}

func newFront(socket net.Listener, g *group, log *slog.Logger) *front {
	f := &front{socket: socket, group: g, log: log}
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
	f.group.proxy.ServeHTTP(w, r)
}

// connState is called by the accepting goroutine for new connections and by
// the connection's own goroutine for all that follows.
func (f *front) connState(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		f.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		f.open.Done()
	}
}

// run waits until the group is ready, serves until ctx ends or the listener
// breaks, drains, and returns when all is over.
func (f *front) run(ctx context.Context, drainTimeout time.Duration) error {
	defer f.socket.Close()
	if !f.awaitGroup(ctx) {
		return nil
	}
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	f.server.BaseContext = func(net.Listener) context.Context { return requests }

	broken := make(chan error, 1)
	f.open.Go(func() {
		if err := f.server.Serve(f.socket); !errors.Is(err, http.ErrServerClosed) {
			broken <- err
		}
	})
	var err error
	select {
	case <-ctx.Done():
	case err = <-broken:
	}
	f.drain(drainTimeout, cut)
	return err
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
			"listener", f.socket.Addr().String(), "requests", n, "timeout", timeout)
	}
	cut()
	f.server.Close()
	<-over
}
