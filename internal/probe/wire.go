package probe

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	// maxTranscript bounds what is kept of each direction.
	maxTranscript = 16 << 10
	// maxAnswer bounds, each by itself, the head of an answer (with all
	// interim answers before it) and its body. A head beyond it is a failure, a
	// body beyond it is taken as read.
	maxAnswer = 64 << 10
	// maxInterim bounds the interim answers (1xx) before the final one.
	maxInterim = 16
)

var (
	errTooLong        = errors.New("answer longer than this probe reads")
	errTooManyInterim = fmt.Errorf("more than %d interim answers (1xx) and no final one", maxInterim)
)

// wire is a connection that keeps the beginning of what passes over it, and
// reads no more than it is allowed to.
type wire struct {
	conn           net.Conn
	left           int // bytes that may still be read
	sent, received []byte
	firstByte      time.Time // when it was read; zero before
	err            error     // the last error of Read
}

func (w *wire) Write(b []byte) (int, error) {
	n, err := w.conn.Write(b)
	w.sent = keep(w.sent, b[:n])
	return n, err
}

func (w *wire) Read(b []byte) (int, error) {
	if w.left == 0 {
		w.err = errTooLong
		return 0, w.err
	}
	n, err := w.conn.Read(b[:min(len(b), w.left)])
	if n > 0 && w.firstByte.IsZero() {
		w.firstByte = time.Now()
	}
	w.left -= n
	w.received = keep(w.received, b[:n])
	w.err = err
	return n, err
}

// keep appends as much of b to kept as the transcript has room for.
func keep(kept, b []byte) []byte {
	return append(kept, b[:min(len(b), maxTranscript-len(kept))]...)
}

// readHead reads the head of the final answer. The body is still to be read.
func readHead(w *wire) (*http.Response, error) {
	r := bufio.NewReader(w)
	asked := &http.Request{Method: http.MethodGet}
	for range maxInterim + 1 {
		answer, err := http.ReadResponse(r, asked)
		switch {
		case w.err != nil && err != nil:
			// What the parser thinks of half a line is a consequence.
			return nil, w.err
		case err != nil:
			return nil, err
		}
		if answer.ProtoMajor != 1 {
			return nil, fmt.Errorf("answer in protocol %s", answer.Proto)
		}
		if answer.StatusCode < 100 {
			return nil, fmt.Errorf("status code %03d is below 100", answer.StatusCode)
		}
		// 101 is an end of HTTP, not a prelude: nothing more would come.
		if answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols {
			return answer, nil
		}
	}
	return nil, errTooManyInterim
}
