package exchange_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// failing is a connection of which nothing is heard but errors.
type failing struct {
	net.Conn
	read, write error
}

func (f failing) Read([]byte) (int, error)         { return 0, f.read }
func (f failing) Write(b []byte) (int, error)      { return len(b), f.write }
func (f failing) Close() error                     { return nil }
func (f failing) LocalAddr() net.Addr              { return nil }
func (f failing) RemoteAddr() net.Addr             { return nil }
func (f failing) SetDeadline(time.Time) error      { return nil }
func (f failing) SetReadDeadline(time.Time) error  { return nil }
func (f failing) SetWriteDeadline(time.Time) error { return nil }

func TestConnectionFailures(t *testing.T) {
	system := func(number syscall.Errno) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", number)}
	}
	tests := []struct {
		name        string
		read, write error
		failure     exchange.Failure
		stage       exchange.Stage
	}{
		{"closed", io.EOF, nil, exchange.Closed, exchange.Waiting},
		{"reset", system(syscall.ECONNRESET), nil, exchange.Reset, exchange.Waiting},
		{"reset, first seen by writing", io.EOF, system(syscall.EPIPE), exchange.Reset, exchange.Sending},
		{"closed before it took anything", io.EOF, io.ErrClosedPipe, exchange.Closed, exchange.Sending},
		{"machine gone", system(syscall.ETIMEDOUT), nil, exchange.TimedOut, exchange.Waiting},
		{"route gone", system(syscall.EHOSTUNREACH), nil, exchange.Unreachable, exchange.Waiting},
		{"forbidden from now on", system(syscall.EPERM), nil, exchange.Unreachable, exchange.Waiting},
		{"memory", system(syscall.ENOBUFS), nil, exchange.OwnFault, exchange.Waiting},
		{"reader that does nothing", nil, nil, exchange.Reset, exchange.Waiting},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, protocol := range []exchange.Protocol{exchange.HTTP1, exchange.HTTP2} {
				r := ask("x:80")
				r.Protocol = protocol
				r.Dial = func(context.Context, string, string) (net.Conn, error) {
					return failing{read: tt.read, write: tt.write}, nil
				}
				a := exchange.Do(t.Context(), r)
				expect(t, a, tt.failure, tt.stage)
				if a.Remote != "" || errors.Is(a.Err, exchange.ErrTimeout) {
					t.Errorf("remote %q, error %v", a.Remote, a.Err)
				}
			}
		})
	}
}

// lagging is a connection whose writes come back later than their answer.
type lagging struct{ net.Conn }

func (l lagging) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	time.Sleep(time.Millisecond)
	return n, err
}

// TestGoodbye: the server hears that a session is over, even if it answered
// before the call that sent the request came back.
func TestGoodbye(t *testing.T) {
	cert := newAuthority(t).issue(t, soon(), "x")
	last := make(chan int, 1)
	address := listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
		says(ok)(secure)
		rest, _ := io.ReadAll(conn) // below TLS, which does not tell a goodbye from an end
		last <- len(rest)
	})
	r := askTLS(address, exchange.TLS{})
	r.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return lagging{conn}, err
	}
	expect(t, exchange.Do(t.Context(), r), exchange.None, exchange.Done)
	if <-last == 0 {
		t.Error("the connection ended without a close_notify alert")
	}
}
