package httpcheck_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/httpcheck"
)

func TestGetJudgesTheAnswer(t *testing.T) {
	var followed atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "well") })
	mux.HandleFunc("/empty", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/choices", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusMultipleChoices) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "", http.StatusInternalServerError) })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://user:hidden@elsewhere.example/login?key=hidden#hidden", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/redirect-here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/followed", http.StatusFound) })
	mux.HandleFunc("/followed", func(w http.ResponseWriter, r *http.Request) { followed.Store(true) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "half")
	})
	mux.HandleFunc("/flood", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil { // for as long as anybody listens
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	tests := []struct {
		path string
		want []string // nothing means a pass
	}{
		{"/ok", nil},
		{"/empty", nil},
		{"/flood", nil},
		{"/choices", []string{"answered 300 Multiple Choices"}},
		{"/error", []string{"GET " + server.URL + "/error answered 500 Internal Server Error"}},
		{"/missing", []string{"answered 404 Not Found"}},
		{"/redirect", []string{"answered 301 Moved Permanently to https://elsewhere.example/login"}},
		{"/redirect-here", []string{"answered 302 Found to /followed"}},
		{"/cut", []string{"the answer broke off", "EOF"}},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			err := httpcheck.Get(server.URL + test.path)(t.Context())
			if test.want == nil {
				if err != nil {
					t.Errorf("the check failed: %v", err)
				}
				return
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
					t.Errorf("error is %v, want it to say %q, and nothing hidden", err, want)
				}
			}
		})
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

func TestRequestIsSentAsConfigured(t *testing.T) {
	type seen struct{ host, agent, proto, user, password string }
	asked := make(chan seen, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked <- seen{r.Host, r.UserAgent(), r.Header.Get("X-Forwarded-Proto"), user, password}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()

	check := httpcheck.Request{
		URL:    strings.Replace(server.URL, "http://", "http://kim:pw@", 1),
		Host:   "shop.example",
		Header: http.Header{"x-forwarded-proto": {"https"}},
		Accept: func(status int) bool { return status == http.StatusTeapot },
	}
	if err := check.Run(t.Context()); err != nil {
		t.Errorf("the check failed: %v", err)
	}
	want := seen{"shop.example", "inservice-check/1.0", "https", "kim", "pw"}
	if got := <-asked; got != want {
		t.Errorf("the server saw %+v, want %+v", got, want)
	}
	check.Accept = nil
	check.URL += "/status?key=s3cret#s3cret"
	want418 := "GET " + server.URL + "/status as shop.example answered 418 I'm a teapot"
	if err := check.Run(t.Context()); err == nil || err.Error() != want418 {
		t.Errorf("error is %v, want %s: neither user nor query", err, want418)
	}
	<-asked
	check.Host = strings.TrimPrefix(server.URL, "http://")
	if err := check.Run(t.Context()); err == nil || strings.Contains(err.Error(), " as ") {
		t.Errorf("error is %v, want one that does not name the URL's own host twice", err)
	}
	<-asked
}

// A connection that was kept would go on answering after the server has stopped
// accepting, so each run must open its own.
func TestEachRunOpensAConnection(t *testing.T) {
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	check := httpcheck.Get(server.URL)
	for range 3 {
		if err := check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := opened.Load(); got != 3 {
		t.Errorf("3 runs opened %d connections, want 3", got)
	}
}

func TestHangingServerEndsWithTheContext(t *testing.T) {
	arrived := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if err := httpcheck.Get(server.URL)(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}

func TestURLThatCannotBeAsked(t *testing.T) {
	for _, url := range []string{"", "localhost:80", "/path", "ftp://host/", "http://", "http://u:secret@host:port/", "http://u:sec%zzret@h/"} {
		err := httpcheck.Get(url)(t.Context())
		if err == nil || !strings.Contains(err.Error(), "write it as http://host:port/path") {
			t.Errorf("%q gave %v, want what would be right", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "sec") {
			t.Errorf("%q: the error shows the password: %v", url, err)
		}
	}
}

func ExampleGet() {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	check := health.Check{Name: "app", Run: httpcheck.Get(server.URL + "/")}
	err := check.Run(context.Background())
	fmt.Println(strings.ReplaceAll(err.Error(), server.URL, "http://app"))
	// Output: GET http://app/ answered 404 Not Found
}

// A server on a Unix socket is asked like any other.
func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "app.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.Host + r.URL.Path
	})}}
	server.Start()
	defer server.Close()
	r := httpcheck.Request{URL: "http://localhost/up", Host: "mysite.example", Socket: socket}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got != "mysite.example/up" {
		t.Errorf("it was asked for %q", got)
	}
	server.Close()
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "GET http://localhost/up on "+socket+" as mysite.example") {
		t.Errorf("a dead socket gave %v, want an error that names it", err)
	}
}
