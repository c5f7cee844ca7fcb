package front

import (
	"net/http"
	"sync/atomic"
)

// A partingWriter tells the client that its connection will be closed, if the
// answer begins when the front is leaving.
type partingWriter struct {
	http.ResponseWriter
	leaving *atomic.Bool
	begun   bool
}

// begin is called before whatever may begin the answer.
func (w *partingWriter) begin() {
	if !w.begun && w.leaving.Load() {
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

// Unwrap is how http.ResponseController finds hijacking and deadlines.
func (w *partingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
