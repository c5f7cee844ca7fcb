package targettest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Behaviour is what a Target does with a connection that it accepted. When it
// returns, the connection is closed. It runs in a goroutine of its own and must
// return when the connection breaks or [Conn.Sleep] does.
type Behaviour func(*Conn)

// Conn is a connection accepted by a Target.
type Conn struct {
	net.Conn
	target *Target
	reader *bufio.Reader
}

// ReadRequest reads one request with its body, and notes it in
// [Target.Requests]. It returns the method, empty if no whole request came.
func (c *Conn) ReadRequest() (method string) {
	var head strings.Builder
	for {
		line, err := c.reader.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			return ""
		}
		if strings.TrimRight(line, "\r\n") == "" {
			break
		}
	}
	seen := Request{Head: head.String()}
	if secure, ok := c.Conn.(*tls.Conn); ok {
		seen.ServerName = secure.ConnectionState().ServerName
	}
	c.target.record(seen)
	r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(seen.Head), c.reader)))
	if err != nil {
		return ""
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return ""
	}
	return r.Method
}

// Sleep waits for d, or less if the Target closes first.
func (c *Conn) Sleep(d time.Duration) { c.target.sleep(d) }

// transport is the connection below TLS, if there is TLS.
func (c *Conn) transport() net.Conn {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return c.Conn
}

// Status answers with a status code and a body, complete and correct.
func Status(code int, body string) Behaviour {
	return answer(code, "", body)
}

// Redirect answers 301 and sends the client to url.
func Redirect(url string) Behaviour {
	return answer(http.StatusMovedPermanently, "Location: "+url+"\r\n", "")
}

func answer(code int, headers, body string) Behaviour {
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		code, http.StatusText(code), headers, len(body))
	return func(c *Conn) {
		switch c.ReadRequest() {
		case "":
		case http.MethodHead:
			io.WriteString(c, head)
		default:
			io.WriteString(c, head+body)
		}
	}
}

// Raw reads a request and answers with these bytes, whatever they are. They
// are written at once and the connection is closed after them.
func Raw(bytes string) Behaviour {
	return func(c *Conn) {
		if c.ReadRequest() != "" {
			io.WriteString(c, bytes)
		}
	}
}

// Garbage answers with bytes that are no HTTP.
var Garbage = Raw("\x00\x01 this is not HTTP \xff\r\n\r\n")

// CutBody answers 200 and closes in the middle of the body it announced.
var CutBody = Raw("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(2*len(half)) + "\r\n\r\n" + half)

const half = "half of a body, "

// Hang reads the request and never answers.
func Hang(c *Conn) {
	if c.ReadRequest() != "" {
		// Returns when the client has gone or the Target closes.
		io.Copy(io.Discard, c.reader)
	}
}

// CloseAfterAccept ends every connection at once and in order: the client
// reads an end of file, even if it has sent something meanwhile.
func CloseAfterAccept(c *Conn) {
	if tcp, ok := c.transport().(*net.TCPConn); ok {
		// Closing with bytes unread would send a reset.
		tcp.CloseWrite()
		io.Copy(io.Discard, tcp)
	}
}

// Reset breaks every connection at once with a TCP reset. On a connection that
// is not TCP it is CloseAfterAccept.
func Reset(c *Conn) {
	if tcp, ok := c.transport().(*net.TCPConn); ok {
		tcp.SetLinger(0) // closing drops what is unsent and sends a reset
		tcp.Close()
	}
}

// Slow waits for d after accepting a connection, then does as b.
func Slow(d time.Duration, b Behaviour) Behaviour {
	return func(c *Conn) {
		c.Sleep(d)
		b(c)
	}
}

// Flood says greeting and then rest, again and again, for as long as somebody takes
// it. It begins when the client has said something, none of which is looked at.
func Flood(greeting, rest string) Behaviour {
	return func(c *Conn) {
		if _, err := c.reader.ReadByte(); err != nil {
			return
		}
		dropped := make(chan struct{})
		go func() {
			defer close(dropped)
			io.Copy(io.Discard, c.reader)
		}()
		_, err := io.WriteString(c, greeting)
		for err == nil {
			_, err = io.WriteString(c, rest)
		}
		c.Conn.Close() // which ends the reading
		<-dropped
	}
}
