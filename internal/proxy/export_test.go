package proxy

import (
	"context"
	"net"
)

// SetDial has p open its connections to targets with dial.
func (p *Proxy) SetDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	p.dialContext = dial
}
