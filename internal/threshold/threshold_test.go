package threshold_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/threshold"
)

func TestStep(t *testing.T) {
	const (
		initial = threshold.Initial
		in      = threshold.InService
		out     = threshold.OutOfService
	)
	p := func(healthy, unhealthy int) threshold.Policy {
		return threshold.Policy{Healthy: healthy, Unhealthy: unhealthy}
	}
	tests := []struct {
		name    string
		policy  threshold.Policy
		results string // P is a pass, f a failure
		want    []threshold.Status
	}{
		{"one pass admits a new target", p(5, 2), "P", []threshold.Status{in}},
		{"a new target needs its failures in a row", p(2, 2), "ff", []threshold.Status{initial, out}},
		{"one failure leaves a new target undecided", p(3, 2), "fP", []threshold.Status{initial, in}},
		{"one failure does not put a target out", p(2, 2), "PfPfP", []threshold.Status{in, in, in, in, in}},
		{"failures with passes between never add up", p(2, 3), "PfPfPfPfP", slices.Repeat([]threshold.Status{in}, 9)},
		{"failures in a row put it out, once", p(2, 3), "Pfffff", []threshold.Status{in, in, in, out, out, out}},
		{"passes with failures between never add up", p(2, 1), "fPfPfP", slices.Repeat([]threshold.Status{out}, 6)},
		{"passes in a row bring it back, once", p(3, 1), "fPPPP", []threshold.Status{out, out, out, in, in}},
		{"a pass out of service is no admission", p(2, 2), "ffP", []threshold.Status{initial, out, out}},
		{"the run before a change counts for nothing after it", p(2, 2), "PPffPfPP", []threshold.Status{in, in, in, out, out, out, out, in}},
		{"zero thresholds count as one", p(0, 0), "fPfP", []threshold.Status{out, in, out, in}},
		{"negative thresholds count as one", p(-3, -3), "PfP", []threshold.Status{in, out, in}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []threshold.Status
			var state threshold.State
			for _, r := range tt.results {
				was := state.Status
				next, changed := tt.policy.Step(state, r == 'P')
				if changed != (next.Status != was) {
					t.Errorf("after %d results: changed = %v for %v → %v", len(got)+1, changed, was, next.Status)
				}
				state = next
				got = append(got, state.Status)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("statuses after %s (-want +got):\n%s", tt.results, diff)
			}
		})
	}
}

// TestStepEveryShortHistory compares Step with the definition of the words, on
// every history of up to 12 results and every policy of up to 4.
func TestStepEveryShortHistory(t *testing.T) {
	const longest = 12
	for healthy := range 5 {
		for unhealthy := range 5 {
			policy := threshold.Policy{Healthy: healthy, Unhealthy: unhealthy}
			for bits := range 1 << longest {
				history := make([]bool, longest)
				for i := range history {
					history[i] = bits>>i&1 == 1
				}
				if !agrees(t, policy, history) {
					return
				}
			}
		}
	}
}

// TestStepLongHistories does the same for long histories made of runs, which
// reach thresholds that coin tosses never would.
func TestStepLongHistories(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		policy := threshold.Policy{Healthy: random.IntN(12), Unhealthy: random.IntN(12)}
		var history []bool
		for pass := random.IntN(2) == 0; len(history) < 150; pass = !pass {
			history = append(history, slices.Repeat([]bool{pass}, 1+random.IntN(15))...)
		}
		if !agrees(t, policy, history) {
			return
		}
	}
}

func FuzzStep(f *testing.F) {
	f.Add(2, 2, []byte("PPffPfPP"))
	f.Add(0, -1, []byte("fP"))
	f.Add(3, 3, []byte("PfPfPfPffPfff"))
	f.Fuzz(func(t *testing.T, healthy, unhealthy int, results []byte) {
		history := make([]bool, min(len(results), 200))
		for i := range history {
			history[i] = results[i]&32 == 0 // as the seeds: a capital is a pass
		}
		agrees(t, threshold.Policy{Healthy: healthy, Unhealthy: unhealthy}, history)
	})
}

// agrees feeds history to Step and compares every state on the way with the
// one that the whole history up to there defines.
func agrees(t *testing.T, policy threshold.Policy, history []bool) bool {
	t.Helper()
	var state threshold.State
	for i, pass := range history {
		was := state
		next, changed := policy.Step(was, pass)
		want := defined(policy, history[:i+1])
		if next != want || changed != (want.Status != defined(policy, history[:i]).Status) {
			t.Errorf("%+v after %s: Step = %+v, changed %v; the history says %+v", policy, spell(history[:i+1]), next, changed, want)
			return false
		}
		state = next
	}
	return true
}

// defined says what the words mean, from the whole history and without a
// running counter: the latest full window of equal results decides; if there
// has never been one, any pass at all means that the target was admitted.
func defined(policy threshold.Policy, history []bool) threshold.State {
	healthy, unhealthy := max(policy.Healthy, 1), max(policy.Unhealthy, 1)
	var s threshold.State
	if n := len(history); n > 0 {
		run := n - 1 - lastIndex(history, !history[n-1])
		if history[n-1] {
			s.Passes = run
		} else {
			s.Failures = run
		}
	}
	for end := len(history); end > 0; end-- {
		if end >= unhealthy && !slices.Contains(history[end-unhealthy:end], true) {
			s.Status = threshold.OutOfService
			return s
		}
		if end >= healthy && !slices.Contains(history[end-healthy:end], false) {
			s.Status = threshold.InService
			return s
		}
	}
	if slices.Contains(history, true) {
		s.Status = threshold.InService
	}
	return s
}

// lastIndex returns the index of the last v in history, or -1.
func lastIndex(history []bool, v bool) int {
	for i, h := range slices.Backward(history) {
		if h == v {
			return i
		}
	}
	return -1
}

func spell(history []bool) string {
	var b strings.Builder
	for _, pass := range history {
		if pass {
			b.WriteByte('P')
		} else {
			b.WriteByte('f')
		}
	}
	return b.String()
}

func TestStatusString(t *testing.T) {
	for status, want := range map[threshold.Status]string{
		threshold.Initial:      "initial",
		threshold.InService:    "in service",
		threshold.OutOfService: "out of service",
		threshold.Status(9):    "Status(9)",
	} {
		if got := status.String(); got != want {
			t.Errorf("Status(%d).String() = %q, want %q", uint8(status), got, want)
		}
	}
}
