package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Registry runs checks in the background and keeps their last results. Set the
// fields, call [Registry.Run], and read the verdict from any goroutine.
type Registry struct {
	// Checks are what Run runs. With none the verdict is Pass as long as Run
	// runs: the answer then proves only that this program is alive.
	Checks []Check

	// OnResult, if set, is told of every finished run, and of a run that is
	// stuck. Calls come one at a time, from within Run; a call that blocks holds
	// up later results, which then turn stale.
	OnResult func(Result)

	// OnChange, if set, is told when a result has changed the verdict on the
	// checks. It is called like OnResult and after it; the first call reports the
	// change from Unknown. Draining is not part of that verdict: whoever calls
	// Drain knows of it. Nor does a result that turns stale make a call, since
	// that happens when results have stopped arriving; Status and Snapshot show it.
	OnChange func(was Status, now Snapshot)

	running  atomic.Bool
	draining atomic.Bool
	current  atomic.Pointer[published] // written by Run only; nil until Run has begun
}

// Run runs the checks until ctx ends. It returns when every run it started has
// ended, and then the verdict is Unknown. A mistake in the configuration is
// returned at once. A check that ignores its context is waited for until its
// timeout has passed; if it is still running then, Run returns an error that
// names it.
func (r *Registry) Run(ctx context.Context) error {
	if !r.running.CompareAndSwap(false, true) {
		return errors.New("health: the registry is running already: call Run once")
	}
	defer r.running.Store(false)
	if err := validate(r.Checks); err != nil {
		return fmt.Errorf("health: %w", err)
	}

	results := make([]Result, len(r.Checks))
	updates := make(chan update)
	leaks := make([]error, len(r.Checks))
	var loops sync.WaitGroup
	for i, c := range r.Checks {
		c = c.withDefaults()
		results[i] = c.result(Unknown, ErrNotChecked)
		w := watch{check: c, index: i, updates: updates}
		loops.Go(func() { leaks[i] = w.loop(ctx) })
	}
	ended := make(chan struct{})
	go func() { loops.Wait(); close(ended) }()
	r.own(ctx, results, updates)
	<-ended

	for i := range results {
		results[i].Status, results[i].Err = Unknown, ErrStopped
	}
	stopped := publish(results)
	stopped.status = Unknown // with no checks too: nobody looks any more
	r.current.Store(stopped)
	return errors.Join(leaks...)
}

// own is the one place that changes results while checks run.
func (r *Registry) own(ctx context.Context, results []Result, updates <-chan update) {
	was := Unknown
	for {
		p := publish(slices.Clone(results))
		r.current.Store(p)
		if p.status != was && r.OnChange != nil {
			r.OnChange(was, Snapshot{Time: time.Now(), Status: p.status, Results: slices.Clone(p.results)})
		}
		was = p.status
		select {
		case <-ctx.Done():
			return
		case u := <-updates:
			results[u.index] = u.result
			if r.OnResult != nil {
				r.OnResult(u.result)
			}
		}
	}
}

// Drain turns the verdict to Fail, and keeps it there, so that load balancers
// stop sending before the server stops serving.
func (r *Registry) Drain() { r.draining.Store(true) }

// Undrain takes Drain back: the verdict is that of the checks again.
func (r *Registry) Undrain() { r.draining.Store(false) }

// Status is the verdict now. It runs no check, takes no lock and allocates
// nothing, however many checks there are.
func (r *Registry) Status() Status {
	status, _ := r.verdict()
	return status
}

// verdict is the status now and whether it comes from draining.
func (r *Registry) verdict() (status Status, draining bool) {
	if r.draining.Load() {
		return Fail, true
	}
	p := r.current.Load()
	if p == nil {
		return Unknown, false
	}
	if now := time.Now(); p.staleAt(now) {
		return judge(p.at(now)), false
	}
	return p.status, false
}

// Snapshot is everything that is known now. It runs no check.
func (r *Registry) Snapshot() Snapshot {
	s := Snapshot{Time: time.Now()}
	p := r.current.Load()
	if p == nil {
		for _, c := range r.Checks {
			s.Results = append(s.Results, c.withDefaults().result(Unknown, ErrNotChecked))
		}
	} else {
		s.Results, s.Status = p.at(s.Time), p.status
		if p.staleAt(s.Time) {
			s.Status = judge(s.Results)
		}
	}
	if r.draining.Load() {
		s.Status, s.Draining = Fail, true
	}
	return s
}
