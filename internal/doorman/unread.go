package doorman

import (
	"errors"
	"io"
	"net"
)

// An unread connection gives back what was read from it, before what comes.
type unread struct {
	net.Conn
	bytes []byte // belongs to the reader
}

func (u *unread) Read(p []byte) (int, error) {
	if len(u.bytes) == 0 {
		return u.Conn.Read(p)
	}
	n := copy(p, u.bytes)
	u.bytes = u.bytes[n:]
	if len(u.bytes) == 0 {
		u.bytes = nil
	}
	return n, nil
}

// ReadFrom lets net/http use what the connection below has for copying files and
// connections.
func (u *unread) ReadFrom(r io.Reader) (int64, error) { return io.Copy(u.Conn, r) }

// CloseWrite is what net/http, and whoever takes a connection over from it, close
// one direction with.
func (u *unread) CloseWrite() error {
	if c, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
