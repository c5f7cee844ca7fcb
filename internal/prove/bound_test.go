package prove

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/health"
)

func TestBounds(t *testing.T) {
	tests := []struct {
		name       string
		check      health.Check
		red, green time.Duration // without slack
	}{
		{"defaults", health.Check{}, 7 * time.Second, 7 * time.Second},
		{"thresholds", health.Check{Interval: 5 * time.Second, Timeout: 2 * time.Second, UnhealthyThreshold: 3, HealthyThreshold: 2}, 17 * time.Second, 12 * time.Second},
		{"timeout above interval", health.Check{Interval: time.Second, Timeout: 4 * time.Second, UnhealthyThreshold: 2, HealthyThreshold: 3}, 9 * time.Second, 16 * time.Second},
	}
	for _, test := range tests {
		if got := redBound(test.check) - slack; got != test.red {
			t.Errorf("%s: must fail within %v, want %v", test.name, got, test.red)
		}
		if got := greenBound(test.check) - slack; got != test.green {
			t.Errorf("%s: must pass again within %v, want %v", test.name, got, test.green)
		}
	}
}

func TestExpect(t *testing.T) {
	critical := health.Check{Name: "critical"}
	shared := health.Check{Name: "shared", Scope: health.Shared}
	warns := health.Check{Name: "warns", WarnOnly: true}
	follows := health.Check{Name: "follows", FollowsShared: time.Second}
	tests := []struct {
		name   string
		broken []health.Check
		want   Expect
	}{
		{"critical", []health.Check{critical}, Red},
		{"shared", []health.Check{shared}, Degraded},
		{"warn only", []health.Check{warns}, Degraded},
		{"shared and warn only", []health.Check{shared, warns}, Degraded},
		{"shared and critical", []health.Check{shared, critical}, Red},
		{"follower by itself", []health.Check{follows}, Red},
		{"follower of a shared one that breaks with it", []health.Check{follows, shared}, Degraded},
	}
	for _, test := range tests {
		if got := expect(test.broken); got != test.want {
			t.Errorf("%s: the answer must be %s, want %s", test.name, got, test.want)
		}
	}
}

// A failure that may follow from a shared one is excused until every shared check
// has looked, and no longer than FollowsShared.
func TestExcused(t *testing.T) {
	shared := health.Check{Scope: health.Shared, Interval: 3 * time.Second, Timeout: time.Second, UnhealthyThreshold: 2}
	app := health.Check{FollowsShared: 30 * time.Second}
	for _, test := range []struct {
		check health.Check
		all   []health.Check
		want  time.Duration
	}{
		{app, []health.Check{app}, 0},
		{app, []health.Check{app, shared}, 7 * time.Second},
		{health.Check{FollowsShared: 2 * time.Second}, []health.Check{shared}, 2 * time.Second},
		{health.Check{}, []health.Check{shared}, 0},
	} {
		if got := excused(test.check, test.all); got != test.want {
			t.Errorf("%v of %d checks: excused for %v, want %v", test.check.FollowsShared, len(test.all), got, test.want)
		}
	}
}

func TestSlowIsSlowerThanEveryTimeout(t *testing.T) {
	checks := []health.Check{{Timeout: time.Second}, {Timeout: 4 * time.Second}, {}}
	if got := slowDelay(checks); got != 5*time.Second {
		t.Errorf("slow is %v", got)
	}
	last := time.Duration(0)
	for _, rung := range rungs(checks) {
		if rung <= last || rung >= 4*time.Second {
			t.Errorf("rungs are %v", rungs(checks))
		}
		last = rung
	}
}

// Checks that dial the same belong together, also over a third one.
func TestComponents(t *testing.T) {
	a, b, c := endpoint{"tcp", "a:1"}, endpoint{"tcp", "b:1"}, endpoint{"tcp", "c:1"}
	var checks []health.Check
	for _, name := range []string{"one", "two", "none", "three", "both"} {
		checks = append(checks, health.Check{Name: name})
	}
	groups := components(checks, map[string][]endpoint{"one": {a}, "two": {b}, "three": {c}, "both": {c, a}})
	var got []string
	for _, g := range groups {
		line := ""
		for _, check := range g.checks {
			line += check.Name + " "
		}
		for _, e := range g.endpoints {
			line += e.address + " "
		}
		got = append(got, strings.TrimSpace(line))
	}
	want := []string{"one three both a:1 c:1", "two b:1", "none"}
	if !slices.Equal(got, want) {
		t.Errorf("groups are %q, want %q", got, want)
	}
}
