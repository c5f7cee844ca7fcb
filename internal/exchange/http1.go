package exchange

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// simple is the version of HTTP that has no heads.
const simple = "HTTP/0.9"

// http1 asks in HTTP/1. What is given goes before the request.
func (t *talk) http1(before []byte) error {
	request := t.ask.Raw
	if request == nil {
		request = t.ask.appendHTTP1(before)
	} else if before != nil {
		request = append(before, request...)
	}
	t.send(request, nil)
	return t.readHTTP1()
}

// appendHTTP1 appends the request as it goes over the wire. A request of
// HTTP/0.9 is its first line alone, unless it has fields all the same.
func (r *Request) appendHTTP1(b []byte) []byte {
	b = slices.Grow(b, 512)
	say := func(parts ...string) {
		for _, p := range parts {
			b = append(b, p...)
		}
	}
	say(cmp.Or(r.Method, http.MethodGet), " ", cmp.Or(r.Path, "/"))
	version := cmp.Or(r.Version, "HTTP/1.1")
	if version != simple {
		say(" ", version)
	}
	say("\r\n")
	for _, f := range r.Fields {
		say(f.Name, ": ", f.Value, "\r\n")
	}
	if version != simple || len(r.Fields) > 0 {
		say("\r\n")
	}
	return append(b, r.Body...)
}

// asksHead reports whether the answer has no body whatever its head says.
func (r *Request) asksHead() bool {
	if r.Raw != nil {
		return bytes.HasPrefix(r.Raw, []byte("HEAD "))
	}
	return r.Method == http.MethodHead
}

// asksSimple reports whether the answer may be a body without a head.
func (r *Request) asksSimple() bool {
	if r.Raw != nil {
		line, _, _ := bytes.Cut(r.Raw, []byte("\n"))
		return len(line) > 0 && !bytes.Contains(line, []byte(" HTTP/"))
	}
	return r.Version == simple
}

func (t *talk) readHTTP1() error {
	if err := t.listen(); err != nil {
		return err
	}
	if t.ask.asksSimple() && !couldBeHTTP(t.wire.unread()) {
		return t.readSimple()
	}
	first, err := t.readHead()
	if err != nil {
		return err
	}
	body, err := t.frame(first)
	if err != nil {
		return err
	}
	t.begin(first.proto, first.status, first.text)
	return body()
}

// readSimple reads an answer of HTTP/0.9. It is kept as a body, but it is no
// answer: anything that speaks at all could have sent it.
func (t *talk) readSimple() error {
	err := t.readToEnd()
	if err == nil {
		err = malformed("answer without a head, as in HTTP/0.9")
	}
	return err
}

// frame finds out how the body ends, and gives what reads it (RFC 9112, section 6.3).
func (t *talk) frame(first statusLine) (read func() error, err error) {
	chunked, err := isChunked(t.answer.Fields, first)
	if err != nil {
		return nil, err
	}
	length, err := contentLength(t.answer.Fields)
	if err != nil {
		return nil, err
	}
	switch {
	case t.ask.asksHead(), first.status < 200, first.status == http.StatusNoContent, first.status == http.StatusNotModified:
		return func() error { return nil }, nil
	case chunked:
		return t.readChunked, nil
	case length >= 0:
		return func() error { return t.readLength(length) }, nil
	}
	return t.readToEnd, nil
}

// isChunked goes by the one encoding that everybody knows. HTTP/1.0 has none.
func isChunked(fields []Field, first statusLine) (bool, error) {
	values := valuesOf(fields, "Transfer-Encoding")
	switch {
	case len(values) == 0, first.minor == 0:
		return false, nil
	case len(values) > 1:
		return false, malformed("too many transfer encodings: %q", values)
	case !strings.EqualFold(values[0], "chunked"):
		return false, malformed("unsupported transfer encoding: %q", values[0])
	}
	return true, nil
}

// contentLength gives the length announced; -1 if there is none.
func contentLength(fields []Field) (int64, error) {
	values := valuesOf(fields, "Content-Length")
	if len(values) == 0 {
		return -1, nil
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return 0, malformed("http: message cannot contain multiple Content-Length headers; got %q", values)
		}
	}
	if values[0] == "" {
		return 0, malformed("invalid empty Content-Length %q", "")
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil {
		return 0, malformed("bad Content-Length %q", values[0])
	}
	return int64(n), nil
}

func valuesOf(fields []Field, name string) []string {
	var values []string
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// errShort is the error of a connection closed before a body was whole.
func errShort(err error) error {
	if isEnd(err) {
		return &fault{BodyCutShort, io.ErrUnexpectedEOF}
	}
	return err
}

func broken(format string, args ...any) error {
	return &fault{BodyBroken, fmt.Errorf(format, args...)}
}
