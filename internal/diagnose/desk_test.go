package diagnose

import (
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// TestLeft: while the load balancer's own question waits on, others are asked only
// as long as it does; after it there is time for more.
func TestLeft(t *testing.T) {
	q := slowQuestion(t, true)
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	made := func(name string, after, took time.Duration) Observation {
		a := broken(exchange.TimedOut, exchange.Waiting)
		a.Began, a.Phases.Total = begun.Add(after), took
		return Observation{Experiment: Experiment{Name: name}, Answers: []exchange.Answer{a}}
	}
	other := made("path=random", 2*time.Second, 300*time.Millisecond)
	waiting := []Observation{{Experiment: Experiment{Name: "probe"}, Pending: true}, other}
	if got, want := newDesk(q, waiting).left(), 2200*time.Millisecond; got != want {
		t.Errorf("while it waits: %v, want %v", got, want)
	}
	over := []Observation{made("probe", 0, 4500*time.Millisecond), other}
	if got, want := newDesk(q, over).left(), 1200*time.Millisecond; got != want {
		t.Errorf("after it: %v, want %v", got, want)
	}
}

// TestSilenceTold: that nothing is answered is not said where something was.
func TestSilenceTold(t *testing.T) {
	m := &model{}
	m.layers = []layer{func(a ask) (exchange.Answer, bool) {
		if plainHTTP(a) && hostOf(a.Request) == "" {
			return answer(400, "400 Bad Request: missing required Host header"), true
		}
		return broken(exchange.TimedOut, exchange.Waiting), true
	}}
	f := m.diagnosed(t, slowQuestion(t, true)).Causes[0]
	if says := f.Evidence[0]; strings.Contains(says, "whatever is sent") || !strings.Contains(says, "no Host: 400") {
		t.Errorf("%s: %q", f.Cause, f.Evidence)
	}
}
