package exchange_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/exchange"
	"golang.org/x/net/http2"
)

// FuzzHTTP1 holds the parser of answers against net/http's: what that takes
// whole, we read the same.
func FuzzHTTP1(f *testing.F) {
	for _, seed := range []string{
		"",
		ok,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 503 No\nserver: x\n\nbody",
		"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\nX-Long: a\r\n b\r\n\r\n",
		"HTTP/1.1 204\r\n\r\n", "HTTP/1.1 -00 x\r\n\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n: c\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
		"HTTP/1.1 200 OK\r\nA: \x1b[31m\r\n\r\n",
		"HTTP/0.9 hello\r\n", "HTT", "\x16\x03\x01\x00\x00", "\x00\x00\x12\x04\x00\x00\x00\x00\x00", "SSH-2.0-x\r\n",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, answer string, head bool) {
		r := ask("x:80")
		if head {
			r.Method = "HEAD"
		}
		a := answered(t.Context(), r, answer)
		check(t, a)
		if a.Failure == exchange.OwnFault || a.Failure == exchange.TimedOut {
			t.Fatalf("an answer that ended gave %q: %v", a.Failure, a.Err)
		}
		if !strings.HasPrefix(answer, string(a.Received)) {
			t.Error("the transcript does not begin the answer")
		}
		if answer != "" && len(a.Received) == 0 {
			t.Error("nothing received of what came")
		}
		compare(t, r, answer, a)
	})
}

func compare(t *testing.T, r exchange.Request, answer string, a exchange.Answer) {
	if len(answer) > 4000 {
		return // our bounds are others than net/http's
	}
	reader := bufio.NewReader(strings.NewReader(answer))
	var theirs *http.Response
	for range 17 {
		var err error
		if theirs, err = http.ReadResponse(reader, &http.Request{Method: r.Method}); err != nil {
			if a.Status != 0 {
				t.Errorf("we read status %d, net/http nothing: %v", a.Status, err)
			}
			return
		}
		if theirs.StatusCode >= 200 || theirs.StatusCode == 101 {
			break
		}
		if theirs.StatusCode < 100 || theirs.ProtoMajor != 1 {
			return
		}
	}
	if theirs.ProtoMajor != 1 || theirs.StatusCode < 200 && theirs.StatusCode != 101 {
		return
	}
	body, err := io.ReadAll(theirs.Body)
	if err != nil && strings.Contains(err.Error(), "trailer") {
		return // it wants another byte after a bare line feed
	}
	if a.Status != theirs.StatusCode || a.Proto != theirs.Proto || !bytes.Equal(a.Body, body) || a.Whole() != (err == nil) {
		t.Errorf("we read %d %q (%v), net/http %d %q (%v)", a.Status, a.Body, a.Err, theirs.StatusCode, body, err)
	}
	for name, values := range theirs.Header {
		if name == "Content-Length" || name == "Cache-Control" {
			continue // which net/http mends
		}
		if a.Get(name) != strings.Trim(values[0], " \t") {
			t.Errorf("we read %s as %q, net/http as %q", name, a.Get(name), values[0])
		}
	}
}

// FuzzHTTP2 sends any frames after a greeting.
func FuzzHTTP2(f *testing.F) {
	frames := func(write func(*http2.Framer)) []byte {
		var b bytes.Buffer
		framer := http2.NewFramer(&b, nil)
		framer.AllowIllegalWrites = true
		write(framer)
		return b.Bytes()
	}
	f.Add([]byte{})
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Add(frames(func(f *http2.Framer) {
		head(f, 1, false, ":status", "200", "content-length", "2", "content-type", "application/grpc")
		f.WriteData(1, false, []byte("\x00\x00\x00\x00\x02\x08\x01"))
		head(f, 1, true, "grpc-status", "0", "grpc-message", "a%20b")
	}))
	f.Add(frames(func(f *http2.Framer) {
		head(f, 1, false, ":status", "103")
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status", "200")})
		f.WriteContinuation(1, true, block("a", "b"))
		f.WriteDataPadded(1, true, []byte("x"), make([]byte, 3))
	}))
	f.Add(frames(func(f *http2.Framer) {
		f.WriteSettingsAck()
		f.WritePing(false, [8]byte{1})
		f.WriteGoAway(1, http2.ErrCodeNo, nil)
		f.WriteRSTStream(1, http2.ErrCodeCancel)
	}))
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, greeting := range []string{"", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"} {
			r := ask2("x:80")
			r.Protocol, r.Path = exchange.GRPC, "/grpc.health.v1.Health/Check"
			done := inMemory(&r, func(conn net.Conn) {
				if _, err := conn.Read(make([]byte, 4096)); err != nil {
					return
				}
				drained := make(chan struct{})
				go func() {
					defer close(drained)
					io.Copy(io.Discard, conn)
				}()
				io.WriteString(conn, greeting)
				conn.Write(answer)
				conn.Close()
				<-drained
			})
			a := exchange.Do(t.Context(), r)
			<-done
			check(t, a)
			if a.Failure == exchange.OwnFault || a.Failure == exchange.TimedOut || errors.Is(a.Err, exchange.ErrTimeout) {
				t.Errorf("an answer that ended gave %q: %v", a.Failure, a.Err)
			}
			if a.Whole() && a.Status < 200 {
				t.Errorf("whole with status %d", a.Status)
			}
		}
	})
}
