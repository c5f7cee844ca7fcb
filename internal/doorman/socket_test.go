package doorman_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/doorman"
)

// patience is only used up by a test that fails.
const patience = 20 * time.Second

// serve puts a doorman before a real server on a real socket. The handler answers
// with what was asked, and takes a connection over when it is asked to upgrade.
func serve(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &doorman.Doorman{Listener: l, Path: path, Answer: func(*doorman.Question) (int, string) { return 200, "ok" }}
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.Copy(w, io.MultiReader(strings.NewReader(r.Method+" "+r.URL.Path+" "), r.Body))
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(c, rw) // until the client has closed its side
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
		io.Copy(io.Discard, c)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(d) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("Serve = %v", err)
		}
		if n := d.Held(); n != 0 {
			t.Errorf("%d connections are held after the end", n)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// ask returns the status and body of an answer.
func ask(t *testing.T, c io.Writer, answers *bufio.Reader, request string) (status int, body string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("answer to %q: %v", request, err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestServer has one connection ask health, a page, a page with a body, and health
// again, which the server must then be asked.
func TestServer(t *testing.T) {
	address := serve(t)
	c := dial(t, address)
	answers := bufio.NewReader(c)
	for _, tt := range []struct{ request, want string }{
		{bareGet, "ok"},
		{bareGet, "ok"},
		{others, "GET /page "},
		{"POST /page HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "POST /page abc"},
		{bareGet, "GET /health_check "},
	} {
		if status, body := ask(t, c, answers, tt.request); status != 200 || body != tt.want {
			t.Errorf("answer to %q: %d %q, want %q", tt.request, status, body, tt.want)
		}
	}
}

// TestUpgrade takes a connection over that has asked health before, and closes one
// of its directions.
func TestUpgrade(t *testing.T) {
	c := dial(t, serve(t))
	answers := bufio.NewReader(c)
	ask(t, c, answers, bareGet)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	if res, err := http.ReadResponse(answers, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answer: %v, %v", res, err)
	}
	io.WriteString(c, "hello")
	c.CloseWrite()
	if got, err := io.ReadAll(answers); string(got) != "hello" || err != nil {
		t.Errorf("echo = %q, %v", got, err)
	}
}

// TestConnectAndClose is what balancers do that can only connect.
func TestConnectAndClose(t *testing.T) {
	address := serve(t)
	for range 20 {
		dial(t, address).Close()
	}
	c := dial(t, address)
	if status, body := ask(t, c, bufio.NewReader(c), bareGet); status != 200 || body != "ok" {
		t.Errorf("answer: %d %q", status, body)
	}
}

// TestLastAnswerArrives has clients send more than they get an answer to. The
// answer must not be lost to a reset.
func TestLastAnswerArrives(t *testing.T) {
	address := serve(t)
	for range 50 {
		c := dial(t, address)
		go func() {
			for _, more := range []string{"GET /health_check\r\n", "\r\n", strings.Repeat("Host: h\r\n", 1000), "\r\n"} {
				io.WriteString(c, more)
			}
			c.CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || !strings.HasSuffix(string(got), "\r\n\r\nok") {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

// TestManyAtOnce has connections of all kinds come at once.
func TestManyAtOnce(t *testing.T) {
	address := serve(t)
	var clients sync.WaitGroup
	for i := range 40 {
		c := dial(t, address)
		clients.Go(func() {
			answers := bufio.NewReader(c)
			for range 20 {
				if status, body := ask(t, c, answers, bareGet); status != 200 || body != "ok" {
					t.Errorf("health: %d %q", status, body)
				}
			}
			if i%2 == 0 {
				if status, body := ask(t, c, answers, others); status != 200 || body != "GET /page " {
					t.Errorf("page: %d %q", status, body)
				}
			}
		})
	}
	clients.Wait()
}
