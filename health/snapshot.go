package health

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotChecked is the error of a result whose check has not finished a first
// run.
var ErrNotChecked = errors.New("not checked yet")

// ErrStopped is the error of a result whose registry no longer runs.
var ErrStopped = errors.New("no longer checked")

// Result is what the last run of one check came to.
type Result struct {
	Check         string        // the check's name
	Status        Status        // Pass, Fail, or Unknown when there is none or it is stale
	Err           error         // why the status is not Pass; nil when it is
	Scope         Scope         // the check's scope
	ComponentType string        // the check's component type
	Time          time.Time     // when the result was known; zero before the first
	Duration      time.Duration // how long the run took, or has taken so far when it is stuck
	FreshFor      time.Duration // how long after Time the result counts
}

// at returns the result as it is to be read at now: unchanged while it is
// fresh, Unknown afterwards.
func (r Result) at(now time.Time) Result {
	if r.Status == Unknown || !now.After(r.Time.Add(r.FreshFor)) {
		return r
	}
	age := now.Sub(r.Time).Round(time.Millisecond)
	r.Status = Unknown
	r.Err = fmt.Errorf("last result is %v old, it counted for %v", age, r.FreshFor)
	return r
}

// weight is the result's part in the verdict: its status, softened when the
// failing thing is shared.
func (r Result) weight() Status {
	if r.Status == Fail && r.Scope == Shared {
		return Warn
	}
	return r.Status
}

// judge is the verdict on results that were already read at a moment: the worst
// of their weights. No results make Pass, since nothing is known to be wrong.
func judge(results []Result) Status {
	verdict := Pass
	for _, r := range results {
		if w := r.weight(); w.severity() > verdict.severity() {
			verdict = w
		}
	}
	return verdict
}

// Snapshot is everything a registry knows at one moment. It is a value of its
// own: nothing changes it later.
type Snapshot struct {
	Time     time.Time // the moment
	Status   Status    // the verdict
	Draining bool      // the server is going away; the verdict is Fail whatever the results say
	Results  []Result  // one for each check, in the registry's order
}

// Reasons says in words why the verdict is not Pass, one entry for each cause.
// It is empty when the verdict is Pass.
func (s Snapshot) Reasons() []string {
	var reasons []string
	if s.Draining {
		reasons = append(reasons, "draining")
	}
	for _, r := range s.Results {
		if r.Status != Pass {
			reasons = append(reasons, fmt.Sprintf("%s: %v", r.Check, r.Err))
		}
	}
	return reasons
}

// published is what the registry's owner last made known. It is immutable.
type published struct {
	results []Result
	status  Status
	until   time.Time // the first moment at which a result turns stale; zero means never
}

// publish judges results. The slice must not be changed afterwards.
func publish(results []Result) *published {
	p := &published{results: results, status: judge(results)}
	for _, r := range results {
		if r.Status == Unknown {
			continue
		}
		if end := r.Time.Add(r.FreshFor); p.until.IsZero() || end.Before(p.until) {
			p.until = end
		}
	}
	return p
}

// staleAt reports whether status has to be judged anew at now.
func (p *published) staleAt(now time.Time) bool {
	return !p.until.IsZero() && now.After(p.until)
}

// at returns the results as they are to be read at now.
func (p *published) at(now time.Time) []Result {
	results := make([]Result, len(p.results))
	for i, r := range p.results {
		results[i] = r.at(now)
	}
	return results
}
