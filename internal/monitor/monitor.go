// Package monitor probes targets again and again and tells an [Observer] what
// became of each probe and of each target's status.
//
// What it guarantees:
//
//   - Targets are probed in parallel: one that hangs delays no other.
//   - A target has at most one probe in flight, however often [Monitor.ProbeNow]
//     asks for more.
//   - All targets are probed at once at the start. From then on the schedule is a
//     function of the target's name and the interval alone: the same after every
//     restart, and spread over half of the interval.
//   - Only results that say something about the target count towards its
//     threshold. An InternalError, the asker's own fault, changes no status.
//
// One goroutine owns each target's state and schedule from start to end; the
// only thing that reaches it from outside is a request to probe now. [Monitor.Run]
// starts these goroutines and waits for all of them.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/threshold"
)

// DefaultInterval is the interval used when [Monitor.Interval] is zero.
const DefaultInterval = 5 * time.Second

// Target is something to be probed.
type Target struct {
	Name  string // unique in its Monitor, not empty; decides the target's place in the schedule
	Probe probe.Probe
}

// Event is one finished probe and what it meant.
type Event struct {
	Target   string           // Target.Name
	Was, Now threshold.Status // before and after this result
	Changed  bool             // Was differs from Now
	State    threshold.State  // after this result; State.Status is Now
	Result   probe.Result     // an InternalError left the state as it was
}

// Observer is told of every finished probe.
//
// Observe is called once for each, for one target in order and one at a time,
// for different targets from different goroutines at the same time. It must
// not block: the target's next probe waits for it.
type Observer interface {
	Observe(Event)
}

// Monitor probes a fixed set of targets. Fill in its fields, then call Run; the
// fields must not change while it runs.
type Monitor struct {
	Targets []Target

	// Interval is the time from the start of one scheduled probe to the start
	// of the next. Zero means DefaultInterval.
	Interval time.Duration

	// Threshold is how many results in a row change a status. The zero Policy
	// means two of either kind.
	Threshold threshold.Policy

	// Observer is told of every finished probe. Nil means nobody is.
	Observer Observer

	// ask makes one attempt. Nil means Probe.Run; tests put another in its place.
	ask func(context.Context, probe.Probe) probe.Result

	// watchers is set while Run runs. The map never changes once stored.
	watchers atomic.Pointer[map[string]*watcher]
}

// Run probes every target until ctx ends, and returns nil when every goroutine
// it started has ended.
//
// Each target is probed at once, the second time after 50 to 100 % of the
// interval (its name decides where), and then at every full interval from
// there, start to start. A probe that outlasts the interval delays the next one,
// which then starts as soon as it is over; the times after that stay as they
// were, and turns missed entirely are not made up for.
//
// A probe cut off by the end of ctx is not reported. Run returns an error, and
// starts nothing, when the Monitor is already running or is filled in wrongly:
// a negative interval, a name empty or used twice, an invalid probe.
func (m *Monitor) Run(ctx context.Context) error {
	watchers, err := m.build()
	if err != nil {
		return err
	}
	if !m.watchers.CompareAndSwap(nil, &watchers) {
		return errors.New("monitor is already running")
	}
	defer m.watchers.Store(nil)

	var running sync.WaitGroup
	start := time.Now()
	for w := range maps.Values(watchers) {
		running.Go(func() { w.run(ctx, start) })
	}
	<-ctx.Done()
	running.Wait()
	return nil
}

// ProbeNow asks for a probe of the named target beside the schedule, and
// returns false if there is no such target or the Monitor is not running.
//
// It never blocks, may be called from any goroutine at any time, and does not
// shift the schedule. The probe starts at once, or right after the one in
// flight. All requests made before it starts are served by that one probe, or
// by a scheduled one that comes first. Two probes made on request start at least
// 100 ms or a tenth of the interval apart, whichever is less; a request that
// comes sooner waits for that. So a failing target under heavy traffic is probed
// at most ten times a second, not as fast as requests fail.
func (m *Monitor) ProbeNow(target string) bool {
	watchers := m.watchers.Load()
	if watchers == nil {
		return false
	}
	w, ok := (*watchers)[target]
	if ok {
		w.request()
	}
	return ok
}

// build makes a watcher for each target, or says everything that is wrong.
func (m *Monitor) build() (map[string]*watcher, error) {
	interval, policy, ask := m.Interval, m.Threshold, m.ask
	if interval == 0 {
		interval = DefaultInterval
	}
	if policy == (threshold.Policy{}) {
		policy = threshold.Policy{Healthy: 2, Unhealthy: 2}
	}
	if ask == nil {
		ask = func(ctx context.Context, p probe.Probe) probe.Result { return p.Run(ctx) }
	}

	var problems []error
	if interval < 0 {
		problems = append(problems, fmt.Errorf("interval %v is negative; use 0 for %v", interval, DefaultInterval))
	}
	watchers := make(map[string]*watcher, len(m.Targets))
	for i, t := range m.Targets {
		if t.Name == "" {
			problems = append(problems, fmt.Errorf("target %d has no name", i+1))
		} else if watchers[t.Name] != nil {
			problems = append(problems, fmt.Errorf("two targets are named %q; names must differ", t.Name))
		}
		if err := t.Probe.Validate(); err != nil {
			problems = append(problems, fmt.Errorf("target %q: %w", t.Name, err))
		}
		watchers[t.Name] = &watcher{
			target:   t,
			policy:   policy,
			observer: m.Observer,
			ask:      ask,
			schedule: newSchedule(t.Name, interval),
			requests: make(chan struct{}, 1),
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("monitor: %w", errors.Join(problems...))
	}
	return watchers, nil
}
