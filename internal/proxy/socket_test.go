package proxy_test

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/proxy"
)

// socketTarget serves h on a Unix socket and returns the target's address.
func socketTarget(t *testing.T, path string, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return "unix:" + path
}

// TestSockets has two targets on sockets whose paths a URL would read as the same
// host, or as none.
func TestSockets(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"app", "app:80", "a b[c]%2f:x.sock"} {
		t.Run(name, func(t *testing.T) {
			address := socketTarget(t, filepath.Join(dir, name), func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, name+" "+r.Host+" "+r.RequestURI)
			})
			f := serve(t, &proxy.Proxy{Picker: fixed(address)})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/a%2Fb?c", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "site.example"
			if _, got := do(t, req); got != name+" site.example /a%2Fb?c" {
				t.Errorf("answer = %q", got)
			}
			if o := f.observation(t); o.Target != address || o.Status != http.StatusOK || o.TargetStatus != http.StatusOK || o.Failed() {
				t.Errorf("observation = %+v", o)
			}
		})
	}
}

// TestSocketsAreApart asks two sockets through one proxy, which keeps connections
// to both.
func TestSocketsAreApart(t *testing.T) {
	dir := t.TempDir()
	var targets turns
	for _, name := range []string{"app", "app:80"} {
		targets = append(targets, socketTarget(t, filepath.Join(dir, name), func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, name)
		}))
	}
	f := serve(t, &proxy.Proxy{Picker: &targets})
	var got []string
	for range 4 {
		_, body := get(t, f.url)
		got = append(got, body)
	}
	if want := []string{"app", "app:80", "app", "app:80"}; !slices.Equal(got, want) {
		t.Errorf("answered by %q, want %q", got, want)
	}
}

// turns picks its targets one after another. One request at a time, please.
type turns []string

func (s *turns) Pick() (string, error) {
	next := (*s)[0]
	*s = append((*s)[1:], next)
	return next, nil
}

func (s *turns) PickOther(than string) (string, error) { return s.Pick() }

// TestSocketWithoutHost sends what only HTTP/1.0 may: no Host.
func TestSocketWithoutHost(t *testing.T) {
	address := socketTarget(t, filepath.Join(t.TempDir(), "app"), func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Host)
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})
	_, r := f.raw(t, "GET / HTTP/1.0\r\n\r\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, res.Body); got != "localhost" {
		t.Errorf("Host = %q, want localhost", got)
	}
}

// TestSocketWithoutServer has no file where the socket should be. The visitor
// learns nothing of paths, the log all.
func TestSocketWithoutServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app")
	f := serve(t, &proxy.Proxy{Picker: fixed("unix:" + path)})
	res, body := get(t, f.url)
	if res.StatusCode != http.StatusBadGateway || body != "inservice: the target can't be reached\n" {
		t.Errorf("answer = %d %q", res.StatusCode, body)
	}
	if o := f.observation(t); !o.Failed() || o.Status != http.StatusBadGateway || o.TargetStatus != 0 || o.TimedOut {
		t.Errorf("observation = %+v", o)
	}
	if lines := f.log.lines(); len(lines) != 1 || !strings.Contains(lines[0], path) || !strings.Contains(lines[0], "no such file") {
		t.Errorf("logged %q", lines)
	}
}

// TestSocketHalfClose upgrades a connection and closes one direction of it.
func TestSocketHalfClose(t *testing.T) {
	address := socketTarget(t, filepath.Join(t.TempDir(), "app"), func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
		all, err := io.ReadAll(rw) // returns when the client has closed its side
		if err != nil {
			t.Error(err)
		}
		io.WriteString(c, "got "+string(all))
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})
	c, r := f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answer: %v, %v", res, err)
	}
	io.WriteString(c, "all I have")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(bufio.NewReader(r)); string(got) != "got all I have" || err != nil {
		t.Errorf("answer after the half-close: %q, %v", got, err)
	}
	checkUpgraded(t, f)
}
