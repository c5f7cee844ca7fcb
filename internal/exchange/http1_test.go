package exchange_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/exchange"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// TestBytesSent is the contract with those who know what a prober sends.
func TestBytesSent(t *testing.T) {
	fields := []exchange.Field{{Name: "host", Value: "10.0.0.5:80"}, {Name: "X-b", Value: ""}, {Name: "a", Value: "1"}, {Name: "a", Value: "2"}}
	tests := []struct {
		name string
		ask  exchange.Request
		want string
	}{
		{"nothing named", exchange.Request{}, "GET / HTTP/1.1\r\n\r\n"},
		{"order and case", exchange.Request{Method: "OPTIONS", Path: "*", Version: "HTTP/1.0", Fields: fields},
			"OPTIONS * HTTP/1.0\r\nhost: 10.0.0.5:80\r\nX-b: \r\na: 1\r\na: 2\r\n\r\n"},
		{"body", exchange.Request{Method: "POST", Fields: fields[2:3], Body: []byte("x\x00y")}, "POST / HTTP/1.1\r\na: 1\r\n\r\nx\x00y"},
		{"HTTP/0.9", exchange.Request{Version: "HTTP/0.9", Path: "/a"}, "GET /a\r\n"},
		{"HTTP/0.9 with fields", exchange.Request{Version: "HTTP/0.9", Fields: fields[2:3]}, "GET /\r\na: 1\r\n\r\n"},
		{"raw", exchange.Request{Method: "PUT", Fields: fields, Body: []byte("b"), Raw: []byte("get  /\nx:y\n\n")}, "get  /\nx:y\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var arrived []byte
			tt.ask.Protocol, tt.ask.Address, tt.ask.Timeout = exchange.HTTP1, "x:80", patience
			done := inMemory(&tt.ask, func(conn net.Conn) {
				buf := make([]byte, 4096)
				n, _ := conn.Read(buf)
				arrived = buf[:n]
				io.WriteString(conn, ok)
			})
			a := exchange.Do(t.Context(), tt.ask)
			<-done
			expect(t, a, exchange.None, exchange.Done)
			if string(arrived) != tt.want || string(a.Sent) != tt.want {
				t.Errorf("arrived %q\n   told %q\n   want %q", arrived, a.Sent, tt.want)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	a := answered(t.Context(), ask("x:80"), "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+
		"HTTP/1.0  503   Not  now\r\nserver:nginx\r\nX-Twice : a\r\nX-Twice:  b \r\nX-Long: one\r\n  two\r\n\tthree\r\n\r\nbody")
	expect(t, a, exchange.None, exchange.Done)
	want := exchange.Answer{
		Status: 503, Text: "  Not  now", Proto: "HTTP/1.0", Interim: []int{103},
		Fields: []exchange.Field{{Name: "server", Value: "nginx"}, {Name: "X-Twice ", Value: "a"}, {Name: "X-Twice", Value: "b"}, {Name: "X-Long", Value: "one two three"}},
		Body:   []byte("body"), BodySize: 4, GRPCCode: -1, Stage: exchange.Done,
	}
	want.Began, want.Phases, want.Sent, want.Received, want.Remote, want.Local = a.Began, a.Phases, a.Sent, a.Received, a.Remote, a.Local
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if a.Get("SERVER") != "nginx" || a.Get("none") != "" {
		t.Errorf("Get gives %q and %q", a.Get("SERVER"), a.Get("none"))
	}
}

func TestEndsOfAnswers(t *testing.T) {
	head := ask("x:80")
	head.Method = "HEAD"
	rawHead := exchange.Request{Protocol: exchange.HTTP1, Address: "x:80", Raw: []byte("HEAD / HTTP/1.1\r\n\r\n"), Timeout: patience}
	simple := exchange.Request{Protocol: exchange.HTTP1, Address: "x:80", Version: "HTTP/0.9", Timeout: patience}
	rawSimple := exchange.Request{Protocol: exchange.HTTP1, Address: "x:80", Raw: []byte("GET /\r\n"), Timeout: patience}
	get := ask("x:80")
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
	repeat := strings.Repeat
	tests := []struct {
		name    string
		ask     exchange.Request
		answer  string
		failure exchange.Failure
		stage   exchange.Stage
		status  int
		body    string
	}{
		{"length", get, ok + "more", exchange.None, exchange.Done, 200, "ok"},
		{"equal lengths", get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok", exchange.None, exchange.Done, 200, "ok"},
		{"chunks", get, chunked + "2;x=y\r\nok\r\n00A \r\n0123456789\r\n0\r\n\r\n", exchange.None, exchange.Done, 200, "ok0123456789"},
		{"chunks win over a length", get, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", exchange.None, exchange.Done, 200, "ok"},
		{"no chunks in HTTP/1.0", get, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok", exchange.None, exchange.Done, 200, "2\r\nok"},
		{"to the end", get, "HTTP/1.1 200 OK\n\nall of it", exchange.None, exchange.Done, 200, "all of it"},
		{"HEAD", head, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", exchange.None, exchange.Done, 200, ""},
		{"HEAD, raw", rawHead, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", exchange.None, exchange.Done, 200, ""},
		{"204", get, "HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", exchange.None, exchange.Done, 204, ""},
		{"304", get, "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", exchange.None, exchange.Done, 304, ""},
		{"101", get, "HTTP/1.1 101 Go\r\nContent-Length: 9\r\n\r\n", exchange.None, exchange.Done, 101, ""},
		{"HTTP/0.9 asked, HTTP/1 answered", simple, ok, exchange.None, exchange.Done, 200, "ok"},

		{"nothing", get, "", exchange.Closed, exchange.Waiting, 0, ""},
		{"half a head", get, "HTTP/1.1 200 OK\r\nA: b\r\n", exchange.Closed, exchange.ReadingHead, 0, ""},
		{"interim alone", get, "HTTP/1.1 100 Go on\r\n\r\n", exchange.Closed, exchange.ReadingHead, 0, ""},
		{"short of its length", get, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", exchange.BodyCutShort, exchange.ReadingBody, 200, "half"},
		{"chunk cut", get, chunked + "9\r\nhalf", exchange.BodyCutShort, exchange.ReadingBody, 200, "half"},
		{"chunk without its end", get, chunked + "4\r\nhalf", exchange.BodyCutShort, exchange.ReadingBody, 200, "half"},
		{"no last chunk", get, chunked + "4\r\nhalf\r\n", exchange.BodyCutShort, exchange.ReadingBody, 200, "half"},
		{"trailers cut", get, chunked + "4\r\nhalf\r\n0\r\nA: b\r\n", exchange.BodyCutShort, exchange.ReadingBody, 200, "half"},
		{"no number", get, chunked + "g\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, ""},
		{"signed number", get, chunked + "+2\r\nok\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, ""},
		{"empty number", get, chunked + ";x\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, ""},
		{"huge number", get, chunked + "10000000000000000\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, ""},
		{"bare line feed", get, chunked + "2\nok\r\n0\r\n\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, ""},
		{"two carriage returns", get, chunked + "2\r\r\nok", exchange.BodyBroken, exchange.ReadingBody, 200, ""},
		{"carriage return in an extension", get, chunked + "2;\rx\r\nok\r\n0\r\n\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, ""},
		{"chunk longer than it says", get, chunked + "2\r\nokay\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, "ok"},
		{"no line end after a chunk", get, chunked + "2\r\nok..0\r\n\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, "ok"},
		{"trailers broken", get, chunked + "2\r\nok\r\n0\r\nnonsense\r\n\r\n", exchange.BodyBroken, exchange.ReadingBody, 200, "ok"},
		{"endless extension", get, chunked + "2;" + repeat("x", 5000), exchange.BodyBroken, exchange.ReadingBody, 200, ""},
		{"extensions without end", get, chunked + repeat("1;"+repeat("x", 4000)+"\r\nx\r\n", 10), exchange.BodyBroken, exchange.ReadingBody, 200, "xxxx"},
		{"endless trailers", get, chunked + "0\r\n" + repeat("A: b\r\n", 5000), exchange.BodyBroken, exchange.ReadingBody, 200, ""},

		{"no status line", get, "hello\r\n", exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"no status line and no line end", get, "\x4a\x00\x00\x00\x0a8.0.36\x00", exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"half a word that is not HTTP", get, "S", exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"empty line first", get, "\r\n" + ok, exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"HTTP/2 by name", get, "HTTP/2.0 200 OK\r\n\r\n", exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"HTTP/0.9", simple, "<html>hi", exchange.Malformed, exchange.ReadingHead, 0, "<html>hi"},
		{"HTTP/0.9, raw", rawSimple, "<html>\nhi", exchange.Malformed, exchange.ReadingHead, 0, "<html>\nhi"},
		{"head too long", get, "HTTP/1.1 200 OK\r\nA: " + repeat("a", 70_000), exchange.HeadTooLong, exchange.ReadingHead, 0, ""},
		{"too many interim answers", get, repeat("HTTP/1.1 102 Wait\r\n\r\n", 17) + ok, exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"interim answers too long", get, repeat("HTTP/1.1 102 Wait\r\nA: "+repeat("a", 9000)+"\r\n\r\n", 8) + ok, exchange.HeadTooLong, exchange.ReadingHead, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := answered(t.Context(), tt.ask, tt.answer)
			expect(t, a, tt.failure, tt.stage)
			if a.Status != tt.status || string(a.Body) != tt.body || a.BodyMore {
				t.Errorf("status %d, body %q (more: %v); want %d, %q", a.Status, a.Body, a.BodyMore, tt.status, tt.body)
			}
			if !strings.HasPrefix(tt.answer, string(a.Received)) || tt.answer != "" && len(a.Received) == 0 {
				t.Errorf("received %q is not the beginning of %q", a.Received, tt.answer)
			}
		})
	}
}

func TestTrailers(t *testing.T) {
	a := answered(t.Context(), ask("x:80"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n")
	expect(t, a, exchange.None, exchange.Done)
	if diff := cmp.Diff([]exchange.Field{{Name: "X-Sum", Value: "1"}}, a.Trailers); diff != "" {
		t.Errorf("trailers (-want +got):\n%s", diff)
	}
}

func TestMaxBody(t *testing.T) {
	bodies := map[string]func(n int) string{
		"length": func(n int) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("b", n))
		},
		"to the end": func(n int) string { return "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("b", n) },
		"one chunk": func(n int) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("b", n))
		},
		"small chunks": func(n int) string {
			return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nb\r\n", n) + "0\r\n\r\n"
		},
	}
	for name, body := range bodies {
		for _, limit := range []int{0, 1000} {
			allowed := limit
			if limit == 0 {
				allowed = 64 << 10
			}
			for _, n := range []int{allowed - 1, allowed, allowed + 1} {
				t.Run(fmt.Sprint(name, n), func(t *testing.T) {
					r := ask("x:80")
					r.MaxBody = limit
					a := answered(t.Context(), r, body(n))
					expect(t, a, exchange.None, exchange.Done)
					if len(a.Body) != min(n, allowed) || a.BodyMore != (n > allowed) {
						t.Errorf("of %d bytes %d were read (more: %v), MaxBody is %d", n, len(a.Body), a.BodyMore, limit)
					}
				})
			}
		}
	}
}

func TestServerSpeaksFirst(t *testing.T) {
	t.Run("and waits", func(t *testing.T) {
		const banner = "SSH-2.0-OpenSSH_9.9\r\n"
		a := exchange.Do(t.Context(), ask(listen(t, func(conn net.Conn) {
			io.WriteString(conn, banner)
			io.Copy(io.Discard, conn)
		})))
		expect(t, a, exchange.Malformed, exchange.ReadingHead)
		if string(a.Received) != banner {
			t.Errorf("received %q", a.Received)
		}
	})
	t.Run("without a line, and waits", func(t *testing.T) {
		const banner = "\x4a\x00\x00\x00\x0a8.0.36\x00"
		a := exchange.Do(t.Context(), ask(listen(t, func(conn net.Conn) {
			io.WriteString(conn, banner)
			io.Copy(io.Discard, conn)
		})))
		expect(t, a, exchange.Malformed, exchange.ReadingHead)
		if string(a.Received) != banner || a.Phases.Total > patience/2 {
			t.Errorf("received %q after %v", a.Received, a.Phases.Total)
		}
	})
	t.Run("to who says nothing", func(t *testing.T) {
		r := ask(listen(t, func(conn net.Conn) { io.WriteString(conn, "+OK ready\r\n") }))
		r.Raw = []byte{}
		a := exchange.Do(t.Context(), r)
		expect(t, a, exchange.Malformed, exchange.ReadingHead)
		if string(a.Received) != "+OK ready\r\n" || len(a.Sent) != 0 {
			t.Errorf("received %q, sent %q", a.Received, a.Sent)
		}
	})
}

// TestAnswerBeforeTheRequestIsTaken: a server may refuse a body that it has not read.
func TestAnswerBeforeTheRequestIsTaken(t *testing.T) {
	r := ask("x:80")
	r.Body = make([]byte, 1<<20)
	done := inMemory(&r, func(conn net.Conn) {
		conn.Read(make([]byte, 100))
		io.WriteString(conn, "HTTP/1.1 413 Too much\r\nContent-Length: 0\r\n\r\n")
	})
	a := exchange.Do(t.Context(), r)
	<-done
	expect(t, a, exchange.None, exchange.Done)
	if a.Status != 413 {
		t.Errorf("status %d", a.Status)
	}
}
