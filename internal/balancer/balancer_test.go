package balancer_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/balance"
	"github.com/inservice/inservice/internal/balancer"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/targettest"
	"github.com/inservice/inservice/internal/threshold"
)

func TestRoundRobin(t *testing.T) {
	a, b, c := newSite(t, "a"), newSite(t, "b"), newSite(t, "c")
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(never, a, b, c)}})
	r.awaitAll(t, threshold.InService, a, b, c)
	var got []string
	for range 7 {
		status, body := r.get(t)
		if status != http.StatusOK {
			t.Errorf("status = %d", status)
		}
		got = append(got, body)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "a", "b", "c", "a"}, got); diff != "" {
		t.Errorf("answered by (-want +got):\n%s", diff)
	}
	if lines := r.log.with(); len(lines) != 3 || len(r.log.with("level=INFO", `now="in service"`)) != 3 {
		t.Errorf("log is not three targets coming into service:\n%q", lines)
	}
}

// TestUnhealthyTarget has the pages of a target go on working while its health
// path does not: traffic must follow the health path, out and back in.
func TestUnhealthyTarget(t *testing.T) {
	good, bad := newSite(t, "good"), newSite(t, "bad")
	g := group(often, good, bad)
	g.Threshold = threshold.Policy{Healthy: 2, Unhealthy: 3}
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})
	r.awaitAll(t, threshold.InService, good, bad)

	bad.health.Store(http.StatusServiceUnavailable)
	r.awaitStatus(t, bad, threshold.OutOfService)
	hits := bad.hits.Load()
	for range 10 {
		if status, body := r.get(t); status != http.StatusOK || body != "good" {
			t.Errorf("answer = %d from %q", status, body)
		}
	}
	if got := bad.hits.Load(); got != hits {
		t.Errorf("%d requests reached the target out of service", got-hits)
	}
	s := r.Snapshot("web")
	if got := s.Targets[1]; got.Status != threshold.OutOfService || got.Reason != "Target.ResponseCodeMismatch: Health checks failed with these codes: [503]" {
		t.Errorf("snapshot shows %+v", got)
	}

	bad.health.Store(http.StatusOK)
	r.awaitStatus(t, bad, threshold.InService)
	seen := make(map[string]int)
	for range 10 {
		_, body := r.get(t)
		seen[body]++
	}
	if diff := cmp.Diff(map[string]int{"good": 5, "bad": 5}, seen); diff != "" {
		t.Errorf("answered by (-want +got):\n%s", diff)
	}

	target := "target=" + bad.address
	if got := r.log.with("level=WARN", "group=web", target, `was="in service"`, `now="out of service"`, "[503]"); len(got) != 1 {
		t.Errorf("going out of service was logged as %q", got)
	}
	if got := r.log.with("level=WARN", `msg="probe failed"`, target, "failures=", "[503]"); len(got) < 2 {
		t.Errorf("the two failures before were logged as %q", got)
	}
	if got := r.log.with("level=INFO", target, `was="out of service"`, `now="in service"`); len(got) != 1 {
		t.Errorf("coming back was logged as %q", got)
	}
	if got := r.log.with("target=" + good.address); len(got) != 1 {
		t.Errorf("the healthy target was logged more than once: %q", got)
	}
}

// TestNoneInService takes all targets out of service and back, with both
// policies for that case.
func TestNoneInService(t *testing.T) {
	tests := []struct {
		name   string
		closed bool
		mode   balance.Mode
		status int
		bodies []string
		logged string
	}{
		{"fail open", false, balance.FailOpen, http.StatusOK, []string{"a", "b"}, `mode="fail open"`},
		{"closed", true, balance.Closed, http.StatusServiceUnavailable, []string{"inservice: no target is in service\n"}, "mode=closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newSite(t, "a"), newSite(t, "b")
			g := group(often, a, b)
			g.Closed = tt.closed
			r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})
			r.awaitAll(t, threshold.InService, a, b)

			for range 2 { // the second round shows that each change is logged
				a.health.Store(http.StatusInternalServerError)
				b.health.Store(http.StatusInternalServerError)
				r.awaitAll(t, threshold.OutOfService, a, b)
				if got := r.Snapshot("web").Mode; got != tt.mode {
					t.Errorf("mode = %v, want %v", got, tt.mode)
				}
				seen := make(map[string]bool)
				for range 4 {
					status, body := r.get(t)
					if status != tt.status {
						t.Errorf("answer = %d %q, want %d", status, body, tt.status)
					}
					seen[body] = true
				}
				want := make(map[string]bool)
				for _, body := range tt.bodies {
					want[body] = true
				}
				if diff := cmp.Diff(want, seen); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}

				a.health.Store(http.StatusOK)
				r.awaitStatus(t, a, threshold.InService)
				if status, body := r.get(t); status != http.StatusOK || body != "a" {
					t.Errorf("with one in service again: %d %q", status, body)
				}
				b.health.Store(http.StatusOK)
				r.awaitStatus(t, b, threshold.InService)
			}
			if got := r.log.with("level=WARN", "no target is in service", tt.logged, "group=web"); len(got) != 2 {
				t.Errorf("losing all targets twice was logged %d times: %q", len(got), got)
			}
			if got := r.log.with("level=INFO", "in service again", "mode=normal", "group=web"); len(got) != 2 {
				t.Errorf("having one again twice was logged %d times: %q", len(got), got)
			}
		})
	}
}

// TestNoneInServiceFromTheStart starts with targets that never pass. That is
// worth a log line too, but one only.
func TestNoneInServiceFromTheStart(t *testing.T) {
	a, b := newSite(t, "a"), newSite(t, "b")
	a.health.Store(http.StatusNotFound)
	b.health.Store(http.StatusNotFound)
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(often, a, b)}})
	r.awaitAll(t, threshold.OutOfService, a, b)
	if status, _ := r.get(t); status != http.StatusOK {
		t.Errorf("status = %d, want the target's own 200", status)
	}
	if got := r.log.with("traffic goes to all of them"); len(got) != 1 {
		t.Errorf("logged %d times: %q", len(got), got)
	}
}

// TestNoneInServiceIsTold does not wait for a second probe: with one failure as
// the threshold, the first results of all targets are news.
func TestNoneInServiceIsTold(t *testing.T) {
	a, b := newSite(t, "a"), newSite(t, "b")
	a.health.Store(http.StatusNotFound)
	b.health.Store(http.StatusNotFound)
	g := group(never, a, b)
	g.Threshold = threshold.Policy{Healthy: 1, Unhealthy: 1}
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})
	r.awaitAll(t, threshold.OutOfService, a, b)
	if got := r.log.with("traffic goes to all of them"); len(got) != 1 {
		t.Errorf("logged %d times: %q", len(got), got)
	}
}

// TestSuspicion has no regular probe come for an hour, so only failing requests
// can take a target out of service.
func TestSuspicion(t *testing.T) {
	tests := []struct {
		name string
		fail func(*site)
		seen bool // by clients
	}{
		{"crash", (*site).crash, false}, // requests that could not be sent go to the other target
		{"errors", func(s *site) {
			s.page.Store(http.StatusInternalServerError)
			s.health.Store(http.StatusServiceUnavailable)
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good, bad := newSite(t, "good"), newSite(t, "bad")
			r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(never, good, bad)}})
			r.awaitAll(t, threshold.InService, good, bad)

			tt.fail(bad)
			failed := 0
			for r.Snapshot("web").Targets[1].Status == threshold.InService {
				if status, _ := r.get(t); status >= 500 {
					failed++
				}
			}
			if seen := failed > 0; seen != tt.seen {
				t.Errorf("%d requests failed until the target was out of service", failed)
			}
			for range 6 {
				if status, body := r.get(t); status != http.StatusOK || body != "good" {
					t.Errorf("afterwards: %d from %q", status, body)
				}
			}
		})
	}
}

// TestSuspicionWhileWaiting freezes a target. One request that waits for its
// answer must be enough to take it out of service.
func TestSuspicionWhileWaiting(t *testing.T) {
	bad := targettest.Start(t, targettest.Status(http.StatusOK, "bad"))
	g := group(never, &site{address: bad.Addr()})
	g.Probe.Timeout = 50 * time.Millisecond
	g.Threshold = threshold.Policy{Healthy: 2, Unhealthy: 3}
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})
	r.await(t, "first probe", func(e event) bool { return e.Now == threshold.InService })

	bad.Set(targettest.Hang)
	answer := sendRaw(t, r.Addrs()[0].String())
	r.await(t, "end of service", func(e event) bool { return e.Changed && e.Now == threshold.OutOfService })
	if got := r.log.with("target failed"); len(got) != 0 {
		t.Errorf("the request has failed already: %q", got)
	}
	bad.Close()
	if res, err := http.ReadResponse(answer, nil); err != nil || res.StatusCode != http.StatusBadGateway {
		t.Errorf("answer: %v, %v", res, err)
	}
}

// TestSuspicionIsNoVerdict has a target fail its requests and pass its probes:
// it is asked, and stays in service.
func TestSuspicionIsNoVerdict(t *testing.T) {
	s := newSite(t, "a")
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(never, s)}})
	r.awaitStatus(t, s, threshold.InService)
	s.page.Store(http.StatusInternalServerError)
	for range 3 {
		if status, _ := r.get(t); status != http.StatusInternalServerError {
			t.Errorf("status = %d, want the target's own 500", status)
		}
		e := r.await(t, "probe on suspicion", func(event) bool { return true })
		if !e.Result.Pass || e.Now != threshold.InService {
			t.Errorf("event = %+v", e)
		}
	}
}

// TestGoodAnswersRaiseNoSuspicion makes requests that succeed or fail by the
// client's fault, and expects no probe from them.
func TestGoodAnswersRaiseNoSuspicion(t *testing.T) {
	s := newSite(t, "a")
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(never, s)}})
	r.awaitStatus(t, s, threshold.InService)
	for _, status := range []int{200, 301, 404, 429} {
		s.page.Store(int64(status))
		if got, _ := r.get(t); got != status {
			t.Errorf("status = %d, want %d", got, status)
		}
	}
	// A real suspicion now: if the requests above had raised any, more than one
	// probe would come before its own.
	s.page.Store(http.StatusInternalServerError)
	s.health.Store(http.StatusServiceUnavailable)
	r.get(t)
	if e := r.await(t, "probe on suspicion", func(event) bool { return true }); e.Result.Pass {
		t.Errorf("a probe came before there was reason for one: %+v", e)
	}
}

// TestGroups has two listeners lead to two groups.
func TestGroups(t *testing.T) {
	web, api := newSite(t, "web"), newSite(t, "api")
	g1, g2 := group(never, web), group(never, api)
	g2.Name = "api"
	r := start(t, &balancer.Balancer{
		Groups: []balancer.Group{g1, g2},
		Listeners: []balancer.Listener{
			{Address: "127.0.0.1:0", Group: "api"},
			{Address: "127.0.0.1:0", Group: "web"},
			{Address: "127.0.0.1:0", Group: "api"},
		},
	})
	for i, want := range []string{"api", "web", "api"} {
		if _, body := get(t, "http://"+r.Addrs()[i].String()); body != want {
			t.Errorf("listener %d leads to %q, want %q", i, body, want)
		}
	}
	seen := map[string]string{}
	for range 2 {
		e := r.await(t, "event", func(event) bool { return true })
		seen[e.group] = e.Target
	}
	if diff := cmp.Diff(map[string]string{"web": web.address, "api": api.address}, seen); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if r.Snapshot("web").Targets[0].Address != web.address || r.Snapshot("api").Targets[0].Address != api.address {
		t.Error("snapshots are of the wrong groups")
	}
	if got := r.Snapshot("nobody"); got != nil {
		t.Errorf("snapshot of an unknown group: %+v", got)
	}
}

// TestProbeAddress has the health check answered by another server than the
// pages, as an agent beside a program does.
func TestProbeAddress(t *testing.T) {
	page, agent := newSite(t, "page"), newSite(t, "agent")
	page.health.Store(http.StatusNotFound)
	g := group(often, page)
	g.Targets[0].ProbeAddress = agent.address
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})

	r.awaitStatus(t, page, threshold.InService) // events carry the address for traffic
	if _, body := r.get(t); body != "page" {
		t.Errorf("answered by %q", body)
	}
	agent.health.Store(http.StatusServiceUnavailable)
	r.awaitStatus(t, page, threshold.OutOfService)
	if got := r.Snapshot("web").Targets[0].Address; got != page.address {
		t.Errorf("snapshot shows %s, want %s", got, page.address)
	}
}

// TestProbeProtocols shows the point of asking for a page: a server that only
// answers errors passes a TCP probe.
func TestProbeProtocols(t *testing.T) {
	s := newSite(t, "a")
	s.health.Store(http.StatusInternalServerError)
	tcp, web := group(often, s), group(often, s)
	tcp.Name, tcp.Probe = "tcp", probe.Probe{Protocol: probe.TCP}
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{tcp, web}})
	r.awaitStatus(t, s, threshold.OutOfService)
	if got := r.Snapshot("tcp").Targets[0].Status; got != threshold.InService {
		t.Errorf("over TCP it is %v, want in service", got)
	}
	if got := r.Snapshot("web").Targets[0].Status; got != threshold.OutOfService {
		t.Errorf("over HTTP it is %v, want out of service", got)
	}
}

// TestOneEventForEachProbe compares what OnEvent is told with what the pool
// shows at that moment.
func TestOneEventForEachProbe(t *testing.T) {
	s := newSite(t, "a")
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{group(often, s)}})
	var total int
	for range 20 {
		e := r.await(t, "event", func(event) bool { return true })
		if !e.Result.Pass || e.group != "web" || e.Target != s.address {
			t.Fatalf("event = %+v", e)
		}
		total++
		if e.State.Passes != total {
			t.Fatalf("after %d events the run of passes is %d: an event was lost or doubled", total, e.State.Passes)
		}
	}
	if got := r.log.with(); len(got) != 1 {
		t.Errorf("successes were logged: %q", got)
	}
}

func TestOrderOfCalls(t *testing.T) {
	s := newSite(t, "a")
	b := &balancer.Balancer{Groups: []balancer.Group{group(never, s)}, Listeners: []balancer.Listener{{Address: "127.0.0.1:0", Group: "web"}}}
	if b.Addrs() != nil || b.Snapshot("web") != nil {
		t.Error("something is there before Open")
	}
	if err := b.Run(t.Context()); err == nil {
		t.Error("Run without Open succeeded")
	}
	r := start(t, b)
	r.awaitStatus(t, s, threshold.InService)
	if err := b.Open(); err == nil {
		t.Error("a second Open succeeded")
	}
	if err := b.Run(t.Context()); err == nil {
		t.Error("a second Run succeeded")
	}
	if status, _ := r.get(t); status != http.StatusOK {
		t.Errorf("after that: status %d", status)
	}
}
