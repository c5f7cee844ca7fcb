package exchange

import (
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// begin makes the answer one: its head is whole and says how the body ends.
func (t *talk) begin(proto string, status int, text string) {
	t.answer.Proto, t.answer.Status, t.answer.Text = proto, status, text
	t.enter(ReadingBody, time.Now())
	if t.unbound() {
		t.due = t.whole
	}
}

// room is how much of the body there is still to read.
func (t *talk) room() int { return t.ask.maxBody() - len(t.answer.Body) }

// add takes some of the body. It reports whether that was all that is wanted.
func (t *talk) add(b []byte) (full bool) {
	n := min(len(b), t.room())
	t.answer.Body = append(t.answer.Body, b[:n]...)
	t.answer.BodySize = int64(len(t.answer.Body))
	if n < len(b) {
		t.answer.BodyMore = true
	}
	return t.answer.BodyMore
}

// readLength reads a body of n bytes.
func (t *talk) readLength(n int64) error {
	for n > 0 {
		if t.room() == 0 {
			t.answer.BodyMore = true
			return nil
		}
		b, err := t.wire.take(int(min(n, int64(t.room()))))
		if err != nil {
			return errShort(err)
		}
		n -= int64(len(b))
		t.add(b)
	}
	return nil
}

// readToEnd reads a body that the end of the connection ends.
func (t *talk) readToEnd() error {
	for {
		b, err := t.wire.take(len(t.wire.buf))
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errShort(err)
		case t.add(b):
			return nil
		}
	}
}

const (
	maxChunkLine = 4 << 10
	maxTrailers  = 16 << 10
	// maxExcess is how much more than data a body of chunks may hold, when two
	// bytes for each byte of data and sixteen for each chunk are not counted.
	maxExcess = 16 << 10
)

// readChunked reads a body in chunks (RFC 9112, section 7.1).
func (t *talk) readChunked() error {
	excess := int64(0)
	for {
		size, cost, err := t.readChunkSize()
		if err != nil {
			return err
		}
		if size == 0 {
			return t.readTrailers()
		}
		if excess = max(0, excess+int64(cost)-16-2*min(size, maxChunkLine)); excess > maxExcess {
			return broken("chunked encoding contains too much non-data")
		}
		if err := t.readLength(size); err != nil || t.answer.BodyMore {
			return err
		}
		if err := t.readChunkEnd(); err != nil {
			return err
		}
	}
}

// readChunkSize reads the line before a chunk. What it cost is in bytes.
func (t *talk) readChunkSize() (size int64, cost int, err error) {
	budget := maxChunkLine
	line, err := t.wire.line(&budget)
	switch {
	case errors.Is(err, errLineTooLong):
		return 0, 0, broken("header line too long")
	case err != nil:
		return 0, 0, errShort(err)
	}
	text, isCRLF := strings.CutSuffix(string(line), "\r")
	switch {
	case !isCRLF:
		return 0, 0, broken("chunked line ends with bare LF")
	case strings.Contains(text, "\r"):
		return 0, 0, broken("invalid CR in chunked line")
	}
	digits, _, _ := strings.Cut(strings.TrimRight(text, " \t"), ";") // what follows is an extension
	switch {
	case digits == "":
		return 0, 0, broken("empty hex number for chunk length")
	case strings.Trim(digits, "0123456789abcdefABCDEF") != "":
		return 0, 0, broken("invalid byte in chunk length")
	case len(digits) > 16:
		return 0, 0, broken("http chunk length too large")
	}
	n, _ := strconv.ParseUint(digits, 16, 64) // cannot fail
	return int64(min(n, math.MaxInt64)), len(line) + 3, nil
}

// readChunkEnd reads the line end after a chunk.
func (t *talk) readChunkEnd() error {
	for _, want := range []byte("\r\n") {
		got, err := t.wire.take(1)
		if err != nil {
			return errShort(err)
		}
		if got[0] != want {
			return broken("malformed chunked encoding")
		}
	}
	return nil
}

func (t *talk) readTrailers() error {
	budget := maxTrailers
	trailers, err := t.wire.readFields(&budget)
	if f, ok := errors.AsType[*fault](err); ok {
		return &fault{BodyBroken, f.err}
	}
	switch {
	case errors.Is(err, errLineTooLong):
		return broken("suspiciously long trailer after chunked body")
	case err != nil:
		return errShort(err)
	}
	t.answer.Trailers = trailers
	return nil
}
