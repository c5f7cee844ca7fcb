package front

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// bodyLinger is for how long the rest of a body is still read after its request was
// answered. A client that is sending may read the answer only then, and a
// connection that is closed on unread bytes is reset. Nginx has the same 5 seconds
// (lingering_timeout).
const bodyLinger = 5 * time.Second

// A requestBody notes when a request's body has been read to its end. The methods
// may be called on nil, the body of a request that has none.
type requestBody struct {
	io.ReadCloser
	over atomic.Bool // set by whoever reads, which need not be the handler's goroutine
}

// watchBody returns r with a body that is watched, in a copy: net/http looks at the
// body of the request that it made.
func watchBody(r *http.Request) (*http.Request, *requestBody) {
	if r.ContentLength == 0 {
		return r, nil
	}
	if r.Trailer == nil {
		r.Trailer = make(http.Header) // net/http fills it in, and so the copy's
	}
	body := &requestBody{ReadCloser: r.Body}
	watched := r.WithContext(r.Context())
	watched.Body = body
	return watched, body
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.over.Store(true)
	}
	return n, err
}

func (b *requestBody) remains() bool { return b != nil && !b.over.Load() }

// limitBody is called after the handler. What it left of the body is then read by
// net/http, which has no limit for the time that takes.
func (w *partingWriter) limitBody() {
	if !w.taken && w.body.remains() {
		_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Now().Add(bodyLinger))
	}
}
