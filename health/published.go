package health

import (
	"slices"
	"time"
)

// published is what the registry's owner last made known. It is immutable, so
// any number of readers may share it without a lock.
//
// Three things change by time alone: a result turns stale, the start-up grace ends,
// and a failure no longer follows from a shared one. None has a timer. What is published says until when its verdict holds,
// and whoever reads it later judges anew.
type published struct {
	results []Result
	verdict verdict   // until then
	until   time.Time // the last moment of verdict; zero means that time does not change it
	startup startup
}

// verdict is what the checks come to at one moment.
type verdict struct {
	status   Status
	starting bool // so that status is Unknown
}

// startup is how far a run of the registry has come into service. The one field
// never changes and the other goes one way only, as do time and first results, so
// what is no longer starting never is again.
type startup struct {
	graceEnds time.Time // zero means that there is no grace
	started   bool      // has been in service
}

// starting reports whether a server that is not in service is to be called
// starting at now.
func (s startup) starting(looked bool, now time.Time) bool {
	return !s.started && !s.graceEnds.IsZero() && (!looked || !now.After(s.graceEnds))
}

// publish judges results at now. The slice must not be changed afterwards.
func publish(results []Result, s startup, now time.Time) *published {
	p := &published{results: results, startup: s}
	p.verdict = p.judge(now)
	if p.verdict.status.InService() {
		p.startup.started = true
	}
	if p.verdict.starting && looked(results) {
		p.changesAfter(p.startup.graceEnds)
	}
	for i := range results {
		r := &results[i]
		if !r.Time.IsZero() && !r.stale(now) {
			p.changesAfter(r.Time.Add(r.FreshFor))
		}
		if r.Status == Fail {
			p.changesAsItStopsFollowing(r, now)
		}
	}
	return p
}

// changesAsItStopsFollowing notes when the failure of r is no longer excused by a
// shared one of the past.
func (p *published) changesAsItStopsFollowing(r *Result, now time.Time) {
	for i := range p.results {
		s := &p.results[i]
		if s.Scope != Shared {
			continue
		}
		for _, from := range [...]time.Time{s.lastFail, r.spell} {
			if end := from.Add(r.FollowsShared); !from.IsZero() && !end.Before(now) {
				p.changesAfter(end)
			}
		}
	}
}

func (p *published) changesAfter(end time.Time) {
	if p.until.IsZero() || end.Before(p.until) {
		p.until = end
	}
}

// at is the verdict at now. It takes no lock and allocates nothing.
func (p *published) at(now time.Time) verdict {
	if p.until.IsZero() || !now.After(p.until) {
		return p.verdict
	}
	return p.judge(now)
}

// judge is the verdict at now, from the results.
func (p *published) judge(now time.Time) verdict {
	v := verdict{status: judge(p.results, now)}
	if !v.status.InService() && p.startup.starting(looked(p.results), now) {
		v = verdict{status: Unknown, starting: true}
	}
	return v
}

// looked reports whether every critical check has a first result.
func looked(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return !r.WarnOnly && r.Time.IsZero() })
}

// snapshot is everything at now, but for draining.
func (p *published) snapshot(now time.Time) Snapshot {
	v := p.at(now)
	s := Snapshot{
		Time: now, Status: v.status, Starting: v.starting, Started: p.startup.started,
		Results: slices.Clone(p.results),
	}
	for i := range s.Results {
		s.Results[i] = s.Results[i].at(now)
	}
	return s
}
