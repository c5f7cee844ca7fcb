package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/control"
	"github.com/inservice/inservice/internal/tongue"
)

// An other is what runs beside the main listener, with the listener it has, if
// any.
type other struct {
	listener net.Listener
	run      func(context.Context) error
}

// openOthers binds what is configured beside the main listener.
func (a *Agent) openOthers() error {
	grpc := &tongue.GRPC{Herald: &a.herald, Asked: a.askedBy(byGRPC), Log: a.Log}
	if a.GRPC != "" {
		a.grpc = grpc
	}
	words := &tongue.AgentCheck{Herald: &a.herald, Steady: !a.Weights, Asked: a.askedBy(byWords), Log: a.Log}
	for _, o := range []struct {
		what, address string
		run           func(context.Context, net.Listener) error
	}{
		{"the trusted side", a.Admin, a.serveAdmin},
		{"gRPC", a.GRPC, grpc.Run},
		{"HAProxy's agent check", a.Words, words.Run},
	} {
		if o.address == "" {
			continue
		}
		listener, err := net.Listen("tcp", o.address)
		if err != nil {
			return fmt.Errorf("the agent can't listen for %s: %w", o.what, err)
		}
		a.others = append(a.others, other{listener, func(ctx context.Context) error { return o.run(ctx, listener) }})
		a.Log.Info("agent listens for "+o.what, "address", listener.Addr().String())
	}
	if a.Port != "" {
		port := &tongue.Port{Address: a.Port, Herald: &a.herald, Asked: a.askedBy(byPort), Log: a.Log}
		if err := port.Open(); err != nil {
			return err
		}
		a.others = append(a.others, other{run: port.Run})
		a.Log.Info("agent opens a port while it is in service", "address", a.Port)
	}
	if a.Systemd != nil {
		a.Systemd.Herald = &a.herald
		a.others = append(a.others, other{run: a.Systemd.Run})
	}
	return a.openControl()
}

// openControl binds the control socket.
func (a *Agent) openControl() error {
	if a.Control == "" {
		return nil
	}
	listener, err := control.Listen(a.Control)
	if err != nil && a.ControlOptional {
		a.Log.Warn("the agent does without a control socket, so 'inservice agent drain' and 'status' won't find it",
			"error", err, "hint", "name one with agent.control, in a folder that only its owner may write to, or say off")
		return nil
	}
	if err != nil {
		return err
	}
	a.others = append(a.others, other{listener, func(ctx context.Context) error { return a.serveHTTP(ctx, listener, a.controlHandler()) }})
	return nil
}

// everyone is whoever can connect to the trusted side.
var everyone = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// serveAdmin answers operators: metrics, details and Kubernetes' paths.
func (a *Agent) serveAdmin(ctx context.Context, listener net.Listener) error {
	details := &health.Handler{Registry: &a.registry, Token: a.Token, Trusted: everyone, Service: a.handler.Service}
	bare := a.noting(details, details)
	mux := http.NewServeMux()
	mux.Handle("/metrics", a.metrics)
	mux.Handle("/livez", details.Livez())
	mux.Handle("/readyz", a.noting(details, details.Readyz()))
	mux.Handle("/startupz", a.noting(details, details.Startupz()))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if !a.isHealth(r) {
			http.NotFound(w, r)
			return
		}
		if details.Detailed(r) {
			details.ServeHTTP(w, r)
			return
		}
		bare.ServeHTTP(w, r)
	})
	return a.serveHTTP(ctx, listener, mux)
}

// serveHTTP serves operators until ctx ends.
func (a *Agent) serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       ownAnswer,
		WriteTimeout:      ownAnswer,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		server.Close() // whoever still reads after two seconds is cut off
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	}
	return nil
}
