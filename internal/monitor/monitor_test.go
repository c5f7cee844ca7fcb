package monitor

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/memnet"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/targettest"
	"github.com/inservice/inservice/internal/threshold"
)

const interval = 10 * time.Second

func TestFirstAtOnceThenFromThePhaseEveryInterval(t *testing.T) {
	watch := func(t *testing.T) (starts []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p := newProber(takes(3 * time.Second)) // start to start, not end to start
			m := &Monitor{Targets: []Target{target("web-1")}, Interval: interval, ask: p.ask}
			stop := run(t, m)
			time.Sleep(5 * interval)
			stop()
			starts = p.startsOf("web-1")
		})
		return starts
	}
	phase := newSchedule("web-1", interval).phase
	want := []time.Duration{0, phase, phase + interval, phase + 2*interval, phase + 3*interval, phase + 4*interval}
	for range 2 {
		if diff := cmp.Diff(want, watch(t)); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
	}
}

func TestDefaultInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(nil)
		stop := run(t, &Monitor{Targets: []Target{target("web-1")}, ask: p.ask})
		time.Sleep(time.Minute)
		stop()
		starts := p.startsOf("web-1")
		if n := len(starts); n != 13 || starts[n-1]-starts[n-2] != DefaultInterval {
			t.Errorf("starts = %v, want one every %v", starts, DefaultInterval)
		}
	})
}

func TestProbeLongerThanTheIntervalDelaysTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		phase := newSchedule("web-1", interval).phase
		lengths := []time.Duration{
			0,                          // first
			interval + time.Second,     // the second runs into the third
			0,                          // the third starts late
			2*interval + 3*time.Second, // the fourth swallows two turns whole
			0, 0,
		}
		var asked int
		p := newProber(func(ctx context.Context, address string) probe.Result {
			asked++
			return takes(lengths[min(asked, len(lengths))-1])(ctx, address)
		})
		stop := run(t, &Monitor{Targets: []Target{target("web-1")}, Interval: interval, ask: p.ask})
		time.Sleep(phase + 5*interval + time.Second)
		stop()
		want := []time.Duration{
			0,
			phase,
			phase + interval + time.Second,
			phase + 2*interval,
			phase + 4*interval + 3*time.Second,
			phase + 5*interval,
		}
		if diff := cmp.Diff(want, p.startsOf("web-1")); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
		if p.overlap {
			t.Error("two probes of one target in flight")
		}
	})
}

func TestHangingTargetDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(func(ctx context.Context, address string) probe.Result {
			if address == "stuck:80" {
				<-ctx.Done()
				return stopped
			}
			return pass
		})
		targets := []Target{target("stuck")}
		for i := range 100 {
			targets = append(targets, target(fmt.Sprint("web-", i)))
		}
		stop := run(t, &Monitor{Targets: targets, Interval: interval, ask: p.ask})
		time.Sleep(3*interval + interval/4) // past the third turn of whoever is last
		stop()
		for _, other := range targets[1:] {
			phase := newSchedule(other.Name, interval).phase
			want := []time.Duration{0, phase, phase + interval, phase + 2*interval}
			if got := p.startsOf(other.Name); !slices.Equal(got[:min(4, len(got))], want) {
				t.Errorf("%s was probed at %v, want %v", other.Name, got, want)
			}
		}
		if got := p.startsOf("stuck"); len(got) != 1 {
			t.Errorf("the stuck target was probed at %v", got)
		}
	})
}

func TestEvents(t *testing.T) {
	const (
		initial = threshold.Initial
		in      = threshold.InService
		out     = threshold.OutOfService
	)
	own := probe.Result{Reason: probe.InternalError, Description: "Internal error: out of descriptors"}
	steps := []struct {
		result   probe.Result
		was, now threshold.Status
		state    threshold.State
	}{
		{fail, initial, initial, threshold.State{Status: initial, Failures: 1}},
		{own, initial, initial, threshold.State{Status: initial, Failures: 1}},
		{pass, initial, in, threshold.State{Status: in, Passes: 1}},
		{fail, in, in, threshold.State{Status: in, Failures: 1}},
		{pass, in, in, threshold.State{Status: in, Passes: 1}},
		{fail, in, in, threshold.State{Status: in, Failures: 1}},
		{own, in, in, threshold.State{Status: in, Failures: 1}}, // neither counts nor ends the run
		{fail, in, out, threshold.State{Status: out, Failures: 2}},
		{pass, out, out, threshold.State{Status: out, Passes: 1}},
		{fail, out, out, threshold.State{Status: out, Failures: 1}},
		{pass, out, out, threshold.State{Status: out, Passes: 1}},
		{pass, out, out, threshold.State{Status: out, Passes: 2}},
		{pass, out, in, threshold.State{Status: in, Passes: 3}},
	}
	var want []Event
	for _, s := range steps {
		want = append(want, Event{Target: "web-1", Was: s.was, Now: s.now, Changed: s.was != s.now, State: s.state, Result: s.result})
	}
	synctest.Test(t, func(t *testing.T) {
		var asked int
		p := newProber(func(context.Context, string) probe.Result {
			asked++
			return steps[min(asked, len(steps))-1].result
		})
		var seen record
		stop := run(t, &Monitor{
			Targets:   []Target{target("web-1")},
			Interval:  interval,
			Threshold: threshold.Policy{Healthy: 3, Unhealthy: 2},
			Observer:  &seen,
			ask:       p.ask,
		})
		time.Sleep(time.Duration(len(steps)) * interval)
		stop()
		if diff := cmp.Diff(want, seen.of("web-1")[:len(want)]); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestZeroThresholdMeansTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(func(context.Context, string) probe.Result { return fail })
		var seen record
		stop := run(t, &Monitor{Targets: []Target{target("web-1")}, Interval: interval, Observer: &seen, ask: p.ask})
		time.Sleep(interval)
		stop()
		events := seen.of("web-1")
		if len(events) != 2 || events[0].Now != threshold.Initial || events[1].Now != threshold.OutOfService {
			t.Errorf("events = %+v, want the second failure to put the target out", events)
		}
	})
}

func TestShutdownIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(func(ctx context.Context, address string) probe.Result {
			<-ctx.Done()
			time.Sleep(time.Second) // Run must wait for this
			if address == "honest:80" {
				return pass // finished all the same
			}
			return stopped
		})
		var seen record
		stop := run(t, &Monitor{Targets: []Target{target("web-1"), target("honest")}, Interval: interval, Observer: &seen, ask: p.ask})
		began := time.Now()
		stop()
		if took := time.Since(began); took != time.Second {
			t.Errorf("Run ended after %v, want 1s: when its probes had", took)
		}
		if events := seen.of("web-1"); len(events) != 0 {
			t.Errorf("events of the probe cut off: %+v", events)
		}
		if events := seen.of("honest"); len(events) != 1 || events[0].Now != threshold.InService {
			t.Errorf("events of the probe that finished: %+v, want its pass", events)
		}
		if got := len(p.startsOf("web-1")) + len(p.startsOf("honest")); got != 2 {
			t.Errorf("%d probes, want none after the end", got)
		}
	})
}

func TestRunRefuses(t *testing.T) {
	bad := target("bad")
	bad.Probe.Path = "no slash"
	m := &Monitor{
		Targets:  []Target{target("web-1"), target("web-2"), target("web-1"), {Probe: target("x").Probe}, bad},
		Interval: -time.Second,
		ask: func(context.Context, probe.Probe) probe.Result {
			t.Error("probed")
			return pass
		},
	}
	err := m.Run(t.Context())
	for _, want := range []string{
		"interval -1s is negative",
		`two targets are named "web-1"`,
		"target 4 has no name",
		`target "bad": path "no slash" does not begin with a slash`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run = %v, want %q in it", err, want)
		}
	}
}

func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(nil)
		m := &Monitor{Targets: []Target{target("web-1")}, Interval: interval, ask: p.ask}
		stop := run(t, m)
		if err := m.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "already running") {
			t.Errorf("second Run = %v", err)
		}
		if !m.ProbeNow("web-1") {
			t.Error("the refused Run stopped the first one")
		}
		synctest.Wait()
		stop()
		run(t, m)() // again, one after the other
		if got := len(p.startsOf("web-1")); got != 3 {
			t.Errorf("%d probes by two runs and one request, want 3", got)
		}
	})
}

func TestRunWithoutTargetsWaitsForItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := new(Monitor).Run(ctx); err != nil || time.Since(began) != time.Hour {
			t.Errorf("Run = %v after %v", err, time.Since(began))
		}
	})
}

// TestWithRealProbes runs the whole of it, down to net/http, in virtual time.
func TestWithRealProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		var broken atomic.Bool
		listener, err := network.Listen("good:80")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if broken.Load() {
				http.Error(w, "no database", http.StatusServiceUnavailable)
			}
		})}
		var serving sync.WaitGroup
		serving.Go(func() { server.Serve(listener) })
		defer serving.Wait()
		defer server.Close()

		hanging, err := network.Listen("hanging:80")
		if err != nil {
			t.Fatal(err)
		}
		targettest.StartOn(t, hanging, targettest.Hang)

		var targets []Target
		for _, name := range []string{"good", "hanging", "absent"} {
			one := target(name)
			one.Probe.Dial = network.Dial
			targets = append(targets, one)
		}
		var seen record
		m := &Monitor{Targets: targets, Interval: interval, Observer: &seen}
		stop := run(t, m)

		statusOf := func(name string) string {
			events := seen.of(name)
			if len(events) == 0 {
				return "nothing yet"
			}
			last := events[len(events)-1]
			return last.Now.String() + "; " + last.Result.Description
		}
		expect := func(name, want string) {
			t.Helper()
			synctest.Wait()
			if got := statusOf(name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		expect("good", "in service; ")
		expect("hanging", "nothing yet")
		expect("absent", "initial; Health checks failed: connection refused")
		time.Sleep(2 * time.Second)
		expect("hanging", "initial; Request timed out (no byte of an answer within 2s)")

		// Suspicion: two requests put the target out in a tenth of a second,
		// long before its next turn.
		broken.Store(true)
		m.ProbeNow("good")
		expect("good", "in service; Health checks failed with these codes: [503]")
		m.ProbeNow("good")
		time.Sleep(maxPace)
		expect("good", "out of service; Health checks failed with these codes: [503]")

		broken.Store(false)
		time.Sleep(2*interval + 2*time.Second)
		expect("good", "in service; ")
		expect("hanging", "out of service; Request timed out (no byte of an answer within 2s)")
		expect("absent", "out of service; Health checks failed: connection refused")
		stop()
	})
}
