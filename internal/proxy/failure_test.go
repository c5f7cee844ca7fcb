package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/proxy"
)

// TestTargetBreaksOff has a target fail at some point of its answer. The client
// must never see a complete answer.
func TestTargetBreaksOff(t *testing.T) {
	tests := []struct{ name, answer string }{
		{"in a body of known length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"},
		{"between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n"},
		{"in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nonly this"},
		{"with a broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\nnot a length\r\n"},
		{"before the body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"},
	}
	for _, tt := range tests {
		for _, how := range []string{"close", "reset"} {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				received := make(chan struct{})
				address := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
					readHead(t, r)
					io.WriteString(c, tt.answer)
					if how == "reset" {
						<-received // a reset may overtake bytes on their way
						_ = c.SetLinger(0)
					}
				})
				f := serve(t, &proxy.Proxy{Picker: fixed(address)})

				_, r := f.raw(t, "GET /page?secret=1 HTTP/1.1\r\nHost: h\r\n\r\n")
				res, err := http.ReadResponse(r, nil)
				close(received)
				if err == nil {
					defer res.Body.Close()
					var body []byte
					if body, err = io.ReadAll(res.Body); err == nil {
						t.Fatalf("the client saw a complete answer: %d %q", res.StatusCode, body)
					}
				}
				o := f.observation(t)
				if o.Err == nil || o.ClientGone || !o.Failed() || o.Status != http.StatusOK {
					t.Errorf("observation = %+v", o)
				}
				checkFailureLine(t, f.log.lines(), o)
			})
		}
	}
}

// checkGone checks an observation of a client that left, and that nothing was
// logged about it.
func checkGone(t *testing.T, f *front) {
	t.Helper()
	o := f.observation(t)
	if !o.ClientGone || o.Status != 499 || o.Err == nil || o.TimedOut || o.Failed() {
		t.Errorf("observation = %+v, want one of a client that is gone", o)
	}
	if lines := f.log.lines(); len(lines) != 0 {
		t.Errorf("logged: %q", lines)
	}
}

// TestClientLeaves has the client close its connection at different moments.
// The request must end at the target too.
func TestClientLeaves(t *testing.T) {
	t.Run("before the answer", func(t *testing.T) {
		arrived, ended := make(chan struct{}), make(chan struct{})
		f := serve(t, &proxy.Proxy{Picker: fixed(target(t, func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
			close(ended)
		}))})
		c, _ := f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		receive(t, "request at the target", arrived)
		c.Close()
		receive(t, "end of the request at the target", ended)
		checkGone(t, f)
	})

	t.Run("in the answer", func(t *testing.T) {
		ended := make(chan struct{})
		f := serve(t, &proxy.Proxy{Picker: fixed(target(t, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, strings.Repeat("x", 1000))
			}
			close(ended)
		}))})
		c, r := f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, err := r.ReadByte(); err != nil {
			t.Fatal(err)
		}
		c.Close()
		receive(t, "end of the request at the target", ended)
		checkGone(t, f)
	})

	t.Run("in the request body", func(t *testing.T) {
		arrived, ended := make(chan struct{}), make(chan error, 1)
		f := serve(t, &proxy.Proxy{Picker: fixed(target(t, func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			_, err := io.ReadAll(r.Body)
			ended <- err
		}))})
		c, _ := f.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nonly this")
		receive(t, "request at the target", arrived)
		c.Close()
		if err := receive(t, "end of the body at the target", ended); err == nil {
			t.Error("the target saw a complete request")
		}
		checkGone(t, f)
	})

	t.Run("with a broken request body", func(t *testing.T) {
		ended := make(chan error, 1)
		f := serve(t, &proxy.Proxy{Picker: fixed(target(t, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			ended <- err
		}))})
		_, r := f.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n")
		if err := receive(t, "end of the body at the target", ended); err == nil {
			t.Error("the target saw a complete request")
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, res.Body); res.StatusCode != http.StatusBadRequest || !res.Close || body != "inservice: the request body broke off\n" {
			t.Errorf("answer = %d %q", res.StatusCode, body)
		}
		checkGone(t, f)
	})
}

// A deafWriter is the way to a client that no longer takes anything, which the
// server has not noticed yet.
type deafWriter struct{ *httptest.ResponseRecorder }

func (deafWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestWritingFails has only the way to the client fail, after a target that did
// its part: as it does when the client leaves between two parts of an answer, or
// when its connection can't be taken over for an upgrade.
func TestWritingFails(t *testing.T) {
	answering := target(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "answer") })
	upgrading := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(t, r)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
	})
	tests := []struct {
		name    string
		address string
		header  http.Header
	}{
		{"answer", answering, http.Header{}},
		{"upgrade", upgrading, http.Header{"Connection": {"Upgrade"}, "Upgrade": {"lines"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			observed := make(chan proxy.Observation, 1)
			p := &proxy.Proxy{Picker: fixed(tt.address), Observe: func(o proxy.Observation) { observed <- o }}
			t.Cleanup(p.Close)
			// Only under a server does a failed copy end in a panic.
			ctx := context.WithValue(t.Context(), http.ServerContextKey, &http.Server{})
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			r.Header = tt.header
			defer func() {
				if got := recover(); got != http.ErrAbortHandler {
					t.Errorf("panic %v, want http.ErrAbortHandler", got)
				}
				if o := receive(t, "observation", observed); !o.ClientGone || o.Status != 499 || o.Failed() {
					t.Errorf("observation = %+v", o)
				}
			}()
			p.ServeHTTP(deafWriter{httptest.NewRecorder()}, r)
		})
	}
}

// TestTargetDiesDuringUpload closes the target's end in the middle of the
// request body. That the client goes on sending must not make it the client's
// failure.
func TestTargetDiesDuringUpload(t *testing.T) {
	closed := make(chan struct{})
	address := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(t, r)
		_, _ = r.Discard(len("only this"))
		c.Close()
		close(closed)
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})
	c, r := f.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nonly this")
	receive(t, "end of the target", closed)
	io.WriteString(c, strings.Repeat("x", 91))
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusBadGateway {
		t.Errorf("status = %d, want 502", res.StatusCode)
	}
	if o := f.observation(t); o.ClientGone || !o.Failed() {
		t.Errorf("observation = %+v", o)
	}
}

// TestClientStopsSending has a client send half its body and then nothing, with
// the connection open.
func TestClientStopsSending(t *testing.T) {
	f := serve(t, &proxy.Proxy{
		Picker:          fixed(target(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })),
		ResponseTimeout: 50 * time.Millisecond,
	})
	_, r := f.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nonly this")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, res.Body); res.StatusCode != http.StatusRequestTimeout || body != "inservice: the request body did not arrive in time\n" {
		t.Errorf("answer = %d %q", res.StatusCode, body)
	}
	checkGone(t, f)
}

// TestSlowAnswerAfterBody has an answer take longer than the client's body may
// stop for: once the body has been read, that bound must be gone.
func TestSlowAnswerAfterBody(t *testing.T) {
	const timeout, parts = 600 * time.Millisecond, 20
	f := serve(t, &proxy.Proxy{
		Picker: fixed(target(t, func(w http.ResponseWriter, r *http.Request) {
			readAll(t, r.Body)
			for range parts { // no pause is too long, all together are
				io.WriteString(w, ".")
				http.NewResponseController(w).Flush()
				select {
				case <-time.After(2 * timeout / parts):
				case <-r.Context().Done():
				}
			}
		})),
		ResponseTimeout: timeout,
	})
	_, r := f.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, res.Body); body != strings.Repeat(".", parts) {
		t.Errorf("body = %q", body)
	}
	if o := f.observation(t); o.Err != nil {
		t.Errorf("observation = %+v", o)
	}
}

// zeros is a request body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestTargetStopsReading has a target take the header of a request and no more.
func TestTargetStopsReading(t *testing.T) {
	release := make(chan struct{})
	address := wireTarget(t, func(c *net.TCPConn, _ *bufio.Reader) { <-release })
	defer close(release)
	f := serve(t, &proxy.Proxy{Picker: fixed(address), ResponseTimeout: 100 * time.Millisecond})

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url, zeros{})
	if err != nil {
		t.Fatal(err)
	}
	// Whether the client, still sending, gets to read the answer is up to its
	// side; the proxy must have given up either way.
	if res, err := client(t).Do(req); err == nil {
		if res.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("status = %d, want 504", res.StatusCode)
		}
		res.Body.Close()
	}
	if o := f.observation(t); o.Status != http.StatusGatewayTimeout || !errors.Is(o.Err, os.ErrDeadlineExceeded) || o.ClientGone || !o.TimedOut {
		t.Errorf("observation = %+v", o)
	}
}

// TestFailureLinesAreBounded has every request fail in one moment.
func TestFailureLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		p := &proxy.Proxy{Picker: fixed(refusing), Log: slog.New(slog.NewTextHandler(log, nil))}
		p.SetDial(dialRefusing)
		defer p.Close()
		ask := func() {
			p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		}
		for range 100 {
			ask()
		}
		if n := len(log.lines()); n != 10 {
			t.Errorf("%d lines are logged, want 10", n)
		}
		time.Sleep(100 * time.Millisecond)
		ask()
		if lines := log.lines(); len(lines) != 11 || !strings.Contains(lines[10], "lines_left_out=90") {
			t.Errorf("logged after a while: %q", lines[10:])
		}
	})
}

func TestDialTimeout(t *testing.T) {
	p := &proxy.Proxy{Picker: fixed("192.0.2.1:80"), DialTimeout: 50 * time.Millisecond}
	p.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
		<-ctx.Done() // as a host that drops every packet
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	})
	f := serve(t, p)
	res, body := get(t, f.url)
	if res.StatusCode != http.StatusGatewayTimeout || body != "inservice: the target did not answer in time\n" {
		t.Errorf("answer = %d %q", res.StatusCode, body)
	}
	if o := f.observation(t); !o.Failed() || !o.TimedOut || o.TargetStatus != 0 {
		t.Errorf("observation = %+v", o)
	}
}

// TestCloseEndsDials leaves a dial behind, as a request does that is cancelled
// while its target does not answer, and expects Close to end it and wait for it.
func TestCloseEndsDials(t *testing.T) {
	dialling, over := make(chan struct{}), make(chan struct{})
	p := &proxy.Proxy{Picker: fixed("192.0.2.1:80"), DialTimeout: time.Hour}
	p.SetDial(func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		close(over)
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer func() {
			if got := recover(); got != http.ErrAbortHandler {
				t.Errorf("panic %v, want http.ErrAbortHandler", got)
			}
		}()
		p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	}()
	receive(t, "dial", dialling)
	cancel()
	receive(t, "end of the request", served)
	p.Close()
	select {
	case <-over:
	default:
		t.Error("Close returned before the dial had ended")
	}
	// A second dial would close the channels again and panic.
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != http.StatusBadGateway {
		t.Errorf("after Close: %d", w.Code)
	}
}

// TestClosedConnectionIsReplaced has the target close a kept connection without
// a word, as it may at any time. A request that was sent into it must succeed on
// a new one.
func TestClosedConnectionIsReplaced(t *testing.T) {
	address := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(t, r)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		_, _ = r.ReadByte() // the next request; close in its face
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})
	for i := range 4 {
		if res, body := get(t, f.url); res.StatusCode != http.StatusOK || body != "ok" {
			t.Errorf("request %d: %d %q", i, res.StatusCode, body)
		}
		if o := f.observation(t); o.Failed() {
			t.Errorf("request %d: observation = %+v", i, o)
		}
	}
}

func ExampleProxy() {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s for %s", r.URL, r.Header.Get("X-Forwarded-For"))
	}))
	defer site.Close()

	p := &proxy.Proxy{Picker: fixed(site.Listener.Addr().String())}
	defer p.Close()
	front := httptest.NewServer(p)
	defer front.Close()

	res, err := http.Get(front.URL + "/page?a=1;b=2")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%d %s\n", res.StatusCode, body)
	// Output: 200 /page?a=1;b=2 for 127.0.0.1
}
