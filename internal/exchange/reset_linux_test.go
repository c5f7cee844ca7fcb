package exchange_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/inservice/inservice/internal/exchange"
)

// waitTaken waits until the other end's machine has everything that was written.
func waitTaken(t testing.TB, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const tiocOutq = 0x5411 // bytes not yet acknowledged (tcp(7), SIOCOUTQ)
	for start := time.Now(); time.Since(start) < patience; {
		var left int32
		raw.Control(func(fd uintptr) {
			syscall.Syscall(syscall.SYS_IOCTL, fd, tiocOutq, uintptr(unsafe.Pointer(&left)))
		})
		if left == 0 {
			return
		}
	}
	t.Error("the other end takes nothing")
}

// linger0 makes closing a connection break it.
func linger0(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }

// TestReset: what came before a connection broke counts.
func TestReset(t *testing.T) {
	readRequest := func(conn net.Conn) { http.ReadRequest(bufio.NewReader(conn)) }
	tests := []struct {
		name    string
		server  server
		failure exchange.Failure
		got     string
	}{
		{"after a whole answer", func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, ok)
			linger0(conn)
		}, exchange.None, ok},
		{"in the head", func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, "HTTP/1.1 200")
			linger0(conn)
		}, exchange.Reset, "HTTP/1.1 200"},
		{"in the body", func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, ok[:len(ok)-1])
			linger0(conn)
		}, exchange.Reset, ok[:len(ok)-1]},
		{"instead of an answer", func(conn net.Conn) {
			readRequest(conn)
			linger0(conn)
		}, exchange.Reset, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := exchange.Do(t.Context(), ask(listen(t, func(conn net.Conn) {
				tt.server(conn)
				// Linger drops what the other end has not got: let it come first.
				waitTaken(t, conn)
			})))
			check(t, a)
			if a.Failure != tt.failure || string(a.Received) != tt.got {
				t.Errorf("ended with %q after %q, want %q after %q; error %v", a.Failure, a.Received, tt.failure, tt.got, a.Err)
			}
			if tt.failure == exchange.Reset && !errors.Is(a.Err, syscall.ECONNRESET) {
				t.Errorf("error %v", a.Err)
			}
		})
	}
}

func TestResetOfWhoSpokeFirst(t *testing.T) {
	const banner = "220 mail.example.test ESMTP\r\n"
	a := exchange.Do(t.Context(), ask(listen(t, func(conn net.Conn) {
		io.WriteString(conn, banner)
		waitTaken(t, conn)
		conn.Read(make([]byte, 1)) // leaves the rest unread, so that closing resets
	})))
	expect(t, a, exchange.Malformed, exchange.ReadingHead)
	if string(a.Received) != banner {
		t.Errorf("received %q", a.Received)
	}
}
