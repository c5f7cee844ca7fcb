package accesslog_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/accesslog"
)

// sink collects lines, and fails the test if one comes in pieces or two at once.
type sink struct {
	t  *testing.T
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (s *sink) Write(p []byte) (int, error) {
	if !s.mu.TryLock() {
		s.t.Error("two lines were written at once")
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if bytes.Count(p, []byte("\n")) != 1 || p[len(p)-1] != '\n' {
		s.t.Errorf("not one line: %q", p)
	}
	return s.b.Write(p)
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// object is the one line of JSON that was written.
func (s *sink) object(t *testing.T) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(s.text()), &o); err != nil {
		t.Fatalf("%v: %s", err, s.text())
	}
	return o
}

var trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}

func request(method, target string, change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = "192.0.2.7:4444"
	if change != nil {
		change(r)
	}
	return r
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestCombined(t *testing.T) {
	tests := []struct {
		name    string
		request *http.Request
		serve   http.HandlerFunc // nil: hello
		want    string           // "T" stands for the time
	}{
		{
			name: "all there",
			request: request("GET", "/a?b=c", func(r *http.Request) {
				r.Header.Set("Referer", "https://example.com/from")
				r.Header.Set("User-Agent", "curl/8.5.0")
			}),
			want: `192.0.2.7 - - [T] "GET /a?b=c HTTP/1.1" 200 5 "https://example.com/from" "curl/8.5.0"`,
		},
		{name: "nothing there", request: request("GET", "/", nil), want: `192.0.2.7 - - [T] "GET / HTTP/1.1" 200 5 "-" "-"`},
		{
			name:    "on a Unix socket",
			request: request("GET", "/", func(r *http.Request) { r.RemoteAddr = "@" }),
			want:    `- - - [T] "GET / HTTP/1.1" 200 5 "-" "-"`,
		},
		{
			name: "forged visitor",
			request: request("GET", "/", func(r *http.Request) {
				r.Header.Set("X-Forwarded-For", "6.6.6.6")
			}),
			want: `192.0.2.7 - - [T] "GET / HTTP/1.1" 200 5 "-" "-"`,
		},
		{
			name: "visitor of a trusted proxy",
			request: request("GET", "/", func(r *http.Request) {
				r.RemoteAddr = "10.1.2.3:5555"
				r.Header.Set("X-Forwarded-For", "6.6.6.6, 2001:db8::7, 10.4.4.4")
			}),
			want: `2001:db8::7 - - [T] "GET / HTTP/1.1" 200 5 "-" "-"`,
		},
		{
			name: "what could forge a line",
			request: request("GET", "/", func(r *http.Request) {
				r.Method = "GE\"T"
				r.RequestURI = "/\"\\\x7f\n\xff"
				r.Proto = "HTTP/1.1\r"
				r.Header.Set("Referer", "\x1b[2Jü")
				r.Header.Set("User-Agent", "a\" \"b\n6.6.6.6 - -")
			}),
			want: `192.0.2.7 - - [T] "GE\x22T /\x22\x5C\x7F\x0A\xFF HTTP/1.1\x0D" 200 5 "\x1B[2J\xC3\xBC" "a\x22 \x22b\x0A6.6.6.6 - -"`,
		},
		{
			name: "secrets",
			request: request("GET", "http://alice:s3cret@example.com/a@b", func(r *http.Request) {
				r.RequestURI = "http://alice:s3cret@example.com/a@b"
				r.Header.Set("Referer", "https://bob:s3@cret@example.com?x@y")
				r.Header.Set("Authorization", "Basic s3cret")
				r.Header.Set("Cookie", "s3cret")
			}),
			want: `192.0.2.7 - - [T] "GET http://example.com/a@b HTTP/1.1" 200 5 "https://example.com?x@y" "-"`,
		},
		{
			name:    "CONNECT with secrets",
			request: request("CONNECT", "/", func(r *http.Request) { r.RequestURI = "alice:s3cret@example.com:443" }),
			want:    `192.0.2.7 - - [T] "CONNECT example.com:443 HTTP/1.1" 200 5 "-" "-"`,
		},
		{name: "a path like an authority", request: request("GET", "/", func(r *http.Request) { r.RequestURI = "//a@b/c" }),
			want: `192.0.2.7 - - [T] "GET //a@b/c HTTP/1.1" 200 5 "-" "-"`},
		{name: "status", request: request("POST", "/", nil),
			serve: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) },
			want:  `192.0.2.7 - - [T] "POST / HTTP/1.1" 503 3 "-" "-"`},
		{name: "interim answers", request: request("GET", "/", nil),
			serve: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(103)
				w.WriteHeader(404)
				w.WriteHeader(200)
			},
			want: `192.0.2.7 - - [T] "GET / HTTP/1.1" 404 0 "-" "-"`},
		{name: "nothing written", request: request("GET", "/", nil),
			serve: func(http.ResponseWriter, *http.Request) {},
			want:  `192.0.2.7 - - [T] "GET / HTTP/1.1" 200 0 "-" "-"`},
		{name: "HEAD", request: request("HEAD", "/", nil), want: `192.0.2.7 - - [T] "HEAD / HTTP/1.1" 200 0 "-" "-"`},
		{name: "copied from a file", request: request("GET", "/", nil),
			serve: func(w http.ResponseWriter, _ *http.Request) {
				io.Copy(w, iotest.OneByteReader(strings.NewReader("seven b")))
			},
			want: `192.0.2.7 - - [T] "GET / HTTP/1.1" 200 7 "-" "-"`},
	}
	stamp := regexp.MustCompile(`\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &sink{t: t}
			serve := tt.serve
			if serve == nil {
				serve = hello
			}
			(&accesslog.Log{Writer: s}).Wrap(serve, trusted).ServeHTTP(httptest.NewRecorder(), tt.request)
			got := stamp.ReplaceAllString(s.text(), "[T]")
			if diff := cmp.Diff(tt.want+"\n", got); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	s := &sink{t: t}
	l := &accesslog.Log{Format: accesslog.JSON, Writer: s}
	before := time.Now().Truncate(time.Millisecond)
	l.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accesslog.SetTargetStatus(r.Context(), 200)
		hello(w, r)
	}), trusted).ServeHTTP(httptest.NewRecorder(), request("GET", "/a?b", func(r *http.Request) {
		r.RemoteAddr = "10.1.2.3:5555"
		r.Host = "www.example.com"
		r.Header = http.Header{"X-Forwarded-For": {"192.0.2.9"}, "X-Forwarded-Proto": {"https"}, "Referer": {"https://u:p@x/"},
			"User-Agent": {"a\"\\\n\x7f\u0085\u202e☃\U0001F600\xff</script>"}}
	}))
	got := s.object(t)
	for i, c := range []byte(s.text()) {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Errorf("byte %d is %#x, not printable ASCII", i, c)
		}
	}
	at, err := time.Parse(time.RFC3339, got["time"].(string))
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("time = %v, %v", got["time"], err)
	}
	if d := got["duration"].(float64); d < 0 || d > 10 {
		t.Errorf("duration = %v", d)
	}
	delete(got, "time")
	delete(got, "duration")
	want := map[string]any{
		"client": "192.0.2.9", "scheme": "https", "host": "www.example.com", "method": "GET", "uri": "/a?b", "protocol": "HTTP/1.1",
		"referer": "https://x/", "user_agent": "a\"\\\n\x7f\u0085\u202e☃\U0001F600\uFFFD</script>",
		"status": 200.0, "target_status": 200.0, "bytes": 5.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

// TestBrokenOff has the handler end as the proxy ends an answer that can't be
// completed.
func TestBrokenOff(t *testing.T) {
	tests := []struct {
		name  string
		serve http.HandlerFunc
		want  float64
	}{
		{"before the answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 499},
		{"after an interim one", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); panic(http.ErrAbortHandler) }, 499},
		{"after the header", func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			panic(http.ErrAbortHandler)
		}, 200},
		{"in the body", func(w http.ResponseWriter, r *http.Request) { hello(w, r); panic(http.ErrAbortHandler) }, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &sink{t: t}
			func() {
				defer func() {
					if p := recover(); p != http.ErrAbortHandler {
						t.Errorf("panicked with %v, want what the handler panicked with", p)
					}
				}()
				(&accesslog.Log{Format: accesslog.JSON, Writer: s}).Wrap(tt.serve, nil).ServeHTTP(httptest.NewRecorder(), request("GET", "/", nil))
			}()
			got := s.object(t)
			if got["status"] != tt.want || got["aborted"] != true || got["target_status"] != nil {
				t.Errorf("line = %v, want status %v, aborted", got, tt.want)
			}
		})
	}
}

// TestUpgrade takes the connection over through the log's writer, and uses both
// directions after one is closed.
func TestUpgrade(t *testing.T) {
	s := &sink{t: t}
	l := &accesslog.Log{Format: accesslog.JSON, Writer: s}
	over := make(chan struct{})
	wrapped := l.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
		rw.Flush()
		all, err := io.ReadAll(rw)
		if err != nil {
			t.Error(err)
		}
		io.WriteString(c, "got "+string(all))
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
	}), nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(over)
		wrapped.ServeHTTP(w, r)
	}))
	defer server.Close()

	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
	answer := bufio.NewReader(c)
	if res, err := http.ReadResponse(answer, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("answer = %v, %v", res, err)
	}
	io.WriteString(c, "this")
	c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(answer); string(got) != "got this" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	<-over
	if got := s.object(t); got["status"] != 101.0 || got["bytes"] != 8.0 || got["aborted"] != nil {
		t.Errorf("line = %v", got)
	}
}

// TestWriterCanAllTheServersCan asks for what a handler may ask for.
func TestWriterCanAllTheServersCan(t *testing.T) {
	server := httptest.NewUnstartedServer((&accesslog.Log{Writer: io.Discard}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		later := time.Now().Add(time.Hour)
		if err := errors.Join(c.SetReadDeadline(later), c.SetWriteDeadline(later), c.EnableFullDuplex(), c.Flush()); err != nil {
			t.Error(err)
		}
		io.WriteString(w, "done")
	}), nil))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); string(body) != "done" || err != nil {
		t.Errorf("answer = %q, %v", body, err)
	}
}

// TestConcurrentLines serves many requests at once; the sink sees whether lines
// are whole.
func TestConcurrentLines(t *testing.T) {
	s := &sink{t: t}
	h := (&accesslog.Log{Writer: s}).Wrap(http.HandlerFunc(hello), nil)
	var wg sync.WaitGroup
	const each = 50
	for range 8 {
		wg.Go(func() {
			for range each {
				h.ServeHTTP(httptest.NewRecorder(), request("GET", "/"+strings.Repeat("a", 100), nil))
			}
		})
	}
	wg.Wait()
	if n := strings.Count(s.text(), " 200 5 "); n != 8*each {
		t.Errorf("%d lines, want %d", n, 8*each)
	}
}

func TestSetTargetStatusWithoutLine(t *testing.T) {
	accesslog.SetTargetStatus(context.Background(), 200) // must not panic
}

// FuzzLine has all that a client chooses in one line, which must be one, in ASCII.
func FuzzLine(f *testing.F) {
	f.Add("GET", "/a", "h", "r", "u")
	f.Add("\n", "http://u:p@h/", "\"", "\xff\xfe", "\x9b31m")
	f.Fuzz(func(t *testing.T, method, uri, host, referer, agent string) {
		for _, format := range []accesslog.Format{accesslog.Combined, accesslog.JSON} {
			s := &sink{t: t}
			(&accesslog.Log{Format: format, Writer: s}).Wrap(http.HandlerFunc(hello), nil).ServeHTTP(httptest.NewRecorder(), request("GET", "/", func(r *http.Request) {
				r.Method, r.RequestURI, r.Host = method, uri, host
				r.Header = http.Header{"Referer": {referer}, "User-Agent": {agent}}
			}))
			line := strings.TrimSuffix(s.text(), "\n")
			if i := strings.IndexFunc(line, func(c rune) bool { return c < ' ' || c > '~' }); i >= 0 {
				t.Errorf("%q at %d", line, i)
			}
			if format == accesslog.JSON {
				if got := s.object(t)["user_agent"]; got != string([]rune(agent)) { // what is no UTF-8 becomes U+FFFD
					t.Errorf("user_agent = %q, sent %q", got, agent)
				}
			} else if n := strings.Count(line, `"`); n != 6 {
				t.Errorf("%d quotes in %s", n, line)
			}
		}
	})
}
