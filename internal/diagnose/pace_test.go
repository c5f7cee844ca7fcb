package diagnose

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// TestPace: a target that passes is asked no more than five times in the first
// second, and never in bursts; a slow one is not made to wait as well.
func TestPace(t *testing.T) {
	for _, took := range []time.Duration{time.Millisecond, 30 * time.Millisecond, 400 * time.Millisecond} {
		m := &model{took: took}
		r := m.diagnosed(t, albQuestion(t, true))
		if len(r.Observations) < 10 {
			t.Fatalf("%v: only %d requests", took, len(r.Observations))
		}
		first := r.Observations[0].Answers[0].Began
		early := 0
		for i, o := range r.Observations {
			began := o.Answers[0].Began
			if began.Sub(first) < time.Second {
				early++
			}
			if i == 0 {
				continue
			}
			gap := began.Sub(r.Observations[i-1].Answers[0].Began)
			if gap < 100*time.Millisecond || gap > max(took, 200*time.Millisecond)+20*time.Millisecond {
				t.Errorf("%v: %v before %s", took, gap, o.Experiment.Name)
			}
		}
		if early > 5 {
			t.Errorf("%v: %d requests in the first second", took, early)
		}
	}
}

// TestPaceOfFailing: a target that fails is in a hurry.
func TestPaceOfFailing(t *testing.T) {
	m := &model{took: time.Millisecond}
	m.layers = []layer{unless(bySite, says(400))(m)}
	for _, o := range m.diagnosed(t, albQuestion(t, true)).Observations {
		if o.Experiment.Wait > 0 {
			t.Errorf("%s waits %v", o.Experiment.Name, o.Experiment.Wait)
		}
	}
}

// bucket is a limit of requests: so many at once, and one more after each refill.
func bucket(burst int, refill time.Duration, say func(*model, ask) exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		left := float64(burst)
		var last time.Time
		return func(a ask) (exchange.Answer, bool) {
			if !last.IsZero() && refill > 0 {
				left = min(float64(burst), left+float64(m.clock.Sub(last))/float64(refill))
			}
			last = m.clock
			if left < 1 {
				return say(m, a), true
			}
			left--
			return exchange.Answer{}, false
		}
	}
}

// TestLimits: a limit that only a diagnosis meets is noted, and the probe passes; one
// that a load balancer would meet, too, is the cause.
func TestLimits(t *testing.T) {
	busy := saysNginx(503, "Service Temporarily Unavailable")
	later := func(*model, ask) exchange.Answer { return answer(503, "wait", "Retry-After: 9") }
	words := func(*model, ask) exchange.Answer { return answer(403, "Rate limit exceeded") }
	for name, test := range map[string]struct {
		layer func(*model) layer
		want  Verdict
	}{
		"five at once, nginx":          {bucket(5, 2*time.Second, busy), Pass},
		"five at once, 429":            {bucket(5, 0, says(429)), Pass},
		"five at once, Retry-After":    {bucket(5, 0, later), Pass},
		"five at once, in words":       {bucket(5, 0, words), Pass},
		"nine at once, nginx":          {bucket(9, 0, busy), Pass},
		"ten at once, 429":             {bucket(10, 0, says(429)), Pass},
		"two at once, one in a second": {bucket(2, time.Second, says(429)), Pass}, // now and then one passes
		"two at once, one in 2 s":      {bucket(2, 2800*time.Millisecond, busy), Pass},
		"two in all":                   {bucket(2, 0, says(429)), Flap},
		"every other one":              {inTurn("pf"), Flap},
		"every other one refuses":      {everyOther(busy), Flap},
		"an app that breaks":           {firstPass(5, says(500)), Flap},
	} {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", name, known), func(t *testing.T) {
				m := &model{}
				m.layers = []layer{test.layer(m)}
				r := m.diagnosed(t, albQuestion(t, known))
				noted := slices.ContainsFunc(r.Notes, func(n Note) bool { return n.ID == "limited" })
				if r.Verdict != test.want || noted != (test.want == Pass) || len(r.Warnings) > 0 || test.want == Pass && len(r.Causes) > 0 {
					t.Errorf("%v\n%s", r.Notes, summary(r))
				}
			})
		}
	}
}

// everyOther answers every other request so, as one of two servers that take turns.
func everyOther(say func(*model, ask) exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) { return say(m, a), a.n%2 == 1 }
	}
}

// firstPass lets the first requests through.
func firstPass(n int, say func(*model, ask) exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) { return say(m, a), a.n >= n }
	}
}
