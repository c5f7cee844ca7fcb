package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/proxy"
)

// patience is how long a test waits for what must happen soon. It is only ever
// used up by a test that fails.
const patience = 20 * time.Second

// fixed picks the same target always.
type fixed string

func (f fixed) Pick() (string, error)            { return string(f), nil }
func (f fixed) PickOther(string) (string, error) { return "", errors.New("there is no other") }

// A front is a Proxy being served on a loopback socket.
type front struct {
	url      string
	address  string
	observed chan proxy.Observation
	log      *logBuffer
}

// serve serves p, whose Observe and Log it sets, until the test ends.
func serve(t *testing.T, p *proxy.Proxy) *front {
	t.Helper()
	f := &front{observed: make(chan proxy.Observation, 100), log: &logBuffer{}}
	p.Observe = func(o proxy.Observation) {
		if o.Request == nil || o.Request.RequestURI == "" {
			t.Error("an observation without the request as it came")
		}
		o.Request = nil // the server goes on using it
		f.observed <- o
	}
	p.Log = slog.New(slog.NewTextHandler(f.log, nil))
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.DisableGeneralOptionsHandler = true
	s.Start()
	t.Cleanup(p.Close)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections) // a failed test may have left requests hanging
	f.url, f.address = s.URL, s.Listener.Addr().String()
	return f
}

// observation returns the next observation.
func (f *front) observation(t *testing.T) proxy.Observation {
	t.Helper()
	return receive(t, "an observation", f.observed)
}

// raw sends a request written out by hand and returns the connection and the
// answer's reader.
func (f *front) raw(t *testing.T, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, f.address)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// dial opens a connection that neither outlives the test nor hangs it.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// target serves h as a target until the test ends and returns its address.
func target(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.DisableGeneralOptionsHandler = true
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s.Listener.Addr().String()
}

// wireTarget is a target below HTTP: talk gets each connection and its reader.
func wireTarget(t *testing.T, talk func(c *net.TCPConn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { l.Close() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(patience))
				talk(c.(*net.TCPConn), bufio.NewReader(c))
			})
		}
	})
	return l.Addr().String()
}

// readHead reads the lines of a request's header, without their line ends.
func readHead(t *testing.T, r *bufio.Reader) []string {
	var lines []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Errorf("reading a request's header: %v after %q", err, lines)
			return lines
		}
		line = strings.TrimSuffix(line, "\r\n")
		if line == "" {
			return lines
		}
		lines = append(lines, line)
	}
}

// refusing is an address that refuses connections, where dialRefusing is used.
const refusing = "192.0.2.1:80"

// dialRefusing connects to every address but refusing. No real port refuses for
// sure: somebody else may take it.
func dialRefusing(ctx context.Context, network, address string) (net.Conn, error) {
	if address == refusing {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// receive waits for a value on a channel, or for its end.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-from:
		return v
	case <-timer.C:
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

// get asks for url and returns the answer with its body read.
func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res, readAll(t, res.Body)
}

// client returns a client with connections of its own that adds nothing to
// requests and follows no redirects.
func client(t *testing.T) *http.Client {
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport:     tr,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func readAll(t *testing.T, body io.ReadCloser) string {
	t.Helper()
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return string(b)
}

// A logBuffer collects log lines from many goroutines.
type logBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.FieldsFunc(l.b.String(), func(r rune) bool { return r == '\n' })
}
