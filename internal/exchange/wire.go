package exchange

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"
)

// wire is a connection that keeps the beginning of what passes over it. One
// goroutine reads; that which send starts writes.
type wire struct {
	conn     net.Conn // inside TLS, if there is TLS
	received []byte
	framed   bool // what is read goes into the transcript in another form

	buf        [4096]byte
	start, end int    // buf[start:end] is read and not yet taken
	long       []byte // a line that is longer than buf

	written   chan struct{} // nil before send; closed when its goroutine is done
	sent      []byte        // owned by that goroutine until then, as is all below
	writtenAt time.Time
	writeErr  error
}

// write sends b and returns when it is on its way.
func (w *wire) write(b []byte) error {
	n, err := w.conn.Write(b)
	w.sent = keep(w.sent, b[:n])
	return err
}

// send starts to write b. The transcript tells it as told, if that is not nil.
func (w *wire) send(b, told []byte) {
	w.written = make(chan struct{})
	go func() {
		defer close(w.written)
		n, err := w.conn.Write(b)
		switch {
		case told == nil:
			w.sent = keep(w.sent, b[:n])
		case err == nil:
			w.sent = keep(w.sent, told)
		}
		w.writeErr, w.writtenAt = err, time.Now()
	}()
}

// wait waits for what send started, and gives its error.
func (w *wire) wait() error {
	if w.written == nil {
		return nil
	}
	<-w.written
	return w.writeErr
}

// settle waits a moment for what send started: an answer may be here before the
// call that sent the request has come back, and TLS says no goodbye during one.
func (w *wire) settle() {
	if w.written == nil || w.isWritten() {
		return
	}
	moment := time.NewTimer(50 * time.Millisecond)
	defer moment.Stop()
	select {
	case <-w.written:
	case <-moment.C:
	}
}

func (w *wire) isWritten() bool {
	select {
	case <-w.written:
		return w.writeErr == nil
	default:
		return false
	}
}

// keep appends as much of b to kept as the transcript has room for.
func keep(kept, b []byte) []byte {
	return append(kept, b[:min(len(b), maxTranscript-len(kept))]...)
}

// fill reads once, after what is not yet taken. There must be room for more.
func (w *wire) fill() error {
	w.end = copy(w.buf[:], w.unread())
	w.start = 0
	for range 100 {
		n, err := w.conn.Read(w.buf[w.end:])
		if n > 0 {
			if !w.framed {
				w.received = keep(w.received, w.buf[w.end:w.end+n])
			}
			w.end += n
			return nil // an error will come again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

func (w *wire) unread() []byte { return w.buf[w.start:w.end] }

// isLine reports whether a line is there to take.
func (w *wire) isLine() bool { return bytes.IndexByte(w.unread(), '\n') >= 0 }

// peek gives the next byte without taking it.
func (w *wire) peek() (byte, error) {
	if w.start == w.end {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	return w.buf[w.start], nil
}

// take gives what there is, at least one and at most n bytes, until the next call.
func (w *wire) take(n int) ([]byte, error) {
	if _, err := w.peek(); err != nil {
		return nil, err
	}
	b := w.buf[w.start:min(w.end, w.start+n)]
	w.start += len(b)
	return b, nil
}

// Read makes an io.Reader of it.
func (w *wire) Read(b []byte) (int, error) {
	got, err := w.take(len(b))
	return copy(b, got), err
}

var errLineTooLong = errors.New("line too long")

// line takes the next line and gives it without its line feed, until the next
// call. It is charged to budget; errLineTooLong says that the budget ran out.
func (w *wire) line(budget *int) ([]byte, error) {
	w.long = w.long[:0]
	for {
		if _, err := w.peek(); err != nil {
			return nil, err
		}
		rest := w.unread()
		i := bytes.IndexByte(rest, '\n')
		n := i + 1
		if i < 0 {
			n = len(rest)
		}
		if *budget -= n; *budget < 0 {
			return nil, errLineTooLong
		}
		w.start += n
		switch {
		case i < 0:
			w.long = append(w.long, rest...)
		case len(w.long) == 0:
			return rest[:i], nil
		default:
			return append(w.long, rest[:i]...), nil
		}
	}
}

// trimCR takes one carriage return off the end of a line.
func trimCR(line []byte) []byte { return bytes.TrimSuffix(line, []byte{'\r'}) }
