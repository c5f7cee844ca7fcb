package health

import (
	"fmt"
	"time"

	"github.com/inservice/inservice/internal/threshold"
)

// record is what is remembered of one check from run to run. It is a value of
// the registry's owner; nothing in it reads a clock.
type record struct {
	check   Check // defaults filled
	state   threshold.State
	passed  Status    // what the last passing run came to: Pass or Warn
	failure error     // what the last failing run said
	failed  time.Time // when that was known; zero before any
	result  Result    // what is known now
}

func newRecord(c Check) record {
	return record{check: c, result: Result{
		Check: c.Name, Status: Unknown, Err: ErrNotChecked, Scope: c.Scope, WarnOnly: c.WarnOnly,
		FollowsShared: c.FollowsShared, ComponentType: c.ComponentType, FreshFor: c.FreshFor,
	}}
}

// add returns the record after one more run.
func (r record) add(last run) record {
	if r.state.Status == threshold.InService && r.result.stale(last.time) {
		// Nobody knew how the check was when it last counted, so a failure that is
		// too few to fail it must not make it green again. Being out of service
		// stays: a gap heals nothing. The counts stay too.
		r.state.Status = threshold.Initial
	}
	degraded := isDegraded(last.err)
	passes := last.err == nil || degraded
	r.state, _ = r.check.thresholds().Step(r.state, passes)
	switch {
	case degraded:
		r.passed = Warn
	case passes:
		r.passed = Pass
	default:
		r.failure = last.err
		if r.failed.IsZero() || last.time.Sub(r.failed) > r.check.FollowsShared {
			r.result.spell = last.time
		}
		r.failed = last.time
	}
	if r.state.Status == threshold.OutOfService {
		r.result.lastFail = last.time
	}
	r.result.Status, r.result.Err = r.status(), r.reason(last.err)
	r.result.Passes, r.result.Failures = r.state.Passes, r.state.Failures
	r.result.Time, r.result.Duration = last.time, last.took
	return r
}

// status is the check's status by its thresholds.
func (r record) status() Status {
	switch r.state.Status {
	case threshold.InService:
		return r.passed // also of a failure that is too few: it must not better a Warn
	case threshold.OutOfService:
		return Fail
	default:
		return Unknown
	}
}

// reason is what the last run said, with its place in the row when that has not
// decided yet.
func (r record) reason(last error) error {
	switch {
	case r.state.Failures > 0 && r.state.Status != threshold.OutOfService:
		return fmt.Errorf("failed %d of %d in a row: %w", r.state.Failures, r.check.UnhealthyThreshold, last)
	case r.state.Passes > 0 && r.state.Status == threshold.OutOfService:
		return fmt.Errorf("passed %d of %d in a row since: %w", r.state.Passes, r.check.HealthyThreshold, r.failure)
	default:
		return last
	}
}
