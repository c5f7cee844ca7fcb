package health_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

// bare is what a stranger is told, as one string.
func bare(r *health.Registry) string {
	code, word := r.Bare()
	return fmt.Sprint(code, " ", word)
}

func TestStartupGrace(t *testing.T) {
	const grace = 30 * time.Second
	tests := []struct {
		name   string
		answer []error       // of the runs, one each second; the last stays
		slow   time.Duration // how long the first run takes
		want   map[time.Duration]string
	}{
		{"failing all along is ill when the grace has passed", []error{errors.New("down")}, 0, map[time.Duration]string{
			0: "503 starting", grace: "503 starting", grace + 1: "503 fail", time.Hour: "503 fail"}},
		{"in service ends it", []error{errors.New("down"), errors.New("down"), nil, errors.New("down")}, 0, map[time.Duration]string{
			1 * time.Second: "503 starting", 2 * time.Second: "200 ok", 3 * time.Second: "503 fail"}},
		{"degraded is in service", []error{errors.New("down"), health.Degraded(errors.New("slow")), errors.New("down")}, 0, map[time.Duration]string{
			0: "503 starting", time.Second: "200 ok", 2 * time.Second: "503 fail"}},
		{"no first result yet, whatever the time", []error{errors.New("down")}, 40 * time.Second, map[time.Duration]string{
			grace: "503 starting", 39 * time.Second: "503 starting", 40 * time.Second: "503 fail"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				r := &health.Registry{StartupGrace: grace, Checks: []health.Check{{
					Name: "app", Interval: time.Second, Timeout: time.Minute,
					Run: func(context.Context) error {
						err := test.answer[min(runs, len(test.answer)-1)]
						if runs++; runs == 1 {
							time.Sleep(test.slow)
						}
						return err
					},
				}}}
				if got := bare(r); got != "503 unknown" {
					t.Errorf("before Run the answer is %q, want 503 unknown: nothing is starting it", got)
				}
				begun := time.Now()
				stop := start(t, r)
				for _, at := range slices.Sorted(maps.Keys(test.want)) {
					time.Sleep(at - time.Since(begun))
					synctest.Wait()
					got := bare(r)
					if got != test.want[at] {
						t.Errorf("%v after the start the answer is %q, want %q", at, got, test.want[at])
					}
					if w := ask(r); fmt.Sprint(w.Code, " ", w.Body) != got {
						t.Errorf("%v after the start the handler answers %d %q, and Bare %q", at, w.Code, w.Body, got)
					}
					s := r.Snapshot()
					if s.Starting != (got == "503 starting") || s.Starting && (s.Status != health.Unknown || s.Started) || s.Status != r.Status() {
						t.Errorf("%v after the start the snapshot is %v, starting %t, started %t", at, s.Status, s.Starting, s.Started)
					}
				}
				stop()
				if got := bare(r); got != "503 unknown" {
					t.Errorf("after Run the answer is %q, want 503 unknown", got)
				}
			})
		})
	}
}

// The end of the grace has no timer and no result that brings it.
func TestGraceEndsByTimeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{StartupGrace: time.Minute, Checks: []health.Check{{
			Name: "nightly", Interval: 24 * time.Hour, Run: func(context.Context) error { return errors.New("down") },
		}}}
		start(t, r)
		for _, want := range []string{"503 starting", "503 fail"} {
			if got := bare(r); got != want {
				t.Errorf("the answer is %q, want %q", got, want)
			}
			time.Sleep(time.Minute + 1)
		}
	})
}

// What does not decide does not hold up the start either.
func TestStartWaitsForCriticalChecksOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{StartupGrace: time.Second, Checks: []health.Check{
			{Name: "app", Run: func(context.Context) error { return errors.New("down") }},
			{Name: "extra", WarnOnly: true, Timeout: time.Minute, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		}}
		start(t, r)
		time.Sleep(time.Second + 1)
		if got := bare(r); got != "503 fail" {
			t.Errorf("the answer is %q, want 503 fail: the only critical check has its result", got)
		}
	})
}

func TestDrainingWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var app thing
		app.broken.Store(true)
		r := &health.Registry{StartupGrace: time.Minute, Checks: []health.Check{{Name: "app", Interval: time.Second, Run: app.check}}}
		start(t, r)
		r.Drain()
		s := r.Snapshot()
		if got := bare(r); got != "503 draining" || s.Status != health.Fail || s.Starting || s.Started {
			t.Errorf("the answer is %q and the snapshot %v, starting %t, started %t; want draining only", got, s.Status, s.Starting, s.Started)
		}
		app.broken.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		if s := r.Snapshot(); !s.Started || s.Status != health.Fail {
			t.Errorf("draining with checks that pass is %v, started %t; want fail and started", s.Status, s.Started)
		}
		app.broken.Store(true)
		r.Undrain()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := bare(r); got != "503 fail" {
			t.Errorf("the answer is %q, want 503 fail: starting is over for ever", got)
		}
	})
}

func TestStartedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var app thing
		r := &health.Registry{Checks: []health.Check{{Name: "app", Interval: time.Second, Run: app.check}}}
		if r.Snapshot().Started {
			t.Error("started before Run")
		}
		app.broken.Store(true)
		stop := start(t, r)
		if s := r.Snapshot(); s.Started || s.Starting {
			t.Errorf("started %t, starting %t, want neither: it has failed only, and there is no grace", s.Started, s.Starting)
		}
		for _, broken := range []bool{false, true} {
			app.broken.Store(broken)
			time.Sleep(time.Second)
			synctest.Wait()
			if !r.Snapshot().Started {
				t.Errorf("not started with broken %t, after it has been in service", broken)
			}
		}
		stop()
		if !r.Snapshot().Started {
			t.Error("not started after Run, though it was")
		}
		start(t, r) // broken: a new life
		if r.Snapshot().Started {
			t.Error("started in a second Run that was never in service")
		}
	})
}

func TestOnChangeTellsOfTheStart(t *testing.T) {
	tests := []struct {
		name   string
		broken func(second int) bool
		want   []string
	}{
		{"comes into service", func(second int) bool { return second < 2 }, []string{"2s: unknown to pass, starting false, started true"}},
		// The grace ends after the result at 3s, and before the one at 4s.
		{"does not come", func(int) bool { return true }, []string{"4s: unknown to fail, starting false, started false"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, second := time.Now(), -1
				var told []string
				r := &health.Registry{
					StartupGrace: 3500 * time.Millisecond,
					Checks: []health.Check{{Name: "app", Interval: time.Second, Run: func(context.Context) error {
						if second++; test.broken(second) {
							return errors.New("down")
						}
						return nil
					}}},
					OnChange: func(was health.Status, now health.Snapshot) {
						told = append(told, fmt.Sprintf("%v: %v to %v, starting %t, started %t", time.Since(begun), was, now.Status, now.Starting, now.Started))
					},
				}
				start(t, r)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if diff := cmp.Diff(test.want, told); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			})
		})
	}
}
