package monitor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/threshold"
)

// TestRequestIsServedOnce asks for a probe that the pace still holds back, and
// again before it starts. The one that then starts serves both.
func TestRequestIsServedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(nil)
		m := &Monitor{Targets: []Target{target("web-1")}, Interval: interval, ask: p.ask}
		stop := run(t, m)
		time.Sleep(time.Second)
		m.ProbeNow("web-1") // starts at once
		time.Sleep(maxPace / 10)
		m.ProbeNow("web-1") // must wait for the pace
		synctest.Wait()
		m.ProbeNow("web-1")
		time.Sleep(2 * time.Second)
		stop()
		if diff := cmp.Diff([]time.Duration{0, time.Second, time.Second + maxPace}, p.startsOf("web-1")); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
	})
}

// TestPolicyWithOneField sets only one of the thresholds, which must not bring the
// defaults back for it.
func TestPolicyWithOneField(t *testing.T) {
	m := &Monitor{Targets: []Target{target("web-1")}, Threshold: threshold.Policy{Unhealthy: 3}}
	watchers, err := m.build()
	if err != nil {
		t.Fatal(err)
	}
	if got := watchers["web-1"].policy; got != m.Threshold {
		t.Errorf("policy = %+v, want %+v", got, m.Threshold)
	}
}
