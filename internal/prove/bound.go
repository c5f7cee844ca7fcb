package prove

import (
	"time"

	"github.com/inservice/inservice/health"
)

// slack is what a bound leaves to the machine.
const slack = time.Second

// Pure: when a check must have reacted. See health.Check for what its runs do.

// filled is the check with its defaults, as the registry takes it.
func filled(c health.Check) health.Check {
	if c.Interval == 0 {
		c.Interval = health.DefaultInterval
	}
	if c.Timeout == 0 {
		c.Timeout = health.DefaultTimeout
	}
	c.HealthyThreshold, c.UnhealthyThreshold = max(1, c.HealthyThreshold), max(1, c.UnhealthyThreshold)
	return c
}

// beat is the time from one run of a broken check to the next at most: runs never
// overlap.
func beat(c health.Check) time.Duration { return max(c.Interval, c.Timeout) }

// redBound is by when a check must fail whose dependency breaks right after a run
// has passed: the first run that can fail begins an interval later and takes up to
// the timeout; each further one that the threshold wants begins a beat later.
func redBound(c health.Check) time.Duration {
	c = filled(c)
	return c.Interval + c.Timeout + time.Duration(c.UnhealthyThreshold-1)*beat(c) + slack
}

// greenBound is by when it must pass again: the run that is under way may still
// fail, the next begins a beat after that one, and takes up to the timeout.
func greenBound(c health.Check) time.Duration {
	c = filled(c)
	return beat(c) + c.Timeout + time.Duration(c.HealthyThreshold-1)*beat(c) + slack
}

// excused is for how much longer the answer may stay in service while a check fails
// that may follow from a shared failure: until every shared check has looked.
func excused(c health.Check, all []health.Check) time.Duration {
	var longest time.Duration
	if c.FollowsShared <= 0 {
		return 0
	}
	for _, s := range all {
		if s.Scope == health.Shared {
			s = filled(s)
			longest = max(longest, s.Interval+s.Timeout+time.Duration(s.UnhealthyThreshold-1)*beat(s))
		}
	}
	return min(longest, c.FollowsShared)
}

// expect is what the answer must do when these checks fail together.
func expect(broken []health.Check) Expect {
	shared := false
	for _, c := range broken {
		shared = shared || c.Scope == health.Shared
	}
	for _, c := range broken {
		if !c.WarnOnly && c.Scope != health.Shared && (c.FollowsShared <= 0 || !shared) {
			return Red
		}
	}
	return Degraded
}

// slowDelay is a delay, in each direction, at which no check that waits for an
// answer can have it in time.
func slowDelay(broken []health.Check) time.Duration {
	var longest time.Duration
	for _, c := range broken {
		longest = max(longest, filled(c).Timeout)
	}
	return longest + longest/4
}

// rungs are the delays that are tried to find out which one a check still bears.
func rungs(broken []health.Check) []time.Duration {
	var longest time.Duration
	for _, c := range broken {
		longest = max(longest, filled(c).Timeout)
	}
	return []time.Duration{longest / 16, longest / 8, longest / 4, longest / 2}
}

// patience is for how long a late reaction is waited for beyond its bound: late and
// never are different defects.
func patience(bound time.Duration) time.Duration { return min(bound, 15*time.Second) }
