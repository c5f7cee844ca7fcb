package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

func (c *call) peer() netip.Addr { return peerOf(c.conn).Addr() }

// answer1 answers an HTTP/1 or HTTP/0.9 question. It reports whether another may
// follow on the connection.
func (c *call) answer1(ctx context.Context, a *Arrival, q *question) bool {
	asked := time.Now()
	answer := a.Answer
	if answer.After > 0 && !c.holdsOn(ctx, answer.After) {
		c.server.told(a, Outcome{What: c.gaveUp(ctx), After: time.Since(asked)})
		return false
	}
	switch answer.Way {
	case Close:
		c.server.told(a, Outcome{What: CutOff, After: time.Since(asked)})
		return false
	case Hang:
		c.holdsOn(ctx, c.server.limits.Life)
		c.server.told(a, Outcome{What: c.gaveUp(ctx), After: time.Since(asked)})
		return false
	case Reply:
	}
	closes := q.close || c.server.options.Once
	text := message(answer.Code(), answer.Redirect, a.Request.Method, a.Kind == HTTP09, closes)
	err := c.write(ctx, text, answer.Drip)
	result := Answered
	if err != nil {
		result = c.gaveUp(ctx)
	}
	c.server.told(a, Outcome{What: result, After: time.Since(asked)})
	if err != nil {
		return false
	}
	if closes {
		c.linger()
	}
	return !closes
}

// gaveUp says whose doing it is that there is no whole answer.
func (c *call) gaveUp(ctx context.Context) Result {
	if ctx.Err() != nil || !time.Now().Before(c.ends) {
		return CutOff
	}
	return GaveUp
}

// body is what is said below the head.
func body(status int) string {
	if status == http.StatusOK {
		return "ok"
	}
	if text := http.StatusText(status); text != "" {
		return strings.ToLower(text)
	}
	return "status " + fmt.Sprint(status)
}

// message is an HTTP/1 answer. HTTP/0.9 has a body and nothing else.
func message(status int, location, method string, bare, closes bool) string {
	text := body(status)
	if bare {
		return text + "\r\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	fmt.Fprintf(&b, "Date: %s\r\n", httpDate())
	if location != "" {
		fmt.Fprintf(&b, "Location: %s\r\n", location)
	}
	has := status != http.StatusNoContent && status != http.StatusNotModified
	if has {
		fmt.Fprintf(&b, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n", len(text))
	}
	if closes {
		b.WriteString("Connection: close\r\n")
	} else {
		b.WriteString("Connection: keep-alive\r\n")
	}
	b.WriteString("\r\n")
	if has && method != http.MethodHead {
		b.WriteString(text)
	}
	return b.String()
}

// write writes text, byte by byte with a pause if there is one.
func (c *call) write(ctx context.Context, text string, pause time.Duration) error {
	patience := c.server.limits.Head
	if pause == 0 {
		_ = c.stream.SetWriteDeadline(time.Now().Add(patience))
		_, err := io.WriteString(c.stream, text)
		return err
	}
	for i := range len(text) {
		if i > 0 && !c.holdsOn(ctx, pause) {
			return errGone
		}
		_ = c.stream.SetWriteDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c.stream, text[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// errGone says that nobody waits for the answer any more.
var errGone = errors.New("the other side is gone, or this one ends")

// holdsOn waits for d. It reports false as soon as the other side closes or this
// one ends. What is said meanwhile stays in the buffer.
func (c *call) holdsOn(ctx context.Context, d time.Duration) bool {
	until := time.Now().Add(d)
	if until.After(c.ends) {
		until = c.ends
	}
	for {
		_ = c.conn.SetReadDeadline(until)
		_, err := c.r.Peek(min(c.r.Buffered()+1, readBuffer))
		switch {
		case isTimeout(err):
			return ctx.Err() == nil && time.Now().Before(c.ends)
		case err != nil && c.r.Buffered() < readBuffer:
			return false
		case c.r.Buffered() == readBuffer: // it talks without end: stop listening
			return wait(ctx, time.Until(until))
		}
	}
}

// linger closes the way out first and reads what is still on its way in: closing
// while bytes are unread would reset the connection, and could take the answer
// with it.
func (c *call) linger() {
	const longest, most = time.Second, 256 << 10
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		if t, ok := c.stream.(interface{ CloseWrite() error }); ok && c.stream != c.conn {
			_ = t.CloseWrite() // TLS says that it ends
		}
		if tcp.CloseWrite() != nil {
			return
		}
		_ = tcp.SetReadDeadline(time.Now().Add(longest))
		_, _ = io.CopyN(io.Discard, tcp, most)
	}
}
