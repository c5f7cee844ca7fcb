package balancer_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/balancer"
	"github.com/inservice/inservice/internal/monitor"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/threshold"
)

const (
	// patience is how long a test waits for what must happen soon. It is only
	// ever used up by a test that fails.
	patience = 20 * time.Second
	// often is an interval for tests that wait for regular probes; never is one
	// for tests in which, after the first, no regular probe may come.
	often = 10 * time.Millisecond
	never = time.Hour
)

// A site is a target: a server whose pages say its name, and whose health path
// answers what the test has it answer.
type site struct {
	name    string
	address string
	health  atomic.Int64 // status of /health
	page    atomic.Int64 // status of every other path
	hits    atomic.Int64 // requests for pages
	server  *httptest.Server
}

func newSite(t *testing.T, name string) *site {
	t.Helper()
	s := &site{name: name}
	s.health.Store(http.StatusOK)
	s.page.Store(http.StatusOK)
	s.server = httptest.NewUnstartedServer(s)
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.server.Start()
	t.Cleanup(s.crash)
	s.address = s.server.Listener.Addr().String()
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		w.WriteHeader(int(s.health.Load()))
		return
	}
	s.hits.Add(1)
	w.WriteHeader(int(s.page.Load()))
	io.WriteString(w, s.name)
}

// crash closes the site's port and breaks its connections.
func (s *site) crash() {
	s.server.CloseClientConnections()
	s.server.Close()
}

// group returns a target group "web" of sites, probed at /health.
func group(interval time.Duration, sites ...*site) balancer.Group {
	g := balancer.Group{
		Name:     "web",
		Probe:    probe.Probe{Protocol: probe.HTTP, Path: "/health"},
		Interval: interval,
	}
	for _, s := range sites {
		g.Targets = append(g.Targets, balancer.Target{Address: s.address})
	}
	return g
}

// A rig is a Balancer under test.
type rig struct {
	*balancer.Balancer
	url    string // of the first listener
	events chan event
	log    *logBuffer
	stop   context.CancelFunc // what SIGTERM does
	ended  chan error         // what Run returned
}

type event struct {
	group string
	monitor.Event
}

// open opens a Balancer with one listener on a free port for each group. Its
// Run is left to the caller.
func open(t *testing.T, b *balancer.Balancer) *rig {
	t.Helper()
	r := &rig{Balancer: b, events: make(chan event, 1<<16), log: &logBuffer{}, ended: make(chan error, 1)}
	if b.Listeners == nil {
		for _, g := range b.Groups {
			b.Listeners = append(b.Listeners, balancer.Listener{Address: "127.0.0.1:0", Group: g.Name})
		}
	}
	b.Log = slog.New(slog.NewTextHandler(r.log, nil))
	b.OnEvent = func(group string, e monitor.Event) { r.events <- event{group, e} }
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + b.Addrs()[0].String()
	return r
}

// run starts Run and has the test's cleanup wait for its end.
func (r *rig) run(t *testing.T) {
	t.Helper()
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.WithoutCancel(t.Context()))
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.ended <- r.Run(ctx)
	}()
	t.Cleanup(func() {
		r.stop()
		receive(t, "end of Run", over)
	})
}

// start is open and run.
func start(t *testing.T, b *balancer.Balancer) *rig {
	t.Helper()
	r := open(t, b)
	r.run(t)
	return r
}

// await returns the first event that is as wanted.
func (r *rig) await(t *testing.T, what string, wanted func(event) bool) event {
	t.Helper()
	for {
		if e := receive(t, what, r.events); wanted(e) {
			return e
		}
	}
}

// awaitStatus waits until a target's status has become s.
func (r *rig) awaitStatus(t *testing.T, target *site, s threshold.Status) {
	t.Helper()
	r.await(t, target.name+" "+s.String(), func(e event) bool {
		return e.Target == target.address && e.Changed && e.Now == s
	})
}

// awaitAll waits until the status of each target has become s, in any order.
func (r *rig) awaitAll(t *testing.T, s threshold.Status, targets ...*site) {
	t.Helper()
	missing := make(map[string]bool)
	for _, target := range targets {
		missing[target.address] = true
	}
	for len(missing) > 0 {
		e := receive(t, "change to "+s.String(), r.events)
		if e.Changed && e.Now == s {
			delete(missing, e.Target)
		}
	}
}

// get asks the first listener for a page on a connection of its own.
func (r *rig) get(t *testing.T) (status int, body string) {
	t.Helper()
	return get(t, r.url+"/page")
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := fresh.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// fresh opens a connection for each request.
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

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

// with returns the lines that contain all of the words.
func (l *logBuffer) with(words ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
line:
	for line := range strings.Lines(l.b.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue line
			}
		}
		found = append(found, line)
	}
	return found
}
