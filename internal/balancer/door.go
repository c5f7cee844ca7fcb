package balancer

import (
	"errors"
	"net"
	"os"
	"time"
)

const (
	// When nobody has come for this long, the queue is taken to be empty. Those
	// who come between that and the closing of the listener are reset, so it is
	// short.
	queueGap = time.Millisecond
	// Under a load that leaves no gap, the listener is closed all the same.
	queueLimit = 50 * time.Millisecond
)

type deadlines interface{ SetDeadline(time.Time) error }

// errLeft is what Accept returns after leave.
var errLeft = errors.New("no more connections are accepted")

// A door is a listener that can be left without turning those away who wait in
// its queue: closing a listener resets them.
type door struct {
	net.Listener
	until time.Time // the last of the queue; zero before leave. Belongs to the goroutine that accepts
}

// leave has Accept return what is in the queue and then errLeft. It returns
// false if the listener has no deadlines; then only Close ends Accept.
func (d *door) leave() bool {
	l, ok := d.Listener.(deadlines)
	return ok && l.SetDeadline(time.Now()) == nil
}

// Accept must be called by one goroutine at a time.
func (d *door) Accept() (net.Conn, error) {
	if d.until.IsZero() {
		c, err := d.Listener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
		d.until = time.Now().Add(queueLimit)
	}
	now := time.Now()
	if now.After(d.until) {
		return nil, errLeft
	}
	if err := d.Listener.(deadlines).SetDeadline(now.Add(queueGap)); err != nil {
		return nil, err
	}
	c, err := d.Listener.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errLeft
	}
	return c, err
}
