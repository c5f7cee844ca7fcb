package health_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

// A page that needs the shared database fails with it on all servers: that must
// not take them out. A page that fails by itself must.
func TestFailureThatFollowsASharedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var database, page thing
		r := &health.Registry{Checks: []health.Check{
			{Name: "database", Run: database.check, Interval: 5 * time.Second, Scope: health.Shared},
			{Name: "page", Run: page.check, Interval: time.Second, FollowsShared: 20 * time.Second},
		}}
		start(t, r)
		time.Sleep(500 * time.Millisecond) // runs come at whole seconds; look between them
		var now time.Duration
		var got []string
		look := func(seconds int) {
			for range seconds {
				time.Sleep(time.Second)
				synctest.Wait()
				now += time.Second
				s := r.Snapshot()
				if r.Status() != s.Status {
					t.Errorf("at %v the status is %v and the snapshot's %v", now, r.Status(), s.Status)
				}
				line := fmt.Sprintf("%v", s.Status)
				if len(got) == 0 || got[len(got)-1][len(got[len(got)-1])-len(line):] != line {
					got = append(got, fmt.Sprintf("%v %s", now, line))
				}
			}
		}
		look(1) // the database's runs: 0, 5, 10, 15, …

		// The page alone: red once the database was asked again and is well.
		page.broken.Store(true)
		look(8) // to 9
		page.broken.Store(false)
		look(22) // to 31: long enough that the next failure is another story

		// Both: the page breaks first, and stays broken for a while after the
		// database is back, at 50. Its last failed run is at 45.
		page.broken.Store(true)
		database.broken.Store(true)
		look(17) // to 48
		database.broken.Store(false)
		look(27) // to 75
		page.broken.Store(false)
		look(2)

		want := []string{"1s pass", "2s warn", "5s fail", "10s pass", "32s warn", "1m5s fail", "1m16s pass"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the verdicts (-want +got):\n%s", diff)
		}
	})
}

// A shared check that takes three failures to be sure is waited for.
func TestUndecidedSharedFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var database, page thing
		r := &health.Registry{Checks: []health.Check{
			{Name: "database", Run: database.check, Interval: 5 * time.Second, UnhealthyThreshold: 3, Scope: health.Shared},
			{Name: "page", Run: page.check, Interval: time.Second, FollowsShared: 30 * time.Second},
		}}
		start(t, r)
		time.Sleep(2500 * time.Millisecond)
		database.broken.Store(true)
		page.broken.Store(true)
		for range 60 {
			time.Sleep(time.Second)
			synctest.Wait()
			if s := r.Snapshot(); s.Status == health.Fail {
				t.Fatalf("the shared failure took the server out of service: %q", s.Reasons())
			}
		}
	})
}

// A page that fails by itself is excused for a while at the most, whatever the
// shared check is like.
func TestExcusesEnd(t *testing.T) {
	now := func() int64 { return time.Now().Unix() }
	for _, test := range []struct {
		name   string
		shared health.Check
		page   func(begun int64) bool // whether it fails
	}{
		{"a shared check that runs once an hour", health.Check{Interval: time.Hour}, func(int64) bool { return true }},
		{"a shared check that fails now and then, too seldom to count",
			health.Check{Interval: time.Second, UnhealthyThreshold: 3}, func(int64) bool { return true }},
		{"a page that fails now and then, beside a slow shared check",
			health.Check{Interval: time.Minute}, func(begun int64) bool { return (now()-begun)%5 < 3 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, runs := now(), 0
				shared := test.shared
				shared.Name, shared.Scope = "shared", health.Shared
				shared.Run = func(context.Context) error {
					if runs++; shared.UnhealthyThreshold > 1 && runs%6 == 0 {
						return errors.New("a blip")
					}
					return nil
				}
				var broken atomic.Bool
				r := &health.Registry{Checks: []health.Check{shared, {
					Name: "page", Interval: time.Second, FollowsShared: 30 * time.Second,
					Run: func(context.Context) error {
						if broken.Load() && test.page(begun) {
							return errors.New("500")
						}
						return nil
					},
				}}}
				start(t, r)
				time.Sleep(10*time.Second + time.Second/2)
				broken.Store(true)
				time.Sleep(40 * time.Second)
				fails := 0
				for range 60 {
					time.Sleep(time.Second)
					synctest.Wait()
					if r.Status() == health.Fail {
						fails++
					}
				}
				if fails < 30 {
					t.Errorf("the server was out of service in %d of 60 s, long after its page began to fail", fails)
				}
			})
		})
	}
}

func TestFollowsSharedIsNotNegative(t *testing.T) {
	r := &health.Registry{Checks: []health.Check{{Name: "page", Run: (&thing{}).check, FollowsShared: -1}}}
	if err := r.Run(t.Context()); err == nil {
		t.Error("a negative FollowsShared was taken")
	}
}
