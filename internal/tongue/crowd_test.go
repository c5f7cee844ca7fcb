package tongue

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/memnet"
)

func TestCrowdIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(memnet.Network)
		listener, err := network.Listen("192.0.2.1:1")
		if err != nil {
			t.Fatal(err)
		}
		log, lines := newLog()
		c := newCrowd(listener, 2, log)
		accepted := make(chan net.Conn, 10)
		go func() {
			for {
				conn, err := c.Accept()
				if err != nil {
					close(accepted)
					return
				}
				accepted <- conn
			}
		}()
		dial := func() (open bool) {
			t.Helper()
			conn, err := network.Dial(t.Context(), "tcp", "192.0.2.1:1")
			if err != nil {
				t.Fatal(err)
			}
			conn.SetReadDeadline(time.Now().Add(time.Second))
			_, err = conn.Read(make([]byte, 1))
			ne, timeout := errors.AsType[net.Error](err)
			return timeout && ne.Timeout()
		}
		for i, want := range []bool{true, true, false, false} {
			if got := dial(); got != want {
				t.Errorf("connection %d of at most 2: let in is %v, want %v", i+1, got, want)
			}
		}
		if n := len(lines); n != 1 || !strings.Contains(<-lines, "too many connections") {
			t.Errorf("%d lines in the log for two who were not let in, want one", n)
		}
		first := <-accepted
		first.Close()
		first.Close() // makes room once
		if !dial() {
			t.Error("nobody was let in after one had left")
		}
		if dial() {
			t.Error("a second one was let in after one had left")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for range accepted {
		}
	})
}

// tired is a listener without descriptors.
type tired struct {
	net.Listener
	tries int
}

func (l *tired) Accept() (net.Conn, error) {
	l.tries++
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

func TestCrowdOutlivesWantOfDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener, err := new(memnet.Network).Listen("192.0.2.1:1")
		if err != nil {
			t.Fatal(err)
		}
		log, lines := newLog()
		l := &tired{Listener: listener}
		c := newCrowd(l, 1, log)
		time.AfterFunc(10*acceptPause-time.Millisecond, func() { c.Close() })
		if _, err := c.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want that the listener was closed", err)
		}
		if l.tries != 10 {
			t.Errorf("tried %d times, want 10: every %v", l.tries, acceptPause)
		}
		if n := len(lines); n != 1 || !strings.Contains(<-lines, "too many open files") {
			t.Errorf("%d lines in the log, want one with the reason", n)
		}
	})
}
