package balancer_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/balancer"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/realserver"
	"github.com/inservice/inservice/internal/threshold"
)

// TestNginx: a real nginx as a target, frozen, killed and brought back while
// another target serves.
func TestNginx(t *testing.T) {
	server := realserver.Nginx(t, `server {
		listen {addr};
		location = /health { default_type text/plain; return 200 ok; }
		location / { default_type text/plain; return 200 nginx; }
	}`)
	nginx := &site{name: "nginx", address: server.Addr()}
	other := newSite(t, "other")
	g := group(200*time.Millisecond, nginx, other)
	g.Probe.Timeout = time.Second // so that a busy machine takes nobody out of service
	g.Threshold = threshold.Policy{Healthy: 2, Unhealthy: 2}
	r := start(t, &balancer.Balancer{Groups: []balancer.Group{g}})
	r.awaitAll(t, threshold.InService, nginx, other)

	answers := func(what string, want map[string]int) {
		t.Helper()
		got := make(map[string]int)
		for range 10 {
			status, body := r.get(t)
			if status != http.StatusOK {
				t.Errorf("%s: answered %d %q", what, status, body)
			}
			got[body]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: answered by (-want +got):\n%s", what, diff)
		}
	}
	outOfService := func(what string, reason probe.Reason) {
		t.Helper()
		e := r.await(t, what, func(e event) bool { return e.Target == nginx.address && e.Changed })
		if e.Now != threshold.OutOfService || e.Result.Reason != reason {
			t.Errorf("%s: nginx is %v, %v; want out of service, %s", what, e.Now, e.Result, reason)
		}
		answers(what, map[string]int{"other": 10})
	}
	answers("both well", map[string]int{"nginx": 5, "other": 5})
	server.Freeze()
	outOfService("frozen", probe.Timeout)
	server.Thaw()
	r.awaitStatus(t, nginx, threshold.InService)
	answers("thawed", map[string]int{"nginx": 5, "other": 5})
	server.Kill()
	outOfService("killed", probe.FailedHealthChecks)
	server.Restart()
	r.awaitStatus(t, nginx, threshold.InService)
	answers("started again", map[string]int{"nginx": 5, "other": 5})
}
