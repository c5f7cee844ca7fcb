package front

import (
	"context"
	"net"
	"syscall"
)

// Listen listens on a TCP address, host:port or :port, such that accepting costs
// little: connections have keep-alive probes as Go's own listeners set them (after
// 15 seconds of silence, every 15 seconds, nine times), but inherit them from the
// socket that listens, see tcp(7), instead of four system calls for each.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1, Control: keepAlive}
	config.SetMultipathTCP(false) // its sockets take no filter, see lock
	return config.Listen(ctx, "tcp", address)
}

func keepAlive(_, _ string, c syscall.RawConn) error {
	var failed error
	set := func(fd uintptr) {
		for _, option := range [...][3]int{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 15},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 9},
		} {
			if err := syscall.SetsockoptInt(int(fd), option[0], option[1], option[2]); err != nil {
				failed = err
				return
			}
		}
	}
	if err := c.Control(set); err != nil {
		return err
	}
	return failed
}
