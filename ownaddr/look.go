package ownaddr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// planners decide for each source whether it is asked. A planner touches no
// network; named is true if the user listed the source. A source that is at hand
// asks nobody, so it answers at once.
var planners = []struct {
	source Source
	atHand bool
	plan   func(l *look, named bool) task
}{
	{Interfaces, true, planInterfaces},
	{Kubernetes, true, planKubernetes},
	{ECS, false, planECS},
	{EC2, false, planEC2},
	{Google, false, planGoogle},
	{Azure, false, planAzure},
}

// Sources returns all sources, in the order in which a report has them.
func Sources() []Source {
	var all []Source
	for _, p := range planners {
		all = append(all, p.source)
	}
	return all
}

// look is what planners decide by.
type look struct {
	around      *surroundings
	dmi         dmi
	only        []Source // empty: all
	atHand      bool     // leave out the sources that are not
	timeout     time.Duration
	allowIMDSv1 bool
}

// task is what to do with one source.
type task struct {
	why      string // it is asked, or it is not
	endpoint string
	ask      func(ctx context.Context) finding // nil: not at all. It returns when ctx ends.
}

// askedFor is the reason to ask a source without a sign that it is there.
const askedFor = "asked for by name"

// reason says whether and why a cloud's metadata service is asked when no
// variable names its endpoint.
func (l *look) reason(s Source, named bool) (why string, ok bool) {
	if fact, ok := l.dmi.evidence(s); ok {
		return fact, true
	}
	if named {
		return askedFor, true
	}
	return l.dmi.other(), false
}

// attempts tries the sources, all at once, and returns when all have ended.
func (l *look) attempts(ctx context.Context) []Attempt {
	var tries sync.WaitGroup
	attempts := make([]Attempt, len(planners))
	for i, p := range planners {
		a := &attempts[i]
		a.Source, a.Outcome = p.source, NotTried
		named := slices.Contains(l.only, p.source)
		if len(l.only) > 0 && !named || l.atHand && !p.atHand {
			a.Why = "not among the sources asked for"
			continue
		}
		t := p.plan(l, named)
		a.Why, a.Endpoint = t.why, redacted(t.endpoint)
		if t.ask != nil {
			tries.Go(func() { a.try(ctx, t) })
		}
	}
	tries.Wait()
	for _, s := range l.only {
		if !slices.Contains(Sources(), s) {
			attempts = append(attempts, Attempt{
				Source: s, Outcome: NotTried,
				Why: fmt.Sprintf("there is no such source; there are %v", Sources()),
			})
		}
	}
	return attempts
}

// try asks one source.
func (a *Attempt) try(ctx context.Context, t task) {
	began := time.Now()
	f := t.ask(ctx)
	a.Took = time.Since(began)
	for _, list := range [][]Address{f.addresses, f.leftOut} {
		for i := range list {
			list[i].Source, list[i].Seen = a.Source, began
		}
	}
	a.Addresses, a.LeftOut, a.Err, a.Hint = f.addresses, f.leftOut, f.err, f.hint
	if a.Hint == "" {
		a.Hint = advice(f.err)
	}
	switch {
	case len(f.addresses) > 0:
		a.Outcome = Found
	case f.err != nil:
		a.Outcome = Failed
	default:
		a.Outcome = FoundNothing
	}
}

// finding is what a source said.
type finding struct {
	addresses, leftOut []Address // without Source and Seen, which try fills in
	err                error
	hint               string
}

// failure is a finding that found an error.
func failure(err error) finding { return finding{err: err} }

// add adds an address once: POD_IPS repeats POD_IP.
func (f *finding) add(a Address) {
	if !slices.ContainsFunc(f.addresses, func(b Address) bool { return a.Addr == b.Addr && a.Kind == b.Kind }) {
		f.addresses = append(f.addresses, a)
	}
}

// take adds the addresses that a service names, and returns what it said that is
// no address. An empty text says that there is none. Without a kind the number
// decides.
func (f *finding) take(name string, kind Kind, texts ...string) error {
	var lies []error
	for _, text := range texts {
		if text == "" {
			continue
		}
		addr, err := parseAddr(text)
		if err != nil {
			lies = append(lies, fmt.Errorf("%s: %w", name, err))
			continue
		}
		f.add(Address{Addr: addr, Kind: cmp.Or(kind, kindOf(addr)), Name: name})
	}
	return errors.Join(lies...)
}
