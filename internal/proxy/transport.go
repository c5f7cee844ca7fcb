package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// Connections kept for reuse, for each target. Above it, a burst pays for a
	// new connection with each request.
	idlePerTarget = 256

	// idleTimeout is below the 5 s for which common servers keep an unused
	// connection (Node.js server.keepAliveTimeout, Apache KeepAliveTimeout,
	// uvicorn --timeout-keep-alive). So we close first, and no request is sent
	// into a connection that the target is about to close.
	idleTimeout = 4 * time.Second

	// An answer's header larger than this is not a valid answer. It is several
	// times what a site with many cookies sends.
	maxAnswerHeader = 128 << 10

	// How long a request with "Expect: 100-continue" waits for the target's
	// word before its body is sent all the same.
	continueTimeout = time.Second
)

// newTransport returns the client side towards targets: HTTP/1.1 without TLS,
// no proxy from the environment, and no compression that the client did not ask
// for.
func newTransport(d *dialer, responseTimeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            d.dial,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerTarget,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  responseTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// A dialer opens connections to targets until it is closed. The transport lets
// a dial run on when its request has been cancelled, to have the connection for
// the next one; close is what such a dial listens to.
type dialer struct {
	connect dialFunc
	timeout time.Duration // of a dial
	stall   time.Duration // see conn

	ctx    context.Context // ends with close
	cancel context.CancelFunc

	mu      sync.Mutex     // keeps running from growing once ctx has ended
	running sync.WaitGroup // dials
}

func newDialer(connect dialFunc, timeout, stall time.Duration) *dialer {
	d := &dialer{connect: connect, timeout: timeout, stall: stall}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	if d.ctx.Err() != nil {
		d.mu.Unlock()
		return nil, errors.New("the proxy is closed")
	}
	d.running.Add(1)
	d.mu.Unlock()
	defer d.running.Done()

	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	if path, ok := authoritySocket(address); ok {
		network, address = "unix", path
	}
	c, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	return &conn{Conn: c, stall: d.stall}, nil
}

// close ends all dials and returns when they have.
func (d *dialer) close() {
	d.mu.Lock()
	d.cancel()
	d.mu.Unlock()
	d.running.Wait()
}

// A dialError is a failure to connect to a target.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// A conn is a connection to a target that fails when the target takes no byte
// for the time stall. Without it, a target that has stopped reading holds a
// large request for ever: the transport's own timeout starts only when the whole
// request has been sent.
type conn struct {
	net.Conn
	stall time.Duration
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// CloseWrite passes on the half-close of an upgraded connection. An error ends
// that connection as a whole.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
