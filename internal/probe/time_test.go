package probe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/memnet"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/targettest"
)

// stuck is a probe of a target in memory, and the behaviour of that target.
type stuck struct {
	name      string
	protocol  probe.Protocol
	behaviour targettest.Behaviour // nil: never accepts
	words     string               // of a timeout
	phases    probe.Phases         // of a timeout of 2s
}

func stuckTargets() []stuck {
	const s = 2 * time.Second
	thenHang := func(answer string) targettest.Behaviour {
		return func(c *targettest.Conn) {
			c.ReadRequest()
			io.WriteString(c, answer)
			c.Sleep(time.Hour)
		}
	}
	silent := func(c *targettest.Conn) { c.Sleep(time.Hour) }
	return []stuck{
		{"connecting", probe.HTTP, nil, "no connection within 2s", probe.Phases{Dial: s, Total: s}},
		{"connecting by TCP", probe.TCP, nil, "no connection within 2s", probe.Phases{Dial: s, Total: s}},
		{"handshake", probe.HTTPS, silent, "TLS handshake not finished within 2s", probe.Phases{TLS: s, Total: s}},
		{"sending", probe.HTTP, silent, "request not taken within 2s", probe.Phases{FirstByte: s, Total: s}},
		{"first byte", probe.HTTP, targettest.Hang, "no byte of an answer within 2s", probe.Phases{FirstByte: s, Total: s}},
		{"head", probe.HTTP, thenHang("HTTP/1.1 200 OK\r\nConte"), "header of the answer not complete within 2s", probe.Phases{Total: s}},
		{"head after an interim answer", probe.HTTP, thenHang("HTTP/1.1 100 Continue\r\n\r\n"), "header of the answer not complete within 2s", probe.Phases{Total: s}},
		{"body", probe.HTTP, thenHang("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), "body of the answer not complete within 2s", probe.Phases{Total: s}},
		{"endless body", probe.HTTP, dribble, "body of the answer not complete within 2s", probe.Phases{Total: s}},
	}
}

// dribble sends a body one byte at a time and never finishes it.
func dribble(c *targettest.Conn) {
	c.ReadRequest()
	_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	for err == nil {
		c.Sleep(100 * time.Millisecond)
		_, err = io.WriteString(c, ".")
	}
}

// start runs the target and returns the probe for it, with the default timeout.
func (s stuck) start(t *testing.T) probe.Probe {
	t.Helper()
	network := new(memnet.Network)
	listener, err := network.Listen("web-1:80")
	if err != nil {
		t.Fatal(err)
	}
	if s.behaviour == nil {
		t.Cleanup(func() { listener.Close() })
	} else {
		targettest.StartOn(t, listener, s.behaviour)
	}
	return probe.Probe{Protocol: s.protocol, Address: "web-1:80", Dial: network.Dial}
}

func TestTimeoutNamesItsPhase(t *testing.T) {
	for _, tt := range stuckTargets() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := tt.start(t).Run(t.Context())
				expect(t, r, probe.Timeout, "Request timed out ("+tt.words+")")
				if diff := cmp.Diff(tt.phases, r.Phases); diff != "" {
					t.Errorf("phases (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestStoppedIsNotTheTargetsFault stops the same probes from outside.
func TestStoppedIsNotTheTargetsFault(t *testing.T) {
	const words = "Internal error: the probe was stopped before it finished"
	for _, tt := range stuckTargets() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := tt.start(t)
				reason := errors.New("shutting down")
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				time.AfterFunc(time.Second, func() { cancel(reason) })
				r := p.Run(ctx)
				expect(t, r, probe.InternalError, words)
				if !errors.Is(r.Err, reason) || r.Phases.Total != time.Second {
					t.Errorf("stopped after 1s: took %v, error %v", r.Phases.Total, r.Err)
				}

				ctx, cancelDeadline := context.WithTimeout(t.Context(), time.Second)
				defer cancelDeadline()
				expect(t, p.Run(ctx), probe.InternalError, words)

				// Ended before it began.
				expect(t, p.Run(ctx), probe.InternalError, words)
			})
		})
	}
}

func TestTimeoutOnRealSockets(t *testing.T) {
	mute := func(c *targettest.Conn) { io.Copy(io.Discard, c) }
	tests := []struct {
		name     string
		protocol probe.Protocol
		target   *targettest.Target
		words    string
	}{
		{"http", probe.HTTP, targettest.Start(t, targettest.Hang), "no byte of an answer within 1s"},
		{"https", probe.HTTPS, targettest.StartTLS(t, targettest.Hang), "no byte of an answer within 1s"},
		{"handshake", probe.HTTPS, targettest.Start(t, mute), "TLS handshake not finished within 1s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := probe.Probe{Protocol: tt.protocol, Address: tt.target.Addr(), Timeout: time.Second}.Run(t.Context())
			expect(t, r, probe.Timeout, "Request timed out ("+tt.words+")")
			if r.Phases.Total < time.Second || r.Remote != tt.target.Addr() {
				t.Errorf("evidence of the hanging request: %+v", r)
			}
			if asked := strings.HasPrefix(string(r.Sent), "GET / "); asked != strings.HasPrefix(tt.words, "no byte") {
				t.Errorf("sent %q before it timed out: %s", r.Sent, tt.words)
			}
		})
	}
}

func TestCancelOnRealSockets(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := targettest.Start(t, func(c *targettest.Conn) {
		c.ReadRequest()
		cancel()
		io.Copy(io.Discard, c)
	})
	expect(t, httpProbe(target.Addr()).Run(ctx), probe.InternalError, "Internal error: the probe was stopped before it finished")
}

// TestMismatchOutlivesTheTimeout: once the status code is known, it decides,
// whether the time or the caller ends the wait for the body.
func TestMismatchOutlivesTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stuck{protocol: probe.HTTP, behaviour: func(c *targettest.Conn) {
			c.ReadRequest()
			io.WriteString(c, "HTTP/1.1 503 Oh\r\nContent-Length: 9\r\n\r\nhalf")
			c.Sleep(time.Hour)
		}}.start(t)
		r := p.Run(t.Context())
		expect(t, r, probe.ResponseCodeMismatch, "Health checks failed with these codes: [503]")
		if r.Phases.Total != 2*time.Second || !strings.HasSuffix(string(r.Received), "half") {
			t.Errorf("took %v and kept %q, want 2s and what came of the page", r.Phases.Total, r.Received)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		expect(t, p.Run(ctx), probe.ResponseCodeMismatch, "Health checks failed with these codes: [503]")
	})
}

// slowClose is a connection whose first Close takes a while.
type slowClose struct {
	net.Conn
	begun, done atomic.Int32
}

func (c *slowClose) Close() error {
	first := c.begun.Add(1) == 1
	err := c.Conn.Close()
	if first {
		time.Sleep(time.Second)
	}
	c.done.Add(1)
	return err
}

// TestRunWaitsForWhatItStarted: when time is up, the connection is closed by a
// goroutine of its own, and Run returns only after that has ended.
func TestRunWaitsForWhatItStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn := &slowClose{Conn: ours}
		p := probe.Probe{Protocol: probe.HTTP, Address: "web-1:80"}
		p.Dial = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
		expect(t, p.Run(t.Context()), probe.Timeout, "Request timed out (request not taken within 2s)")
		if begun, done := conn.begun.Load(), conn.done.Load(); begun != done {
			t.Errorf("%d calls of Close were under way when Run returned", begun-done)
		}
	})
}

func TestLateConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := probe.Probe{Protocol: probe.TCP, Address: "web-1:80"}
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			time.Sleep(3 * time.Second) // and never looks at its context
			return ours, nil
		}
		r := p.Run(t.Context())
		expect(t, r, probe.Timeout, "Request timed out (no connection within 2s)")
		if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the other end reads %v, want EOF", err)
		}
	})
}

func TestOwnFaultsAreNotTheTargets(t *testing.T) {
	failing := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
	socket := func(number syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", number)}
	}
	tests := []struct {
		name string
		dial func(context.Context, string, string) (net.Conn, error)
		want string
	}{
		{"out of descriptors", failing(socket(syscall.EMFILE)), "no connection could be opened here: too many open files"},
		{"system out of descriptors", failing(socket(syscall.ENFILE)), "no connection could be opened here: too many open files in system"},
		{"out of buffers", failing(socket(syscall.ENOBUFS)), "no connection could be opened here: no buffer space available"},
		{"out of memory", failing(socket(syscall.ENOMEM)), "no connection could be opened here: cannot allocate memory"},
		{"out of local ports", failing(socket(syscall.EADDRNOTAVAIL)), "no connection could be opened here: cannot assign requested address"},
		{"out of descriptors for a look-up", failing(&net.DNSError{ // as Go's resolver says it
			Err: "dial udp 192.0.2.53:53: socket: too many open files", Name: "web-1", Server: "192.0.2.53:53", IsTemporary: true,
		}), "no connection could be opened here: too many open files"},
		{"panic", func(context.Context, string, string) (net.Conn, error) {
			panic("no such thing")
		}, "Dial panicked: no such thing"},
		{"nothing", failing(nil), "Dial returned neither a connection nor an error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := httpProbe("web-1:80")
			p.Dial = tt.dial
			expect(t, p.Run(t.Context()), probe.InternalError, "Internal error: "+tt.want)
		})
	}
}
