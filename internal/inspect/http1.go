package inspect

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/fingerprint"
)

// Bounds of a body: more is not read, and the connection closed behind the answer.
const maxBody = 1 << 20

// question is an HTTP/1 request while it is read.
type question struct {
	raw   []byte // at most bound+1 bytes, so that more can be told from whole
	bound int
	ask   fingerprint.Request
	close bool // nothing can follow it on the connection
	err   error
}

func (q *question) take(b []byte) {
	q.raw = append(q.raw, b[:min(len(b), q.bound+1-len(q.raw))]...)
}

// serveHTTP1 takes one request after another until the connection ends.
func (c *call) serveHTTP1(ctx context.Context) {
	at := c.began
	for first := true; ; first = false {
		if !first {
			c.deadline(c.server.limits.Idle)
			if _, err := c.r.Peek(1); err != nil {
				return
			}
			at = time.Now()
		}
		c.deadline(c.server.limits.Head)
		q := &question{bound: c.server.limits.Bytes}
		kind := c.readHead(q)
		switch {
		case kind == Other && q.err == nil:
			c.began = at
			c.readOther(q.raw, "")
			return
		case kind == Other:
			c.began = at
			c.other(q.raw, "", q.err)
			return
		case kind == HTTP1 && q.err == nil:
			c.readBody(q)
		}
		a := c.arrival(kind, at)
		a.setBytes(q.raw, q.bound)
		a.Request = q.ask
		a.More = a.More || errors.Is(q.err, errTooLong) || errors.Is(q.err, errHugeBody)
		if q.err != nil {
			a.Ending, a.Answer = ending(q.err), answerTo(q.err)
		}
		if !c.tell(a) {
			return
		}
		if !c.answer1(ctx, a, q) {
			return
		}
	}
}

// Errors of reading a question.
var (
	errTooLong  = errors.New("its head is longer than what is read")
	errHugeBody = errors.New("its body is longer than what is read")
	errBadChunk = errors.New("its chunks are no chunks")
)

// answerTo is the answer to a question that could not be read for err, whatever the
// Script says.
func answerTo(err error) Answer {
	switch {
	case errors.Is(err, errTooLong):
		return Answer{Status: http.StatusRequestHeaderFieldsTooLarge}
	case errors.Is(err, errHugeBody):
		return Answer{Status: http.StatusRequestEntityTooLarge}
	case errors.Is(err, errBadChunk):
		return Answer{Status: http.StatusBadRequest}
	}
	return Answer{Way: Close} // there is no whole question
}

// readHead reads a head, with what it finds in q, and says what it is the head of.
func (c *call) readHead(q *question) Kind {
	kind := Other
	lines := 0
	for {
		line, err := readLine(c.r)
		q.take(line)
		if err != nil {
			q.err = err
			if lines > 0 || isRequestLine(line) == HTTP1 {
				break // it breaks off, but it has begun well
			}
			return Other
		}
		blank := len(bytes.TrimRight(line, "\r\n")) == 0
		switch {
		case lines == 0 && blank:
			if len(q.raw) > 16 { // servers overlook an empty line in front, not any number
				return Other
			}
			continue
		case lines == 0:
			switch kind = isRequestLine(line); kind {
			case Other:
				return Other
			case HTTP09:
				c.takeBlank(q)
				q.ask = fingerprint.ParseHead(q.raw, c.peer())
				q.close = true
				return HTTP09
			}
		case blank:
			q.ask = fingerprint.ParseHead(q.raw, c.peer())
			q.close = !persists(&q.ask)
			return kind
		}
		lines++
		if len(q.raw) > q.bound {
			q.err = errTooLong
			break
		}
	}
	q.close = true
	q.ask = fingerprint.ParseHead(q.raw, c.peer())
	return HTTP1
}

// readLine reads a line with its end. One that does not fit into the buffer is
// errTooLong, and as much of it as fits.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = errTooLong
	}
	return line, err
}

// takeBlank takes the line ends that some senders put behind a request line
// without a version. They come in the same packet or not at all.
func (c *call) takeBlank(q *question) {
	for c.r.Buffered() > 0 {
		next, _ := c.r.Peek(1)
		if next[0] != '\r' && next[0] != '\n' || len(q.raw) > q.bound {
			return
		}
		q.take(next)
		_, _ = c.r.Discard(1)
	}
}

// isRequestLine says what a first line begins: HTTP1, HTTP09, or Other.
func isRequestLine(line []byte) Kind {
	method, rest, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
	if len(method) == 0 || !isToken(method) || len(rest) == 0 {
		return Other
	}
	target, version, found := cutLast(rest)
	if found && isVersion(version) && len(target) > 0 {
		return HTTP1
	}
	if !found && (rest[0] == '/' || bytes.Contains(rest, []byte("://"))) && isUpper(method) {
		return HTTP09
	}
	return Other
}

// cutLast cuts at the last space.
func cutLast(b []byte) (before, after []byte, found bool) {
	i := bytes.LastIndexByte(b, ' ')
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

func isVersion(b []byte) bool {
	return len(b) == 8 && string(b[:5]) == "HTTP/" && (b[5] == '0' || b[5] == '1') && b[6] == '.' && isDigit(b[7])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isUpper(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// isToken reports whether b is made of the characters of a method's name
// (RFC 9110, 5.6.2).
func isToken(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// persists reports whether the sender of r wants the connection kept.
func persists(r *fingerprint.Request) bool {
	keep := r.Proto == "HTTP/1.1"
	for _, f := range r.Fields {
		if !strings.EqualFold(f.Name, "Connection") {
			continue
		}
		for option := range strings.SplitSeq(f.Value, ",") {
			switch strings.ToLower(strings.TrimSpace(option)) {
			case "close":
				return false
			case "keep-alive":
				keep = true
			}
		}
	}
	return keep
}

// readBody reads the body that the head announces, if it does.
func (c *call) readBody(q *question) {
	length, chunked := int64(0), false
	for _, f := range q.ask.Fields {
		switch {
		case strings.EqualFold(f.Name, "Transfer-Encoding"):
			chunked = true
			if !strings.EqualFold(f.Value, "chunked") {
				q.close = true // how long it is can't be told
				return
			}
		case strings.EqualFold(f.Name, "Content-Length"):
			n, err := strconv.ParseInt(f.Value, 10, 63)
			if err != nil || n < 0 || length > 0 && n != length {
				q.close = true
				return
			}
			length = n
		case strings.EqualFold(f.Name, "Expect") && strings.EqualFold(f.Value, "100-continue"):
			_ = c.stream.SetWriteDeadline(time.Now().Add(c.server.limits.Head))
			_, _ = io.WriteString(c.stream, "HTTP/1.1 100 Continue\r\n\r\n")
		}
	}
	switch {
	case chunked:
		q.err = c.readChunks(q)
	case length > maxBody:
		q.err = errHugeBody
	default:
		q.err = c.readBytes(q, int(length))
	}
	q.close = q.close || q.err != nil
}

func (c *call) readBytes(q *question, n int) error {
	for n > 0 {
		if _, err := c.r.Peek(1); err != nil {
			return err
		}
		next, _ := c.r.Peek(min(n, c.r.Buffered()))
		q.take(next)
		n -= len(next)
		_, _ = c.r.Discard(len(next))
	}
	return nil
}

// readChunks reads chunks and trailers up to their end.
func (c *call) readChunks(q *question) error {
	for all := 0; ; {
		line, err := readLine(c.r)
		q.take(line)
		if err != nil {
			return err
		}
		digits, _, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), ";")
		size, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 31)
		if err != nil {
			return errBadChunk
		}
		if size == 0 {
			break
		}
		if all += int(size); all > maxBody {
			return errHugeBody
		}
		if err := c.readBytes(q, int(size)); err != nil {
			return err
		}
		if line, err := readLine(c.r); err != nil || len(bytes.TrimRight(line, "\r\n")) != 0 {
			q.take(line)
			return errors.Join(err, errBadChunk)
		} else {
			q.take(line)
		}
	}
	for trailers := 0; trailers < maxBody; {
		line, err := readLine(c.r)
		q.take(line)
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return nil
		}
		trailers += len(line)
	}
	return errHugeBody
}

// isTimeout reports whether err is that of a deadline.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
