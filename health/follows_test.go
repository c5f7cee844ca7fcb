package health_test

import (
	"fmt"
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
		look(2) // to 11

		// Both: the page breaks first, and stays broken for a while after the
		// database is back, at 30. Its last failed run was at 25.
		page.broken.Store(true)
		database.broken.Store(true)
		look(17) // to 28
		database.broken.Store(false)
		look(27) // to 55
		page.broken.Store(false)
		look(2)

		want := []string{"1s pass", "2s warn", "5s fail", "10s pass", "12s warn", "45s fail", "56s pass"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the verdicts (-want +got):\n%s", diff)
		}
	})
}

func TestFollowsSharedIsNotNegative(t *testing.T) {
	r := &health.Registry{Checks: []health.Check{{Name: "page", Run: (&thing{}).check, FollowsShared: -1}}}
	if err := r.Run(t.Context()); err == nil {
		t.Error("a negative FollowsShared was taken")
	}
}
