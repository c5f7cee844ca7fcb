package proxy

import (
	"net/http"
	"time"
)

// A wayBack leads to the client. It gives up on a client that takes nothing for
// the time patience, and leaves out interim answers that must not be passed on.
type wayBack struct {
	http.ResponseWriter
	request  *http.Request // as it came
	patience time.Duration
}

func newWayBack(client http.ResponseWriter, r *http.Request, patience time.Duration) *wayBack {
	w := &wayBack{ResponseWriter: client, request: r, patience: patience}
	// What the answer before left on this connection may be over by now.
	w.renew()
	return w
}

// WriteHeader leaves out 100: the server writes one itself when the body is
// first read, which is when the target has asked for it or has said nothing for
// a while; with the target's own, the client would get two. HTTP/1.0 has no
// interim answers at all (RFC 9110, section 15.2).
func (w *wayBack) WriteHeader(code int) {
	if code == http.StatusContinue || code < 200 && !w.request.ProtoAtLeast(1, 1) {
		return
	}
	w.renew()
	w.ResponseWriter.WriteHeader(code)
}

func (w *wayBack) Write(p []byte) (int, error) {
	w.renew()
	return w.ResponseWriter.Write(p)
}

// renew gives the client its time anew. The deadline is never lifted, because
// the server sends the last bytes after the handler has returned. HTTP/2 ends a
// stream when its deadline passes, even if nothing is being written, so it gets
// none. Nor does a server that has no write deadlines.
func (w *wayBack) renew() {
	if w.request.ProtoMajor == 1 {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.patience))
	}
}

// Unwrap is how http.ResponseController finds flushing and hijacking.
func (w *wayBack) Unwrap() http.ResponseWriter { return w.ResponseWriter }
