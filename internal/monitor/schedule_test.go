package monitor

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestPhaseIsStable(t *testing.T) {
	// These figures are a promise: a restart, or a new release, must not move
	// every target's probes.
	for name, want := range map[string]time.Duration{
		"10.0.0.5:80": 8200 * time.Millisecond,
		"10.0.0.6:80": 6212 * time.Millisecond,
		"web-1":       8837 * time.Millisecond,
	} {
		if got := newSchedule(name, 10*time.Second).phase.Round(time.Millisecond); got != want {
			t.Errorf("phase of %q = %v, want %v", name, got, want)
		}
	}
}

func TestPhasesAreSpread(t *testing.T) {
	const targets, interval = 100, 10 * time.Second
	var tenths [10]int
	var phases []time.Duration
	for i := range targets {
		phase := newSchedule(fmt.Sprintf("10.0.0.%d:80", i), interval).phase
		if phase < interval/2 || phase > interval {
			t.Fatalf("phase %v lies outside 50 to 100 %% of %v", phase, interval)
		}
		phases = append(phases, phase)
		tenths[min(9, (phase-interval/2)*10/(interval/2))]++
	}
	for i, n := range tenths {
		if n < 2 || n > 25 {
			t.Errorf("%d of %d targets in tenth %d of the spread; want about 10 (%v)", n, targets, i+1, tenths)
		}
	}
	slices.Sort(phases)
	if distinct := slices.Compact(phases); len(distinct) != targets {
		t.Errorf("%d targets share %d phases", targets, len(distinct))
	}
}

func TestPace(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		time.Hour:              100 * time.Millisecond,
		5 * time.Second:        100 * time.Millisecond,
		time.Second:            100 * time.Millisecond,
		500 * time.Millisecond: 50 * time.Millisecond,
	} {
		if got := newSchedule("a", interval).pace; got != want {
			t.Errorf("pace for an interval of %v = %v, want %v", interval, got, want)
		}
	}
}

func TestSchedule(t *testing.T) {
	epoch := time.Unix(0, 0)
	at := func(d time.Duration) time.Time { return epoch.Add(d) }
	const s, ms = time.Second, time.Millisecond
	begun := func(starts ...time.Duration) schedule {
		sched := schedule{interval: 10 * s, phase: 7 * s, pace: 100 * ms}
		sched.start(at(0))
		for _, start := range starts {
			sched.begin(at(start))
		}
		return sched
	}
	tests := []struct {
		name      string
		schedule  schedule
		requested bool
		want      time.Duration
	}{
		{"second probe after the phase", begun(), false, 7 * s},
		{"then every interval", begun(7 * s), false, 17 * s},
		{"start to start, though begun late", begun(8 * s), false, 17 * s},
		{"turns missed entirely are left out", begun(27*s + 1), false, 37 * s},
		{"begun exactly a turn late", begun(17 * s), false, 27 * s},
		{"request is served at once", begun(7 * s), true, 0},
		{"request shifts nothing", begun(7*s, 9*s), false, 17 * s},
		{"second request keeps the pace", begun(7*s, 9*s), true, 9*s + 100*ms},
		{"a turn comes before the pace is over", begun(7*s, 17*s-1), true, 17 * s},
		{"a scheduled probe does not delay a request", begun(7*s, 9*s, 17*s), true, 9*s + 100*ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.schedule.next(tt.requested).Sub(epoch); got != tt.want {
				t.Errorf("next(%v) = %v, want %v", tt.requested, got, tt.want)
			}
		})
	}
}
