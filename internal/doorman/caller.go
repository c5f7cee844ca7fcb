package doorman

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// maxHead bounds what is read before a connection is handed over.
	maxHead = 4 << 10
	// maxAnswers is how much of the answers to pipelined questions is kept back in
	// order to be written at once.
	maxAnswers = 2 << 10
	// maxSlack is how much shorter than asked for an idle timeout may be. To set a
	// deadline costs more than to parse a question, so it is not set for each.
	maxSlack = time.Second
	// lingerTime and lingerBytes bound what is read and dropped after the last
	// answer of a client that has sent more than it asked. A connection closed on
	// unread bytes is reset, and the reset may overtake the answer.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 64 << 10
)

// What becomes of a connection.
type next uint8

const (
	wait next = iota
	handOver
	hangUp
)

// A caller is a connection that has asked nothing but bare questions so far. It
// belongs to one goroutine.
type caller struct {
	door *Doorman
	conn net.Conn

	buf  [maxHead]byte
	r, w int    // what was read and not used yet is buf[r:w]
	out  []byte // answers not written yet

	last     *known   // the question asked last
	question Question // the same, with this Peer

	begun time.Time // when the head that is waited for began; zero while idle after an answer
	armed time.Time // the deadline that is set
}

var callers = sync.Pool{New: func() any { return new(caller) }}

func newCaller(d *Doorman, conn net.Conn) *caller {
	c := callers.Get().(*caller)
	c.door, c.conn = d, conn
	c.r, c.w, c.out = 0, 0, c.out[:0]
	c.question.Peer = peer(conn)
	c.begun, c.armed = time.Now(), time.Time{}
	return c
}

// free must be the last use of a caller.
func (c *caller) free() {
	c.door, c.conn, c.last, c.question = nil, nil, nil, Question{}
	callers.Put(c)
}

func peer(conn net.Conn) netip.Addr {
	switch a := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	case nil:
		return netip.Addr{}
	default:
		p, _ := netip.ParseAddrPort(a.String()) // a unix socket has none
		return p.Addr().Unmap().WithZone("")
	}
}

// pending is what was read and is not answered here.
func (c *caller) pending() []byte { return c.buf[c.r:c.w] }

// converse answers questions until the caller asks something else or is done.
func (c *caller) converse() next {
	for now := c.begun; c.arm(now); {
		n, err := c.conn.Read(c.buf[c.w:])
		now = time.Now()
		c.w += n
		if n > 0 {
			if next := c.reply(now); next != wait {
				return next
			}
		}
		if err != nil && !c.woken(err, now) {
			return hangUp
		}
	}
	return hangUp
}

// arm sets the deadline for what is waited for. It returns false if that is
// nothing: nobody is kept without a question when the doorman goes.
func (c *caller) arm(now time.Time) bool {
	if c.begun.IsZero() {
		want := now.Add(c.door.idleTimeout())
		if early := want.Sub(c.armed); early < 0 || early > min(maxSlack, c.door.idleTimeout()/16) {
			c.setDeadline(want)
		}
		return !c.door.shut.Load() // after setting, see Doorman.wake
	}
	if want := c.begun.Add(c.door.headerTimeout()); !want.Equal(c.armed) {
		c.setDeadline(want)
	}
	return true
}

func (c *caller) setDeadline(t time.Time) {
	c.armed = t
	_ = c.conn.SetDeadline(t) // fails only if the connection is closed, which reading will tell
}

// woken reports whether err is that of a deadline which the Doorman has brought
// forward, so that the caller may look again what it waits for.
func (c *caller) woken(err error, now time.Time) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || !now.Before(c.armed) {
		return false
	}
	c.armed = time.Time{}
	return true
}

// reply answers every question that has been read whole.
func (c *caller) reply(now time.Time) next {
	for c.r < c.w {
		switch c.recognise() {
		case other:
			return c.flush(handOver)
		case unfinished:
			if c.begun.IsZero() {
				c.begun = now
			}
			c.w = copy(c.buf[:], c.pending())
			c.r = 0
			if c.w == len(c.buf) {
				return c.flush(handOver)
			}
			return c.flush(wait)
		}
		c.begun = time.Time{}
		c.r += len(c.question.Head)
		code, word, ok := c.answer()
		keep := ok && c.last.keeps && !c.door.parting.Load()
		c.out = appendAnswer(c.out, c.last, code, word, c.door.dates.date(now), keep)
		if !keep {
			return c.flush(hangUp)
		}
		if len(c.out) > maxAnswers && c.flush(wait) != wait {
			return hangUp
		}
	}
	c.r, c.w = 0, 0
	return c.flush(wait)
}

// answer is what Answer says to the question. If that panics, it is not ok and 500,
// and nobody else's connection ends: net/http goes on after a handler's panic too.
func (c *caller) answer() (code int, word string, ok bool) {
	defer func() {
		if !ok {
			code, word = http.StatusInternalServerError, "error"
			cmp.Or(c.door.Log, slog.Default()).Error("answering a health question panicked",
				"error", recover(), "stack", string(debug.Stack()))
		}
	}()
	code, word = c.door.Answer(&c.question)
	return code, word, true
}

// recognise judges what is pending. If that is a bare question, it becomes the
// last.
func (c *caller) recognise() verdict {
	b := c.pending()
	if c.last != nil && len(b) >= len(c.question.Head) && string(b[:len(c.question.Head)]) == string(c.question.Head) {
		return bare
	}
	k, v := c.door.recognise(b)
	if v == bare {
		p := c.question.Peer
		c.last, c.question = k, k.question
		c.question.Peer = p
	}
	return v
}

// flush writes the answers that were kept back. It returns then, or hangUp if
// that fails.
func (c *caller) flush(then next) next {
	if len(c.out) == 0 {
		return then
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	if err != nil {
		return hangUp
	}
	// A question without a version is answered at its first line end, and those who
	// send it tend to send another.
	if then == hangUp && (c.r < c.w || c.question.Proto == noVersion) {
		c.linger()
	}
	return then
}

// linger says that nothing more will come and drops what the client still sends.
func (c *caller) linger() {
	closer, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || closer.CloseWrite() != nil {
		return
	}
	c.setDeadline(time.Now().Add(lingerTime))
	for dropped := 0; dropped < lingerBytes; {
		n, err := c.conn.Read(c.buf[:])
		if err != nil {
			return
		}
		dropped += n
	}
}
