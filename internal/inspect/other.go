package inspect

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"time"
)

// quiet is how long nothing more must come for bytes to be taken as whole, where
// nothing else tells.
const quiet = 500 * time.Millisecond

// readOther tells of bytes that are no question: those in already, and what else
// comes in a while. Empty wrong leaves it to the bytes what is wrong with them.
func (c *call) readOther(already []byte, wrong string) {
	bound := c.server.limits.Bytes + 1
	all := already
	var err error
	c.deadline(c.server.limits.Head)
	for len(all) < bound && err == nil {
		if len(all) > 0 && c.r.Buffered() == 0 {
			c.deadline(quiet)
		}
		if _, err = c.r.Peek(1); err == nil {
			next, _ := c.r.Peek(min(c.r.Buffered(), bound-len(all)))
			all = append(all, next...)
			_, _ = c.r.Discard(len(next))
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil // that is how it was meant
	}
	c.other(all, wrong, err)
}

// other tells of bytes that are no question, and of the error that ended them, if
// one did.
func (c *call) other(all []byte, wrong string, err error) {
	a := c.arrival(Other, c.began)
	a.setBytes(all, c.server.limits.Bytes)
	var words string
	a.Speaks, words = looksLike(all)
	a.Ending = cmp.Or(wrong, words)
	if err != nil {
		a.Ending += "; " + ending(err)
	}
	c.tell(a)
	c.linger()
}

// looksLike says what bytes that are no question look like: a protocol's name,
// empty if it is none that is known here, and words about them.
func looksLike(b []byte) (protocol, words string) {
	for _, known := range []struct{ begins, protocol, words string }{
		{"\x16\x03", "TLS", "it looks like a TLS hello, and TLS is switched off here"},
		{"\x80", "SSL 2", "it looks like a hello of SSL 2"},
		{"SSH-", "SSH", "it looks like SSH"},
		{"PING\r\n", "Redis PING", "it looks like a Redis PING"},
		{"*1\r\n$4\r\nPING\r\n", "Redis PING", "it looks like a Redis PING"},
		{"*1\r\n$", "Redis", "it looks like a Redis command"},
		{"EHLO ", "SMTP", "it looks like SMTP"},
		{"HELO ", "SMTP", "it looks like SMTP"},
		{"\x00\x00\x00\x08\x04\xd2\x16\x2f", "PostgreSQL", "it looks like PostgreSQL's question for TLS"},
		{"\x00\x00\x00", "PostgreSQL", "it looks like a PostgreSQL client"},
		{"0\x0c\x02\x01\x01\x60", "LDAP", "it looks like LDAP, a bind without a name"},
		{"PRI ", "HTTP/2", "it looks like HTTP/2, but its preface is wrong"},
	} {
		if bytes.HasPrefix(b, []byte(known.begins)) {
			return known.protocol, known.words
		}
	}
	if isMySQL(b) {
		return "MySQL", "it looks like a MySQL client that did not wait to be greeted"
	}
	return "", "it is no question that is known here"
}

// isMySQL reports whether b begins with a packet that MySQL numbers 1, which is
// what a client answers to the greeting: a length in three bytes, the number, and
// no less than a client's flags and character set.
func isMySQL(b []byte) bool {
	const head, least = 4, 32
	if len(b) < head+least || b[3] != 1 {
		return false
	}
	length := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	return least <= length && length <= len(b)-head
}
