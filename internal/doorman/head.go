package doorman

import (
	"bytes"
	"strings"
)

// A verdict says what the bytes at the begin of a connection are.
type verdict uint8

const (
	unfinished verdict = iota // the begin of a bare question, or nothing yet
	bare                      // a bare question
	other                     // anything else
)

// A requestLine is one that a bare question begins with, line end included. There
// are few of them, so they are compared, not parsed.
type requestLine struct {
	text, method, proto string
	target              int // where the target ends in text
}

const noVersion = "HTTP/0.9"

// requestLines returns all lines that ask for a path.
func requestLines(path string) []requestLine {
	path = strings.TrimRight(path, "/")
	targets := []string{path, path + "/"}
	if path == "" {
		targets = targets[1:]
	}
	var lines []requestLine
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		for _, target := range targets {
			for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
				asked := method + " " + target
				lines = append(lines, requestLine{asked + " " + proto + "\r\n", method, proto, len(asked)})
			}
		}
	}
	for _, target := range targets { // HTTP/0.9 has no other method
		asked := "GET " + target
		lines = append(lines, requestLine{asked + "\r\n", "GET", noVersion, len(asked)})
	}
	return lines
}

// A head is what a bare question says. Its slices are of the bytes that were read.
type head struct {
	line      *requestLine
	size      int  // in bytes
	details   bool // there is a query or an Accept that names JSON
	host      []byte
	hasHost   bool
	userAgent []byte

	connection []byte // the field's value; nil if there is none
	seen       uint8  // fields that may be there once
}

// keeps reports whether the client wants to keep its connection.
func (h *head) keeps() bool {
	switch h.line.proto {
	case "HTTP/1.1":
		return !is(h.connection, "close")
	case "HTTP/1.0":
		return is(h.connection, "keep-alive")
	default:
		return false
	}
}

// read judges the bytes that a connection has brought so far. The head is filled
// in if they are a bare question.
func (h *head) read(lines []requestLine, b []byte) verdict {
	possible := false
	for i := range lines {
		line := &lines[i]
		if len(b) < len(line.text) {
			possible = possible || line.text[:len(b)] == string(b)
			continue
		}
		if string(b[:len(line.text)]) != line.text {
			continue
		}
		*h = head{line: line, size: len(line.text)}
		if line.proto == noVersion { // such a request has no fields, so it is over
			return bare
		}
		return h.readFields(b)
	}
	if possible {
		return unfinished
	}
	return h.readWithQuery(lines, b)
}

// readWithQuery reads a question that has a query. It is bare only if net/http
// would refuse it.
func (h *head) readWithQuery(lines []requestLine, b []byte) verdict {
	query := bytes.IndexByte(b, '?')
	if query < 0 {
		return other
	}
	size := query + 1
	for size < len(b) && ' ' < b[size] && b[size] <= '~' {
		size++
	}
	possible := false
	for i := range lines {
		line := &lines[i]
		target, end := line.text[:line.target], line.text[line.target:]
		if string(b[:query]) != target || line.proto == "HTTP/1.0" { // which net/http takes without a Host
			continue
		}
		if rest := b[size:]; len(rest) < len(end) {
			possible = possible || end[:len(rest)] == string(rest)
			continue
		} else if string(rest[:len(end)]) != end {
			continue
		}
		*h = head{line: line, size: size + len(end), details: true}
		if line.proto == noVersion {
			return bare
		}
		return h.readFields(b)
	}
	if possible {
		return unfinished
	}
	return other
}

// readFields reads the fields after the request line, as far as they have come.
func (h *head) readFields(b []byte) verdict {
	for {
		rest := b[h.size:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			if !printable(bytes.TrimSuffix(rest, []byte("\r"))) {
				return other // at once: a head with odd line ends may have ended here
			}
			return unfinished
		}
		if end == 0 || rest[end-1] != '\r' {
			return other
		}
		h.size += end + 1
		field := rest[:end-1]
		if len(field) == 0 {
			return bare
		}
		if !printable(field) || !h.readField(field) || h.details && !h.isRefused() {
			return other
		}
	}
}

// isRefused reports whether net/http would refuse the head, as it is so far.
func (h *head) isRefused() bool { return h.line.proto == "HTTP/1.1" && !h.hasHost }

// printable reports whether the text b, begun or whole, is of printable ASCII only,
// spaces included; or, if it is a Host field, of anything but control characters.
func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f || c > '~' && !isHostField(b) {
			return false
		}
	}
	return true
}

func isHostField(b []byte) bool { return len(b) >= len("Host:") && is(b[:len("Host:")], "Host:") }

// Bits of head.seen.
const (
	seenConnection = 1 << iota
	seenContentLength
	seenUserAgent
)

// readField returns false if a request with this field is no bare question.
func (h *head) readField(field []byte) bool {
	colon := bytes.IndexByte(field, ':')
	if colon <= 0 || !isToken(field[:colon]) {
		return false
	}
	name, value := field[:colon], bytes.Trim(field[colon+1:], " ")
	switch len(name) { // most fields are none of these, so most are told by their length
	case len("Host"):
		if is(name, "Host") {
			if h.hasHost {
				return false
			}
			h.host, h.hasHost = value, true
		}
	case len("Accept"): // and Expect
		h.details = h.details || is(name, "Accept") && containsJSON(value)
		return !is(name, "Expect")
	case len("Upgrade"):
		return !is(name, "Upgrade")
	case len("Connection"): // and User-Agent
		if is(name, "User-Agent") {
			h.userAgent = value
			return h.once(seenUserAgent)
		}
		if is(name, "Connection") {
			h.connection = value
			return h.once(seenConnection) && (is(value, "close") || is(value, "keep-alive"))
		}
	case len("Authorization"):
		return !is(name, "Authorization")
	case len("Content-Length"):
		if is(name, "Content-Length") {
			return h.once(seenContentLength) && string(value) == "0"
		}
	case len("Transfer-Encoding"):
		return !is(name, "Transfer-Encoding")
	}
	return true
}

// once reports whether a field was not there before.
func (h *head) once(field uint8) bool {
	first := h.seen&field == 0
	h.seen |= field
	return first
}

// is reports whether b is an ASCII word, in whatever case.
func is(b []byte, word string) bool {
	return len(b) == len(word) && strings.EqualFold(string(b), word)
}

func containsJSON(accept []byte) bool {
	return bytes.Contains(bytes.ToLower(accept), []byte("json"))
}

// isToken reports whether b may be a field's name (RFC 9110, section 5.6.2).
func isToken(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
