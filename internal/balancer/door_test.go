package balancer

import (
	"net"
	"testing"
)

// TestDoor leaves a listener before anybody has been accepted: those in its queue
// must be let in, and then nobody.
func TestDoor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Listener: l}
	defer d.Close()
	for range 5 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if !d.leave() {
		t.Fatal("a TCP listener can't be left")
	}
	for i := range 5 {
		c, err := d.Accept()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		c.Close()
	}
	if c, err := d.Accept(); err != errLeft {
		t.Errorf("after the queue: %v, %v, want errLeft", c, err)
	}
}
