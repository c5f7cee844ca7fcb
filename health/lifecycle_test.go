package health_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

func TestStoppingIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []health.Result
		r := &health.Registry{
			Checks:   []health.Check{{Name: "c", Timeout: time.Minute, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}},
			OnResult: func(r health.Result) { told = append(told, r) },
		}
		start(t, r)()
		if len(told) != 0 {
			t.Errorf("stopping was told as %v", told)
		}
	})
}

func TestRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{{Name: "c", Run: pass}}}
		for range 2 {
			stop := start(t, r)
			if got := r.Status(); got != health.Pass {
				t.Errorf("status while it runs is %v, want pass", got)
			}
			if err := stop(); err != nil {
				t.Errorf("Run returned %v", err)
			}
		}
	})
}

func TestOnChangeLeavesDrainingOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var database thing
		var told []string
		r := &health.Registry{
			Checks: []health.Check{{Name: "database", Interval: time.Second, Run: database.check}},
			OnChange: func(was health.Status, now health.Snapshot) {
				told = append(told, fmt.Sprintf("%v to %v, draining %t", was, now.Status, now.Draining))
			},
		}
		start(t, r)
		r.Drain()
		for _, broken := range []bool{true, false} {
			database.broken.Store(broken)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		want := []string{"unknown to pass, draining false", "pass to fail, draining false", "fail to pass, draining false"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if got := r.Status(); got != health.Fail {
			t.Errorf("status is %v, want fail: it drains", got)
		}
	})
}

func TestHooksTellEveryResultAndEachChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		var database thing
		r := &health.Registry{
			Checks:   []health.Check{{Name: "database", Interval: time.Second, Run: database.check}},
			OnResult: func(r health.Result) { told = append(told, "result "+r.Status.String()) },
			OnChange: func(was health.Status, now health.Snapshot) {
				told = append(told, fmt.Sprintf("%v to %v", was, now.Status))
			},
		}
		start(t, r)
		time.Sleep(time.Second)
		synctest.Wait()
		database.broken.Store(true)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want := []string{"result pass", "unknown to pass", "result pass", "result fail", "pass to fail", "result fail"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("hooks told (-want +got):\n%s", diff)
		}
	})
}

func TestRunWaitsAndThenKnowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		r := &health.Registry{Checks: []health.Check{{
			Name: "database", Interval: time.Second,
			Run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second) // clearing up
				ended = true
				return nil
			},
		}}}
		stop := start(t, r)
		if err := stop(); err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
		if !ended {
			t.Error("Run returned before the run it had started")
		}
		if got, want := r.Snapshot().Reasons(), []string{"database: no longer checked"}; !cmp.Equal(got, want) {
			t.Errorf("reasons after Run are %q, want %q", got, want)
		}
	})
}

func TestRunNamesACheckThatCannotBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := &health.Registry{Checks: []health.Check{{
			Name: "stubborn", Run: func(context.Context) error { <-release; return nil },
		}}}
		begun := time.Now()
		stop := start(t, r)
		time.Sleep(time.Second)
		err := stop()
		if err == nil || !strings.Contains(err.Error(), `check "stubborn" ignores its context`) {
			t.Errorf("Run returned %v, want an error that names the check", err)
		}
		if waited := time.Since(begun); waited != health.DefaultTimeout {
			t.Errorf("Run ended %v after the run began, want its timeout of %v", waited, health.DefaultTimeout)
		}
	})
}

func TestNoChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{}
		if got := r.Status(); got != health.Unknown {
			t.Errorf("status before Run is %v, want unknown", got)
		}
		stop := start(t, r)
		time.Sleep(365 * 24 * time.Hour)
		if got := r.Status(); got != health.Pass {
			t.Errorf("status while Run runs is %v, want pass", got)
		}
		stop()
		if got := r.Status(); got != health.Unknown {
			t.Errorf("status after Run is %v, want unknown", got)
		}
	})
}

func TestRunRefusesMistakes(t *testing.T) {
	tests := []struct {
		name   string
		checks []health.Check
		want   []string
	}{
		{"no name", []health.Check{{Run: pass}}, []string{"check 0 has no Name"}},
		{"no run", []health.Check{{Name: "a"}}, []string{`check "a": field Run is nil`}},
		{"same name", []health.Check{{Name: "a", Run: pass}, {Name: "a", Run: pass}}, []string{`two checks are named "a"`}},
		{"colon", []health.Check{{Name: "a:b", Run: pass}}, []string{`"a:b" holds a colon`}},
		{"durations", []health.Check{{Name: "a", Run: pass, Interval: -1, Timeout: -1, FreshFor: -1}},
			[]string{"Interval is -1ns", "Timeout is -1ns", "FreshFor is -1ns"}},
		{"thresholds", []health.Check{{Name: "a", Run: pass, HealthyThreshold: -1, UnhealthyThreshold: -2}},
			[]string{"field HealthyThreshold is -1", "field UnhealthyThreshold is -2"}},
		{"scope", []health.Check{{Name: "a", Run: pass, Scope: 7}}, []string{"Scope is 7"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &health.Registry{Checks: test.checks}
			err := r.Run(t.Context())
			if err == nil {
				t.Fatal("Run returned nil, want an error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, want it to say %q", err, want)
				}
			}
			if got := r.Status(); got.InService() {
				t.Errorf("status is %v, want one that is not in service", got)
			}
		})
	}
}

func TestRunRefusesANegativeGrace(t *testing.T) {
	r := &health.Registry{StartupGrace: -time.Second}
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "field StartupGrace is -1s") {
		t.Errorf("Run returned %v, want an error that names the field", err)
	}
}

func TestRunOnlyOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{}
		start(t, r)
		if err := r.Run(t.Context()); err == nil {
			t.Error("a second Run returned nil, want an error")
		}
		if got := r.Status(); got != health.Pass {
			t.Errorf("status after the second Run was refused is %v, want pass", got)
		}
	})
}
