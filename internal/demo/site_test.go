package demo

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func testSite(t *testing.T) *site {
	t.Helper()
	s, err := newSite(t.Context(), "web-1", t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, s.close()); err != nil {
			t.Errorf("ending the site: %v", err)
		}
	})
	visit(t, s, false) // so that it runs before a test breaks it
	return s
}

// visit asks for a page on a connection of its own: "200 body", "hangs", "refused".
func visit(t *testing.T, s *site, visitor bool) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !visitor {
		request.Header.Set("User-Agent", "inservice-check/1.0")
	}
	client := &http.Client{Timeout: 250 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	if fault, _ := s.state(); fault != Hang {
		client.Timeout = 10 * time.Second
	}
	response, err := client.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "hangs"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Status[:3] + " " + string(body)
}

func TestSiteCountsVisits(t *testing.T) {
	s := testSite(t)
	for _, want := range []string{"database: 1.", "database: 2."} {
		if got := visit(t, s, true); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, want) {
			t.Errorf("the page is %q, want 200 and %q", got, want)
		}
	}
	if got := visit(t, s, false); !strings.Contains(got, "database: 2.") {
		t.Errorf("the agent's question changed the count: %q", got)
	}
}

// Every fault does what it says, from whatever was wrong before, and heals.
func TestFaults(t *testing.T) {
	want := map[Fault]string{
		None: "200 ", Errors: "500 web-1: something went wrong", Hang: "hangs",
		Database: "500 web-1: no database", Crash: "refused",
	}
	s := testSite(t)
	for _, before := range Faults() {
		for _, after := range Faults() {
			t.Run(string(before)+" then "+string(after), func(t *testing.T) {
				for _, fault := range []Fault{before, after} {
					if err := s.set(fault); err != nil {
						t.Fatal(err)
					}
				}
				if got := visit(t, s, true); !strings.HasPrefix(got, want[after]) {
					t.Errorf("the page is %q, want %q", got, want[after])
				}
			})
		}
	}
}

func TestDatabaseFileIsReallyGone(t *testing.T) {
	s := testSite(t)
	if err := s.set(Database); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.file); !os.IsNotExist(err) {
		t.Errorf("the database file is there: %v", err)
	}
	if err := s.set(None); err != nil {
		t.Fatal(err)
	}
	if got := visit(t, s, true); !strings.Contains(got, "database: 1.") {
		t.Errorf("after healing the page is %q, want its data back", got)
	}
}

// A visitor whom a hang holds is let go when it heals.
func TestHealingAnswersWhoWaited(t *testing.T) {
	s := testSite(t)
	if err := s.set(Hang); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a hanging site sent %d bytes, %v", n, err)
	}
	if err := s.set(None); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 200") {
		t.Errorf("after healing the answer is %q, %v; want 200", answer, err)
	}
}

func TestCrashThatCannotHealSaysWhy(t *testing.T) {
	s := testSite(t)
	if err := s.set(Crash); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.set(None); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "web-1") {
		t.Errorf("healing with the port taken gave %v, want which site and why", err)
	}
	taken.Close()
	if err := s.set(None); err != nil {
		t.Errorf("healing with the port free again: %v", err)
	}
	if got := visit(t, s, true); !strings.HasPrefix(got, "200 ") {
		t.Errorf("the page is %q, want 200", got)
	}
}
