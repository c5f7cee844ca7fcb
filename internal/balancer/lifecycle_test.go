package balancer_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/balancer"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/targettest"
	"github.com/inservice/inservice/internal/threshold"
)

// A gate is a target whose pages wait until the test lets them go on.
type gate struct {
	site
	arrived chan struct{} // one value for each request for a page
	release chan struct{} // close to answer them all
	gone    chan struct{} // one value for each request that was cut off
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{site: site{name: "gate"}, arrived: make(chan struct{}, 9), release: make(chan struct{}), gone: make(chan struct{}, 9)}
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		g.arrived <- struct{}{}
		select {
		case <-g.release:
			io.WriteString(w, "at last")
		case <-r.Context().Done():
			g.gone <- struct{}{}
		}
	}))
	g.address = g.server.Listener.Addr().String()
	t.Cleanup(g.crash)
	return g
}

// sendRaw sends a request for a page on a connection of its own.
func sendRaw(t *testing.T, address string) *bufio.Reader {
	t.Helper()
	c := dial(t, address)
	if _, err := io.WriteString(c, "GET /page HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(c)
}

// awaitRefusal waits until an address refuses connections.
func awaitRefusal(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		c, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			c.Close()
		}
	}
	t.Fatalf("%s still accepts connections", address)
}

// TestDrain ends the context while a request is in flight.
func TestDrain(t *testing.T) {
	g := newGate(t)
	before := runtime.NumGoroutine()
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(never, &g.site)}})
	address := r.Addrs()[0].String()
	answer := sendRaw(t, address)
	idle := dial(t, address)
	io.WriteString(idle, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
	if res, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("answer: %v, %v", res, err)
	}
	receive(t, "request at the target", g.arrived)

	r.stop()
	awaitRefusal(t, address)
	select {
	case err := <-r.ended:
		t.Fatalf("Run returned %v with a request in flight", err)
	default:
	}
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the idle connection: %v, want EOF", err)
	}

	close(g.release)
	res, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); string(body) != "at last" || err != nil {
		t.Errorf("body = %q, %v", body, err)
	}
	if !res.Close {
		t.Error("the answer does not say that the connection will be closed")
	}
	if err := receive(t, "end of Run", r.ended); err != nil {
		t.Errorf("Run: %v", err)
	}
	r.ended <- nil // for the cleanup
	if got := r.log.with("cut off"); len(got) != 0 {
		t.Errorf("logged: %q", got)
	}

	// Connections of net/http end their goroutines just after they are closed.
	g.crash()
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if got := runtime.NumGoroutine(); got > before {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", before, got, stacks[:runtime.Stack(stacks, true)])
	}
}

// TestProbesGoOnWhileDraining: what people watch stays true until the last
// request has finished.
func TestProbesGoOnWhileDraining(t *testing.T) {
	g := newGate(t)
	other := newSite(t, "other")
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(often, &g.site, other)}})
	r.awaitAll(t, threshold.InService, &g.site, other)
	address := r.Addrs()[0].String()
	for range 2 { // in turn, so one of them is held at the gate
		sendRaw(t, address)
	}
	receive(t, "request at the gate", g.arrived)
	r.stop()
	awaitRefusal(t, address)

	other.health.Store(http.StatusServiceUnavailable)
	r.awaitStatus(t, other, threshold.OutOfService)
	close(g.release)
}

// TestDrainTimeout has a request and an upgraded connection outlast the drain
// timeout. Both must be cut off, so that the process ends.
func TestDrainTimeout(t *testing.T) {
	upgraded := make(chan struct{})
	g := newGate(t)
	tunnel := &site{name: "tunnel"}
	tunnel.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
		rw.Flush()
		close(upgraded)
		_, _ = rw.ReadByte() // until cut off
	}))
	tunnel.address = tunnel.server.Listener.Addr().String()
	t.Cleanup(tunnel.crash)
	groups := []balancer.Group{group(never, &g.site), group(never, tunnel)}
	groups[1].Name = "tunnel"
	r := start(t, &balancer.Balancer{Groups: groups, DrainTimeout: 50 * time.Millisecond})

	answer := sendRaw(t, r.Addrs()[0].String())
	receive(t, "request at the target", g.arrived)
	c := dial(t, r.Addrs()[1].String())
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
	lines := bufio.NewReader(c)
	if res, err := http.ReadResponse(lines, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answer: %v, %v", res, err)
	}
	receive(t, "upgrade", upgraded)

	r.stop()
	if err := receive(t, "end of Run", r.ended); err != nil {
		t.Errorf("Run: %v", err)
	}
	r.ended <- nil // for the cleanup
	receive(t, "end of the request at the target", g.gone)
	if res, err := http.ReadResponse(answer, nil); err == nil {
		t.Errorf("the request that was cut off got an answer: %v", res.Status)
	}
	if _, err := lines.ReadByte(); err == nil {
		t.Error("the upgraded connection is still open")
	}
	if got := r.log.with("level=WARN", "cut off", "requests=1"); len(got) != 2 {
		t.Errorf("logged: %q", got)
	}
	if got := r.log.with("target failed"); len(got) != 0 {
		t.Errorf("cutting off was held against a target: %q", got)
	}
}

// TestBusyPort opens two listeners, the second on a port in use.
func TestBusyPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()

	b := &balancer.Balancer{
		Groups: []balancer.Group{group(never, &site{address: "127.0.0.1:1"})},
		Listeners: []balancer.Listener{
			{Address: address, Group: "web"},
			{Address: taken.Addr().String(), Group: "web"},
		},
	}
	err = b.Open()
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Fatalf("Open: %v, want an error that names %s", err, taken.Addr())
	}
	if b.Addrs() != nil || b.Snapshot("web") != nil {
		t.Error("something is there after a failed Open")
	}
	if err := b.Run(t.Context()); err == nil {
		t.Error("Run after a failed Open succeeded")
	}
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the first listener is still bound: %v", err)
	}
	again.Close()

	// The cause removed, the same Balancer opens.
	taken.Close()
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Run(ended); err != nil {
		t.Errorf("Run with a context that has ended: %v", err)
	}
	for _, a := range b.Addrs() {
		awaitRefusal(t, a.String())
	}
}

// TestHeldStart has visitors come before any target was asked. One target is
// dead; the live one answers its first probe only when the visitors are there.
// Each visitor must get the live one.
func TestHeldStart(t *testing.T) {
	dead := newSite(t, "dead")
	dead.crash()
	visited := make(chan struct{})
	live := &site{name: "live"}
	live.health.Store(http.StatusOK)
	live.page.Store(http.StatusOK)
	live.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			<-visited
		}
		live.ServeHTTP(w, r)
	}))
	live.address = live.server.Listener.Addr().String()
	t.Cleanup(live.crash)

	g := group(never, dead, live)
	g.Probe.Timeout = patience
	r := open(t, &balancer.Balancer{Groups: []balancer.Group{g}})
	var early []*bufio.Reader
	for range 4 { // before Run: nobody accepts yet
		early = append(early, sendRaw(t, r.Addrs()[0].String()))
	}
	r.run(t)
	r.await(t, "result of the dead target", func(e event) bool { return e.Target == dead.address && !e.Result.Pass })
	for range 4 { // while the first probes run
		early = append(early, sendRaw(t, r.Addrs()[0].String()))
	}
	if got := live.hits.Load(); got != 0 {
		t.Errorf("%d requests reached a target before it was asked", got)
	}
	close(visited)
	for i, answer := range early {
		res, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); string(body) != "live" || err != nil {
			t.Errorf("visitor %d: %d %q, %v", i, res.StatusCode, body, err)
		}
	}
}

// TestSilentTargetHoldsNobody has one target's first probe hang while another is
// in service at once: visitors must not wait for the first.
func TestSilentTargetHoldsNobody(t *testing.T) {
	silent := targettest.Start(t, targettest.Hang)
	good := newSite(t, "good")
	g := group(never, &site{address: silent.Addr()}, good)
	g.Probe.Timeout = time.Hour
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})
	for range 4 {
		if status, body := r.get(t); status != http.StatusOK || body != "good" {
			t.Errorf("answer = %d %q", status, body)
		}
	}
}

// TestPartingLosesNothing ends the context, several times over, while clients use
// their kept connections as fast as they can. Each must be told to go before its
// connection is closed.
func TestPartingLosesNothing(t *testing.T) {
	s := newSite(t, "a")
	for range 5 {
		r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(never, s)}})
		r.awaitStatus(t, s, threshold.InService)
		var clients sync.WaitGroup
		busy := make(chan struct{}, 16)
		for range cap(busy) {
			c := dial(t, r.Addrs()[0].String())
			clients.Go(func() {
				answers := bufio.NewReader(c)
				for n := 0; ; n++ {
					if n == 10 {
						busy <- struct{}{}
					}
					io.WriteString(c, "GET /page HTTP/1.1\r\nHost: h\r\n\r\n")
					res, err := http.ReadResponse(answers, nil)
					if err != nil {
						t.Errorf("request %d was lost: %v", n, err)
						return
					}
					io.Copy(io.Discard, res.Body)
					if res.Close {
						return
					}
				}
			})
		}
		for range cap(busy) {
			receive(t, "busy client", busy)
		}
		r.stop()
		clients.Wait()
		if err := receive(t, "end of Run", r.ended); err != nil {
			t.Errorf("Run: %v", err)
		}
		r.ended <- nil // for the cleanup
	}
}

// TestHeldStartEnds has a target's first probe outlast even its own timeout.
// Visitors wait for no longer than that.
func TestHeldStartEnds(t *testing.T) {
	good, stuck := newSite(t, "good"), newSite(t, "stuck")
	release := make(chan struct{})
	g := group(never, good, stuck)
	g.Probe.Timeout = 50 * time.Millisecond
	g.Probe.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == stuck.address {
			<-release
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})
	defer close(release) // Run waits for its probes
	if status, body := r.get(t); status != http.StatusOK || body != "good" {
		t.Errorf("answer = %d %q", status, body)
	}
}

// TestStopBeforeStart ends the context while visitors are still held.
func TestStopBeforeStart(t *testing.T) {
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hanging.Close()
	g := group(never, &site{address: hanging.Addr().String()})
	g.Probe.Timeout = time.Hour
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})
	answer := sendRaw(t, r.Addrs()[0].String())
	r.stop()
	if err := receive(t, "end of Run", r.ended); err != nil {
		t.Errorf("Run: %v", err)
	}
	r.ended <- nil // for the cleanup
	if res, err := http.ReadResponse(answer, nil); err == nil {
		t.Errorf("the visitor got an answer: %v", res.Status)
	}
	awaitRefusal(t, r.Addrs()[0].String())
}

// TestUnderLoad keeps clients asking while a target goes out of service and
// back. It fails its probes only, so no request may fail.
func TestUnderLoad(t *testing.T) {
	steady, shaky := newSite(t, "steady"), newSite(t, "shaky")
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(often, steady, shaky)}})
	r.awaitAll(t, threshold.InService, steady, shaky)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			tr := &http.Transport{}
			defer tr.CloseIdleConnections()
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/page", nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := tr.RoundTrip(req)
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					t.Errorf("status = %d", res.StatusCode)
				}
			}
		})
	}
	for range 3 {
		shaky.health.Store(http.StatusServiceUnavailable)
		r.awaitStatus(t, shaky, threshold.OutOfService)
		shaky.health.Store(http.StatusOK)
		r.awaitStatus(t, shaky, threshold.InService)
	}
	cancel()
	clients.Wait()
}

func TestRunEndsWithItsProbes(t *testing.T) {
	s := newSite(t, "a")
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(often, s)}})
	r.awaitStatus(t, s, threshold.InService)
	r.stop()
	if err := receive(t, "end of Run", r.ended); err != nil {
		t.Errorf("Run: %v", err)
	}
	r.ended <- nil // for the cleanup
	for len(r.events) > 0 {
		<-r.events
	}
	if got := r.Snapshot("web").Targets[0].Status; got != threshold.InService {
		t.Errorf("after the end the target is %v, want its last status", got)
	}
	if got := r.log.with(string(probe.InternalError)); len(got) != 0 {
		t.Errorf("the end was logged as a failed probe: %q", got)
	}
}
