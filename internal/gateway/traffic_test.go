package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/gateway"
	"github.com/inservice/inservice/internal/targettest"
)

// counts are of evidence.
type counts struct{ requests, bad, timedOut int }

func evidence(s *site) counts {
	v := s.g.Stats().Traffic
	return counts{v.Requests, v.Bad, v.TimedOut}
}

// TestEvidence has an app fail in each way there is, for one visitor.
func TestEvidence(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	pause := func(c *targettest.Conn) {
		if c.ReadRequest() != "" {
			io.WriteString(c, head+"some")
			c.Sleep(time.Hour)
		}
	}
	good, bad, timedOut := counts{1, 0, 0}, counts{1, 1, 0}, counts{1, 0, 1}
	tests := []struct {
		name      string
		behaviour targettest.Behaviour
		want      counts
	}{
		{"answer", targettest.Status(200, "ok"), good},
		{"redirect", targettest.Redirect("https://site.example/"), good},
		{"not found", targettest.Status(404, "no"), good},
		{"too many requests", targettest.Status(429, "no"), good},
		{"method that the app does not know", targettest.Status(501, "no"), good},
		{"version that the app does not know", targettest.Status(505, "no"), good},
		{"server error", targettest.Status(500, "oh"), bad},
		{"down for maintenance", targettest.Status(503, "later"), bad},
		{"the app's own time-out", targettest.Status(504, "oh"), bad},
		{"no HTTP", targettest.Garbage, bad},
		{"no answer", targettest.CloseAfterAccept, bad},
		{"reset", targettest.Reset, bad},
		{"breaks off", targettest.CutBody, bad},
		{"hangs", targettest.Hang, timedOut},
		{"pauses", pause, timedOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := targettest.Start(t, tt.behaviour)
			s := serve(t, &gateway.Gateway{App: "http://" + target.Addr(), ResponseTimeout: patience})
			if tt.want == timedOut {
				s = serve(t, &gateway.Gateway{App: "http://" + target.Addr(), ResponseTimeout: 50 * time.Millisecond})
			}
			_, reader := s.raw(stranger, "GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n")
			io.Copy(io.Discard, reader) // to its end, however it ends
			s.await("the end of the request", func() bool { return s.g.Stats().InFlight == 0 })
			if got := evidence(s); got != tt.want {
				t.Errorf("evidence = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestClientsFaultsAreNoEvidence has visitors spoil their requests.
func TestClientsFaultsAreNoEvidence(t *testing.T) {
	arrived := make(chan struct{}, 10)
	s := serve(t, &gateway.Gateway{
		ResponseTimeout: 100 * time.Millisecond,
		App: app(t, func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			if r.URL.Path == "/slow" {
				<-r.Context().Done()
			}
			io.Copy(io.Discard, r.Body)
		}),
	})
	spoil := func(what, request string, then func(c io.Closer)) {
		t.Helper()
		before := s.g.Stats().Requests
		c, reader := s.raw(stranger, request)
		<-arrived
		if then != nil {
			then(c)
		}
		io.Copy(io.Discard, reader)
		s.await("the end of the request", func() bool { return s.g.Stats().InFlight == 0 && s.g.Stats().Requests == before+1 })
		if got := evidence(s); got != (counts{}) {
			t.Errorf("%s: evidence = %+v", what, got)
		}
	}
	spoil("leaves", "GET /slow HTTP/1.1\r\nHost: site.example\r\n\r\n", func(c io.Closer) { c.Close() })
	spoil("breaks its body off", "POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: 10\r\n\r\nhalf", func(c io.Closer) { c.Close() })
	spoil("stops in its body", "POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: 10\r\n\r\nhalf", nil)
	spoil("sends a broken body", "POST / HTTP/1.1\r\nHost: site.example\r\nTransfer-Encoding: chunked\r\n\r\nthis is no chunk\r\n", nil)

	// Left before an answer: nginx's number for it.
	if line := s.accessLines(1)[0]; !strings.Contains(line, `"status":499,"bytes":0,`) || !strings.Contains(line, `"aborted":true`) {
		t.Errorf("access log: %s", line)
	}
}

// verdict runs a check once, as a server does.
func verdict(t *testing.T, c health.Check) health.Result {
	t.Helper()
	registry := &health.Registry{Checks: []health.Check{c}}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- registry.Run(ctx) }()
	defer func() {
		cancel()
		<-ran
	}()
	for until := time.Now().Add(patience); time.Now().Before(until); <-time.After(time.Millisecond) {
		if r := registry.Snapshot().Results; len(r) == 1 && r[0].Status != health.Unknown {
			return r[0]
		}
	}
	t.Fatal("the check has no result")
	panic("unreachable")
}

// TestCheck has visitors from behind the balancer get errors, more and more of
// them, while the app answers.
func TestCheck(t *testing.T) {
	tests := []struct {
		name    string
		bad     func(visit int) bool
		clients int
		want    health.Status
	}{
		{"all well", func(int) bool { return false }, 20, health.Pass},
		{"a few errors", func(visit int) bool { return visit%20 == 0 }, 20, health.Pass},
		{"many errors", func(visit int) bool { return visit%4 == 0 }, 20, health.Warn},
		{"nothing but errors", func(int) bool { return true }, 20, health.Fail},
		{"nothing but errors, for one visitor", func(int) bool { return true }, 1, health.Warn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var broken atomic.Bool
			s := serve(t, &gateway.Gateway{App: app(t, func(w http.ResponseWriter, _ *http.Request) {
				if broken.Load() {
					w.WriteHeader(http.StatusInternalServerError)
				}
			})})
			if got := verdict(t, s.g.Check()); got.Check != "traffic" || got.Status != health.Pass || s.g.Check().Interval != time.Second {
				t.Errorf("before any traffic: %+v", got)
			}
			for visit := range 100 {
				broken.Store(tt.bad(visit))
				// Each visitor forges addresses to look like many.
				s.ask(balancer, "GET", "/", fmt.Sprintf("X-Forwarded-For: 198.51.100.%d, 192.0.2.%d", visit, visit%tt.clients))
			}
			got := verdict(t, s.g.Check())
			if got.Status != tt.want || (got.Err == nil) != (tt.want == health.Pass) {
				t.Errorf("check = %v, %v; want %v", got.Status, got.Err, tt.want)
			}
		})
	}
}
