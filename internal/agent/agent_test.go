package agent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/front"
	"github.com/inservice/inservice/internal/memnet"
)

func pass(context.Context) error { return nil }

// run opens a on a free port and runs it until the test ends. It returns once
// the first answers are known.
func run(t *testing.T, a *Agent) {
	t.Helper()
	_, _ = start(t, a)
}

// start is run for tests in which the agent is told to end earlier, by term. Ended
// is closed when it has.
func start(t *testing.T, a *Agent) (term func(), ended <-chan struct{}) {
	t.Helper()
	a.Listen = "127.0.0.1:0"
	if err := a.Open(); err != nil {
		t.Fatal(err)
	}
	known := make(chan struct{}, 1)
	report := a.registry.OnChange
	a.registry.OnChange = func(was health.Status, now health.Snapshot) {
		report(was, now)
		select {
		case known <- struct{}{}:
		default:
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := a.Run(ctx); err != nil {
			t.Errorf("Run returned %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	<-known
	return cancel, over
}

// exchange sends raw bytes on a connection of their own and reads one answer.
func exchange(t *testing.T, address, raw string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer to %q: %v", raw, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("half an answer to %q: %v", raw, err)
	}
	return response, string(body)
}

// What load balancers really send, as the reference collects it.
func TestAnswersWhatBalancersSend(t *testing.T) {
	well := &Agent{Path: "/health_check", Checks: []health.Check{{Name: "c", Run: pass}}}
	run(t, well)
	ill := &Agent{Path: "/health_check/", Checks: []health.Check{{Name: "c", Run: func(context.Context) error { return errors.New("secret cause") }}}}
	run(t, ill)
	root := &Agent{Path: "/", Checks: []health.Check{{Name: "c", Run: pass}}}
	run(t, root)

	tests := []struct {
		name string
		to   *Agent
		raw  string
		code int
		body string
	}{
		{"ALB", well, "GET /health_check HTTP/1.1\r\nHost: 10.1.2.3:8086\r\nUser-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n", 200, "ok"},
		{"classic ELB, small letters", well, "GET /health_check HTTP/1.1\r\nhost: 10.1.2.3:80\r\nUser-Agent: ELB-HealthChecker/1.0\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n", 200, "ok"},
		{"no Host in HTTP/1.0", well, "GET /health_check HTTP/1.0\r\nconnection: close\r\n\r\n", 200, "ok"},
		{"no field at all in HTTP/1.0", well, "GET /health_check HTTP/1.0\r\n\r\n", 200, "ok"},
		{"an address as Host", well, "GET /health_check HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n", 200, "ok"},
		{"an IPv6 address as Host", well, "GET /health_check HTTP/1.1\r\nHost: [2001:db8::1]:9\r\n\r\n", 200, "ok"},
		{"a foreign port (NLB)", well, "GET /health_check HTTP/1.1\r\nHost: 192.0.2.7:443\r\n\r\n", 200, "ok"},
		{"a foreign name", well, "GET /health_check HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200, "ok"},
		{"an empty Host", well, "GET /health_check HTTP/1.1\r\nHost:\r\n\r\n", 200, "ok"},
		{"trailing slash", well, "GET /health_check/ HTTP/1.1\r\nHost: a\r\n\r\n", 200, "ok"},
		{"query", well, "GET /health_check?from=lb HTTP/1.1\r\nHost: a\r\n\r\n", 200, "ok"},
		{"absolute form", well, "GET http://a/health_check HTTP/1.1\r\nHost: a\r\n\r\n", 200, "ok"},
		{"HEAD", well, "HEAD /health_check HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""},
		{"POST", well, "POST /health_check HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, "method not allowed"},
		{"OPTIONS of the path (HAProxy)", well, "OPTIONS /health_check HTTP/1.0\r\nconnection: close\r\n\r\n", 200, "ok"},
		{"OPTIONS with a query", well, "OPTIONS /health_check?x HTTP/1.1\r\nHost: a\r\n\r\n", 200, "ok"},
		{"no Host in HTTP/1.1 (Hetzner, HAProxy)", well, "GET /health_check HTTP/1.1\r\n\r\n", 200, "ok"},
		{"no version (F5)", well, "GET /health_check\r\n\r\n", 200, "ok"},
		{"another spelling of the path", well, "GET /health%5Fcheck HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not found\n"},
		{"OPTIONS of the server (Apache)", well, "OPTIONS * HTTP/1.0\r\n\r\n", 404, "not found\n"},
		{"other path", well, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not found\n"},
		{"longer path", well, "GET /health_checks HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not found\n"},
		{"two slashes", well, "GET //health_check HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not found\n"},
		{"ill", ill, "GET /health_check HTTP/1.1\r\nHost: a\r\n\r\n", 503, "fail"},
		{"ill, HEAD", ill, "HEAD /health_check HTTP/1.0\r\n\r\n", 503, ""},
		{"root", root, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "ok"},
		{"beside the root", root, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not found\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			response, body := exchange(t, test.to.Addr().String(), test.raw)
			if response.StatusCode != test.code || body != test.body {
				t.Errorf("answer is %d %q, want %d %q", response.StatusCode, body, test.code, test.body)
			}
			if test.code != 200 && test.code != 503 {
				return
			}
			want := map[string]string{"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", "Content-Length": "2"}
			if test.code == 503 {
				want["Content-Length"] = "4"
			}
			for name, value := range want {
				if got := response.Header.Get(name); got != value {
					t.Errorf("%s is %q, want %q", name, got, value)
				}
			}
		})
	}
}

// A body that never comes must not hold the answer up.
func TestAnswersBeforeABodyThatNeverComes(t *testing.T) {
	a := &Agent{Path: "/health_check", Checks: []health.Check{{Name: "c", Run: pass}}}
	run(t, a)
	begun := time.Now()
	response, body := exchange(t, a.Addr().String(), "GET /health_check HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
	if response.StatusCode != 200 || body != "ok" || !response.Close {
		t.Errorf("answer is %d %q, close %t; want 200 ok and the connection closed", response.StatusCode, body, response.Close)
	}
	if took := time.Since(begun); took >= ownAnswer {
		t.Errorf("the answer took %v", took)
	}
}

// Who is slower or larger than any load balancer is cut off.
func TestLimits(t *testing.T) {
	a := &Agent{Path: "/health_check", Checks: []health.Check{{Name: "c", Run: pass}}}
	run(t, a)
	large := "GET /health_check HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 2*front.DefaultMaxHeaderBytes) + "\r\n\r\n"
	if response, _ := exchange(t, a.Addr().String(), large); response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a large header was answered %d, want 431", response.StatusCode)
	}
	slow, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, "GET /health_check HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	slow.SetReadDeadline(time.Now().Add(readHeaderTimeout + 10*time.Second))
	if answer, err := io.ReadAll(slow); err != nil {
		t.Errorf("a header that never ends kept its connection: %q, %v", answer, err)
	}
}

// Details reach those who are named, and nobody else.
func TestDetails(t *testing.T) {
	failing := []health.Check{{Name: "c", Run: func(context.Context) error { return errors.New("db.internal refused") }}}
	open := &Agent{Path: "/h", Checks: failing, Token: "t0ken", TrustedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	run(t, open)
	shut := &Agent{Path: "/h", Checks: failing}
	run(t, shut)
	for _, test := range []struct {
		name    string
		to      *Agent
		request string
		details bool
	}{
		{"token", open, "GET /h HTTP/1.0\r\nAuthorization: Bearer t0ken\r\n\r\n", true},
		{"network", open, "GET /h?verbose HTTP/1.0\r\n\r\n", true},
		{"nobody asks", open, "GET /h HTTP/1.0\r\n\r\n", false},
		{"not configured", shut, "GET /h?verbose HTTP/1.0\r\nAuthorization: Bearer t0ken\r\n\r\n", false},
	} {
		if _, body := exchange(t, test.to.Addr().String(), test.request); strings.Contains(body, "db.internal") != test.details {
			t.Errorf("%s: the answer is %q, want details %t", test.name, body, test.details)
		}
	}
}

func TestPathsThatCanNotBeAnswered(t *testing.T) {
	for _, path := range []string{"", "up", "//", "/a//b", "/health%20check", "/up?x", "/up#x"} {
		a := &Agent{Listen: "127.0.0.1:0", Path: path}
		if err := a.Open(); err == nil {
			a.Close()
			t.Errorf("the path %q was accepted", path)
		}
	}
}

func TestBusyPortIsAnError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	a := &Agent{Listen: taken.Addr().String(), Path: "/"}
	if err := a.Open(); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Open returned %v, want an error that names the address and says that it is in use", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close after a failed Open returned %v", err)
	}
}

func TestCloseGivesTheAddressBack(t *testing.T) {
	a := &Agent{Listen: "127.0.0.1:0", Path: "/"}
	if err := a.Open(); err != nil {
		t.Fatal(err)
	}
	address := a.Addr().String()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the address is still taken: %v", err)
	}
	again.Close()
}

// Invariant 11: red first, serving on until those who ask know, then closed.
func TestDrainsBeforeItCloses(t *testing.T) {
	for _, test := range []struct {
		name  string
		every time.Duration // between an asker's questions
		lasts time.Duration // from the order to end to the closed door
		want  []string      // the answers from the order on, and then closed
	}{
		{"until the asker knows", time.Second, 3 * time.Second, []string{"503 draining", "503 draining", "503 draining", "refused"}},
		{"but no longer than the timeout", 8 * time.Second, 15 * time.Second, []string{"503 draining", "503 draining", "refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { drains(t, test.every, test.lasts, test.want) })
		})
	}
}

func drains(t *testing.T, every, lasts time.Duration, want []string) {
	var network memnet.Network
	listener, err := network.Listen("agent:80")
	if err != nil {
		t.Fatal(err)
	}
	var stopped atomic.Bool
	a := &Agent{Listen: "127.0.0.1:0", Path: "/health_check", DrainTimeout: 15 * time.Second, Checks: []health.Check{{
		Name: "database", Run: func(context.Context) error {
			if stopped.Load() {
				t.Error("a check ran after the agent had closed")
			}
			return nil
		},
	}}}
	if err := a.Open(); err != nil {
		t.Fatal(err)
	}
	a.Close()
	a.listener = listener // so that the bubble's clock is the only one
	client := &http.Client{Transport: &http.Transport{DialContext: network.Dial, DisableKeepAlives: true}}
	ask := func() string {
		response, err := client.Get("http://agent:80/health_check")
		if err != nil {
			return "refused"
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.Status[:3] + " " + string(body)
	}

	ctx, term := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	synctest.Wait()
	for range 4 {
		if got := ask(); got != "200 ok" {
			t.Errorf("before the end the answer is %q", got)
		}
		time.Sleep(every)
	}
	term()
	begun := time.Now()
	var got []string
	for len(got) < 10 {
		synctest.Wait()
		got = append(got, ask())
		if got[len(got)-1] == "refused" {
			break
		}
		time.Sleep(every)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run returned %v", err)
	}
	stopped.Store(true)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers from the order to end on (-want +got):\n%s", diff)
	}
	if took := time.Since(begun); took < lasts || took > lasts+every {
		t.Errorf("it took %v to close, want %v to %v", took, lasts, lasts+every)
	}
	time.Sleep(time.Minute)
}

// Whoever asks nothing is not waited for.
func TestClosesAtOnceWhenNobodyAsks(t *testing.T) {
	a := &Agent{Listen: "127.0.0.1:0", Path: "/health_check", DrainTimeout: time.Hour}
	if err := a.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, term := context.WithCancel(t.Context())
	term()
	if err := a.Run(ctx); err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestRunEndsWhenTheChecksAreRefused(t *testing.T) {
	a := &Agent{Listen: "127.0.0.1:0", Path: "/", Checks: []health.Check{{Name: "nothing to run"}}}
	if err := a.Open(); err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing to run") {
		t.Errorf("Run returned %v, want the mistake", err)
	}
}

// lines is a log to be read in parts.
type lines struct {
	mu     sync.Mutex
	buffer bytes.Buffer // guarded by mu
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// take returns what was written since the last take.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.buffer.Reset()
	return l.buffer.String()
}

// Logs: passes are silent, changes and failures are not.
func TestLogsFailuresAndChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		var log lines
		a := &Agent{Listen: "127.0.0.1:0", Path: "/", Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		})), Checks: []health.Check{{Name: "database", Interval: time.Second, Run: func(context.Context) error {
			if broken.Load() {
				return errors.New("refused")
			}
			return nil
		}}}}
		if err := a.Open(); err != nil {
			t.Fatal(err)
		}
		a.Close()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.registry.Run(ctx) }()
		step := func(d time.Duration) string {
			time.Sleep(d)
			synctest.Wait()
			return log.take()
		}
		const (
			failed = "level=WARN msg=\"check failed\" check=database error=refused took=0s scope=instance\n"
			out    = "level=WARN msg=\"out of service\" status=fail was=pass reasons=\"database: refused\"\n"
			again  = "level=INFO msg=\"check passes again\" check=database took=0s\n"
		)
		steps := []struct {
			name, got, want string
		}{
			{"start", step(500 * time.Millisecond), "level=INFO msg=\"in service\" status=pass was=unknown\n"},
			{"passes", step(10 * time.Second), ""},
			{"first failure", func() string { broken.Store(true); return step(time.Second) }(), failed + out},
			{"failures like it", step(59 * time.Second), ""},
			{"the one after a minute", step(time.Second), strings.TrimSuffix(failed, "\n") + " again=60\n"},
			{"healed", func() string { broken.Store(false); return step(time.Second) }(), again + "level=INFO msg=\"in service\" status=pass was=fail\n"},
		}
		for _, s := range steps {
			if diff := cmp.Diff(s.want, s.got); diff != "" {
				t.Errorf("log at %s (-want +got):\n%s", s.name, diff)
			}
		}
		cancel()
		<-ended
	})
}
