package monitor

import (
	"context"
	"time"

	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/threshold"
)

// watcher probes one target. The goroutine in run owns every field but requests.
type watcher struct {
	target   Target
	policy   threshold.Policy
	observer Observer // may be nil
	ask      func(context.Context, probe.Probe) probe.Result
	schedule schedule
	state    threshold.State

	// requests holds at most one token: somebody asked for a probe since the
	// last one started. It is the only way in from other goroutines.
	requests chan struct{}
}

// request asks for a probe. It may be called from any goroutine.
func (w *watcher) request() {
	select {
	case w.requests <- struct{}{}:
	default: // there is one already, not yet served
	}
}

// run probes the target until ctx ends. Everybody's schedule begins at start.
func (w *watcher) run(ctx context.Context, start time.Time) {
	w.schedule.start(start)
	for w.probe(ctx) && w.wait(ctx) {
	}
}

// wait returns true when it is time for the next probe, false when ctx ended.
func (w *watcher) wait(ctx context.Context) bool {
	requested := false
	requests := w.requests
	for ctx.Err() == nil {
		// time.After needs no Stop: an abandoned timer is collected.
		select {
		case <-ctx.Done():
		case <-requests:
			requested = true
			requests = nil // heard; what comes until the probe starts is the same wish
		case <-time.After(time.Until(w.schedule.next(requested))):
			w.schedule.begin(time.Now())
			return true
		}
	}
	return false
}

// probe makes one attempt and reports it. It returns false if ctx ended first.
func (w *watcher) probe(ctx context.Context) bool {
	select {
	case <-w.requests: // this probe serves it
	default:
	}
	result := w.ask(ctx, w.target.Probe)
	own := result.Reason == probe.InternalError
	if own && ctx.Err() != nil {
		return false
	}
	was, changed := w.state.Status, false
	if !own {
		w.state, changed = w.policy.Step(w.state, result.Pass)
	}
	if w.observer != nil {
		w.observer.Observe(Event{
			Target:  w.target.Name,
			Was:     was,
			Now:     w.state.Status,
			Changed: changed,
			State:   w.state,
			Result:  result,
		})
	}
	return true
}
