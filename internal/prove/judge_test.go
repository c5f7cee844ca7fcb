package prove

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kinds are the defects of a trial, in a line.
func defectsOf(t Trial) string {
	var list []string
	for _, d := range t.Defects {
		list = append(list, strings.TrimSpace(d.Check+" "+string(d.Kind)))
	}
	return strings.Join(list, ", ")
}

func TestJudge(t *testing.T) {
	const s = time.Second
	base := watched{expect: Red, checks: []string{"db"}, bounds: []time.Duration{5 * s}, bound: 5 * s, healBound: 5 * s}
	degraded := base
	degraded.expect = Degraded
	two := base
	two.checks, two.bounds = []string{"db", "port"}, []time.Duration{5 * s, 3 * s}
	app := watched{expect: Red, bound: 5 * s, healBound: 5 * s}
	appDegraded := app
	appDegraded.expect = Degraded
	db := map[string]time.Duration{"db": 4 * s}
	red := sight{answer: "503 fail", reasons: []string{"db: refused"}}
	green := sight{inService: true, answer: "200 ok"}
	tests := []struct {
		name string
		want watched
		seen seen
		bad  string
	}{
		{"good", base, seen{after: 4 * s, bad: db, broken: red, healed: s}, ""},
		{"in the last moment", base, seen{after: 5 * s, bad: map[string]time.Duration{"db": 5 * s}, broken: red, healed: 5 * s}, ""},
		{"never", base, seen{broken: green, healed: s}, "db stays-green"},
		{"late", base, seen{after: 6 * s, bad: map[string]time.Duration{"db": 6 * s}, healed: s}, "db too-late"},
		{"one of two", two, seen{after: 4 * s, bad: db, healed: s}, "port stays-green"},
		{"one of two is late by its own bound", two, seen{after: 4 * s, bad: map[string]time.Duration{"db": 4 * s, "port": 4 * s}, healed: s}, "port too-late"},
		{"the check fails and the answer does not", base, seen{bad: db, broken: green, healed: s}, "stays-in"},
		{"the answer is later than its check", base, seen{after: 6 * s, bad: db, healed: s}, "too-late"},
		{"does not heal", base, seen{after: 4 * s, bad: db}, "stays-red"},
		{"heals late", base, seen{after: 4 * s, bad: db, healed: 6 * s}, "heals-too-late"},
		{"never, and does not heal", base, seen{}, "db stays-green, stays-red"},
		{"degraded as declared", degraded, seen{after: 4 * s, bad: db, healed: s}, ""},
		{"red where degraded is declared", degraded, seen{turnsRed: 4 * s, bad: db, broken: red, healed: s}, "turns-red"},
		{"degraded, then red", degraded, seen{after: 4 * s, turnsRed: 5 * s, bad: db, healed: s}, "turns-red"},
		{"app: good", app, seen{after: 4 * s, healed: s}, ""},
		{"app: never", app, seen{broken: green, healed: s}, "stays-green"},
		{"app: late", app, seen{after: 6 * s, healed: s}, "too-late"},
		{"app: says nothing of being degraded", appDegraded, seen{broken: green, healed: s}, "stays-green"},
	}
	for _, test := range tests {
		got := judge(Hang, test.want, test.seen, map[string]string{"port": "tcp"})
		if defects := defectsOf(got); defects != test.bad {
			t.Errorf("%s: defects are %q, want %q", test.name, defects, test.bad)
		}
		if got.Proven() != (test.bad == "") {
			t.Errorf("%s: proven is %v", test.name, got.Proven())
		}
	}
}

func TestHintForTCP(t *testing.T) {
	want := watched{expect: Red, checks: []string{"port"}, bounds: []time.Duration{time.Second}, bound: time.Second, healBound: time.Second}
	for fault, part := range map[Fault]string{Hang: "kernel accepts", Slow: "kernel accepts", Reset: "kernel accepts", Refuse: "nobody listens"} {
		got := judge(fault, want, seen{healed: 1}, map[string]string{"port": "tcp"}).Defects[0]
		if !strings.Contains(got.Hint, part) || !strings.Contains(got.Text, "a check that cannot fail") {
			t.Errorf("%s: %s; %s", fault, got.Text, got.Hint)
		}
	}
}

// script is an answer that follows from the time since a fault began, and since it
// was healed.
type script struct {
	began, healed time.Time
	broken        func(time.Duration) sight
	after         func(time.Duration) sight
}

func (s *script) pace() time.Duration { return 100 * time.Millisecond }

func (s *script) look(context.Context) sight {
	switch {
	case !s.healed.IsZero():
		return s.after(time.Since(s.healed))
	case !s.began.IsZero():
		return s.broken(time.Since(s.began))
	}
	return sight{inService: true}
}

func (s *script) breaks() error { s.began = time.Now(); return nil }
func (s *script) heals() error  { s.healed = time.Now(); return nil }

// from is red from a time on.
func from(d time.Duration) func(time.Duration) sight {
	return func(since time.Duration) sight {
		if since < d {
			return sight{inService: true, answer: "200 ok"}
		}
		return sight{told: true, answer: "503 fail", bad: map[string]string{"db": "refused"}}
	}
}

// until is red up to a time.
func until(d time.Duration) func(time.Duration) sight {
	return func(since time.Duration) sight {
		if since >= d {
			return from(time.Hour)(0)
		}
		return from(0)(0)
	}
}

func TestObserve(t *testing.T) {
	const never = time.Hour
	want := watched{expect: Red, checks: []string{"db"}, bounds: []time.Duration{5 * time.Second}, bound: 5 * time.Second, healBound: 3 * time.Second}
	tests := []struct {
		name          string
		red, green    time.Duration
		after, healed time.Duration
		took          time.Duration
		defects       string
	}{
		{"good", 2 * time.Second, time.Second, 2 * time.Second, time.Second, 3 * time.Second, ""},
		{"late", 7 * time.Second, 4 * time.Second, 7 * time.Second, 4 * time.Second, 11 * time.Second, "db too-late, heals-too-late"},
		{"never", never, 0, 0, 1, 10 * time.Second, "db stays-green"},
		{"never again", time.Second, never, time.Second, 0, 7 * time.Second, "stays-red"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &script{broken: from(test.red), after: until(test.green)}
				begun := time.Now()
				s, err := observe(t.Context(), w, want, w.breaks, w.heals)
				if err != nil {
					t.Fatal(err)
				}
				if got := time.Since(begun); got != test.took {
					t.Errorf("it took %v, want %v", got, test.took)
				}
				if diff := cmp.Diff([]time.Duration{test.after, test.healed}, []time.Duration{s.after, s.healed}); diff != "" {
					t.Errorf("turned and healed after (-want +got):\n%s", diff)
				}
				if got := defectsOf(judge(Refuse, want, s, nil)); got != test.defects {
					t.Errorf("defects are %q, want %q", got, test.defects)
				}
			})
		})
	}
}

// Whatever happens, what was broken is healed.
func TestObserveAlwaysHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := watched{expect: Red, bound: time.Minute, healBound: time.Minute}
		w := &script{broken: from(time.Hour), after: until(0)}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		begun := time.Now()
		if _, err := observe(ctx, w, want, w.breaks, w.heals); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		if w.healed.IsZero() || time.Since(begun) != 3*time.Second {
			t.Errorf("ended after %v, healed at %v", time.Since(begun), w.healed)
		}

		w = &script{broken: from(0), after: until(0)}
		wrong := errors.New("the port is gone")
		if _, err := observe(t.Context(), w, want, func() error { return wrong }, w.heals); !errors.Is(err, wrong) || w.healed.IsZero() {
			t.Errorf("after a fault that could not be made: %v, healed at %v", err, w.healed)
		}
	})
}

// An answer that must be degraded may turn red later: it is watched for as long as
// that can take.
func TestObserveHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := watched{expect: Degraded, checks: []string{"db"}, bounds: []time.Duration{time.Minute}, bound: time.Second, hold: 8 * time.Second, healBound: time.Minute}
		for _, test := range []struct {
			red  time.Duration
			took time.Duration
			bad  string
		}{{time.Hour, 8 * time.Second, ""}, {5 * time.Second, 5 * time.Second, "turns-red"}, {0, 0, "turns-red"}} {
			w := &script{after: until(0), broken: func(since time.Duration) sight {
				return sight{inService: since < test.red, told: true, bad: map[string]string{"db": "refused"}}
			}}
			begun := time.Now()
			s, err := observe(t.Context(), w, want, w.breaks, w.heals)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took != test.took {
				t.Errorf("red after %v: watched for %v, want %v", test.red, took, test.took)
			}
			if got := defectsOf(judge(Refuse, want, s, nil)); got != test.bad {
				t.Errorf("red after %v: defects are %q, want %q", test.red, got, test.bad)
			}
		}
	})
}

// A check that fails and passes again has reacted.
func TestObserveRemembersReactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := watched{expect: Red, checks: []string{"db", "port"}, bounds: []time.Duration{time.Minute, time.Minute}, bound: time.Minute, healBound: time.Minute}
		w := &script{after: until(0), broken: func(since time.Duration) sight {
			s := sight{bad: map[string]string{}}
			if since < time.Second {
				s.bad["db"] = "refused"
			} else if since > 3*time.Second {
				s.bad["port"] = "refused"
			}
			return s
		}}
		s, err := observe(t.Context(), w, want, w.breaks, w.heals)
		if err != nil {
			t.Fatal(err)
		}
		if got := judge(Refuse, want, s, nil); !got.Proven() || s.why["db"] != "refused" {
			t.Errorf("defects are %v", got.Defects)
		}
	})
}
