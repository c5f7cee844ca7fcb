package gateway_test

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/internal/accesslog"
	"github.com/inservice/inservice/internal/gateway"
	"github.com/inservice/inservice/internal/traffic"
)

// patience is how long a test waits for what must happen soon. It is only ever
// used up by a test that fails.
const patience = 20 * time.Second

// Where requests come from.
const (
	stranger = "192.0.2.7"
	balancer = "10.1.2.3" // trusted
)

var trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}

// A site is a gateway served on loopback sockets, to which one looks like a
// stranger's and one like the load balancer's connection.
type site struct {
	t      *testing.T
	g      *gateway.Gateway
	log    *lines // of events
	access *lines
	doors  map[string]string // peer → the address to dial
}

// serve opens and serves a gateway until the test ends. What the test leaves
// open of hosts, traffic and logs is filled in.
func serve(t *testing.T, g *gateway.Gateway) *site {
	t.Helper()
	s := &site{t: t, g: g, log: &lines{}, access: &lines{}, doors: map[string]string{}}
	g.TrustedProxies = trusted
	g.Log = slog.New(slog.NewTextHandler(s.log, nil))
	if g.Hosts == nil {
		rules, err := allowedhosts.Parse("site.example", ".site.example")
		if err != nil {
			t.Fatal(err)
		}
		g.Hosts = &rules
	}
	if g.Traffic == nil {
		g.Traffic = &traffic.Policy{}
	}
	if g.AccessLog == nil {
		g.AccessLog = &accesslog.Log{Format: accesslog.JSON}
	}
	g.AccessLog.Writer = s.access
	if err := g.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	for _, peer := range []string{stranger, balancer} {
		server := httptest.NewUnstartedServer(g)
		server.Listener = &listener{server.Listener, peer}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Config.DisableGeneralOptionsHandler = true
		server.Start()
		t.Cleanup(server.Close)
		t.Cleanup(server.CloseClientConnections)
		s.doors[peer] = server.Listener.Addr().String()
	}
	return s
}

// A listener gives its connections another address of the other end.
type listener struct {
	net.Listener
	peer string
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{c.(*net.TCPConn), net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(l.peer), 4444))}, nil
}

type conn struct {
	*net.TCPConn
	remote net.Addr
}

func (c *conn) RemoteAddr() net.Addr { return c.remote }

// ask sends one request over a connection of its own and returns the answer with
// its body read.
func (s *site) ask(from, method, target string, header ...string) (*http.Response, string) {
	s.t.Helper()
	_, answer := s.raw(from, method+" "+target+" HTTP/1.1\r\nHost: "+hostOf(header)+"\r\nConnection: close\r\n"+strings.Join(header, "\r\n")+"\r\n\r\n")
	res, err := http.ReadResponse(answer, &http.Request{Method: method})
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, target, err)
	}
	return res, string(body)
}

// hostOf lets a header line "X-Host: ..." choose the Host.
func hostOf(header []string) string {
	for _, line := range header {
		if host, ok := strings.CutPrefix(line, "X-Host: "); ok {
			return host
		}
	}
	return "site.example"
}

// raw sends a request written out by hand and returns the connection and the
// answer's reader.
func (s *site) raw(from, request string) (*net.TCPConn, *bufio.Reader) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.doors[from])
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		s.t.Fatal(err)
	}
	return c.(*net.TCPConn), bufio.NewReader(c)
}

// await waits until what is true.
func (s *site) await(what string, is func() bool) {
	s.t.Helper()
	until := time.Now().Add(patience)
	for !is() {
		if time.Now().After(until) {
			s.t.Fatalf("not within %v: %s", patience, what)
		}
		<-time.After(time.Millisecond)
	}
}

// accessLines waits for n lines of the access log, which come after the answers.
func (s *site) accessLines(n int) []string {
	s.t.Helper()
	s.await("lines of the access log", func() bool { return len(s.access.all()) >= n })
	return s.access.all()
}

// app serves h on a Unix socket until the test ends and returns its address.
func app(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = l
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return "unix:" + path
}

// lines collects lines from many goroutines.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.FieldsFunc(l.b.String(), func(r rune) bool { return r == '\n' })
}
