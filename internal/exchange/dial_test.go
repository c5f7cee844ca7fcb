package exchange_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/inservice/inservice/internal/exchange"
)

func TestDialFailures(t *testing.T) {
	connect := func(number syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", number)}
	}
	tests := []struct {
		name string
		err  error
		want exchange.Failure
	}{
		{"refused", connect(syscall.ECONNREFUSED), exchange.Refused},
		{"no route", connect(syscall.EHOSTUNREACH), exchange.Unreachable},
		{"no network", connect(syscall.ENETUNREACH), exchange.Unreachable},
		{"forbidden here", connect(syscall.EPERM), exchange.Unreachable},
		{"reset", connect(syscall.ECONNRESET), exchange.Reset},
		{"system gives up", connect(syscall.ETIMEDOUT), exchange.TimedOut},
		{"descriptors", connect(syscall.EMFILE), exchange.OwnFault},
		{"local ports", connect(syscall.EADDRNOTAVAIL), exchange.OwnFault},
		{"no such host", &net.DNSError{Err: "no such host", IsNotFound: true}, exchange.NoSuchHost},
		{"name server", &net.DNSError{Err: "server misbehaving"}, exchange.NoSuchHost},
		{"slow name server", &net.DNSError{Err: "timeout", IsTimeout: true}, exchange.TimedOut},
		{"descriptors for a look-up", &net.DNSError{Err: "dial udp: socket: too many open files"}, exchange.OwnFault},
		{"anything", errors.New("anything"), exchange.Unreachable},
		{"nothing", nil, exchange.OwnFault},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask("x:80")
			r.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, tt.err }
			a := exchange.Do(t.Context(), r)
			expect(t, a, tt.want, exchange.Dialling)
			if tt.name == "descriptors for a look-up" && !errors.Is(a.Err, syscall.EMFILE) {
				t.Errorf("error %v does not tell what ran out", a.Err)
			}
			if tt.err != nil && !errors.Is(a.Err, tt.err) || a.Remote != "" || a.Sent != nil {
				t.Errorf("error %v, remote %q, sent %q", a.Err, a.Remote, a.Sent)
			}
		})
	}
	t.Run("panic", func(t *testing.T) {
		r := ask("x:80")
		r.Dial = func(context.Context, string, string) (net.Conn, error) { panic("oh") }
		a := exchange.Do(t.Context(), r)
		expect(t, a, exchange.OwnFault, exchange.Dialling)
		if fault, ok := errors.AsType[*exchange.DialError](a.Err); !ok || fault.Text != "Dial panicked: oh" || len(fault.Stack) == 0 {
			t.Errorf("error %#v", a.Err)
		}
	})
}

func TestRealDialling(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	open := listen(t, says(ok))
	_, port, _ := net.SplitHostPort(open)
	tests := []struct {
		name string
		ask  func(*exchange.Request)
		want exchange.Failure
	}{
		{"refused", func(r *exchange.Request) { r.Address = closed.Addr().String() }, exchange.Refused},
		{"source that is not ours", func(r *exchange.Request) { r.Source = netip.MustParseAddr("192.0.2.7") }, exchange.OwnFault},
		{"source of another family", func(r *exchange.Request) { r.Source = netip.MustParseAddr("::1") }, exchange.OwnFault},
		{"family without an address", func(r *exchange.Request) { r.Network = "tcp6" }, exchange.NoSuchHost},
		{"family", func(r *exchange.Request) { r.Network, r.Address = "tcp4", "localhost:"+port }, exchange.None},
		{"no address", func(r *exchange.Request) { r.Address = "" }, exchange.OwnFault},
		{"no port", func(r *exchange.Request) { r.Address = "127.0.0.1" }, exchange.OwnFault},
		{"no such socket", func(r *exchange.Request) { r.Address = "unix:/nowhere/socket" }, exchange.Refused},
		{"protocol unknown", func(r *exchange.Request) { r.Protocol = "spdy" }, exchange.OwnFault},
		{"PROXY header unknown", func(r *exchange.Request) { r.Proxy = "v3" }, exchange.OwnFault},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask(open)
			tt.ask(&r)
			a := exchange.Do(t.Context(), r)
			check(t, a)
			if a.Failure != tt.want || (tt.want != exchange.None) != (a.Stage == exchange.Dialling) {
				t.Errorf("ended with %q in stage %d, want %q; error %v", a.Failure, a.Stage, tt.want, a.Err)
			}
		})
	}
}

func TestEndsOfTheConnection(t *testing.T) {
	peer := make(chan string, 1)
	address := listen(t, func(conn net.Conn) {
		peer <- conn.RemoteAddr().String()
		says(ok)(conn)
	})
	r := ask(address)
	r.Source = netip.MustParseAddr("127.0.0.9")
	a := exchange.Do(t.Context(), r)
	expect(t, a, exchange.None, exchange.Done)
	if got := <-peer; got != a.Local || !strings.HasPrefix(got, "127.0.0.9:") || a.Remote != address {
		t.Errorf("the server saw %s; local %s, remote %s", got, a.Local, a.Remote)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listenOn(t, "unix", path, says(ok))
	r := ask("unix:" + path)
	r.Source = netip.MustParseAddr("127.0.0.9") // means nothing here
	a := exchange.Do(t.Context(), r)
	expect(t, a, exchange.None, exchange.Done)
	if a.Status != 200 || a.Remote != path {
		t.Errorf("status %d from %q", a.Status, a.Remote)
	}
}

func TestBareConnectsAndCloses(t *testing.T) {
	heard := make(chan int, 1)
	address := listen(t, func(conn net.Conn) {
		n, _ := conn.Read(make([]byte, 10))
		heard <- n
	})
	a := exchange.Do(t.Context(), exchange.Request{Address: address})
	expect(t, a, exchange.None, exchange.Done)
	if n := <-heard; n != 0 || a.Sent != nil || a.Remote != address {
		t.Errorf("the server heard %d bytes; answer %+v", n, a)
	}
}
