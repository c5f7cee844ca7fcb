package front_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/inservice/inservice/internal/front"
)

// TestListenKeepsAlive looks at the options of an accepted connection: nobody has
// set them on it, so they must come from the listening socket.
func TestListenKeepsAlive(t *testing.T) {
	l, err := front.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for name, option := range map[string][3]int{
			"keep-alive": {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			"idle":       {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 15},
			"interval":   {syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15},
			"count":      {syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 9},
		} {
			if got, err := syscall.GetsockoptInt(int(fd), option[0], option[1]); got != option[2] || err != nil {
				t.Errorf("%s = %d, %v, want %d", name, got, err, option[2])
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := front.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if l, err := front.Listen(t.Context(), taken.Addr().String()); err == nil {
		l.Close()
		t.Error("a port in use was bound twice")
	}
}
