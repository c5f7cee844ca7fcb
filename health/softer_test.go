package health_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

// A stuck run counts at its timeout and each interval after it.
func TestStuckRunsAreInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := &health.Registry{Checks: []health.Check{{
			Name: "app", Interval: 5 * time.Second, Timeout: 2 * time.Second, UnhealthyThreshold: 3,
			Run: func(context.Context) error { <-release; return nil },
		}}}
		start(t, r)
		steps := []struct {
			after  time.Duration
			status health.Status
			reason string
		}{
			{2 * time.Second, health.Unknown, "app: failed 1 of 3 in a row: no result in time: nothing within 2s"},
			{5 * time.Second, health.Unknown, "app: failed 2 of 3 in a row: no result in time: stuck, still running after 7s"},
			{5 * time.Second, health.Fail, "app: no result in time: stuck, still running after 12s"},
		}
		for _, step := range steps {
			time.Sleep(step.after)
			synctest.Wait()
			s := r.Snapshot()
			if diff := cmp.Diff([]string{step.reason}, s.Reasons()); diff != "" || s.Status != step.status {
				t.Errorf("status is %v, want %v; reasons (-want +got):\n%s", s.Status, step.status, diff)
			}
		}
	})
}

func TestThresholdsHoldTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var app thing
		var told []string
		r := &health.Registry{
			Checks: []health.Check{{Name: "app", Interval: time.Second, UnhealthyThreshold: 3, HealthyThreshold: 2, Run: app.check}},
			OnChange: func(was health.Status, now health.Snapshot) {
				told = append(told, fmt.Sprintf("%v to %v %q", was, now.Status, now.Reasons()))
			},
			OnResult: func(r health.Result) {
				told = append(told, fmt.Sprintf("%v %d/%d %v", r.Status, r.Passes, r.Failures, r.Err))
			},
		}
		start(t, r)
		for _, broken := range []bool{true, true, true, false, false} {
			app.broken.Store(broken)
			time.Sleep(time.Second)
			synctest.Wait()
			if s := r.Snapshot(); s.Status == health.Pass && len(s.Reasons()) != 0 {
				t.Errorf("reasons of a verdict that passes are %q", s.Reasons())
			}
		}
		want := []string{
			"pass 1/0 <nil>", "unknown to pass []",
			"pass 0/1 failed 1 of 3 in a row: connection refused",
			"pass 0/2 failed 2 of 3 in a row: connection refused",
			"fail 0/3 connection refused", `pass to fail ["app: connection refused"]`,
			"fail 1/0 passed 1 of 2 in a row since: connection refused",
			"pass 2/0 <nil>", "fail to pass []",
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestWarnOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, held := make(chan error), make(chan struct{})
		results := 0
		r := &health.Registry{
			Checks: []health.Check{{Name: "newsletter", WarnOnly: true, Interval: time.Hour, Timeout: time.Minute, FreshFor: 10 * time.Minute,
				Run: func(context.Context) error { return <-first }}},
			OnResult: func(health.Result) {
				if results++; results == 2 {
					<-held
				}
			},
		}
		expect := func(when string, status health.Status, reasons ...string) {
			t.Helper()
			s := r.Snapshot()
			if s.Status != status || r.Status() != status || bare(r) != "200 ok" {
				t.Errorf("%s the status is %v, the answer %q; want %v and 200 ok", when, s.Status, bare(r), status)
			}
			if diff := cmp.Diff(reasons, s.Reasons()); diff != "" {
				t.Errorf("%s the reasons are (-want +got):\n%s", when, diff)
			}
		}
		defer close(held)
		start(t, r)
		expect("before the first result", health.Pass)
		first <- errors.New("no mail server")
		synctest.Wait()
		expect("after a failure", health.Warn, "newsletter: no mail server")
		time.Sleep(10 * time.Minute)
		expect("while that is fresh", health.Warn, "newsletter: no mail server")
		time.Sleep(time.Second)
		expect("when it is stale", health.Warn, "newsletter: last result is 10m1s old, it counted for 10m0s")
	})
}

func TestWarnOnlyDoesNotHideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := func(context.Context) error { return errors.New("down") }
		r := &health.Registry{Checks: []health.Check{
			{Name: "newsletter", WarnOnly: true, Run: down}, {Name: "app", Run: down},
		}}
		start(t, r)
		if got := bare(r); got != "503 fail" {
			t.Errorf("the answer is %q, want 503 fail", got)
		}
	})
}

func TestDegradedIsInService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{Name: "disk", Run: func(context.Context) error {
			return health.Degraded(errors.New("91% full"))
		}}}}
		start(t, r)
		s := r.Snapshot()
		if s.Status != health.Warn || s.Results[0].Status != health.Warn || bare(r) != "200 ok" || s.Results[0].Passes != 1 {
			t.Errorf("status is %v, the result %+v, the answer %q; want warn, a pass, 200 ok", s.Status, s.Results[0], bare(r))
		}
		if diff := cmp.Diff([]string{"disk: 91% full"}, s.Reasons()); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
	})
}

// A run that is over its time has failed, whatever it says in the end.
func TestDegradedTooLateIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{Name: "disk", Run: func(ctx context.Context) error {
			<-ctx.Done()
			return health.Degraded(ctx.Err())
		}}}}
		start(t, r)
		time.Sleep(health.DefaultTimeout)
		synctest.Wait()
		if got := r.Status(); got != health.Fail {
			t.Errorf("status is %v, want fail", got)
		}
	})
}

func TestDegradedShare(t *testing.T) {
	const never = health.Status(99)
	type check struct {
		status   health.Status // what its run comes to
		scope    health.Scope
		warnOnly bool
	}
	tests := []struct {
		name   string
		checks []check
		want   float64
	}{
		{"no checks", nil, 0},
		{"all pass", []check{{health.Pass, health.Instance, false}, {health.Pass, health.Instance, true}}, 0},
		{"one of four", []check{{health.Pass, 0, false}, {health.Pass, 0, false}, {health.Pass, 0, false}, {health.Warn, 0, false}}, 0.25},
		{"one that only warns", []check{{health.Pass, 0, false}, {health.Fail, 0, true}}, 0.5},
		{"one that only warns, not looked at", []check{{health.Pass, 0, false}, {never, 0, true}}, 0},
		{"one not looked at", []check{{health.Pass, 0, false}, {never, 0, false}}, 0.5},
		{"shared ones do not count", []check{{health.Pass, 0, false}, {health.Fail, health.Shared, false}}, 0},
		{"nor among those that are well", []check{{health.Fail, 0, false}, {health.Pass, health.Shared, false}}, 1},
		{"shared ones alone", []check{{health.Fail, health.Shared, false}}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &health.Registry{}
				for i, c := range test.checks {
					r.Checks = append(r.Checks, health.Check{
						Name: fmt.Sprint(i), Scope: c.scope, WarnOnly: c.warnOnly, Timeout: time.Minute,
						Run: func(ctx context.Context) error {
							switch c.status {
							case never:
								<-ctx.Done()
								return ctx.Err()
							case health.Fail:
								return errors.New("down")
							case health.Warn:
								return health.Degraded(errors.New("slow"))
							default:
								return nil
							}
						},
					})
				}
				start(t, r)
				if got := r.Snapshot().Degraded(); got != test.want {
					t.Errorf("the share is %v, want %v", got, test.want)
				}
			})
		})
	}
}

func TestAnswersAllocateNothing(t *testing.T) {
	down := func(context.Context) error { return errors.New("down") }
	tests := []struct {
		name  string
		grace time.Duration
		last  func(context.Context) error // of the last check; nil makes it pass
		drain bool
		after time.Duration
		want  string
	}{
		{name: "pass", want: "200 ok"},
		{name: "fail", last: down, want: "503 fail"},
		{name: "draining", drain: true, want: "503 draining"},
		{name: "stale", after: 2 * time.Hour, want: "503 unknown"},
		{name: "starting", grace: time.Minute, last: down, want: "503 starting"},
		{name: "after the grace", grace: time.Minute, last: down, after: 2 * time.Minute, want: "503 fail"},
	}
	for _, test := range tests {
		for _, checks := range []int{1, 100} {
			t.Run(fmt.Sprintf("%s, %d checks", test.name, checks), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := &health.Registry{StartupGrace: test.grace}
					for i := range checks {
						r.Checks = append(r.Checks, health.Check{Name: fmt.Sprint(i), Run: pass, Interval: 24 * time.Hour, FreshFor: time.Hour})
					}
					if test.last != nil {
						r.Checks[checks-1].Run = test.last
					}
					start(t, r)
					if test.drain {
						r.Drain()
					}
					time.Sleep(test.after)
					if got := bare(r); got != test.want {
						t.Fatalf("the answer is %q, want %q", got, test.want)
					}
					if got := testing.AllocsPerRun(100, func() { r.Bare() }); got != 0 {
						t.Errorf("Bare allocates %v times, want 0", got)
					}
					if got := testing.AllocsPerRun(100, func() { r.Status() }); got != 0 {
						t.Errorf("Status allocates %v times, want 0", got)
					}
				})
			})
		}
	}
}
