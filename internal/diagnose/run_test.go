package diagnose

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// wire is a slow server in virtual time: it takes as long as it says.
type wire struct {
	mu       sync.Mutex
	serve    func(exchange.Request, int) exchange.Answer
	requests int
	together int // at once, at most
	now      int
	traffic  sockets.Traffic // on the port, at any time
}

func (w *wire) ask(ctx context.Context, p dialect.Probe) ([]exchange.Answer, dialect.Verdict) {
	w.mu.Lock()
	a := w.serve(p.Request, w.requests)
	w.requests++
	w.now++
	w.together = max(w.together, w.now)
	w.mu.Unlock()
	a.Began = time.Now()
	takes := a.Phases.Total
	if a.Failure == exchange.TimedOut || takes > p.Request.Timeout+p.Request.Patience {
		takes = p.Request.Timeout + p.Request.Patience
		a = exchange.Answer{Failure: exchange.TimedOut, Stage: exchange.Waiting, Began: a.Began, GRPCCode: -1}
	}
	a.Late = a.Failure == exchange.None && takes > p.Request.Timeout
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		a = exchange.Answer{Failure: exchange.OwnFault, Err: ctx.Err(), Began: a.Began, GRPCCode: -1}
	}
	a.Phases.Total = time.Since(a.Began)
	w.mu.Lock()
	w.now--
	w.mu.Unlock()
	return []exchange.Answer{a}, p.Judge([]exchange.Answer{a})
}

func (w *wire) world() world {
	return world{ask: w.ask, try: w.ask, pause: 10 * time.Millisecond, sockets: func() (sockets.Table, error) {
		return sockets.Table{Sockets: []sockets.Socket{{Local: netip.MustParseAddrPort("0.0.0.0:8443"), Queue: 2, Backlog: 128}}}, nil
	}, watch: func(uint16, netip.Addr) (sockets.Traffic, error) { return w.traffic, nil }}
}

func TestRunEndsInTime(t *testing.T) {
	silent := exchange.Answer{Failure: exchange.TimedOut, Stage: exchange.Waiting, GRPCCode: -1}
	for _, test := range []struct {
		name    string
		timeout time.Duration
		serve   func(exchange.Request, int) exchange.Answer
		verdict Verdict
		cause   string
	}{
		{"silence", 2 * time.Second, func(exchange.Request, int) exchange.Answer { return silent }, Fail, "worker_saturated"},
		{"silence, long time-out", 10 * time.Second, func(exchange.Request, int) exchange.Answer { return silent }, Fail, "worker_saturated"},
		{"late", 2 * time.Second, func(r exchange.Request, _ int) exchange.Answer {
			if r.Path == "/health" {
				return took(3500*time.Millisecond, answer(200, "fine"))
			}
			return took(time.Millisecond, answer(404, "no"))
		}, Fail, "slow_response"},
		{"late, and the one worker is held", 5 * time.Second, func(r exchange.Request, n int) exchange.Answer {
			if r.Path == "/health" {
				return took(7*time.Second, answer(200, "fine"))
			}
			return silent
		}, Fail, "slow_response"},
		{"late at first", 2 * time.Second, func(r exchange.Request, n int) exchange.Answer {
			if n == 0 {
				return took(4*time.Second, answer(200, "fine"))
			}
			return took(time.Millisecond, answer(200, "fine"))
		}, Flap, "cold_start"},
		{"still starting", 5 * time.Second, func(r exchange.Request, n int) exchange.Answer {
			if time.Since(epoch) < 1200*time.Millisecond {
				return took(time.Millisecond, answer(503, "starting"))
			}
			return took(time.Millisecond, answer(200, "fine"))
		}, Flap, "cold_start"},
		{"every answer takes a second", 2 * time.Second, func(exchange.Request, int) exchange.Answer { return took(time.Second, answer(500, "no")) }, Fail, "app_error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				epoch = time.Now()
				host := sent
				q := question(t, "alb", "http://"+target+"/health", dialect.Options{Host: &host, Timeout: test.timeout}, true)
				q.Machine.Sockets = []sockets.Socket{listening("0.0.0.0:8443")}
				w := &wire{serve: test.serve}
				r := run(t.Context(), q, w.world())
				if got := ids(r.Causes); r.Verdict != test.verdict || len(got) == 0 || got[0] != test.cause {
					t.Errorf("got %v\n%s", got, summary(r))
				}
				if limit := test.timeout + 4*time.Second; r.Took > limit {
					t.Errorf("it took %v, more than %v\n%s", r.Took, limit, summary(r))
				}
				if w.together > 2 {
					t.Errorf("%d requests at once", w.together)
				}
				for _, o := range r.Observations {
					if o.Pending || len(o.Answers) == 0 {
						t.Errorf("%s is in the report without an answer", o.Experiment.Name)
					}
				}
			})
		})
	}
}

// epoch is when a test's virtual time begins.
var epoch time.Time

// TestOwnPorts: the ports of this process are no candidates for the right one, but
// its queue counts.
func TestOwnPorts(t *testing.T) {
	mine := func(addr string, queue int) sockets.Socket {
		return sockets.Socket{Local: netip.MustParseAddrPort(addr), PID: os.Getpid(), Queue: queue, Backlog: 1}
	}
	serve := func(r exchange.Request, _ int) exchange.Answer {
		if _, p := splitAddress(r.Address); p == "9001" {
			return answer(200, "fine")
		}
		return broken(exchange.Refused, exchange.Dialling)
	}
	q := albQuestion(t, true)
	q.Machine.Sockets = []sockets.Socket{mine("127.0.0.1:9001", 0)}
	if r := run(t.Context(), q, (&wire{serve: serve}).world()); !slices.Equal(ids(r.Causes), []string{"refused"}) {
		t.Error(summary(r))
	}
	q.Machine.Sockets = []sockets.Socket{mine(target, 2)}
	full := &wire{serve: func(exchange.Request, int) exchange.Answer { return broken(exchange.Unreachable, exchange.Dialling) }}
	if r := run(t.Context(), q, full.world()); len(r.Causes) == 0 || r.Causes[0].Cause != "worker_saturated" {
		t.Error(summary(r))
	}
}

// TestRunCutsShort: an experiment that outlasts its own time-out, as one that follows
// slow redirects can, is cut short, and says nothing.
func TestRunCutsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := (&wire{serve: func(exchange.Request, int) exchange.Answer { return answer(500, "no") }}).world()
		asked := 0
		w.try = func(ctx context.Context, p dialect.Probe) ([]exchange.Answer, dialect.Verdict) {
			if asked++; asked < 4 {
				return w.ask(ctx, p)
			}
			<-ctx.Done()
			a := broken(exchange.OwnFault, exchange.Waiting)
			return []exchange.Answer{a}, p.Judge([]exchange.Answer{a})
		}
		r := run(t.Context(), albQuestion(t, true), w)
		if limit := 9 * time.Second; r.Took > limit {
			t.Errorf("it took %v, more than %v", r.Took, limit)
		}
		if len(r.Observations) != 4 {
			t.Errorf("%d observations, want the 4 that came to an end\n%s", len(r.Observations), summary(r))
		}
	})
}

func TestRunStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := &wire{serve: func(exchange.Request, int) exchange.Answer {
			return exchange.Answer{Failure: exchange.TimedOut, Stage: exchange.Waiting, GRPCCode: -1}
		}}
		r := run(ctx, albQuestion(t, true), w.world())
		if r.Took > 1100*time.Millisecond {
			t.Errorf("it took %v", r.Took)
		}
		if r.Verdict == Pass || len(r.Causes) > 0 {
			t.Errorf("a question that was not put to its end is answered:\n%s", summary(r))
		}
	})
}
