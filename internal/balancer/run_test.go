package balancer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/inservice/inservice/internal/memnet"
	"github.com/inservice/inservice/internal/probe"
)

// TestRunWaitsForProbes has a probe take its time to end when it is told to.
func TestRunWaitsForProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var network memnet.Network
		socket, err := network.Listen("10.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		b := &Balancer{Log: slog.New(slog.DiscardHandler)}
		g := newGroup(b, Group{
			Name:    "web",
			Targets: []Target{{Address: "10.0.0.5:80"}},
			Probe: probe.Probe{
				Protocol: probe.TCP,
				Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					<-ctx.Done()
					<-release
					return nil, ctx.Err()
				},
			},
		})
		b.groups = map[string]*group{"web": g}
		b.entrances = []entrance{newEntrance(socket, g, b.Log)}

		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		stop()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Errorf("Run returned %v while a probe was still running", err)
		default:
		}
		close(release)
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// TestRunClosesProxies asks the proxy of a group after Run: it must not open
// connections any more, although its target is alive.
func TestRunClosesProxies(t *testing.T) {
	target := httptest.NewServer(http.NotFoundHandler())
	defer target.Close()
	b := &Balancer{
		Log:       slog.New(slog.DiscardHandler),
		Groups:    []Group{{Name: "web", Targets: []Target{{Address: target.Listener.Addr().String()}}, Probe: probe.Probe{Protocol: probe.TCP}}},
		Listeners: []Listener{{Address: "127.0.0.1:0", Group: "web"}},
	}
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := b.Run(ctx); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	b.groups["web"].proxy.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != http.StatusBadGateway {
		t.Errorf("a proxy that should be closed answered %d", w.Code)
	}
}

// TestListenerBreaks closes one of two listeners from below. Run must end,
// close the other one and say what broke.
func TestListenerBreaks(t *testing.T) {
	b := &Balancer{
		Log:       slog.New(slog.DiscardHandler),
		Groups:    []Group{{Name: "web", Targets: []Target{{Address: "127.0.0.1:1"}}, Probe: probe.Probe{Protocol: probe.TCP}}},
		Listeners: []Listener{{Address: "127.0.0.1:0", Group: "web"}, {Address: "127.0.0.1:0", Group: "web"}},
	}
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	broken := b.entrances[1].front.Socket
	broken.Close()
	err := b.Run(t.Context())
	if !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), broken.Addr().String()) {
		t.Errorf("Run = %v, want an error about %s", err, broken.Addr())
	}
	if c, err := net.Dial("tcp", b.entrances[0].front.Socket.Addr().String()); err == nil {
		c.Close()
		t.Error("the other listener still accepts")
	}
}
