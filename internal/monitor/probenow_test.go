package monitor

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/probe"
)

func TestProbeNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(takes(time.Millisecond))
		m := &Monitor{Targets: []Target{target("web-1"), target("web-2")}, Interval: interval, ask: p.ask}
		if m.ProbeNow("web-1") {
			t.Error("ProbeNow before Run = true")
		}
		stop := run(t, m)
		time.Sleep(2 * time.Second)
		if !m.ProbeNow("web-1") {
			t.Error("ProbeNow of a target = false")
		}
		if m.ProbeNow("web-9") {
			t.Error("ProbeNow of an unknown target = true")
		}
		time.Sleep(2*interval - 2*time.Second)
		stop()
		if m.ProbeNow("web-1") {
			t.Error("ProbeNow after Run = true")
		}
		phase := newSchedule("web-1", interval).phase
		if diff := cmp.Diff([]time.Duration{0, 2 * time.Second, phase, phase + interval}, p.startsOf("web-1")); diff != "" {
			t.Errorf("starts, with one on request between (-want +got):\n%s", diff)
		}
		phase = newSchedule("web-2", interval).phase
		if diff := cmp.Diff([]time.Duration{0, phase, phase + interval}, p.startsOf("web-2")); diff != "" {
			t.Errorf("starts of the target nobody asked for (-want +got):\n%s", diff)
		}
	})
}

func TestProbeNowDuringAProbeGivesOneMoreRightAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(takes(time.Second))
		m := &Monitor{Targets: []Target{target("web-1")}, Interval: interval, ask: p.ask}
		stop := run(t, m)
		time.Sleep(time.Second / 2) // in the middle of the first
		for range 1000 {
			m.ProbeNow("web-1")
		}
		time.Sleep(4 * time.Second)
		want := []time.Duration{0, time.Second}
		if diff := cmp.Diff(want, p.startsOf("web-1")); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}

		// The same while one made on request is in flight.
		m.ProbeNow("web-1")
		time.Sleep(time.Second / 10)
		m.ProbeNow("web-1")
		time.Sleep(time.Second)
		stop()
		want = append(want, 4500*time.Millisecond, 5500*time.Millisecond)
		if diff := cmp.Diff(want, p.startsOf("web-1")[:4]); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
	})
}

// TestProbeNowIsServedByTheScheduledProbe asks while a probe in flight runs
// into the next turn: one probe answers both.
func TestProbeNowIsServedByTheScheduledProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		phase := newSchedule("web-1", interval).phase
		var asked int
		p := newProber(func(ctx context.Context, address string) probe.Result {
			asked++
			if asked == 1 {
				return takes(phase+time.Second)(ctx, address)
			}
			return pass
		})
		m := &Monitor{Targets: []Target{target("web-1")}, Interval: interval, ask: p.ask}
		stop := run(t, m)
		time.Sleep(time.Second)
		m.ProbeNow("web-1")
		time.Sleep(phase + interval)
		stop()
		want := []time.Duration{0, phase + time.Second, phase + interval}
		if diff := cmp.Diff(want, p.startsOf("web-1")); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
	})
}

func TestProbeNowStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(takes(time.Millisecond))
		m := &Monitor{Targets: []Target{target("web-1")}, Interval: interval, ask: p.ask}
		stop := run(t, m)
		ctx, calm := context.WithTimeout(t.Context(), 3*time.Second)
		defer calm()
		var storm sync.WaitGroup
		for range 50 {
			storm.Go(func() {
				for ctx.Err() == nil {
					m.ProbeNow("web-1")
					time.Sleep(time.Millisecond)
				}
			})
		}
		storm.Wait()
		stop()
		if p.overlap {
			t.Error("two probes of one target in flight")
		}
		starts := p.startsOf("web-1")
		if len(starts) < 25 || len(starts) > 32 {
			t.Errorf("%d probes in 3s of storm, want about ten a second", len(starts))
		}
		for i := 2; i < len(starts); i++ { // from the second on, all are on request
			if gap := starts[i] - starts[i-1]; gap < maxPace {
				t.Errorf("probes %d and %d started %v apart", i, i+1, gap)
			}
		}
	})
}
