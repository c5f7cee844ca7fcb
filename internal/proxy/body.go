package proxy

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A requestBody is the client's body on its way to the target. It bounds the
// wait for the client's next bytes, tells the client's failures from the
// target's, and carries the trailers over, which exist only once the body has
// been read to its end.
type requestBody struct {
	io.ReadCloser
	exchange *exchange
	client   *http.ResponseController
	patience time.Duration
	trailer  http.Header // what the transport sends after the body; nil: no trailers
	closed   atomic.Bool // the transport has given up; what Read returns from now on says nothing
}

func newRequestBody(body io.ReadCloser, x *exchange) *requestBody {
	b := &requestBody{
		ReadCloser: body,
		exchange:   x,
		client:     http.NewResponseController(x.client),
		patience:   x.proxy.responseTimeout(),
	}
	if x.request.ContentLength < 0 {
		// Only chunked bodies have trailers. The map must be there when sending
		// starts, for trailers that were not announced.
		b.trailer = make(http.Header)
		copyTrailer(b.trailer, x.request.Trailer)
	}
	return b
}

// Read runs on a goroutine of the transport, which looks at the trailers only
// after it has read the end of the body. A server that has no read deadlines
// gets none.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	_ = b.client.SetReadDeadline(time.Now().Add(b.patience))
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		// The server reads on, to notice when the client leaves.
		_ = b.client.SetReadDeadline(time.Time{})
		if b.trailer != nil {
			copyTrailer(b.trailer, b.exchange.request.Trailer)
		}
	case err != nil && !b.closed.Load():
		b.exchange.broken.Store(&err)
	}
	return n, err
}

// Close is the transport's. What is below stays open, for another target may
// have to read it.
func (b *requestBody) Close() error {
	b.closed.Store(true)
	return nil
}

// copyTrailer copies trailers, except those that must not be trailers (RFC 9110,
// section 6.5.1) and those that claim to come from a proxy: some servers merge
// trailers into the header.
func copyTrailer(to, from http.Header) {
	for name, values := range from {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Host":
			continue
		}
		if !isForwarding(plainName(name)) {
			to[name] = values
		}
	}
}

// An answerBody is the target's body on its way to the client. It bounds the
// wait for the target's next bytes, and notes when reading fails.
type answerBody struct {
	io.ReadCloser
	exchange *exchange
	patience time.Duration
	overdue  *time.Timer // runs while Read does; nil before the first Read
	stalled  atomic.Bool // overdue has ended the request
}

func (b *answerBody) Read(p []byte) (int, error) {
	if b.overdue == nil {
		b.overdue = time.AfterFunc(b.patience, func() {
			b.stalled.Store(true)
			b.exchange.cut()
		})
	} else {
		b.overdue.Reset(b.patience)
	}
	n, err := b.ReadCloser.Read(p)
	b.overdue.Stop()
	switch {
	case err == nil || err == io.EOF:
	case b.stalled.Load():
		b.exchange.fail(&pauseError{b.patience})
	default:
		b.exchange.fail(fmt.Errorf("the target broke off its answer: %w", err))
	}
	return n, err
}

// A pauseError is a target that stopped in the middle of its answer.
type pauseError struct{ patience time.Duration }

func (e *pauseError) Error() string {
	return fmt.Sprintf("the target paused in its answer for more than %v", e.patience)
}

// Timeout and Temporary make it a net.Error, as other time-outs are.
func (e *pauseError) Timeout() bool   { return true }
func (e *pauseError) Temporary() bool { return false }

const bufferSize = 32 << 10

// buffers lends out the buffers that answers are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

// Put takes back what Get returned. The conversion to an array pointer spares
// the pool an allocation for the slice's header.
func (b *buffers) Put(p []byte) {
	b.pool.Put((*[bufferSize]byte)(p))
}
