package inspect

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/fingerprint"
)

const okClosed = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

// TestArrivals: what comes, byte for byte, what it is taken for, and the answer.
func TestArrivals(t *testing.T) {
	type fact struct {
		Kind   Kind
		Method string
		Target string
		Proto  string
		Fields []fingerprint.Field
		More   bool
	}
	for name, test := range map[string]struct {
		said   string
		want   fact
		answer string
	}{
		"order, case, blanks and unprintables": {
			"GET  /a b HTTP/1.1\r\nhOST: x\r\nUser-agent:\tp\r\nX-\xff: \x1b[m\r\nhOST: y\r\nConnection: close\r\n\r\n",
			fact{HTTP1, "GET", " /a b", "HTTP/1.1", []fingerprint.Field{{Name: "hOST", Value: "x"}, {Name: "User-agent", Value: "p"},
				{Name: "X-\xff", Value: "\x1b[m"}, {Name: "hOST", Value: "y"}, {Name: "Connection", Value: "close"}}, false}, okClosed},
		"HTTP/1.0":      {"OPTIONS / HTTP/1.0\r\n\r\n", fact{HTTP1, "OPTIONS", "/", "HTTP/1.0", nil, false}, okClosed},
		"bare LF":       {"GET / HTTP/1.0\n\n", fact{HTTP1, "GET", "/", "HTTP/1.0", nil, false}, okClosed},
		"asterisk":      {"OPTIONS * HTTP/1.0\r\n\r\n", fact{HTTP1, "OPTIONS", "*", "HTTP/1.0", nil, false}, okClosed},
		"HEAD":          {"HEAD / HTTP/1.0\r\n\r\n", fact{HTTP1, "HEAD", "/", "HTTP/1.0", nil, false}, strings.TrimSuffix(okClosed, "ok")},
		"HTTP/0.9":      {"GET /\r\n", fact{HTTP09, "GET", "/", "", nil, false}, "ok\r\n"},
		"F5's two ends": {"GET /\r\n\r\n", fact{HTTP09, "GET", "/", "", nil, false}, "ok\r\n"},
		"empty line in front": {"\r\nGET / HTTP/1.0\r\n\r\n", fact{HTTP1, "GET", "/", "HTTP/1.0", nil, false},
			okClosed},
		"body": {"POST /p HTTP/1.0\r\nContent-Length: 4\r\n\r\na\x00b\n", fact{HTTP1, "POST", "/p", "HTTP/1.0",
			[]fingerprint.Field{{Name: "Content-Length", Value: "4"}}, false}, okClosed},
		"chunks": {"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n", fact{HTTP1, "POST", "/p", "HTTP/1.1",
			[]fingerprint.Field{{Name: "Transfer-Encoding", Value: "chunked"}, {Name: "Connection", Value: "close"}}, false}, okClosed},
		"chunks that are none": {"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", fact{HTTP1, "POST", "/p", "HTTP/1.1",
			[]fingerprint.Field{{Name: "Transfer-Encoding", Value: "chunked"}}, false},
			"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 11\r\nConnection: close\r\n\r\nbad request"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{})
			answer := r.say(test.said)
			a := r.arrival(1)
			got := fact{a.Kind, a.Request.Method, a.Request.Target, a.Request.Proto, a.Request.Fields, a.More}
			if len(got.Fields) == 0 {
				got.Fields = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.said, string(a.Bytes)); diff != "" {
				t.Errorf("bytes (-sent +told):\n%s", diff)
			}
			if diff := cmp.Diff(test.answer, answer); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if out := r.outcome(1); out.What != Answered || out.Number != 1 {
				t.Errorf("outcome %+v", out)
			}
		})
	}
}

// TestKeepAlive: one arrival after another on one connection, pipelined ones too.
func TestKeepAlive(t *testing.T) {
	r := start(t, Options{})
	c := r.dial()
	if _, err := io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /3 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for i, want := range []string{"keep-alive", "keep-alive", "keep-alive"} {
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil || string(text) != "ok" || answer.Header.Get("Connection") != want {
			t.Errorf("answer %d: %q, Connection %q, %v", i, text, answer.Header.Get("Connection"), err)
		}
	}
	for n := 1; n <= 3; n++ {
		if a := r.arrival(n); a.Connection != 1 || a.Nth != n || a.Request.Target != "/"+string(rune('0'+n)) {
			t.Errorf("arrival %d: %+v", n, a)
		}
	}
	if got := string(r.arrival(2).Bytes); !strings.HasSuffix(got, "\r\n\r\nhi") || strings.Contains(got, "GET") {
		t.Errorf("the second's bytes are %q", got)
	}
	if _, err := io.WriteString(c, "GET /4 HTTP/1.1\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(rest), "Connection: close\r\n") {
		t.Errorf("the last answer is %q, %v", rest, err)
	}
}

func TestContinue(t *testing.T) {
	r := start(t, Options{})
	c := r.dial()
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := io.WriteString(c, "hi"); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(in); err != nil || !strings.Contains(string(rest), "200 OK") {
		t.Errorf("%q, %v", rest, err)
	}
	if got := r.arrival(1); !bytes.HasSuffix(got.Bytes, []byte("hi")) {
		t.Errorf("told %q", got.Bytes)
	}
}

// TestBounds: of what is too long, so much is kept.
func TestBounds(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, test := range map[string]struct {
		said, status string
		kind         Kind
	}{
		"head":         {"GET / HTTP/1.1\r\n" + strings.Repeat("X: "+strings.Repeat("y", 100)+"\r\n", 50), "HTTP/1.1 431", HTTP1},
		"line":         {"GET / HTTP/1.1\r\nX: " + long, "HTTP/1.1 431", HTTP1},
		"request line": {"GET /" + long + " HTTP/1.1\r\n\r\n", "", Other},
		"body":         {"POST / HTTP/1.0\r\nContent-Length: 5000\r\n\r\n" + long, "HTTP/1.1 200", HTTP1},
		"huge body":    {"POST / HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n" + long, "HTTP/1.1 413", HTTP1},
		"much of it":   {"POST / HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n" + strings.Repeat(long, 40), "HTTP/1.1 413", HTTP1}, // all is read, or the answer is lost
		"huge chunk":   {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n" + long, "HTTP/1.1 413", HTTP1},
		"garbage":      {long, "", Other},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Limits: Limits{Bytes: 1000}})
			answer := r.say(test.said)
			a := r.arrival(1)
			if a.Kind != test.kind || len(a.Bytes) > 1000 || !a.More || !strings.HasPrefix(test.said, string(a.Bytes)) {
				t.Errorf("told %s, %d bytes, more: %t", a.Kind, len(a.Bytes), a.More)
			}
			if !strings.HasPrefix(answer, test.status) {
				t.Errorf("answered %.40q", answer)
			}
		})
	}
}

// TestTwoLengths: of a question whose end can't be told, nothing behind it is taken
// for another.
func TestTwoLengths(t *testing.T) {
	r := start(t, Options{})
	answer := r.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcGET /second HTTP/1.1\r\nHost: a\r\n\r\n")
	if n := strings.Count(answer, "HTTP/1.1 "); n != 1 || !strings.Contains(answer, "Connection: close") {
		t.Errorf("%d answers: %q", n, answer)
	}
}

// TestBrokenAnswers: what can't be read is answered so, and told so, at once and
// whatever was to be answered.
func TestBrokenAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		said string
		want Answer
	}{
		"head":      {"GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 5000), Answer{Status: 431}},
		"body":      {"POST / HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n", Answer{Status: 413}},
		"chunks":    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno\r\n", Answer{Status: 400}},
		"not whole": {"GET / HTTP/1.1\r\nHost: a\r\n", Answer{Way: Close}},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Script: Script{{Answer: Answer{Way: Hang, After: time.Minute}}}})
			c := r.dial()
			if _, err := io.WriteString(c, test.said); err != nil {
				t.Fatal(err)
			}
			_ = c.CloseWrite()
			answer, err := io.ReadAll(c)
			if err != nil {
				t.Fatal(err)
			}
			status := ""
			if code := test.want.Code(); code != 0 {
				status = "HTTP/1.1 " + strconv.Itoa(code) + " "
			}
			if !strings.HasPrefix(string(answer), status) || status == "" && len(answer) > 0 {
				t.Errorf("answered %q", answer)
			}
			if a := r.arrival(1); a.Answer != test.want {
				t.Errorf("told that it is answered %+v", a.Answer)
			}
		})
	}
}

// TestLingers: who still talks when it is answered is listened to for a moment:
// resetting the connection could take the answer with it.
func TestLingers(t *testing.T) {
	r := start(t, Options{})
	c := r.dial()
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413") {
		t.Fatalf("%q, %v", answer, err)
	}
	for i := range 3 {
		if _, err := io.WriteString(c, "more"); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
	}
}

// haproxyMySQL is what HAProxy's mysql-check says before it is greeted.
const haproxyMySQL = "\x25\x00\x00\x01\x00\x82\x00\x00\x00\x80\x00\x01\x21\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00foo\x00\x00\x01\x00\x00\x00\x01"

// TestOther: bytes that are no question are told and not answered.
func TestOther(t *testing.T) {
	for said, words := range map[string]string{
		"PING\r\n":                            "it looks like a Redis PING",
		"*1\r\n$4\r\nPING\r\n":                "it looks like a Redis PING",
		"*1\r\n$4\r\nQUIT\r\n":                "it looks like a Redis command",
		haproxyMySQL:                          "it looks like a MySQL client",
		"\xff\xff\x00\x01" + haproxyMySQL[4:]: "it is no question that is known here",
		haproxyMySQL[:30]:                     "it is no question that is known here",
		"\x25\x00\x00\x02" + haproxyMySQL[4:]: "it is no question that is known here",
		"EHLO x\r\n":                          "it looks like SMTP",
		"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00": "it looks like LDAP", // HAProxy's ldap-check
		"\x1b]0;owned\a\n":                      "it is no question that is known here",
		"GET\r\n":                               "it is no question that is known here",
		"get /\r\n":                             "it is no question that is known here",
		"GET / HTTX/1.1\r\n":                    "it is no question that is known here",
		"\x00\x00\x00\x08\x04\xd2\x16\x2f":      "it looks like PostgreSQL's question for TLS",
		"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\nxxxxx": "it looks like HTTP/2, but its preface is wrong",
	} {
		r := start(t, Options{})
		c := r.dial()
		if _, err := io.WriteString(c, said); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(c)
		a := r.arrival(1)
		if a.Kind != Other || string(a.Bytes) != said || !strings.HasPrefix(a.Ending, words) || len(answer) > 0 {
			t.Errorf("%q: told %s %q %q, answered %q", said, a.Kind, a.Bytes, a.Ending, answer)
		}
	}
}

// TestCutShort: a question that breaks off is told as far as it came.
func TestCutShort(t *testing.T) {
	for _, said := range []string{"GET / HTTP/1.1\r\nHost: a", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"} {
		r := start(t, Options{})
		c := r.dial()
		if _, err := io.WriteString(c, said); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		a := r.arrival(1)
		if a.Kind != HTTP1 || string(a.Bytes) != said || a.Ending != "closed by the other side" {
			t.Errorf("%q: told %s %q %q", said, a.Kind, a.Bytes, a.Ending)
		}
		if out := r.outcome(1); out.What != CutOff {
			t.Errorf("outcome %+v", out)
		}
	}
}

// TestAnswers: what Options.Script says.
func TestAnswers(t *testing.T) {
	const question = "GET / HTTP/1.0\r\n\r\n"
	for name, test := range map[string]struct {
		answer Answer
		want   string
		result Result
	}{
		"status":     {Answer{Status: 503}, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\nConnection: close\r\n\r\nservice unavailable", Answered},
		"no content": {Answer{Status: 204}, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", Answered},
		"redirect": {Answer{Redirect: "https://a.example/"},
			"HTTP/1.1 302 Found\r\nLocation: https://a.example/\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfound", Answered},
		"close": {Answer{Way: Close}, "", CutOff},
		"drip":  {Answer{Drip: time.Millisecond}, okClosed, Answered},
		"after": {Answer{After: 30 * time.Millisecond}, okClosed, Answered},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Script: Script{{Answer: test.answer}}})
			if diff := cmp.Diff(test.want, r.say(question)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if out := r.outcome(1); out.What != test.result || out.After < test.answer.After {
				t.Errorf("outcome %+v", out)
			}
		})
	}
}

// TestPatience: with no answer, the time until the other side gives up is its
// time-out.
func TestPatience(t *testing.T) {
	for name, answer := range map[string]Answer{"hang": {Way: Hang}, "after": {After: time.Minute}, "drip": {Drip: 10 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Script: Script{{Answer: answer}}})
			client := &http.Client{Timeout: 100 * time.Millisecond}
			if _, err := client.Get("http://" + r.address); err == nil {
				t.Error("it was answered")
			}
			out := r.outcome(1)
			if out.What != GaveUp || out.After < 10*time.Millisecond || out.After > 5*time.Second {
				t.Errorf("outcome %+v", out)
			}
			r.await("the sender", func() bool { return len(r.server.Senders()) == 1 })
			if s := r.server.Senders()[0]; s.GaveUp != out.After || s.Last != GaveUp {
				t.Errorf("sender %+v", s)
			}
		})
	}
}
