//go:build !linux

package front

import (
	"context"
	"net"
)

// Listen listens on a TCP address, host:port or :port.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}
