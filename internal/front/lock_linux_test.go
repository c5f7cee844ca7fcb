package front

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestLock: who was connected before is in the queue, a newcomer is neither let in
// nor reset, and refused once the listener is closed.
func TestLock(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	early, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	if err := lock(l); err != nil {
		t.Fatal(err)
	}
	_, err = net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		t.Errorf("a newcomer: %v, want a timeout", err)
	}
	served, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	// Its packets still pass, in both directions.
	if _, err := early.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := served.Read(make([]byte, 1)); err != nil {
		t.Errorf("who was in the queue: %v", err)
	}
	l.Close()
	if _, err = net.Dial("tcp", l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after closing: %v, want refused", err)
	}
}
