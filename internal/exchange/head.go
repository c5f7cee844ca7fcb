package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// grace is for how long more is read of what is no HTTP already, so that who
// reads the transcript can tell what it is.
const grace = 500 * time.Millisecond

// statusLine is what an answer begins with.
type statusLine struct {
	proto        string
	major, minor int
	status       int
	text         string
}

// readHead reads the heads of the interim answers and of the final one. The
// body is still to be read.
func (t *talk) readHead() (statusLine, error) {
	budget := maxHead
	for {
		first, err := t.readStatusLine(&budget)
		if err != nil {
			return first, err
		}
		fields, err := t.wire.readFields(&budget)
		switch {
		case errors.Is(err, errLineTooLong):
			return first, errHeadTooLong()
		case err != nil:
			return first, err
		case first.major != 1:
			return first, malformed("answer in protocol %s", first.proto)
		case first.status < 100:
			return first, malformed("status code %03d is below 100", first.status)
		}
		// 101 is an end of HTTP, not a prelude: nothing more would come.
		if first.status >= 200 || first.status == http.StatusSwitchingProtocols {
			t.answer.Fields = fields
			return first, nil
		}
		t.answer.Interim = append(t.answer.Interim, first.status)
		if len(t.answer.Interim) > maxInterim {
			return first, errTooManyInterim()
		}
	}
}

func errHeadTooLong() error {
	return &fault{HeadTooLong, fmt.Errorf("header of the answer exceeds %d KiB", maxHead>>10)}
}

func errTooManyInterim() error {
	return malformed("more than %d interim answers (1xx) and no final one", maxInterim)
}

func (t *talk) readStatusLine(budget *int) (statusLine, error) {
	if err := t.expectHTTP(); err != nil {
		return statusLine{}, err
	}
	line, err := t.wire.line(budget)
	switch {
	case errors.Is(err, errLineTooLong):
		return statusLine{}, errHeadTooLong()
	case err != nil:
		return statusLine{}, err
	}
	return parseStatusLine(string(trimCR(line)))
}

// expectHTTP looks at what an answer begins with. A line that cannot become a
// status line is not waited for to its end: it may have none.
func (t *talk) expectHTTP() error {
	w := t.wire
	for couldBeHTTP(w.unread()) {
		if len(w.unread()) >= len(protocolName) {
			return nil
		}
		if err := w.fill(); err != nil {
			return err
		}
	}
	w.conn.SetReadDeadline(time.Now().Add(grace)) // without which ctx still ends it
	for !w.isLine() && len(w.unread()) < len(w.buf) {
		if err := w.fill(); err != nil {
			return notHTTP(w.unread(), err)
		}
	}
	if !w.isLine() {
		return notHTTP(w.unread(), errLineTooLong)
	}
	return nil // for the parser to say what is wrong with it
}

// protocolName is what every status line begins with.
const protocolName = "HTTP/"

// couldBeHTTP reports whether b is the beginning of a status line, or may become
// it.
func couldBeHTTP(b []byte) bool {
	n := min(len(b), len(protocolName))
	return string(b[:n]) == protocolName[:n]
}

// notHTTP is the error of a line that is no HTTP and came to no end, but err.
func notHTTP(line []byte, err error) error {
	if isEnd(err) {
		return malformed("malformed HTTP response %q: %w", line, io.ErrUnexpectedEOF)
	}
	return malformed("malformed HTTP response %q", line)
}

// parseStatusLine takes what the clients that people run take: any reason
// phrase or none, and more than one space before the code.
func parseStatusLine(line string) (s statusLine, err error) {
	proto, rest, ok := strings.Cut(line, " ")
	if !ok {
		return s, malformed("malformed HTTP response %q", line)
	}
	code, text, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	s = statusLine{proto: proto, text: text}
	if s.status, err = strconv.Atoi(code); err != nil || len(code) != 3 || s.status < 0 {
		return s, malformed("malformed HTTP status code %q", code)
	}
	if s.major, s.minor, ok = http.ParseHTTPVersion(proto); !ok {
		return s, malformed("malformed HTTP version %q", proto)
	}
	return s, nil
}

// readFields reads the fields of a head, or trailers, with the empty line that
// ends them.
func (w *wire) readFields(budget *int) ([]Field, error) {
	var fields []Field
	for {
		line, err := w.line(budget)
		if err != nil {
			return nil, err
		}
		line = trimCR(line)
		if len(line) == 0 {
			return fields, nil
		}
		if isSpace(line[0]) { // no line before it that it could continue
			return nil, malformed("malformed MIME header initial line: %q", line)
		}
		name, value, ok := strings.Cut(string(line), ":")
		if !ok {
			return nil, malformed("malformed MIME header: missing colon: %q", line)
		}
		value = strings.Trim(value, " \t")
		if value, err = w.continued(value, budget); err != nil {
			return nil, err
		}
		if !isName(name) || !isValue(value) {
			return nil, malformed("malformed MIME header line: %q", name+": "+value)
		}
		fields = append(fields, Field{name, value})
	}
}

// continued appends to value the lines that continue it (RFC 9112, section 5.2).
func (w *wire) continued(value string, budget *int) (string, error) {
	var parts []string
	for {
		next, err := w.peek()
		if err != nil {
			return "", err
		}
		if !isSpace(next) {
			break
		}
		line, err := w.line(budget)
		if err != nil {
			return "", err
		}
		parts = append(parts, string(bytes.Trim(trimCR(line), " \t")))
	}
	if parts == nil {
		return value, nil
	}
	return strings.Trim(value+" "+strings.Join(parts, " "), " "), nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// isName accepts spaces as well, which some servers put before the colon.
func isName(name string) bool {
	if name == "" {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if c <= 0x1f || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return true
}

// isValue accepts everything but control characters.
func isValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
