// Package tcpcheck checks that something accepts TCP connections.
//
// That is weak evidence: the kernel accepts for a program that hangs. Use it for
// what can't be asked anything better.
package tcpcheck

import (
	"context"
	"fmt"
	"net"
)

// Dial returns a check that passes when address ("host:port") accepts a
// connection, which is closed at once. It goes into health.Check's Run, may be
// used from any goroutine, and is bounded by the context.
func Dial(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("no connection: %w", err) // err names the address
		}
		conn.Close() // nothing was sent, so nothing can be lost
		return nil
	}
}
