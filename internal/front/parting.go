package front

import (
	"bufio"
	"net"
	"net/http"
	"sync/atomic"
)

// A partingWriter tells the client that its connection will be closed, if the
// answer begins when the front is leaving, or before the request's body was read
// to its end. In the latter case keeping the connection would mean to wait for a
// body that may never come, and to take what comes of it too late for a request.
type partingWriter struct {
	http.ResponseWriter
	leaving *atomic.Bool
	body    *requestBody // nil: there is none
	begun   bool
	taken   bool // the connection is the handler's
}

// begin is called before whatever may begin the answer.
func (w *partingWriter) begin() {
	if !w.begun && (w.leaving.Load() || w.body.remains()) {
		w.Header().Set("Connection", "close")
	}
	w.begun = true
}

func (w *partingWriter) WriteHeader(code int) {
	if code >= 200 { // others are not the answer yet, or end HTTP on the connection
		w.begin()
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *partingWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// FlushError is found by http.ResponseController.
func (w *partingWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is found by http.ResponseController.
func (w *partingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.taken = err == nil
	return c, buffered, err
}

// Unwrap is how http.ResponseController finds deadlines and full duplex.
func (w *partingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
