package proxy_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/proxy"
)

func TestForwards(t *testing.T) {
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header()["X-Twice"] = []string{"one", "two"}
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, r.Method+" "+r.Host+" "+string(body))
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, f.url+"/page", strings.NewReader("the body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "site.example:8443"
	res, body := do(t, req)
	if res.StatusCode != http.StatusTeapot {
		t.Errorf("status = %d, want 418", res.StatusCode)
	}
	if want := "PUT site.example:8443 the body"; body != want {
		t.Errorf("body = %q, want %q", body, want)
	}
	if diff := gocmp.Diff([]string{"one", "two"}, res.Header["X-Twice"]); diff != "" {
		t.Errorf("answer's fields (-want +got):\n%s", diff)
	}

	o := f.observation(t)
	if o.Duration <= 0 || o.Duration > patience {
		t.Errorf("observed duration = %v", o.Duration)
	}
	o.Duration = 0
	if diff := gocmp.Diff(proxy.Observation{Target: address, Status: http.StatusTeapot, TargetStatus: http.StatusTeapot}, o); diff != "" {
		t.Errorf("observation (-want +got):\n%s", diff)
	}
	if lines := f.log.lines(); len(lines) != 0 {
		t.Errorf("a success was logged: %q", lines)
	}
}

// TestRequestLine writes request lines by hand and reads them by hand at the
// target: no library on either side tidies them up.
func TestRequestLine(t *testing.T) {
	lines := make(chan []string, 1)
	address := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		lines <- readHead(t, r)
		io.WriteString(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})

	tests := []struct{ name, sent, want string }{ // want: "" means as sent
		{"plain", "GET /a HTTP/1.1", ""},
		{"query that is no form", "GET /x?a=1;b=2&c=%zz HTTP/1.1", ""},
		{"escaped and double slashes", "GET /a%2Fb//c HTTP/1.1", ""},
		{"leading double slash", "GET //evil.example/a%2fb HTTP/1.1", ""},
		{"dot segments", "GET /a/../b/./c%2e%2e/ HTTP/1.1", ""},
		{"lower-case escapes", "GET /%e2%82%ac?%e2 HTTP/1.1", ""},
		{"bytes that ought to be escaped", "GET /a|b^{c}\"<é>\\?d|\"é HTTP/1.1", ""},
		{"needless escapes", "GET /%61%7E HTTP/1.1", ""},
		{"empty query", "GET /a? HTTP/1.1", ""},
		{"two question marks", "GET /a?? HTTP/1.1", ""},
		{"fragment", "GET /a#b?c#d HTTP/1.1", ""},
		{"plus and semicolons", "GET /a;v=1+2/b?q=a+b HTTP/1.1", ""},
		{"asterisk", "OPTIONS * HTTP/1.1", ""},
		{"other method", "PROPFIND /dav HTTP/1.1", ""},
		{"absolute form", "GET http://other.example/a|b?c HTTP/1.1", "GET /a|b?c HTTP/1.1"},
		{"absolute form without path", "GET http://other.example?c=/d HTTP/1.1", "GET /?c=/d HTTP/1.1"},
		{"double slash and bytes that ought to be escaped", "GET //a|b HTTP/1.1", "GET //a%7Cb HTTP/1.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, r := f.raw(t, tt.sent+"\r\nHost: site.example\r\n\r\n")
			if got, want := receive(t, "request", lines)[0], cmp.Or(tt.want, tt.sent); got != want {
				t.Errorf("the target got %q, want %q", got, want)
			}
			if _, err := http.ReadResponse(r, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFields compares the whole header that reaches the target.
func TestFields(t *testing.T) {
	heads := make(chan []string, 1)
	address := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		heads <- readHead(t, r)
		io.WriteString(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})

	tests := []struct {
		name string
		sent []string
		want []string // in any order, beside the forwarding fields
	}{
		{
			"nothing is added",
			[]string{"GET / HTTP/1.1", "Host: site.example"},
			[]string{"Host: site.example"},
		},
		{
			"ordinary fields pass",
			[]string{"GET / HTTP/1.1", "Host: 10.0.0.1:99", "user-agent: x/1", "Cookie: a=b", "Accept-Encoding: br", "X-A: 1", "X-A: 2"},
			[]string{"Host: 10.0.0.1:99", "User-Agent: x/1", "Cookie: a=b", "Accept-Encoding: br", "X-A: 1", "X-A: 2"},
		},
		{
			"hop-by-hop fields are removed",
			[]string{"GET / HTTP/1.1", "Host: h", "Connection: close, X-Private", "X-Private: 1", "Keep-Alive: timeout=5",
				"Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eA==", "TE: gzip", "Upgrade: h2c", "X-Public: 2"},
			[]string{"Host: h", "X-Public: 2"},
		},
		{
			"no Host in HTTP/1.0",
			[]string{"GET / HTTP/1.0"},
			[]string{"Host: " + address},
		},
		{
			"an absolute form names the host, and its password goes nowhere",
			[]string{"GET http://user:secret@other.example/ HTTP/1.1", "Host: site.example"},
			[]string{"Host: other.example"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, r := f.raw(t, strings.Join(tt.sent, "\r\n")+"\r\n\r\n")
			head := receive(t, "request", heads)
			if _, err := http.ReadResponse(r, nil); err != nil {
				t.Error(err)
			}
			got := slices.DeleteFunc(head[1:], func(line string) bool { return strings.HasPrefix(line, "X-Forwarded-") })
			slices.Sort(got)
			slices.Sort(tt.want)
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("header at the target (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswerIsNotTouched(t *testing.T) {
	address := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(t, r)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: X-Private\r\n"+
			"Keep-Alive: timeout=5\r\nX-Private: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 15\r\n\r\n<html>no type</")
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})

	res, body := get(t, f.url)
	if body != "<html>no type</" {
		t.Errorf("body = %q", body)
	}
	want := http.Header{
		"Date":           {"Thu, 01 Jan 1970 00:00:00 GMT"},
		"Set-Cookie":     {"a=1", "b=2"},
		"Content-Length": {"15"},
	}
	if diff := gocmp.Diff(want, res.Header); diff != "" {
		t.Errorf("answer's header (-want +got):\n%s", diff)
	}
}

type none struct{}

func (none) Pick() (string, error)            { return "", errors.New("no target at 10.1.2.3") }
func (none) PickOther(string) (string, error) { return "", errors.New("no target at 10.1.2.3") }

// TestOwnAnswers checks every answer that does not come from a target: status,
// words, and that no address gets out.
func TestOwnAnswers(t *testing.T) {
	closing := wireTarget(t, func(_ *net.TCPConn, r *bufio.Reader) { readHead(t, r) })
	garbage := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(t, r)
		io.WriteString(c, "SSH-2.0-not-http\r\n\r\n")
	})
	release := make(chan struct{})
	silent := target(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	upgrading := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(t, r)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
	})

	nameless := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(t, r)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
	})

	const plain = "GET /page?secret=1 HTTP/1.1\r\nHost: h\r\n\r\n"
	tests := []struct {
		name    string
		picker  proxy.Picker
		request string
		status  int
		body    string
		sent    bool // there is an observation
	}{
		{"none in service", none{}, plain, 503, "inservice: no target is in service\n", false},
		{"refused", fixed(refusing), plain, 502, "inservice: the target can't be reached\n", true},
		{"closed without an answer", fixed(closing), plain, 502, "inservice: the target gave no valid answer\n", true},
		{"not HTTP", fixed(garbage), plain, 502, "inservice: the target gave no valid answer\n", true},
		{"silent", fixed(silent), plain, 504, "inservice: the target did not answer in time\n", true},
		{"unasked upgrade", fixed(upgrading), plain, 502, "inservice: the target gave no valid answer\n", true},
		{"unasked upgrade to nothing", fixed(nameless), plain, 502, "inservice: the target gave no valid answer\n", true},
		{"other upgrade", fixed(upgrading), "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502, "inservice: the target gave no valid answer\n", true},
		{"invalid upgrade", fixed(silent), "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: wéb\r\n\r\n", 400, "inservice: the Upgrade field is not valid\n", false},
		{"CONNECT", fixed(silent), "CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n", 405, "inservice: CONNECT is not possible here\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &proxy.Proxy{Picker: tt.picker, ResponseTimeout: 50 * time.Millisecond}
			p.SetDial(dialRefusing)
			f := serve(t, p)
			_, r := f.raw(t, tt.request)
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body := readAll(t, res.Body); res.StatusCode != tt.status || body != tt.body {
				t.Errorf("answer = %d %q, want %d %q", res.StatusCode, body, tt.status, tt.body)
			}
			if got := res.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type = %q", got)
			}
			if !tt.sent {
				if len(f.observed) != 0 || len(f.log.lines()) != 0 {
					t.Errorf("observed or logged although no target was asked: %q", f.log.lines())
				}
				return
			}
			o := f.observation(t)
			if o.Target != string(tt.picker.(fixed)) || o.Status != tt.status || o.Err == nil || o.ClientGone || !o.Failed() {
				t.Errorf("observation = %+v", o)
			}
			checkFailureLine(t, f.log.lines(), o)
		})
	}
}

// checkFailureLine checks that one failed request was logged as it should be.
func checkFailureLine(t *testing.T, lines []string, o proxy.Observation) {
	t.Helper()
	if len(lines) != 1 {
		t.Fatalf("%d log lines, want 1: %q", len(lines), lines)
	}
	for _, want := range []string{"level=WARN", "target=" + o.Target, "method=GET", "path=/", "error="} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("log line %q has no %s", lines[0], want)
		}
	}
	if strings.Contains(lines[0], "secret") {
		t.Errorf("the query was logged: %q", lines[0])
	}
}

func TestFailed(t *testing.T) {
	err := errors.New("reset")
	tests := []struct {
		name string
		o    proxy.Observation
		want bool
	}{
		{"answered", proxy.Observation{Status: 200}, false},
		{"the client's mistake", proxy.Observation{Status: 404}, false},
		{"upgraded", proxy.Observation{Status: 101}, false},
		{"server error", proxy.Observation{Status: 500}, true},
		{"not reached", proxy.Observation{Status: 502, Err: err}, true},
		{"broken off", proxy.Observation{Status: 200, Err: err}, true},
		{"client gone", proxy.Observation{Status: 499, Err: err, ClientGone: true}, false},
	}
	for _, tt := range tests {
		if got := tt.o.Failed(); got != tt.want {
			t.Errorf("%s: Failed() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestConnectionsAreReused has many requests, one after the other, arrive at the
// target over one connection.
func TestConnectionsAreReused(t *testing.T) {
	peers := make(map[string]int) // only the target's handler touches it, one request at a time
	address := target(t, func(_ http.ResponseWriter, r *http.Request) { peers[r.RemoteAddr]++ })
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})
	for range 20 {
		get(t, f.url)
		f.observation(t)
	}
	if n := len(f.observed); n != 0 {
		t.Errorf("%d observations more than requests", n)
	}
	if len(peers) != 1 {
		t.Errorf("20 requests came over %d connections, want 1", len(peers))
	}
}

// TestManyConnectionsAreKept has as many requests in flight at a time as a busy
// site has, twice. The second time must need no new connection.
func TestManyConnectionsAreKept(t *testing.T) {
	const atOnce = 16
	var connections atomic.Int64
	arrived := make(chan struct{}, atOnce)
	release := make(chan struct{})
	p := &proxy.Proxy{Picker: fixed(target(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))}
	p.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
		connections.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	})
	f := serve(t, p)
	for range 2 {
		for range atOnce {
			f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		}
		for range atOnce {
			receive(t, "request at the target", arrived)
		}
		for range atOnce {
			release <- struct{}{}
			f.observation(t)
		}
	}
	if got := connections.Load(); got != atOnce {
		t.Errorf("%d connections for twice %d requests, want one for each at a time", got, atOnce)
	}
}
