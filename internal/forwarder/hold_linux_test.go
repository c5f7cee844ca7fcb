package forwarder_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/inservice/inservice/internal/forwarder"
)

// The port is nobody else's while connecting to it is refused, and free afterwards.
func TestPortStaysWhileItRefuses(t *testing.T) {
	// The kernel gives a port away as it lets one be bound without SO_REUSEADDR.
	stranger := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
		}), err)
	}}
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0", "0.0.0.0:0"} {
		f := &forwarder.Forwarder{Listen: listen, Address: "127.0.0.1:1"}
		if err := f.Open(); err != nil {
			t.Fatal(err)
		}
		set(t, f, forwarder.Refuse, 0)
		if l, err := stranger.Listen(t.Context(), "tcp", f.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
			if err == nil {
				l.Close()
			}
			t.Errorf("%s: another could take the port: %v", listen, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		l, err := stranger.Listen(t.Context(), "tcp", f.Addr().String())
		if err != nil {
			t.Errorf("%s: the port is not free afterwards: %v", listen, err)
			continue
		}
		l.Close()
	}
}
