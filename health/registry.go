package health

import (
	"context"
	"errors"
	"fmt"
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

	// StartupGrace is how long a server may take to come into service before it is
	// called ill. Until its first verdict that is in service, and for this long
	// from the start of Run, and until every critical check has a first result, it
	// is starting: the verdict is Unknown, whatever has failed. Once that is over
	// it does not come back while Run runs. Zero means none.
	StartupGrace time.Duration

	// OnResult, if set, is told of every finished run, and of a run that is
	// stuck. Calls come one at a time, from within Run; a call that blocks holds
	// up later results, which then turn stale.
	OnResult func(Result)

	// OnChange, if set, is told when the verdict on the checks has changed. It is
	// called like OnResult and after it; the first call reports the change from
	// Unknown, which is also the verdict of a server that is starting. Draining is
	// not part of that verdict: whoever calls Drain knows of it. What changes by
	// time alone, a result that turns stale and the end of StartupGrace, makes no
	// call by itself: the next result does, of whatever check. Status and Snapshot
	// show it at once.
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
	if err := r.validate(); err != nil {
		return fmt.Errorf("health: %w", err)
	}

	var start startup
	if r.StartupGrace > 0 {
		start.graceEnds = time.Now().Add(r.StartupGrace)
	}
	records := make([]record, len(r.Checks))
	updates := make(chan update)
	leaks := make([]error, len(r.Checks))
	var loops sync.WaitGroup
	for i, c := range r.Checks {
		c = c.withDefaults()
		records[i] = newRecord(c)
		w := watch{check: c, index: i, updates: updates}
		loops.Go(func() { leaks[i] = w.loop(ctx) })
	}
	ended := make(chan struct{})
	go func() { loops.Wait(); close(ended) }()
	r.own(ctx, records, start, updates)
	<-ended

	r.stop()
	return errors.Join(leaks...)
}

// own is the one place that changes what is known while checks run.
func (r *Registry) own(ctx context.Context, records []record, start startup, updates <-chan update) {
	was := Unknown
	for {
		results := make([]Result, len(records))
		for i := range records {
			results[i] = records[i].result
		}
		now := time.Now()
		p := publish(results, start, now)
		start = p.startup
		r.current.Store(p)
		if status := p.verdict.status; status != was {
			if r.OnChange != nil {
				r.OnChange(was, p.snapshot(now))
			}
			was = status
		}
		select {
		case <-ctx.Done():
			return
		case u := <-updates:
			records[u.index] = records[u.index].add(u.run)
			if r.OnResult != nil {
				r.OnResult(records[u.index].result)
			}
		}
	}
}

// stop makes known that nobody looks any more.
func (r *Registry) stop() {
	stopped := &published{startup: r.current.Load().startup} // its verdict is Unknown
	for _, c := range r.Checks {
		result := newRecord(c.withDefaults()).result
		result.Err = ErrStopped
		stopped.results = append(stopped.results, result)
	}
	r.current.Store(stopped)
}

// Drain turns the verdict to Fail, and keeps it there, so that load balancers
// stop sending before the server stops serving.
func (r *Registry) Drain() { r.draining.Store(true) }

// Undrain takes Drain back: the verdict is that of the checks again.
func (r *Registry) Undrain() { r.draining.Store(false) }

// Status is the verdict now. It runs no check, takes no lock and allocates
// nothing, however many checks there are.
func (r *Registry) Status() Status {
	if r.draining.Load() {
		return Fail
	}
	return r.verdict().status
}

// Bare is the verdict now as strangers are told it: 200 "ok" in service, and 503
// with "fail", "unknown", "draining" or "starting" when not. Like Status it runs
// no check, takes no lock and allocates nothing.
func (r *Registry) Bare() (code int, word string) {
	a := r.answer()
	return a.code, a.word
}

// answer is the bare answer now.
func (r *Registry) answer() answer {
	return bare(r.draining.Load(), r.verdict())
}

// verdict is what the checks come to now.
func (r *Registry) verdict() verdict {
	p := r.current.Load()
	if p == nil {
		return verdict{status: Unknown}
	}
	return p.at(time.Now())
}

// Snapshot is everything that is known now. It runs no check.
func (r *Registry) Snapshot() Snapshot {
	now := time.Now()
	s := Snapshot{Time: now}
	if p := r.current.Load(); p != nil {
		s = p.snapshot(now)
	} else {
		for _, c := range r.Checks {
			s.Results = append(s.Results, newRecord(c.withDefaults()).result)
		}
	}
	if r.draining.Load() {
		s.Status, s.Draining, s.Starting = Fail, true, false
	}
	return s
}
