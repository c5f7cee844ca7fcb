package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/forwarder"
)

// Agent proves the checks of an agent: those that Make makes run in a registry as
// they do in the agent, and each of their dependencies is broken in turn.
type Agent struct {
	// Make makes the checks. Every connection of a check must be opened by what
	// dial gives for its name. The function returned is called at the end.
	// Required.
	Make func(dial func(check string) DialFunc) ([]health.Check, func() error, error)

	// Kinds are the checks' kinds by name, as the configuration calls them, and
	// "sqlite" for an SQL check of a file. Kinds that open no connection are not
	// provable; one that should and does not is a defect.
	Kinds map[string]string

	// StartupGrace is the field of [health.Registry].
	StartupGrace time.Duration

	// Only are the names of the checks to prove. What else depends on the same is
	// looked at as well. Empty means all.
	Only []string

	// Faults are what is tried. Empty means all.
	Faults []Fault

	// Interval replaces longer intervals of the checks, for a proof that takes less
	// time. Bounds are reckoned with it. Zero leaves them.
	Interval time.Duration

	// Observe is told how far the proof has come. It is called by Run, and holds it
	// up. May be nil.
	Observe func(Event)
}

// tick is how often the registry is looked at: that costs nothing.
const tick = 10 * time.Millisecond

// proof is one run of an Agent.
type proof struct {
	*Agent
	between *between
	all     []health.Check
	checks  []health.Check // those of them that were well
	report  Report
}

// Run proves. Its error is one of making the checks or of this machine, or ctx's;
// what is wrong with the checks is in the report.
func (a *Agent) Run(ctx context.Context) (_ Report, err error) {
	begun := time.Now()
	p := &proof{Agent: a, between: newBetween(), report: Report{Subject: "the agent"}}
	defer p.between.close()
	checks, end, err := a.Make(p.between.dial)
	if err != nil {
		return p.report, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if len(checks) == 0 {
		p.report.Defects = []Defect{{Kind: NoChecks, Text: "is 200 whatever breaks, as the agent checks nothing", Hint: "add checks"}}
	}
	p.all = p.hurry(checks)
	if err := p.survey(ctx); err != nil {
		return p.report, err
	}
	p.plan()
	p.tell(Event{Step: Planned, Report: &p.report, Limit: p.report.Estimate})
	for i := range p.report.Dependencies {
		d := &p.report.Dependencies[i]
		if d.Why == "" {
			if err := p.prove(ctx, d); err != nil {
				return p.report, err
			}
		}
		p.tell(Event{Step: Finished, Dependency: d})
	}
	p.report.Took = time.Since(begun)
	return p.report, nil
}

func (p *proof) tell(e Event) {
	if p.Observe != nil {
		p.Observe(e)
	}
}

func (p *proof) faults() []Fault {
	if len(p.Faults) == 0 {
		return Faults()
	}
	return p.Faults
}

// hurry fills the checks' defaults and shortens their intervals.
func (p *proof) hurry(checks []health.Check) []health.Check {
	var changed []string
	checks = slices.Clone(checks)
	for i := range checks {
		c := filled(checks[i])
		if p.Interval > 0 && c.Interval > p.Interval {
			changed = append(changed, fmt.Sprintf("%s %v", c.Name, c.Interval))
			c.Interval = p.Interval
		}
		checks[i] = c
	}
	if len(changed) > 0 {
		p.report.Notes = append(p.report.Notes, fmt.Sprintf("intervals were shortened to %v for the proof, and bounds with them; configured are: %s", p.Interval, strings.Join(changed, ", ")))
	}
	return checks
}

// running is a registry that runs.
type running struct {
	registry *health.Registry
	ctx      context.Context
	stop     context.CancelFunc
	ended    chan error
}

func (p *proof) start(ctx context.Context, checks []health.Check) *running {
	r := &running{registry: &health.Registry{Checks: checks, StartupGrace: p.StartupGrace}, ended: make(chan error, 1)}
	r.ctx, r.stop = context.WithCancel(ctx)
	go func() { r.ended <- r.registry.Run(r.ctx) }()
	return r
}

// end stops it. Its error is that of checks that can't be run at all. A run that
// does not end at once is no fault of the check: it was stuck in what is broken, and
// ends with its context.
func (r *running) end() error {
	defer r.stop()
	select {
	case err := <-r.ended:
		if r.ctx.Err() == nil {
			return err
		}
	default:
		r.stop()
		<-r.ended
	}
	return nil
}

func (r *running) pace() time.Duration { return tick }

func (r *running) look(context.Context) sight {
	now := r.registry.Snapshot()
	code, word := r.registry.Bare()
	s := sight{
		inService: now.Status.InService(), told: now.Status != health.Pass,
		answer: fmt.Sprintf("%d %s", code, word), reasons: now.Reasons(), bad: map[string]string{},
	}
	if now.Status == health.Warn {
		s.answer += ", degraded"
	}
	for _, result := range now.Results {
		if !result.Status.InService() && result.Err != nil {
			s.bad[result.Check] = result.Err.Error()
		}
	}
	return s
}

// survey runs all checks until they are well, learns what they dial, and sorts out
// those that can't be proven. What is not well now would hide the rest.
func (p *proof) survey(ctx context.Context) error {
	var limit time.Duration
	for _, c := range p.all {
		limit = max(limit, greenBound(c))
	}
	p.tell(Event{Step: Waiting, Limit: limit})
	all := p.start(ctx, p.all)
	err := watch(ctx, all, limit, func(now sight) bool { return len(now.bad) == 0 && p.between.settled() })
	now := all.look(ctx)
	if err := errors.Join(err, all.end()); err != nil {
		return err
	}
	dialled := p.between.dialled()
	for _, c := range p.all {
		// A forwarder accepts, and some checks ask no more.
		if _, bad := now.bad[c.Name]; !bad && p.between.inVain(dialled[c.Name]) {
			now.bad[c.Name] = "it passes as soon as the forwarder accepts, and nothing is behind that"
		}
	}
	for _, group := range components(p.all, dialled) {
		p.sort(group, now)
	}
	return nil
}

// group is checks that have an endpoint in common, or one without any.
type group struct {
	checks    []health.Check
	endpoints []endpoint
}

// components are the groups, in the order of the checks.
func components(checks []health.Check, dialled map[string][]endpoint) []group {
	var groups []group
	for _, c := range checks {
		joined := group{endpoints: dialled[c.Name]}
		var others []group
		at := len(groups)
		for i, g := range groups {
			shares := slices.ContainsFunc(g.endpoints, func(e endpoint) bool { return slices.Contains(dialled[c.Name], e) })
			if !shares {
				others = append(others, g)
				continue
			}
			at = min(at, i) // nothing before it was taken out
			joined.checks = append(joined.checks, g.checks...)
			joined.endpoints = append(joined.endpoints, g.endpoints...)
		}
		joined.checks = append(joined.checks, c)
		slices.SortFunc(joined.endpoints, byAddress)
		joined.endpoints = slices.Compact(joined.endpoints)
		groups = slices.Insert(others, at, joined)
	}
	return groups
}

func byAddress(a, b endpoint) int {
	return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.network, b.network))
}

// sort puts a group where it belongs in the report.
func (p *proof) sort(g group, now sight) {
	var names, ill []string
	for _, c := range g.checks {
		names = append(names, c.Name)
		why, bad := now.bad[c.Name]
		if bad {
			ill = append(ill, c.Name+": "+why)
			continue
		}
		p.checks = append(p.checks, c)
	}
	if len(p.Only) > 0 && !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(p.Only, n) }) {
		return
	}
	kind := p.Kinds[names[0]]
	switch {
	case len(g.endpoints) > 0:
	case !connects(kind):
		p.report.Unprovable = append(p.report.Unprovable, Unprovable{Check: names[0], Kind: kind, Why: apart(kind)})
		if len(ill) == 0 {
			return
		}
	case len(ill) == 0:
		p.report.Defects = append(p.report.Defects, Defect{
			Kind: NeverAsks, Check: names[0], Text: "passes without connecting to anything",
		})
		return
	}
	d := Dependency{Checks: names}
	for _, e := range g.endpoints {
		d.Addresses = append(d.Addresses, e.address)
	}
	if len(ill) > 0 {
		d.Why = "not green before anything was broken: " + strings.Join(ill, "; ")
		if err := p.between.unreached(g.endpoints); err != nil {
			d.Why += " (" + err.Error() + ")"
		}
	}
	p.report.Dependencies = append(p.report.Dependencies, d)
}

// connects reports whether checks of a kind open connections. One that is not known
// does.
func connects(kind string) bool { return apart(kind) == "" }

// apart says why no forwarder can be put in front of what a check of that kind asks.
func apart(kind string) string {
	switch kind {
	case "disk", "memory":
		return "it looks at this machine, not at a connection"
	case "sqlite":
		return "the database is a file"
	case "certificate-file":
		return "the certificate is a file"
	case "exec":
		return "a program opens its connections itself; point it at a forwarder of --between and prove it with --health"
	}
	return ""
}

// plan fills in what will be done, and how long it takes at most.
func (p *proof) plan() {
	for i := range p.report.Dependencies {
		d := &p.report.Dependencies[i]
		broken := of(p.all, d)
		d.Expect = expect(broken)
		for _, c := range broken {
			late := time.Duration(0)
			if d.Expect == Red {
				late = excused(c, p.all)
			}
			d.Bound = max(d.Bound, redBound(c)+late)
			d.HealBound = max(d.HealBound, greenBound(c))
		}
		if d.Expect == Degraded { // until every check has had time to fail with it
			for _, c := range p.checks {
				d.Hold = max(d.Hold, redBound(c))
			}
		}
		if d.Why != "" {
			continue
		}
		for _, f := range p.faults() {
			p.report.Estimate += max(d.Bound, d.Hold) + d.HealBound
			if f == Slow {
				for range rungs(broken) {
					p.report.Estimate += slowDelay(broken)
				}
			}
		}
	}
}

// of are the checks of a dependency, in their order.
func of(checks []health.Check, d *Dependency) []health.Check {
	return slices.DeleteFunc(slices.Clone(checks), func(c health.Check) bool { return !slices.Contains(d.Checks, c.Name) })
}

// prove tries every fault of one dependency, in a registry of its own: what an
// earlier one has left in the history of shared checks must not excuse anything.
func (p *proof) prove(ctx context.Context, d *Dependency) (err error) {
	broken := of(p.checks, d)
	want := watched{expect: d.Expect, checks: d.Checks, bound: d.Bound, hold: d.Hold, healBound: d.HealBound}
	for _, c := range broken {
		want.bounds = append(want.bounds, redBound(c))
	}
	r := p.start(ctx, p.checks)
	defer func() { err = errors.Join(err, r.end()) }()
	for _, f := range p.faults() {
		var first sight
		if err := watch(ctx, r, want.healBound, func(now sight) bool { first = now; return now.green(d.Checks) }); err != nil {
			return err
		}
		if !first.green(d.Checks) {
			d.Why = fmt.Sprintf("not green before %s: %s", f, told(first))
			return nil
		}
		p.tell(Event{Step: Breaking, Dependency: d, Fault: f, Limit: max(want.bound, want.hold) + want.healBound})
		t, err := p.try(ctx, r, d, f, want, broken)
		if err != nil {
			return err
		}
		d.Trials = append(d.Trials, t)
		p.tell(Event{Step: Tried, Dependency: d, Trial: &d.Trials[len(d.Trials)-1]})
	}
	return nil
}

// endpointsOf are those of a dependency.
func (p *proof) endpointsOf(d *Dependency) []endpoint {
	var all []endpoint
	dialled := p.between.dialled()
	for _, check := range d.Checks {
		for _, e := range dialled[check] {
			if slices.Contains(d.Addresses, e.address) && !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	return all
}

func (p *proof) try(ctx context.Context, r *running, d *Dependency, f Fault, want watched, broken []health.Check) (Trial, error) {
	var delay time.Duration
	if f == Slow {
		delay = slowDelay(broken)
	}
	endpoints := p.endpointsOf(d)
	var also []endpoint
	breaking := func() error { return p.between.breakAll(mode(f), delay, endpoints, d.Checks) }
	healing := func() (err error) { also, err = p.between.heal(); return err }
	s, err := observe(ctx, r, want, breaking, healing)
	if err != nil {
		return Trial{}, err
	}
	t := judge(f, want, s, p.Kinds)
	t.Delay = delay
	if f == Slow {
		if t.Slowness, err = p.climb(ctx, endpoints, broken); err != nil {
			return t, err
		}
	}
	for _, e := range also {
		if !slices.Contains(endpoints, e) {
			t.Also = append(t.Also, e.address)
		}
	}
	return t, nil
}

// mode is what the forwarder does for a fault.
func mode(f Fault) forwarder.Mode {
	switch f {
	case Refuse:
		return forwarder.Refuse
	case Reset:
		return forwarder.Reset
	case Hang:
		return forwarder.Hang
	case Slow:
		return forwarder.Slow
	}
	return forwarder.Pass
}

// climb slows the endpoints more and more, and runs the checks by themselves until
// all of them fail. The registry goes on meanwhile, and sees what it sees.
func (p *proof) climb(ctx context.Context, endpoints []endpoint, broken []health.Check) (_ []Sensitivity, err error) {
	found := make([]Sensitivity, len(broken))
	for i, c := range broken {
		found[i].Check = c.Name
	}
	defer func() {
		_, healing := p.between.heal()
		err = errors.Join(err, healing)
	}()
	for _, delay := range rungs(broken) {
		if err := p.between.breakAll(forwarder.Slow, delay, endpoints, names(broken)); err != nil {
			return nil, err
		}
		fails := runOnce(ctx, broken)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		left := 0
		for i := range found {
			switch {
			case found[i].Fails > 0:
				continue
			case fails[i]:
				found[i].Fails = delay
				continue
			}
			found[i].Passes = delay
			left++
		}
		if left == 0 {
			break
		}
	}
	return found, nil
}

// runOnce runs checks once, all at the same time, and says which fail.
func runOnce(ctx context.Context, checks []health.Check) []bool {
	fails := make([]bool, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			late := time.Now().Add(c.Timeout)
			limited, cancel := context.WithDeadline(ctx, late)
			defer cancel()
			// A context's end can be late on a busy machine: the clock is not.
			fails[i] = c.Run(limited) != nil || !time.Now().Before(late)
		})
	}
	all.Wait()
	return fails
}

func names(checks []health.Check) []string {
	var list []string
	for _, c := range checks {
		list = append(list, c.Name)
	}
	return list
}
