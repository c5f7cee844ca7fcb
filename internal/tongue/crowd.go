package tongue

import (
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	acceptPause  = 100 * time.Millisecond // after an Accept that failed for now, as for want of descriptors
	crowdedEvery = time.Minute            // how often the log says that connections are refused
)

// crowd is a listener with a bound on the connections that are open at a time.
// Those above it are closed as they come: a stranger who holds connections must
// not use up the descriptors that the other tongues, and HTTP, answer with.
//
// Accept is called by one goroutine at a time. It ends by Close or by an error
// that is there to stay.
type crowd struct {
	net.Listener
	log    *slog.Logger
	room   chan struct{} // one element for each open connection
	closed chan struct{}
	close  func() error

	quiet time.Time // until then nothing is logged; belongs to Accept
}

// newCrowd bounds a listener; a nil log discards.
func newCrowd(listener net.Listener, most int, log *slog.Logger) *crowd {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	closed := make(chan struct{})
	return &crowd{
		Listener: listener, log: log.With("address", listener.Addr().String()),
		room: make(chan struct{}, most), closed: closed,
		close: sync.OnceValue(func() error {
			close(closed)
			return listener.Close()
		}),
	}
}

func (c *crowd) Close() error { return c.close() }

func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if passing, ok := err.(interface{ Temporary() bool }); ok && passing.Temporary() {
			c.say("a connection can't be accepted", "error", err)
			if !c.pause() {
				return nil, net.ErrClosed
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		select {
		case c.room <- struct{}{}:
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { <-c.room })}, nil
		default:
			conn.Close()
			c.say("too many connections at a time: one was closed unanswered", "most", cap(c.room))
		}
	}
}

// pause returns false when the listener was closed meanwhile.
func (c *crowd) pause() bool {
	timer := time.NewTimer(acceptPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.closed:
		return false
	}
}

func (c *crowd) say(message string, attributes ...any) {
	now := time.Now()
	if now.Before(c.quiet) {
		return
	}
	c.quiet = now.Add(crowdedEvery)
	c.log.Warn(message, attributes...)
}

// guest is a connection that makes room when it closes.
type guest struct {
	net.Conn
	leave func()
}

func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}
