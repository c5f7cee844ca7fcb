package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

// start runs r in the background of a synctest bubble and returns a function
// that stops it and gives Run's error.
func start(t *testing.T, r *health.Registry) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	synctest.Wait()
	var err error
	stopped := false
	stop = func() error {
		if !stopped {
			cancel()
			err = <-ended
			stopped = true
		}
		return err
	}
	t.Cleanup(func() { stop() })
	return stop
}

func pass(context.Context) error { return nil }

// thing is what a check of these tests looks at: well, or broken.
type thing struct{ broken atomic.Bool }

func (c *thing) check(context.Context) error {
	if c.broken.Load() {
		return errors.New("connection refused")
	}
	return nil
}

func ask(r *health.Registry) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	(&health.Handler{Registry: r}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health_check", nil))
	return w
}

// Invariant 1: answering never runs a check.
func TestAnsweringNeverRunsACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		r := &health.Registry{Checks: []health.Check{{
			Name: "database", Interval: 5 * time.Second,
			Run: func(context.Context) error { runs.Add(1); return nil },
		}}}
		start(t, r)

		for range 60 { // a minute in which 1,000 askers ask each second
			for range 1000 {
				if w := ask(r); w.Code != http.StatusOK {
					t.Fatalf("answer is %d %q, want 200", w.Code, w.Body)
				}
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got, want := runs.Load(), int64(60/5+1); got != want {
			t.Errorf("%d runs in a minute of 60,000 answers, want %d: one at the start and one each 5s", got, want)
		}
	})
}

// Invariant 2: nothing stale is green. Results stop arriving here because the
// registry's owner is held up; what was green must not stay green.
func TestNothingStaleIsGreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results := 0
		held := make(chan struct{})
		r := &health.Registry{
			Checks: []health.Check{{Name: "database", Run: pass, Interval: 5 * time.Second, Timeout: 2 * time.Second}},
			OnResult: func(health.Result) {
				if results++; results == 2 {
					<-held
				}
			},
		}
		start(t, r)
		const fresh = 2 * (5 + 2) * time.Second // the documented default

		time.Sleep(fresh)
		if w := ask(r); w.Code != http.StatusOK {
			t.Errorf("answer at the freshness bound is %d %q, want 200", w.Code, w.Body)
		}
		time.Sleep(time.Nanosecond)
		if w := ask(r); w.Code != http.StatusServiceUnavailable || w.Body.String() != "unknown" {
			t.Errorf("answer past the freshness bound is %d %q, want 503 \"unknown\"", w.Code, w.Body)
		}
		s := r.Snapshot()
		if s.Results[0].Status != health.Unknown || s.Status != health.Unknown {
			t.Errorf("the snapshot is %v with a stale result of %v, want unknown for both", s.Status, s.Results[0].Status)
		}
		if got := fmt.Sprint(s.Reasons()); !strings.Contains(got, "14s old") {
			t.Errorf("reasons are %s, want the result's age", got)
		}

		close(held)
		synctest.Wait()
		if w := ask(r); w.Code != http.StatusOK {
			t.Errorf("answer after results arrive again is %d %q, want 200", w.Code, w.Body)
		}
	})
}

func TestFreshForIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{
			Name: "nightly", Run: pass, Interval: time.Hour, FreshFor: time.Minute,
		}}}
		start(t, r)
		time.Sleep(time.Minute)
		if got := r.Status(); got != health.Pass {
			t.Errorf("status after FreshFor is %v, want pass", got)
		}
		time.Sleep(time.Second)
		if got := r.Status(); got != health.Unknown {
			t.Errorf("status past FreshFor is %v, want unknown", got)
		}
	})
}

func TestUnknownBeforeTheFirstResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := make(chan struct{})
		r := &health.Registry{Checks: []health.Check{
			{Name: "quick", Run: pass},
			{Name: "slow", Timeout: time.Minute, Run: func(context.Context) error { <-first; return nil }},
		}}
		if w := ask(r); w.Code != http.StatusServiceUnavailable || w.Body.String() != "unknown" {
			t.Errorf("answer before Run is %d %q, want 503 \"unknown\"", w.Code, w.Body)
		}
		start(t, r)
		if got, want := r.Snapshot().Reasons(), []string{"slow: not checked yet"}; !cmp.Equal(got, want) {
			t.Errorf("reasons while the first run goes on are %q, want %q", got, want)
		}
		if got := r.Status(); got != health.Unknown {
			t.Errorf("status while a first run goes on is %v, want unknown", got)
		}
		close(first)
		synctest.Wait()
		if got := r.Status(); got != health.Pass {
			t.Errorf("status after all first runs is %v, want pass", got)
		}
	})
}

// Invariant 3: a stuck check turns red at its timeout and never has more than
// one run in flight, even when it ignores cancellation.
func TestStuckCheckTurnsRedAtItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs, flying, most atomic.Int64
		release := make(chan struct{})
		r := &health.Registry{Checks: []health.Check{{
			Name: "database", Interval: 5 * time.Second, Timeout: 2 * time.Second,
			Run: func(context.Context) error { // ignores its context
				most.Store(max(most.Load(), flying.Add(1)))
				defer flying.Add(-1)
				if runs.Add(1) == 2 {
					<-release
				}
				return nil
			},
		}}}
		start(t, r)
		if got := r.Status(); got != health.Pass {
			t.Fatalf("status after the first run is %v, want pass", got)
		}

		time.Sleep(5*time.Second + 2*time.Second - time.Nanosecond)
		synctest.Wait()
		if got := r.Status(); got != health.Pass {
			t.Errorf("status just before the second run's timeout is %v, want pass", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := r.Status(); got != health.Fail {
			t.Errorf("status at the second run's timeout is %v, want fail", got)
		}
		if err := r.Snapshot().Results[0].Err; !errors.Is(err, health.ErrTimeout) {
			t.Errorf("the error is %v, want ErrTimeout", err)
		}

		for range 60 { // it stays red, and says for how long
			time.Sleep(time.Second)
			synctest.Wait()
			if got := r.Status(); got != health.Fail {
				t.Fatalf("status of a stuck check is %v, want fail all the time", got)
			}
		}
		if got := fmt.Sprint(r.Snapshot().Reasons()); !strings.Contains(got, "still running after 1m2s") {
			t.Errorf("reasons are %s, want how long the check is stuck", got)
		}
		if runs.Load() != 2 || most.Load() != 1 {
			t.Errorf("%d runs, %d at once; want the stuck second run to be the last, one at once", runs.Load(), most.Load())
		}

		close(release)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := r.Status(); got != health.Pass {
			t.Errorf("status an interval after the check came back is %v, want pass", got)
		}
		if most.Load() != 1 {
			t.Errorf("%d runs at once, want 1", most.Load())
		}
	})
}

// A check that obeys its context is red at its timeout for the same reason, in
// the same words.
func TestObedientCheckTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{
			Name: "database", Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}}}
		start(t, r)
		time.Sleep(health.DefaultTimeout)
		synctest.Wait()
		want := []string{"database: no result in time: nothing within 2s"}
		if got := r.Snapshot().Reasons(); !cmp.Equal(got, want) {
			t.Errorf("reasons are %q, want %q", got, want)
		}
	})
}

// A pass that comes after the timeout is no pass.
func TestLatePassDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{
			Name: "slow", Interval: time.Minute, Timeout: time.Second,
			Run: func(context.Context) error { time.Sleep(2 * time.Second); return nil },
		}}}
		start(t, r)
		time.Sleep(30 * time.Second)
		if got := r.Status(); got != health.Fail {
			t.Errorf("status is %v, want fail", got)
		}
	})
}

// Intervals are from start to start, and a run that outlasts one delays the next.
func TestIntervalIsFromStartToStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		epoch := time.Now()
		var starts []string
		r := &health.Registry{Checks: []health.Check{{
			Name: "c", Interval: 5 * time.Second, Timeout: time.Minute,
			Run: func(context.Context) error {
				starts = append(starts, time.Since(epoch).String())
				if len(starts) == 3 {
					time.Sleep(7 * time.Second)
				} else {
					time.Sleep(2 * time.Second)
				}
				return nil
			},
		}}}
		stop := start(t, r)
		time.Sleep(23 * time.Second)
		stop()
		if diff := cmp.Diff([]string{"0s", "5s", "10s", "17s", "22s"}, starts); diff != "" {
			t.Errorf("runs began at (-want +got):\n%s", diff)
		}
	})
}

// A run that is cut off because the registry stops says nothing of its check.
// OnChange tells of the checks, whether or not the server drains.
func TestOneCheckDoesNotDelayAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		r := &health.Registry{Checks: []health.Check{
			{Name: "hangs", Timeout: 4 * time.Second, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			{Name: "quick", Interval: time.Second, Run: func(context.Context) error { runs.Add(1); return nil }},
		}}
		start(t, r)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := runs.Load(); got != 11 {
			t.Errorf("the quick check ran %d times in 10s, want 11", got)
		}
	})
}

func TestPanicIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{
			Name: "database", Run: func(context.Context) error { panic("nil pool") },
		}}}
		start(t, r)
		want := []string{"database: the check panicked: nil pool"}
		if got := r.Snapshot().Reasons(); !cmp.Equal(got, want) {
			t.Errorf("reasons are %q, want %q", got, want)
		}
		panicked, ok := errors.AsType[*health.PanicError](r.Snapshot().Results[0].Err)
		if !ok || !strings.Contains(string(panicked.Stack), "TestPanicIsAFailure") {
			t.Errorf("the stack does not lead to the check: %v", panicked)
		}
	})
}

func TestSharedFailureKeepsTheServerInService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var instance, shared thing
		shared.broken.Store(true)
		r := &health.Registry{Checks: []health.Check{
			{Name: "app", Run: instance.check},
			{Name: "database", Scope: health.Shared, Run: shared.check},
		}}
		start(t, r)
		if got := r.Status(); got != health.Warn {
			t.Errorf("status with the shared check failing is %v, want warn", got)
		}
		if w := ask(r); w.Code != http.StatusOK || w.Body.String() != "ok" {
			t.Errorf("answer is %d %q, want 200 ok", w.Code, w.Body)
		}
		if got, want := r.Snapshot().Reasons(), []string{"database: connection refused"}; !cmp.Equal(got, want) {
			t.Errorf("reasons are %q, want %q: degraded is not silent", got, want)
		}
		instance.broken.Store(true)
		time.Sleep(health.DefaultInterval)
		synctest.Wait()
		if got := r.Status(); got != health.Fail {
			t.Errorf("status with the instance's own check failing too is %v, want fail", got)
		}
	})
}

func TestDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{Name: "database", Run: pass}}}
		start(t, r)
		r.Drain()
		if w := ask(r); w.Code != http.StatusServiceUnavailable || w.Body.String() != "draining" {
			t.Errorf("answer while draining is %d %q, want 503 \"draining\"", w.Code, w.Body)
		}
		if s := r.Snapshot(); s.Status != health.Fail || !s.Draining || !cmp.Equal(s.Reasons(), []string{"draining"}) {
			t.Errorf("snapshot while draining is %v, %q", s.Status, s.Reasons())
		}
		r.Undrain()
		if w := ask(r); w.Code != http.StatusOK {
			t.Errorf("answer after Undrain is %d, want 200", w.Code)
		}
	})
}

func TestStatusAllocatesNothing(t *testing.T) {
	for _, checks := range []int{0, 1, 100} {
		synctest.Test(t, func(t *testing.T) {
			r := &health.Registry{}
			for i := range checks {
				r.Checks = append(r.Checks, health.Check{Name: fmt.Sprint(i), Run: pass})
			}
			start(t, r)
			if got := r.Status(); got != health.Pass {
				t.Fatalf("status is %v, want pass", got)
			}
			if got := testing.AllocsPerRun(100, func() { r.Status() }); got != 0 {
				t.Errorf("Status with %d checks allocates %v times, want 0", checks, got)
			}
		})
	}
}

// Whoever has a snapshot may do with it what they like.
func TestSnapshotIsAValueOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{Name: "app", Run: pass, Interval: time.Hour, FreshFor: time.Minute}}}
		start(t, r)
		r.Snapshot().Results[0].Status = health.Fail
		if s := r.Snapshot(); s.Results[0].Status != health.Pass {
			t.Errorf("the result is %v after another's was changed, want pass", s.Results[0].Status)
		}
		for _, want := range []string{"2m0s", "4m0s"} { // reading what is stale changes nothing either
			time.Sleep(2 * time.Minute)
			if got := r.Snapshot().Results[0].Err; got == nil || !strings.Contains(got.Error(), want+" old") {
				t.Errorf("the result's error is %v, want it to be %s old", got, want)
			}
		}
	})
}
