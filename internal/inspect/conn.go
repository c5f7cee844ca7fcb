package inspect

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/refusal"
)

// call is one connection. Its goroutine owns it; HTTP/2 answers in goroutines of
// their own, which http2.go keeps in order.
type call struct {
	server   *Server
	conn     net.Conn // as accepted
	stream   net.Conn // what is spoken on: conn, or the inside of its TLS
	r        *bufio.Reader
	listener string
	number   int
	began    time.Time // accepted
	ends     time.Time // Limits.Life is over

	nth       int // arrivals so far
	proxy     *Proxy
	hello     *Hello
	toldFirst bool // the Server's first arrival was one of this connection
}

// The size of a connection's read buffer. It bounds the PROXY header that can be
// taken and one line of a head.
const readBuffer = 4 << 10

func newCall(s *Server, conn net.Conn, listener string, number int) *call {
	now := time.Now()
	return &call{
		server: s, conn: conn, stream: conn, r: bufio.NewReaderSize(conn, readBuffer), listener: listener,
		number: number, began: now, ends: now.Add(s.limits.Life),
	}
}

// serve holds the connection to its end.
func (c *call) serve(ctx context.Context) {
	defer func() { _ = c.conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	defer stop()

	if !c.awaitFirst() {
		return
	}
	proxy, err := readProxy(c.r)
	c.proxy = proxy
	if proxy != nil {
		if proxy.Wrong != "" || err != nil {
			c.other(proxy.Bytes, "the PROXY header is wrong: "+proxy.Wrong, nil)
			return
		}
		if !c.awaitFirst() {
			return
		}
	}
	// An error is left to the reading that follows, which has the bytes too.
	if isTLS, _ := begins(c.r, "\x16\x03"); isTLS && c.server.options.TLS != TLSNever {
		if !c.encrypt(ctx) || !c.awaitFirst() {
			return
		}
	} else if c.server.options.TLS == TLSOnly {
		c.readOther(nil, "it is no TLS, and only TLS is answered here")
		return
	}
	if isH2, _ := begins(c.r, preface); isH2 {
		c.serveHTTP2(ctx)
		return
	}
	c.serveHTTP1(ctx)
}

// encrypt shakes hands. It reports false, and has told why, if that failed.
func (c *call) encrypt(ctx context.Context) bool {
	c.deadline(c.server.limits.Head)
	encrypted, hello := c.server.handshake(ctx, c.conn, c.r)
	c.hello = hello
	if encrypted == nil {
		a := c.arrival(Handshake, c.began)
		a.Ending = "the handshake failed: " + hello.Err
		c.tell(a)
		return false
	}
	c.stream = encrypted
	c.r = bufio.NewReaderSize(encrypted, readBuffer)
	return true
}

// awaitFirst waits for the first byte of a connection, of the inside of its TLS,
// or of what comes behind a PROXY header. It reports false if none came; then, and
// after Limits.Silence, it has told of the silence.
func (c *call) awaitFirst() bool {
	limits := c.server.limits
	c.deadline(limits.Silence)
	_, err := c.r.Peek(1)
	if err == nil {
		return true
	}
	kind := Connect
	if c.hello != nil {
		kind = Handshake
	}
	a := c.arrival(kind, c.began)
	a.Ending = ending(err)
	timedOut := errors.Is(err, os.ErrDeadlineExceeded)
	if timedOut {
		a.Ending = "nothing was said for " + limits.Silence.String()
	}
	if !c.tell(a) || !timedOut {
		return false
	}
	if a.Answer.Way == Close || c.server.options.Once {
		return false
	}
	c.deadline(limits.Idle)
	_, err = c.r.Peek(1)
	c.began = time.Now() // of what comes now
	return err == nil
}

// ending tells how reading ended.
func ending(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed by the other side"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset by the other side"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no more came in time"
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return "closed by this side"
	}
	return err.Error()
}

// deadline bounds all reading by d from now, and by the connection's life.
func (c *call) deadline(d time.Duration) { c.until(time.Now().Add(d)) }

// until bounds all reading by at, and by the connection's life.
func (c *call) until(at time.Time) {
	if at.After(c.ends) {
		at = c.ends
	}
	_ = c.conn.SetReadDeadline(at)
}

// arrival begins an Arrival on this connection.
func (c *call) arrival(kind Kind, at time.Time) *Arrival {
	c.nth++
	return &Arrival{
		Time: at, Listener: c.listener, Peer: peerOf(c.conn), Connection: c.number, Nth: c.nth,
		Kind: kind, Proxy: c.proxy, TLS: c.hello,
	}
}

// tell finds out what is to be known about a and tells it. It reports false if
// the connection need not go on.
func (c *call) tell(a *Arrival) bool {
	a.Lasted = time.Since(a.Time)
	a.Request.Peer = a.Peer.Addr()
	a.Request.Front = frontOf(a)
	switch a.Kind {
	case HTTP09, HTTP1, HTTP2, GRPC:
		a.Guess = fingerprint.Recognise(a.Request, c.own())
		a.Refusals = refusal.Of(refusal.Request{Request: a.Request, TLS: a.TLS != nil})
	case Connect, Handshake:
		a.Guess = fingerprint.RecogniseSilence(a.Request)
	case Other:
	}
	if !c.server.tell(a) {
		return false
	}
	if a.Number == 1 {
		c.toldFirst = true
	}
	return true
}

// own adds to Options.Own the address that this connection came to: it is this
// machine's, whatever else is known.
func (c *call) own() func(netip.Addr) bool {
	local, _ := netip.ParseAddrPort(c.conn.LocalAddr().String())
	here := local.Addr().Unmap().WithZone("")
	known := c.server.options.Own
	return func(addr netip.Addr) bool {
		return addr == here || known != nil && known(addr)
	}
}

// frontOf is what came before the question, as fingerprint takes it.
func frontOf(a *Arrival) fingerprint.Front {
	var f fingerprint.Front
	if a.Proxy != nil && a.Proxy.Wrong == "" {
		f.Proxy, f.ProxySource = a.Proxy.Version, a.Proxy.Source.Addr()
		f.ProxyLocal = a.Proxy.Local || a.Proxy.Source == a.Peer
	}
	if a.TLS != nil {
		f.TLS, f.ServerName, f.ALPN = true, a.TLS.ServerName, len(a.TLS.ALPN) > 0
	}
	return f
}

// setBytes keeps at most bound bytes of all.
func (a *Arrival) setBytes(all []byte, bound int) {
	a.Bytes = all
	if len(all) > bound {
		a.Bytes, a.More = all[:bound:bound], true
	}
}
