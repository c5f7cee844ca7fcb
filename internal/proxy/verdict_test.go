package proxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/proxy"
)

// TestInvalidHeads has targets answer what no client can be given.
func TestInvalidHeads(t *testing.T) {
	tests := []struct{ name, answer string }{
		{"status that is none", "HTTP/1.1 099 Weird\r\nContent-Length: 2\r\n\r\nhi"},
		{"long garbage", strings.Repeat("garbage\x01\xff", 10_000) + "\r\n\r\n"},
		{"huge header", "HTTP/1.1 200 OK\r\nX-Huge: " + strings.Repeat("x", 200<<10) + "\r\nContent-Length: 0\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := serve(t, &proxy.Proxy{Picker: fixed(wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
				readHead(t, r)
				io.WriteString(c, tt.answer)
			}))})
			res, body := get(t, f.url)
			if res.StatusCode != http.StatusBadGateway || body != "inservice: the target gave no valid answer\n" {
				t.Errorf("answer = %d %q", res.StatusCode, body)
			}
			o := f.observation(t)
			if o.Status != http.StatusBadGateway || !o.Failed() {
				t.Errorf("observation = %+v", o)
			}
			lines := f.log.lines()
			checkFailureLine(t, lines, o)
			if len(lines[0]) > 1000 {
				t.Errorf("the log line has %d bytes: %.300q…", len(lines[0]), lines[0])
			}
		})
	}
}

// A faultyWriter has a bug.
type faultyWriter struct{ *httptest.ResponseRecorder }

func (faultyWriter) Write([]byte) (int, error) { panic("a bug") }

// TestPanic has the way to the client panic. That must be heard of, and not count
// as a client that left.
func TestPanic(t *testing.T) {
	observed := make(chan proxy.Observation, 1)
	p := &proxy.Proxy{
		Picker:  fixed(target(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "answer") })),
		Observe: func(o proxy.Observation) { observed <- o },
	}
	t.Cleanup(p.Close)
	defer func() {
		if got := recover(); got != "a bug" {
			t.Errorf("panic %v, want that of the writer", got)
		}
		if o := receive(t, "observation", observed); o.ClientGone || !o.Failed() || !strings.Contains(o.Err.Error(), "a bug") {
			t.Errorf("observation = %+v", o)
		}
	}()
	p.ServeHTTP(faultyWriter{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
}

// TestWaiting has a target keep a request waiting, which must be told again and
// again, and then answer.
func TestWaiting(t *testing.T) {
	release := make(chan struct{})
	told := make(chan string, 1000)
	address := target(t, func(http.ResponseWriter, *http.Request) { <-release })
	f := serve(t, &proxy.Proxy{
		Picker:   fixed(address),
		Patience: 5 * time.Millisecond,
		Waiting:  func(target string) { told <- target },
	})
	_, r := f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	for range 3 {
		if got := receive(t, "word of waiting", told); got != address {
			t.Errorf("waiting for %q, want %q", got, address)
		}
	}
	if n := len(f.observed); n != 0 {
		t.Errorf("%d observations before the answer", n)
	}
	close(release)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("answer: %v, %v", res, err)
	}
	if o := f.observation(t); o.Failed() {
		t.Errorf("observation = %+v", o)
	}
}

// TestTargetPauses has a target freeze in the middle of its answer.
func TestTargetPauses(t *testing.T) {
	for name, head := range map[string]string{
		"known length":   "Content-Length: 100\r\n\r\nonly this",
		"unknown length": "Content-Type: text/event-stream\r\n\r\ndata: only this\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, &proxy.Proxy{
				Picker: fixed(wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
					readHead(t, r)
					io.WriteString(c, "HTTP/1.1 200 OK\r\n"+head)
					_, _ = r.ReadByte() // until cut off
				})),
				ResponseTimeout: 50 * time.Millisecond,
			})
			_, r := f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if body, err := io.ReadAll(res.Body); err == nil {
				t.Errorf("the client saw a complete answer: %q", body)
			}
			o := f.observation(t)
			if o.ClientGone || !o.Failed() || !o.TimedOut || !strings.Contains(o.Err.Error(), "paused") {
				t.Errorf("observation = %+v", o)
			}
			checkFailureLine(t, f.log.lines(), o)
		})
	}
}

// TestClientStopsReading has a client ask for more than the buffers on the way
// hold and take none of it.
func TestClientStopsReading(t *testing.T) {
	ended := make(chan struct{})
	f := serve(t, &proxy.Proxy{
		Picker: fixed(target(t, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<16))
			}
			close(ended)
		})),
		ResponseTimeout: 100 * time.Millisecond,
	})
	f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	receive(t, "end of the request at the target", ended)
	checkGone(t, f)
}

// TestPatienceIsRenewed uses a connection again after the deadline of the answer
// before has passed.
func TestPatienceIsRenewed(t *testing.T) {
	const timeout = 50 * time.Millisecond
	f := serve(t, &proxy.Proxy{
		Picker:          fixed(target(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })),
		ResponseTimeout: timeout,
	})
	c, r := f.raw(t, "")
	for range 2 {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("answer: %v, %v", res, err)
		}
		<-time.After(2 * timeout)
	}
}

// two picks a target that refuses connections, and another instead.
type two struct {
	other string
	than  []string // asked for instead of these
}

func (p *two) Pick() (string, error) { return refusing, nil }
func (p *two) PickOther(than string) (string, error) {
	p.than = append(p.than, than)
	return p.other, nil
}

// TestOtherTarget has the picked target refuse connections.
func TestOtherTarget(t *testing.T) {
	serveTwo := func(t *testing.T, other string) (*front, *two) {
		picker := &two{other: other}
		p := &proxy.Proxy{Picker: picker}
		p.SetDial(dialRefusing)
		return serve(t, p), picker
	}
	checkFirst := func(t *testing.T, f *front) {
		t.Helper()
		if o := f.observation(t); o.Target != refusing || o.Status != http.StatusBadGateway || !o.Failed() {
			t.Errorf("observation of the first = %+v", o)
		}
	}

	t.Run("answers", func(t *testing.T) {
		heads := make(chan http.Header, 1)
		address := target(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.RequestURI+" "+readAll(t, r.Body)+" "+r.Trailer.Get("X-Sum"))
			heads <- r.Header
		})
		f, picker := serveTwo(t, address)
		_, r := f.raw(t, "POST /a%2Fb HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n8\r\nthe body\r\n0\r\nX-Sum: 42\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, res.Body); res.StatusCode != http.StatusOK || body != "/a%2Fb the body 42" {
			t.Errorf("answer = %d %q", res.StatusCode, body)
		}
		if got := receive(t, "request", heads).Get("X-Forwarded-For"); got != "127.0.0.1" {
			t.Errorf("X-Forwarded-For = %q", got)
		}
		checkFirst(t, f)
		if o := f.observation(t); o.Target != address || o.Status != http.StatusOK || o.Err != nil {
			t.Errorf("observation of the other = %+v", o)
		}
		if diff := gocmp.Diff([]string{refusing}, picker.than); diff != "" {
			t.Errorf("asked for another than (-want +got):\n%s", diff)
		}
		if lines := f.log.lines(); len(lines) != 1 || !strings.Contains(lines[0], "target="+refusing) {
			t.Errorf("logged: %q", lines)
		}
	})
	t.Run("refuses too", func(t *testing.T) {
		f, picker := serveTwo(t, refusing)
		if res, _ := get(t, f.url); res.StatusCode != http.StatusBadGateway {
			t.Errorf("status = %d", res.StatusCode)
		}
		checkFirst(t, f)
		checkFirst(t, f)
		if len(picker.than) != 1 {
			t.Errorf("asked for %d others, want one", len(picker.than))
		}
	})
}

// TestSentIsNotSentElsewhere has a target close a kept connection upon its second
// request, and refuse the new connection on which that would be repeated. A request
// that may have had an effect there is given to no other target.
func TestSentIsNotSentElsewhere(t *testing.T) {
	for _, test := range []struct {
		method string
		second int // the status when the kept connection is closed and the target gone
		others int // how often another target is asked for
	}{
		{http.MethodGet, http.StatusOK, 1},
		{http.MethodPost, http.StatusBadGateway, 0},
		{http.MethodDelete, http.StatusBadGateway, 0},
	} {
		t.Run(test.method, func(t *testing.T) {
			dying := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
				readHead(t, r)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				readHead(t, r)
			})
			other := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
				readHead(t, r)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			})
			var dials atomic.Int64
			picker := &two{other: other}
			p := &proxy.Proxy{Picker: picker}
			p.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
				switch {
				case address == other:
					return dialRefusing(ctx, network, other)
				case dials.Add(1) > 1:
					return dialRefusing(ctx, network, refusing)
				}
				return dialRefusing(ctx, network, dying)
			})
			f := serve(t, p)
			for i, want := range []int{http.StatusOK, test.second} {
				request, err := http.NewRequestWithContext(t.Context(), test.method, f.url, nil)
				if err != nil {
					t.Fatal(err)
				}
				res, err := http.DefaultTransport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("request %d: %d, want %d", i, res.StatusCode, want)
				}
				f.observation(t)
			}
			if len(picker.than) != test.others {
				t.Errorf("%d other targets were asked for, want %d", len(picker.than), test.others)
			}
		})
	}
}
