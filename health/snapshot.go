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

// Result is what the last runs of one check came to.
type Result struct {
	Check string // the check's name

	// Status is what the check's thresholds make of its runs: Pass, Warn when
	// the last that passed was [Degraded], or Fail. It is Unknown while the runs
	// have not decided yet and when the last is stale.
	Status Status

	// Err is what the last run said, and nil when that was all well. It may be set
	// while Status is Pass ("failed 1 of 3 in a row: …"), and it is set while
	// Status is Fail though the last run passed ("passed 1 of 2 in a row since: …").
	// It is never nil when Status is not Pass.
	Err error

	Passes   int // runs in a row that passed, up to the last; zero when it failed
	Failures int // runs in a row that failed, up to the last; zero when it passed

	Scope         Scope         // the check's scope
	WarnOnly      bool          // the check never decides, see [Check]
	FollowsShared time.Duration // the check's field
	ComponentType string        // the check's component type
	Time          time.Time     // when the result was known; zero before the first
	Duration      time.Duration // how long the run took, or has taken so far when it is stuck
	FreshFor      time.Duration // how long after Time the result counts

	spell    time.Time // when the last failures began; passes between them, for up to FollowsShared, don't end it
	lastFail time.Time // when Status was last Fail; zero if it never was
}

// stale reports whether the result no longer counts at now. One that never came
// is not stale.
func (r Result) stale(now time.Time) bool {
	return !r.Time.IsZero() && now.After(r.Time.Add(r.FreshFor))
}

// at returns the result as it is to be read at now: unchanged while it is
// fresh, Unknown afterwards.
func (r Result) at(now time.Time) Result {
	if r.stale(now) {
		age := now.Sub(r.Time).Round(time.Millisecond)
		r.Status = Unknown
		r.Err = fmt.Errorf("last result is %v old, it counted for %v", age, r.FreshFor)
	}
	return r
}

// weigh returns a result's part in the verdict at now: its status, softened when
// the failing thing is shared or follows from one that is, or when the check is
// there to warn only.
func weigh(results []Result, i int, now time.Time) Status {
	r := &results[i]
	status := r.Status
	if r.stale(now) {
		status = Unknown
	}
	switch {
	case r.WarnOnly && r.Time.IsZero():
		return Pass // nothing is known against it yet
	case r.WarnOnly && !status.InService():
		return Warn
	case status == Fail && (r.Scope == Shared || follows(results, r, now)):
		return Warn
	}
	return status
}

// follows reports whether the failure of r can be the consequence of a shared one.
func follows(results []Result, r *Result, now time.Time) bool {
	if r.FollowsShared <= 0 {
		return false
	}
	for i := range results {
		s := &results[i]
		if s.Scope != Shared || s.Time.IsZero() {
			continue
		}
		failing := s.Status == Fail && !s.stale(now)
		lately := !s.lastFail.IsZero() && !now.After(s.lastFail.Add(r.FollowsShared))
		if failing || lately || s.unaware(r) && !now.After(r.spell.Add(r.FollowsShared)) {
			return true
		}
	}
	return false
}

// unaware reports whether a shared check may still find what r fails of: it has not
// begun a run since, or its failures don't suffice yet.
func (r *Result) unaware(of *Result) bool {
	return r.Failures > 0 || r.Time.Add(-r.Duration).Before(of.spell)
}

// judge is the verdict on results at now: the worst of their weights. No results
// make Pass, since nothing is known to be wrong.
func judge(results []Result, now time.Time) Status {
	verdict := Pass
	for i := range results {
		if w := weigh(results, i, now); w.severity() > verdict.severity() {
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
	Starting bool      // the server is in its start-up grace; the verdict is Unknown whatever the results say
	Started  bool      // the checks have been in service once since Run began; it then stays, even while draining
	Results  []Result  // one for each check, in the registry's order
}

// Reasons says in words why the verdict is not Pass, one entry for each cause.
// It is empty when the verdict is Pass.
func (s Snapshot) Reasons() []string {
	var reasons []string
	if s.Draining {
		reasons = append(reasons, "draining")
	}
	if s.Starting {
		reasons = append(reasons, "starting")
	}
	for i, r := range s.Results {
		if weigh(s.Results, i, s.Time) != Pass {
			reasons = append(reasons, fmt.Sprintf("%s: %v", r.Check, r.Err))
		}
	}
	return reasons
}

// Degraded is the share, from 0 to 1, of this server's own checks that are not
// well in the verdict, critical or not: by how much less a balancer that knows
// weights should send. Shared checks do not count, since they fail on all
// servers alike. Without checks of its own it is 0.
func (s Snapshot) Degraded() float64 {
	own, bad := 0, 0
	for i, r := range s.Results {
		if r.Scope == Shared {
			continue
		}
		own++
		if weigh(s.Results, i, s.Time) != Pass {
			bad++
		}
	}
	if own == 0 {
		return 0
	}
	return float64(bad) / float64(own)
}
