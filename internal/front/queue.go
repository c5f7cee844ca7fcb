package front

import (
	"errors"
	"net"
	"os"
	"time"
)

const (
	// When nobody has come for this long, and then once more, the queue is taken to
	// be empty. Twice, because a busy machine may let the time pass before it looks.
	// Without lock, those who come between that and the closing of the listener are
	// reset.
	queueGap = time.Millisecond
	// Under a load that leaves no gap, the listener is closed all the same.
	queueLimit = 250 * time.Millisecond
)

type deadlines interface{ SetDeadline(time.Time) error }

// errLeft is what Accept returns after leave.
var errLeft = errors.New("no more connections are accepted")

// A queue is a listener that can be left without turning those away who wait in
// it: closing a listener resets them.
type queue struct {
	net.Listener
	until time.Time // when the last may come; zero before leave. Belongs to the goroutine that accepts
}

// leave has Accept return what is in the queue and then errLeft. It returns
// false if the listener has no deadlines; then only Close ends Accept.
func (q *queue) leave() bool {
	l, ok := q.Listener.(deadlines)
	return ok && l.SetDeadline(time.Now()) == nil
}

// Accept must be called by one goroutine at a time.
func (q *queue) Accept() (net.Conn, error) {
	if q.until.IsZero() {
		c, err := q.Listener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
		_ = lock(q.Listener) // without it, those are reset who come in the moment of closing
		q.until = time.Now().Add(queueLimit)
	}
	for range 2 {
		now := time.Now()
		if now.After(q.until) {
			return nil, errLeft
		}
		if err := q.Listener.(deadlines).SetDeadline(now.Add(queueGap)); err != nil {
			return nil, err
		}
		c, err := q.Listener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
	}
	return nil, errLeft
}
