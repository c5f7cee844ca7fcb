package diagnose

import (
	"slices"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
)

// TestTurnsOrLimit: servers that take turns are told from a limit that lets one
// through now and then by asking without a pause, whatever is answered.
func TestTurnsOrLimit(t *testing.T) {
	busy := saysNginx(503, "Service Temporarily Unavailable")
	dead := func(*model, ask) exchange.Answer { return hap() }
	for _, test := range []struct {
		name  string
		layer func(*model) layer
		turns bool
	}{
		{"one of two is dead", everyOther(dead), true},
		{"one of two limits, nginx", everyOther(busy), true},
		{"one of two limits, 429", everyOther(says(429)), true},
		{"one of three limits", func(m *model) layer {
			return func(a ask) (exchange.Answer, bool) { return busy(m, a), a.n%3 == 1 }
		}, true},
		{"it dies while it is looked at", firstPass(6, dead), true},
		{"three in a second, nginx", bucket(1, 333*time.Millisecond, busy), false},
		{"three in a second, 429", bucket(1, 333*time.Millisecond, says(429)), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{}
			m.layers = []layer{test.layer(m)}
			r := m.diagnosed(t, albQuestion(t, true))
			turns := r.Verdict == Flap && len(r.Causes) == 1 && r.Causes[0].Cause == "flapping"
			if turns != test.turns || len(r.Causes) > 1 {
				t.Errorf("turns: %v, want %v\n%s", turns, test.turns, summary(r))
			}
		})
	}
}

// since answers so for a while after the first request.
func since(long time.Duration, say func(*model, ask) exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		var first time.Time
		return func(a ask) (exchange.Answer, bool) {
			if first.IsZero() {
				first = m.clock
			}
			return say(m, a), a.path() == "/health" && m.clock.Sub(first) < long
		}
	}
}

// TestHeals: an app that starts is waited for a little, and one that says what it
// lacks is not.
func TestHeals(t *testing.T) {
	for _, test := range []struct {
		name string
		say  exchange.Answer
		want string
		late bool // it is looked at the second time
	}{
		{"it says that it starts", answer(500, "starting"), "cold_start", true},
		{"its health path alone says 503", answer(503, "no"), "cold_start", true},
		{"it says what it lacks", answer(503, `{"status":"error","redis":"down"}`), "dependency_down", false},
		{"it breaks", answer(500, "oh"), "app_error", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{}
			m.layers = []layer{since(2500*time.Millisecond, func(*model, ask) exchange.Answer { return test.say })(m)}
			r := m.diagnosed(t, albQuestion(t, true))
			late := slices.ContainsFunc(r.Observations, func(o Observation) bool { return o.Experiment.Name == "again=latest" })
			if got := ids(r.Causes); len(got) == 0 || got[0] != test.want || late != test.late {
				t.Errorf("got %v, want %s, and looked at twice: %v\n%s", got, test.want, late, summary(r))
			}
		})
	}
}

// TestInTurns: a pass that comes soon after a failure counts, and once is chance.
func TestInTurns(t *testing.T) {
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		pattern string
		gap     time.Duration
		want    bool
	}{
		{"pfpfp", 10 * time.Millisecond, true}, {"pfpfp", 200 * time.Millisecond, false},
		{"ffffpffff", 10 * time.Millisecond, false}, {"pppff", 0, false}, {"", 0, false},
	} {
		var series []view
		for i, c := range test.pattern {
			a := answer(map[rune]int{'p': 200, 'f': 503}[c], "")
			a.Began = begun.Add(time.Duration(i) * test.gap)
			v := viewOf("http://"+target+"/", a)
			v.o.Verdict.Outcome = map[rune]dialect.Outcome{'p': dialect.Pass, 'f': dialect.Fail}[c]
			series = append(series, v)
		}
		if got := inTurns(series); got != test.want {
			t.Errorf("%s every %v: %v", test.pattern, test.gap, got)
		}
	}
}
