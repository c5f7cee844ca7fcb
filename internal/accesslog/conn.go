package accesslog

import (
	"errors"
	"net"
	"sync/atomic"
)

// A conn is a client's connection after an upgrade. It counts what is sent. It
// may be written to while the line is being made: a handler need not wait for
// the direction that ended last.
type conn struct {
	net.Conn
	sent atomic.Int64
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// CloseWrite passes on the half-close of an upgraded connection, where there is
// such a thing.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
