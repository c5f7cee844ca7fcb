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

// Server is what is connected to. It must not be changed once its Run is in use,
// which may then be called from any goroutine.
type Server struct {
	// Address is host:port.
	Address string

	// Dial opens the connection, to Address over the network "tcp". Nil means a
	// plain net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Dial returns a check that passes when address ("host:port") accepts a
// connection, which is closed at once. It goes into health.Check's Run, may be
// used from any goroutine, and is bounded by the context.
func Dial(address string) func(context.Context) error { return Server{Address: address}.Run }

// Run connects once, and closes at once. It goes into health.Check's Run, and is
// bounded by the context.
func (s Server) Run(ctx context.Context) error {
	dial := s.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("no connection: %w", err) // err names the address
	}
	conn.Close() // nothing was sent, so nothing can be lost
	return nil
}
