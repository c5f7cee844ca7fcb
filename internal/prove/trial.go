package prove

import (
	"context"
	"errors"
	"slices"
	"time"
)

// sight is the health answer at one moment.
type sight struct {
	inService bool
	told      bool              // something is wrong and it says so
	answer    string            // "503 fail"
	reasons   []string          // of the details
	bad       map[string]string // the checks that are not well, and why
}

// green reports whether nothing is wrong with the answer, and with none of the checks.
func (s sight) green(checks []string) bool {
	return s.inService && !s.told && !slices.ContainsFunc(checks, func(name string) bool { _, bad := s.bad[name]; return bad })
}

// as reports whether the answer is what it is expected to be of something broken.
func (s sight) as(e Expect) bool {
	if e == Red {
		return !s.inService
	}
	return s.inService && s.told
}

// witness looks at the health answer.
type witness interface {
	look(ctx context.Context) sight
	pace() time.Duration // from one look to the next
}

// watched is what is wanted of one trial.
type watched struct {
	expect    Expect
	checks    []string
	bounds    []time.Duration // of the checks
	bound     time.Duration   // of the answer
	hold      time.Duration   // for how long an answer that must be degraded may not turn red
	healBound time.Duration
}

// seen is what was observed in one trial; judge makes a verdict of it.
type seen struct {
	after    time.Duration            // until the answer was as expected; zero: never
	bad      map[string]time.Duration // until a check was not well
	why      map[string]string        // what it said
	turnsRed time.Duration            // until it was out of service; zero: never
	broken   sight                    // the last look while broken
	healed   time.Duration            // until all was green again; zero: never
	mended   sight                    // the last look after healing
}

// observe breaks, watches until everything has reacted or its time is over, heals,
// and watches again. It always heals. An error is one of breaking or healing, or
// ctx's.
func observe(ctx context.Context, w witness, want watched, breaking, healing func() error) (seen, error) {
	s := seen{bad: map[string]time.Duration{}, why: map[string]string{}}
	begun := time.Now()
	if err := breaking(); err != nil {
		return s, errors.Join(err, healing())
	}
	err := watch(ctx, w, max(want.hold, want.bound+patience(want.bound)), func(now sight) bool {
		since := max(time.Since(begun), 1)
		s.broken = now
		for name, why := range now.bad {
			if _, already := s.bad[name]; !already && slices.Contains(want.checks, name) {
				s.bad[name] = since
			}
			s.why[name] = why
		}
		if !now.inService && s.turnsRed == 0 {
			s.turnsRed = since
		}
		if now.as(want.expect) && s.after == 0 {
			s.after = since
		}
		settled := want.expect == Red || s.turnsRed > 0 || since >= want.hold
		return (s.after > 0 || s.turnsRed > 0) && len(s.bad) == len(want.checks) && settled
	})
	begun = time.Now()
	if err := errors.Join(err, healing()); err != nil {
		return s, err
	}
	err = watch(ctx, w, want.healBound+patience(want.healBound), func(now sight) bool {
		s.mended = now
		if now.green(want.checks) {
			s.healed = max(time.Since(begun), 1)
		}
		return s.healed > 0
	})
	return s, err
}

// watch looks until done says so or the time is over. Its error is ctx's.
func watch(ctx context.Context, w witness, limit time.Duration, done func(sight) bool) error {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(w.pace())
	defer tick.Stop()
	for {
		now := w.look(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if done(now) || !time.Now().Before(deadline) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
