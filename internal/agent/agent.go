// Package agent is the target side as a process: it runs checks and answers a
// load balancer's health check from their results.
//
// What it guarantees: a probe of the health path is answered whatever its Host,
// with GET and HEAD, with and without a trailing slash; an answer runs no check;
// when it is told to end, the answer turns red first and is still given for
// DrainTimeout, so that load balancers learn of it before the door is shut.
//
// What it can't do is net/http's doing: an HTTP/1.1 request without any Host, or
// with one that is no host, is refused with 400 before it gets here (RFC 9112,
// section 3.2, asks for that). A prober that sends such requests must be told to
// use HTTP/1.0 or to name a host.
//
// Open and Run are called once, in that order, by one goroutine. Addr, Snapshot
// and ServeHTTP may be called from any goroutine once Open has returned.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/inservice/inservice/health"
)

// Limits of the agent's server. A probe is one short request, so they are tight:
// whoever is slower or larger is not a load balancer.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 10 * time.Second
	idleTimeout       = 2 * time.Minute // above the usual intervals, for probes that keep their connection
	maxHeaderBytes    = 16 << 10
	closeTimeout      = 2 * time.Second // for answers under way when draining is over
)

// Agent is one agent. Set the fields, then call Open and Run.
type Agent struct {
	// Listen is the address to answer on, "host:port" or ":port"; port 0 takes
	// a free one. Required.
	Listen string

	// Path is the health path, with or without a trailing slash. Required.
	Path string

	// Checks are what the answer comes from. With none it proves only that the
	// agent runs, and Run says so in the log.
	Checks []health.Check

	// Token and TrustedNetworks say who gets details, as the fields of
	// [health.Handler]. Zero means nobody.
	Token           string
	TrustedNetworks []netip.Prefix

	// DrainTimeout is how long red answers are given before the agent closes.
	// Zero closes at once.
	DrainTimeout time.Duration

	// Log gets failures and changes. Nil discards them.
	Log *slog.Logger

	registry health.Registry
	handler  health.Handler
	path     string // without trailing slash, so "" for the root
	listener net.Listener
}

// Open binds the address. A busy port is an error. Nothing is started, so
// connections wait in the kernel until Run.
func (a *Agent) Open() error {
	if !strings.HasPrefix(a.Path, "/") || strings.Contains(a.Path, "//") || strings.ContainsAny(a.Path, "%?#") {
		return fmt.Errorf("the health path is %q: it must begin with one slash and be written plainly, such as /health_check", a.Path)
	}
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	a.path = strings.TrimRight(a.Path, "/")
	a.registry.Checks = a.Checks
	a.registry.OnResult = newJournal(a.Log).result
	a.registry.OnChange = a.changed
	a.handler = health.Handler{Registry: &a.registry, Token: a.Token, Trusted: a.TrustedNetworks}

	listener, err := net.Listen("tcp", a.Listen)
	if err != nil {
		return fmt.Errorf("the agent can't listen: %w", err)
	}
	a.listener = listener
	return nil
}

// Close gives up an opened address without Run. After Run it does nothing.
func (a *Agent) Close() error {
	if a.listener == nil {
		return nil
	}
	if err := a.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the agent: %w", err)
	}
	return nil
}

// Addr is the bound address, with the port that was taken for port 0.
func (a *Agent) Addr() net.Addr { return a.listener.Addr() }

// Snapshot is everything the agent knows now.
func (a *Agent) Snapshot() health.Snapshot { return a.registry.Snapshot() }

// Run answers until ctx ends, then drains and closes. It returns when everything
// it started has ended. Its error is a mistake in the checks, a server that
// failed, or a check that could not be stopped.
func (a *Agent) Run(ctx context.Context) error {
	// Checks and server go on while draining, so they end by a context of their own.
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)

	checked := make(chan error, 1)
	go func() {
		err := a.registry.Run(serving)
		stop(err) // a registry that refuses to run must not leave a server that never turns green
		checked <- err
	}()

	server := &http.Server{
		Handler:           a,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// Otherwise net/http answers "OPTIONS *" with 200 by itself: a probe that can't fail.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() {
		err := server.Serve(a.listener)
		stop(err)
		served <- err
	}()

	a.Log.Info("agent answers", "address", a.listener.Addr().String(), "path", a.Path, "checks", len(a.Checks))
	if len(a.Checks) == 0 {
		a.Log.Warn("no check is configured: the answer proves only that the agent runs", "hint", "add some under agent.checks")
	}
	select {
	case <-ctx.Done():
		a.drain(serving)
	case <-serving.Done():
	}

	stop(nil)
	a.close(server)
	serveErr := <-served
	if errors.Is(serveErr, http.ErrServerClosed) {
		serveErr = nil
	}
	return errors.Join(<-checked, serveErr)
}

// drain turns the answer red and gives it for DrainTimeout.
func (a *Agent) drain(serving context.Context) {
	a.registry.Drain()
	if a.DrainTimeout <= 0 {
		return
	}
	a.Log.Info("draining: the answer is red until the agent closes; a second signal ends it at once", "drain_timeout", a.DrainTimeout.String())
	timer := time.NewTimer(a.DrainTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-serving.Done():
	}
}

// close lets answers under way finish, for a bounded time.
func (a *Agent) close(server *http.Server) {
	patience, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		server.Close() // whoever still reads a dozen bytes after two seconds is cut off
	}
}

// ServeHTTP answers the health path, and 404 on any other.
func (a *Agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Keeping the connection would mean to wait for a body that a probe has no
		// use for, and that may never come, before the answer goes out.
		w.Header().Set("Connection", "close")
	}
	if p := r.URL.Path; p != a.path && p != a.path+"/" {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	a.handler.ServeHTTP(w, r)
}

func (a *Agent) changed(was health.Status, now health.Snapshot) {
	level, message := slog.LevelInfo, "in service"
	if !now.Status.InService() {
		level, message = slog.LevelWarn, "out of service"
	} else if now.Status == health.Warn {
		level, message = slog.LevelWarn, "in service, degraded"
	}
	attributes := []any{"status", now.Status.String(), "was", was.String()}
	if reasons := now.Reasons(); len(reasons) > 0 {
		attributes = append(attributes, "reasons", strings.Join(reasons, "; "))
	}
	a.Log.Log(context.Background(), level, message, attributes...)
}
