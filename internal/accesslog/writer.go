package accesslog

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// A writer notes what becomes of an answer. What it does not do itself is found
// through Unwrap.
type writer struct {
	http.ResponseWriter
	status   int   // of the answer; 0 before it begins
	body     int64 // bytes of its body
	upgraded *conn // nil unless the connection was taken over
}

// WriteHeader notes the status that counts: of interim answers none does, and of
// final ones the server sends the first.
func (w *writer) WriteHeader(code int) {
	if code >= 200 {
		w.begin(code)
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *writer) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	w.body += int64(n)
	return n, err
}

// ReadFrom lets the server copy a file without its bytes passing through here.
func (w *writer) ReadFrom(from io.Reader) (int64, error) {
	w.begin(http.StatusOK)
	n, err := io.Copy(w.ResponseWriter, from)
	w.body += n
	return n, err
}

// FlushError is how http.ResponseController flushes.
func (w *writer) FlushError() error {
	w.begin(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack hands the client's connection over, which is done for upgrades.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.begin(http.StatusSwitchingProtocols)
	w.upgraded = &conn{Conn: c}
	return w.upgraded, buffered, nil
}

// bytes is how many the client was sent, beside headers.
func (w *writer) bytes() int64 {
	if w.upgraded != nil {
		return w.upgraded.sent.Load()
	}
	return w.body
}

func (w *writer) begin(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Unwrap is how http.ResponseController finds deadlines and full duplex.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
