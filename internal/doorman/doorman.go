// Package doorman answers load balancers at the door: a bare health question is
// answered from its bytes, before an HTTP server has spent anything on it, and
// whoever wants anything else is let in with every byte that was read given back.
//
// A [Doorman] stands between a listener and an http.Server and is a listener
// itself. There are two reasons for it. An answer through net/http costs several
// times what it costs here. And net/http refuses HTTP/1.1 requests without a Host,
// and request lines without a version, before any handler sees them; some load
// balancers send just these.
//
// What it guarantees:
//
//   - A question is bare if nothing but the bare word can be its answer: GET, HEAD
//     or OPTIONS; the health path with or without a slash at its end, and no query;
//     HTTP/1.1, HTTP/1.0 or no version; no body, no Authorization, no Upgrade, no
//     Expect, and no Accept that names JSON. Its Host may be anything that ends
//     with its line. Each is passed to Answer, also when a thousand come a second
//     over one connection.
//   - What net/http would refuse, HTTP/1.1 without a Host and no version, is bare
//     with a query too, and the former with any Accept: the bare word is a better
//     answer than 400, which takes a server out of service.
//   - Everything else is not judged here: another path, and whatever is odd in a
//     head (a bare CR or LF, a folded line, an unknown Connection option, a field
//     twice that may be there once, more than 4 KiB), goes to the server as it came.
//     A connection that was handed over never comes back, so no request is ever
//     read by two parsers.
//   - A client that is slow with its head is cut off after HeaderTimeout, one that
//     asks nothing more after IdleTimeout. A handed-over connection has no deadline
//     left, so the server's own count from then.
//   - An answer allocates nothing once a head like it was seen.
//
// A question without a version (HTTP/0.9, as F5's factory setting sends it) gets
// a whole HTTP/1.1 answer and then the end of the connection: a matcher that looks
// for the word finds it, and one that looks for the status does too.
package doorman

import (
	"bytes"
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// What zero means.
const (
	DefaultHeaderTimeout = 10 * time.Second
	// Above the 60 s for which AWS's Application Load Balancer keeps an unused
	// connection by default: so it closes first, and never asks into a closed one.
	DefaultIdleTimeout = 75 * time.Second
)

// Question is a bare health question.
type Question struct {
	Method    string     // GET, HEAD or OPTIONS
	Proto     string     // "HTTP/1.1", "HTTP/1.0", or "HTTP/0.9" for a request line without a version
	Host      string     // the field's value, which can hold any bytes but control characters; empty if there is none
	HasHost   bool       // there is a Host field
	UserAgent string     // empty if there is none
	Peer      netip.Addr // who is connected; the zero Addr if that has no IP address
	Head      []byte     // as it came, line ends included; not to be changed or kept after Answer
}

// Doorman is a net.Listener that hands on those connections of another listener
// whose next request is no bare health question. Set the fields before the first
// Accept; they must not change after it.
//
// Accept may be called by one goroutine at a time; all other methods by any.
type Doorman struct {
	// Listener is where connections come from. Required; package front sets it.
	// The Doorman closes it.
	Listener net.Listener

	// Path is the health path, written plainly: "/health_check". A slash at its end
	// makes no difference. Required.
	Path string

	// Answer is called for each bare health question and says what the answer is: a
	// status code and the body. It is called by many goroutines at a time, must be
	// quick, and must neither change nor keep the question. If it panics, the answer
	// is 500 and the connection ends. Required.
	Answer func(q *Question) (code int, word string)

	// HeaderTimeout is how long it may take from the connection's begin, or from
	// the first byte of a later question, until the head is there. Zero means 10
	// seconds.
	HeaderTimeout time.Duration

	// IdleTimeout is how long a connection is kept after an answer; it may be up to
	// a second less. Zero means 75 seconds.
	IdleTimeout time.Duration

	// Log is told when Answer panics. Nil means slog.Default().
	Log *slog.Logger

	opened  sync.Once
	lines   []requestLine
	memory  *memory
	dates   calendar
	handed  chan net.Conn // from a caller's goroutine to Accept
	failed  chan error    // from the accepting goroutine to Accept
	closing chan struct{} // closed by Close
	ended   chan struct{} // closed when the accepting goroutine and all callers' have ended

	parting atomic.Bool // every answer ends its connection
	shut    atomic.Bool // nobody comes any more, so whoever is idle goes

	closeOnce sync.Once
	closeErr  error // written by closeOnce

	mu     sync.Mutex
	closed bool              // guarded by mu
	here   map[net.Conn]bool // guarded by mu; neither handed over nor closed. False: about to be handed over
}

// open starts to accept. It is called with the first Accept.
func (d *Doorman) open() {
	d.lines = requestLines(d.Path)
	d.memory = newMemory()
	d.handed = make(chan net.Conn)
	d.failed = make(chan error)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.here = make(map[net.Conn]bool)
	d.closing, d.ended = make(chan struct{}), make(chan struct{})
	if d.closed {
		close(d.closing)
		close(d.ended)
		return
	}
	go d.receive()
}

// receive accepts until the listener fails for good or the Doorman is closed, and
// waits for all callers.
func (d *Doorman) receive() {
	defer close(d.ended)
	var callers sync.WaitGroup
	defer callers.Wait()
	for {
		conn, err := d.Listener.Accept()
		if err == nil {
			if !d.enter(conn) {
				conn.Close()
				return
			}
			callers.Go(func() { d.attend(conn) })
			continue
		}
		if !isTemporary(err) {
			_ = d.closeListener() // at once: whoever came while others are waited for would be reset in the end
			d.Part()
			d.shut.Store(true)
			d.wake()
			callers.Wait()
		}
		select {
		case d.failed <- err: // whoever accepts decides whether to go on
		case <-d.closing:
			return
		}
	}
}

// isTemporary is what http.Server goes by: too many open files, for one.
func isTemporary(err error) bool {
	var e interface{ Temporary() bool }
	return errors.As(err, &e) && e.Temporary()
}

// attend talks to one caller until it is handed over or has ended.
func (d *Doorman) attend(conn net.Conn) {
	c := newCaller(d, conn)
	defer c.free()
	if c.converse() != handOver {
		d.exit(conn)
		conn.Close()
		return
	}
	d.release(conn)
	_ = conn.SetDeadline(time.Time{}) // fails only if the connection is closed, which its reader will see
	select {
	case d.handed <- &unread{Conn: conn, bytes: bytes.Clone(c.pending())}:
	case <-d.closing:
		conn.Close()
	}
	d.exit(conn)
}

// recognise judges what a connection has brought.
func (d *Doorman) recognise(b []byte) (*known, verdict) {
	if end := bytes.Index(b, headEnd); end >= 0 {
		if k := d.memory.recall(b[:end+len(headEnd)]); k != nil {
			return k, bare
		}
	}
	var h head
	v := h.read(d.lines, b)
	if v != bare {
		return nil, v
	}
	return d.memory.learn(&h, b), bare
}

var headEnd = []byte("\r\n\r\n")

func (d *Doorman) headerTimeout() time.Duration { return cmp.Or(d.HeaderTimeout, DefaultHeaderTimeout) }
func (d *Doorman) idleTimeout() time.Duration   { return cmp.Or(d.IdleTimeout, DefaultIdleTimeout) }

// enter returns false if nobody may come any more.
func (d *Doorman) enter(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.here[conn] = true
	return true
}

func (d *Doorman) exit(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.here, conn)
}

// release has wake and Close leave a connection alone from now on: it is about to
// be somebody else's.
func (d *Doorman) release(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.here[conn] = false
}

// wake ends what callers wait for. They decide whether to wait again.
func (d *Doorman) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn, ours := range d.here {
		if ours {
			_ = conn.SetReadDeadline(past) // fails only if the connection is closed
		}
	}
}

var past = time.Unix(1, 0)

// Accept returns the next connection that wants something else than a bare health
// question. When the listener fails for good, the Doorman closes it and the
// connections that are kept without a question, and Accept returns the error, but
// only after every other connection was handed over or has ended.
func (d *Doorman) Accept() (net.Conn, error) {
	d.opened.Do(d.open)
	select {
	case conn := <-d.handed:
		return conn, nil
	case err := <-d.failed:
		return nil, err
	case <-d.closing:
		return nil, net.ErrClosed
	}
}

// Part has every answer from now on end its connection.
func (d *Doorman) Part() { d.parting.Store(true) }

// Held is the number of connections that have come and were neither handed over
// nor closed.
func (d *Doorman) Held() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.here)
}

// Close closes the listener and every connection that was not handed over, and
// returns when all goroutines that the Doorman started have ended.
func (d *Doorman) Close() error {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	ended := d.ended // nil if there was no Accept
	if first && ended != nil {
		close(d.closing)
	}
	for conn, ours := range d.here {
		if ours {
			conn.Close()
		}
	}
	d.mu.Unlock()
	err := d.closeListener()
	if ended != nil {
		<-ended
	}
	return err
}

func (d *Doorman) closeListener() error {
	d.closeOnce.Do(func() { d.closeErr = d.Listener.Close() })
	return d.closeErr
}

// Addr is the listener's address.
func (d *Doorman) Addr() net.Addr { return d.Listener.Addr() }
