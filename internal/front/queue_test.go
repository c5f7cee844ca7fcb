package front

import (
	"net"
	"testing"
)

// TestQueue leaves a listener before anybody has been accepted: those in its queue
// must be let in, and then nobody.
func TestQueue(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	q := &queue{Listener: l}
	defer q.Close()
	for range 5 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if !q.leave() {
		t.Fatal("a TCP listener can't be left")
	}
	for i := range 5 {
		c, err := q.Accept()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		c.Close()
	}
	if c, err := q.Accept(); err != errLeft {
		t.Errorf("after the queue: %v, %v, want errLeft", c, err)
	}
}
