package balancer

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/memnet"
	"github.com/inservice/inservice/internal/probe"
)

// A visit is a client's connection to a front whose group has no target in
// service, on a network in memory.
type visit struct {
	net.Conn
	r     *bufio.Reader
	stop  context.CancelFunc // ends the front's context
	ended chan error         // what the front's run returned
}

const drainTimeout = time.Second

// connect must be called in a bubble.
func connect(t *testing.T) *visit {
	t.Helper()
	var network memnet.Network
	socket, err := network.Listen("10.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	b := &Balancer{Log: slog.New(slog.DiscardHandler)}
	g := newGroup(b, Group{Name: "web", Targets: []Target{{Address: "10.0.0.5:80"}}, Closed: true, Probe: probe.Probe{Protocol: probe.TCP}})
	close(g.ready)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- newFront(socket, g, b.Log).run(ctx, drainTimeout/2, drainTimeout)
		close(ended)
	}()
	c, err := network.Dial(t.Context(), "tcp", "10.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return &visit{Conn: c, r: bufio.NewReader(c), stop: stop, ended: ended}
}

// TestSilentConnection has a client connect and say nothing while the front is
// drained. It must not hold the end up beyond the drain timeout.
func TestSilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t)
		started := time.Now()
		v.stop()
		if err := <-v.ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if got := time.Since(started); got != drainTimeout {
			t.Errorf("draining took %v, want %v", got, drainTimeout)
		}
		if _, err := v.r.ReadByte(); err != io.EOF {
			t.Errorf("the connection: %v, want EOF", err)
		}
	})
}

func TestSlowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t)
		started := time.Now()
		io.WriteString(v, "GET / HTTP/1.1\r\nHost: h\r\nX-Never-End")
		got, err := io.ReadAll(v.r)
		if err != nil || strings.Contains(string(got), "inservice") {
			t.Errorf("got %q, %v, want at most the server's own complaint and the end", got, err)
		}
		if got := time.Since(started); got != readHeaderTimeout {
			t.Errorf("the header was waited for %v, want %v", got, readHeaderTimeout)
		}
	})
}

func TestIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t)
		io.WriteString(v, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		res, err := http.ReadResponse(v.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		if res.StatusCode != http.StatusServiceUnavailable || res.Close {
			t.Errorf("answer = %d, close %v", res.StatusCode, res.Close)
		}
		started := time.Now()
		if _, err := v.r.ReadByte(); err != io.EOF {
			t.Errorf("after the answer: %v, want the connection to end", err)
		}
		if got := time.Since(started); got != idleTimeout {
			t.Errorf("the connection was kept for %v, want %v", got, idleTimeout)
		}
	})
}

// TestOptionsAsterisk asks about the server as a whole. The answer must come
// from where all others come from; net/http's own would be a 200 that no target
// has any part in.
func TestOptionsAsterisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t)
		io.WriteString(v, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
		if res, err := http.ReadResponse(v.r, nil); err != nil || res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("answer: %v, %v, want the group's 503", res, err)
		}
	})
}

func TestLargeHeader(t *testing.T) {
	for size, want := range map[int]int{
		maxHeaderBytes / 2: http.StatusServiceUnavailable, // accepted: the answer of a group without targets
		maxHeaderBytes * 2: http.StatusRequestHeaderFieldsTooLarge,
	} {
		synctest.Test(t, func(t *testing.T) {
			v := connect(t)
			go io.WriteString(v, "GET / HTTP/1.1\r\nHost: h\r\nX-Large: "+strings.Repeat("x", size)+"\r\n\r\n")
			res, err := http.ReadResponse(v.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != want {
				t.Errorf("a header of %d bytes: %d, want %d", size, res.StatusCode, want)
			}
		})
	}
}
