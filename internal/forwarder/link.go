package forwarder

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Sizes of what is under way in one direction of a link.
const (
	chunkSize = 16 << 10
	queueSize = 64 << 10
)

// resetAfter is how long a client has to say something before it is reset.
const resetAfter = 20 * time.Millisecond

// link is one client and its connection to the server.
type link struct {
	f      *Forwarder
	client net.Conn
	ctx    context.Context // ends by end
	cancel context.CancelFunc

	mu     sync.Mutex
	over   bool     // guarded by mu
	server net.Conn // guarded by mu; nil until the server is reached
}

// end closes both sides, at once. With cut the client sees a reset; the server
// sees a client that hangs up.
func (l *link) end(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.over = true
	l.cancel()
	if cut {
		reset(l.client)
	} else {
		l.client.Close()
	}
	if l.server != nil {
		l.server.Close()
	}
}

// join notes the connection to the server. It reports false, and closes it, when
// the link has ended meanwhile.
func (l *link) join(server net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		server.Close()
		return false
	}
	l.server = server
	return true
}

// run forwards until both directions are over or the link is ended.
func (l *link) run() {
	var work sync.WaitGroup
	defer work.Wait()
	defer l.end(false) // so that what is waited for ends

	up, down := newQueue(), newQueue()
	work.Go(func() { l.read(l.client, up) })
	if !l.wait(up) {
		return
	}
	server, err := l.f.dial(l.ctx)
	if err != nil {
		l.end(true)
		return
	}
	if !l.join(server) {
		return
	}
	work.Go(func() { l.read(server, down) })
	var both sync.WaitGroup
	both.Go(func() { l.write(server, up) })
	both.Go(func() { l.write(l.client, down) })
	both.Wait()
}

// wait waits until the server may be asked for. It reports false when the client
// has left by then, or the link was ended.
func (l *link) wait(up *queue) bool {
	for {
		mode, _, changed := l.f.state()
		switch mode {
		case Pass, Slow:
			return true
		case Reset:
			l.startle(up)
			return false
		}
		select {
		case <-changed:
		case <-up.ended:
			return false
		case <-l.ctx.Done():
			return false
		}
	}
}

// startle resets the client when it says something, or soon. At once would be while
// it is still connecting, for some clients: that is another fault, and which one they
// see would be chance.
func (l *link) startle(up *queue) {
	soon := time.NewTimer(resetAfter)
	defer soon.Stop()
	select {
	case <-soon.C:
	case <-up.more:
	case <-l.ctx.Done():
	}
	l.end(true)
}

// read takes what one side sends into a queue, until its end.
func (l *link) read(from net.Conn, q *queue) {
	for {
		buffer := make([]byte, chunkSize)
		n, err := from.Read(buffer)
		if n > 0 && !q.put(chunk{data: buffer[:n], came: time.Now()}, l.ctx.Done()) {
			return
		}
		if err != nil {
			// What is no orderly end is passed on as a reset, behind what came before.
			q.finish(chunk{came: time.Now(), end: true, broken: err != io.EOF})
			return
		}
	}
}

// write sends on what is in a queue, each chunk when its time has come.
func (l *link) write(to net.Conn, q *queue) {
	for {
		next, ok := q.take(l.ctx.Done())
		if !ok || !l.hold(next.came) {
			return
		}
		if next.end {
			half, ok := to.(interface{ CloseWrite() error })
			if next.broken || !ok {
				l.end(next.broken)
				return
			}
			half.CloseWrite() // an error means that the other side has gone, which read sees
			return
		}
		if _, err := to.Write(next.data); err != nil {
			l.end(true)
			return
		}
		q.sent(len(next.data))
	}
}

// hold waits until what came at that time may go on. It reports false when the
// link has ended.
func (l *link) hold(came time.Time) bool {
	for {
		mode, delay, changed := l.f.state()
		var left time.Duration // zero: for as long as the mode lasts
		switch mode {
		case Pass:
			return true
		case Slow:
			if left = time.Until(came.Add(delay)); left <= 0 {
				return true
			}
		}
		if !l.pause(left, changed) {
			return false
		}
	}
}

// pause waits for a time, if there is one, or for a change. It reports false when
// the link has ended.
func (l *link) pause(d time.Duration, changed <-chan struct{}) bool {
	var due <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-changed:
	case <-l.ctx.Done():
		return false
	}
	return true
}
