package prove

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/forwarder"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/threshold"
)

// DefaultBound is by when an app must react, and by when it must recover, if
// nothing else is said: what a load balancer with ordinary settings needs to notice.
const DefaultBound = 15 * time.Second

// Route is one forwarder that the app was pointed at.
type Route struct {
	Listen   string // host:port that the app connects to, or "unix:" and a path
	Network  string // of the dependency; empty means tcp
	Address  string
	Degraded bool // it is declared that the app stays in service without it, and says so
}

// App proves the health view of a program that was pointed at forwarders.
type App struct {
	// Name is what the report calls the health view, such as its URL.
	Name string

	// Probe asks for the health view. Required.
	Probe probe.Probe

	// Interval is the time from one probe to the next. Zero means 500ms. Two in a
	// row decide.
	Interval time.Duration

	// Between are the forwarders. At least one.
	Between []Route

	// Bound is by when the answer must react, and recover. Zero means DefaultBound.
	Bound time.Duration

	// Delay is that of Slow, in each direction. Zero means a quarter more than the
	// probe's timeout, so that a view that waits for the dependency is too late.
	Delay time.Duration

	// Faults are what is tried. Empty means all.
	Faults []Fault

	// Observe is told how far the proof has come, as for an [Agent].
	Observe func(Event)
}

// prober looks at a health view as a load balancer does.
type prober struct {
	probe    probe.Probe
	interval time.Duration
	policy   threshold.Policy
	state    threshold.State
	last     probe.Result
}

func (p *prober) pace() time.Duration { return p.interval }

func (p *prober) look(ctx context.Context) sight {
	result := p.probe.Run(ctx)
	if result.Reason != probe.InternalError { // which says nothing about the app
		p.state, _ = p.policy.Step(p.state, result.Pass)
		p.last = result
	}
	s := sight{inService: p.state.Status == threshold.InService, answer: p.answer()}
	s.told = !s.inService || tells(result.Received)
	if !p.last.Pass {
		s.reasons = []string{p.last.Description}
	} else if p.last.Status != 0 && s.told {
		s.answer += ", degraded"
	}
	return s
}

// answer is the last answer, with the first line of its body.
func (p *prober) answer() string {
	if p.last.Status == 0 {
		return cmp.Or(string(p.last.Reason), "unknown")
	}
	text := fmt.Sprint(p.last.Status)
	if line := firstLine(p.last.Received); line != "" {
		text += " " + line
	}
	return text
}

// body is the beginning of an answer's body, from its transcript.
func body(received []byte) []byte {
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(received)), nil)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body) // a transcript may end early, and is bounded
	return text
}

// firstLine is the beginning of an answer's body.
func firstLine(received []byte) string {
	const limit = 60
	line, _, _ := strings.Cut(strings.TrimSpace(string(body(received))), "\n")
	if len(line) > limit {
		line = strings.ToValidUTF8(line[:limit], "") + "…"
	}
	return strings.TrimSpace(line)
}

// tells reports whether the body of an answer says that something is wrong:
// health+json's "warn", or in words.
func tells(received []byte) bool {
	text := bytes.ToLower(body(received))
	return bytes.Contains(text, []byte("warn")) || bytes.Contains(text, []byte("degraded"))
}

// Run proves. Its error is one of opening the forwarders, after which nothing is
// open, or ctx's; what is wrong with the app is in the report.
func (a *App) Run(ctx context.Context) (_ Report, err error) {
	begun := time.Now()
	report := Report{Subject: a.Name}
	if len(a.Between) == 0 {
		return report, errors.New("prove: nothing stands between the app and its dependencies")
	}
	bound := cmp.Or(a.Bound, DefaultBound)
	forwarding, stop := context.WithCancel(context.Background()) // until all is healed, also when ctx ends
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	forwarders, err := a.open()
	if err != nil {
		return report, err
	}
	for _, f := range forwarders {
		work.Go(func() { f.Run(forwarding) }) // what closing it meets concerns nobody any more
	}
	for _, r := range a.Between {
		d := Dependency{Addresses: []string{r.Address}, Expect: Red, Bound: bound, HealBound: bound}
		if r.Degraded {
			d.Expect, d.Hold = Degraded, bound
		}
		report.Dependencies = append(report.Dependencies, d)
		report.Estimate += time.Duration(len(a.faults())) * 2 * bound
	}
	a.tell(Event{Step: Planned, Report: &report, Limit: report.Estimate})
	w := &prober{probe: a.Probe, interval: cmp.Or(a.Interval, 500*time.Millisecond), policy: threshold.Policy{Healthy: 2, Unhealthy: 2}}
	for i := range report.Dependencies {
		d := &report.Dependencies[i]
		if err := a.prove(ctx, w, d, forwarders[i]); err != nil {
			return report, err
		}
		a.tell(Event{Step: Finished, Dependency: d})
	}
	report.Took = time.Since(begun)
	return report, nil
}

func (a *App) tell(e Event) {
	if a.Observe != nil {
		a.Observe(e)
	}
}

func (a *App) faults() []Fault {
	if len(a.Faults) == 0 {
		return Faults()
	}
	return a.Faults
}

// open opens all forwarders, or none.
func (a *App) open() ([]*forwarder.Forwarder, error) {
	var opened []*forwarder.Forwarder
	for _, r := range a.Between {
		f := &forwarder.Forwarder{Listen: r.Listen, Network: r.Network, Address: r.Address}
		if err := f.Open(); err != nil {
			for _, o := range opened {
				err = errors.Join(err, o.Close())
			}
			return nil, err
		}
		opened = append(opened, f)
	}
	return opened, nil
}

// prove tries every fault of one dependency.
func (a *App) prove(ctx context.Context, w witness, d *Dependency, f *forwarder.Forwarder) error {
	want := watched{expect: d.Expect, bound: d.Bound, hold: d.Hold, healBound: d.HealBound}
	for _, fault := range a.faults() {
		a.tell(Event{Step: Waiting, Limit: want.healBound})
		var first sight
		// A forwarder accepts at once, and knows only later whether anybody is behind it.
		known := func() bool { s := f.Stats(); return s.Accepted == 0 || s.Reached > 0 || s.Err != nil }
		if err := watch(ctx, w, want.healBound, func(now sight) bool { first = now; return now.green(nil) && known() }); err != nil {
			return err
		}
		if !first.green(nil) {
			d.Why = "not green before " + string(fault) + ": " + told(first)
			if err := f.Stats().Err; err != nil {
				d.Why += " (" + d.Name() + " can't be reached: " + err.Error() + ")"
			}
			return nil
		}
		if d.Why = unmet(d, f, fault); d.Why != "" {
			return nil
		}
		a.tell(Event{Step: Breaking, Dependency: d, Fault: fault, Limit: want.bound + want.healBound})
		var delay time.Duration
		if fault == Slow {
			delay = cmp.Or(a.Delay, a.Probe.Timeout+a.Probe.Timeout/4)
		}
		before := f.Stats().Accepted
		breaking := func() error { return f.Set(mode(fault), delay) }
		healing := func() error { return f.Set(forwarder.Pass, 0) }
		s, err := observe(ctx, w, want, breaking, healing)
		if err != nil {
			return err
		}
		t := judge(fault, want, s, nil)
		if t.Proven() && f.Stats().Reached == 0 {
			// The app does ask. Its connections may still wait to be taken on.
			met := func(sight) bool { s := f.Stats(); return s.Reached > 0 || s.Accepted > 0 && s.Err != nil }
			if err := watch(ctx, w, want.healBound, met); err != nil {
				return err
			}
		}
		if d.Why = unmet(d, f, fault); d.Why != "" {
			return nil
		}
		t.Delay = delay
		if f.Stats().Accepted == 0 {
			unused(&t, f.Addr().String())
		} else if i := slices.IndexFunc(t.Defects, func(x Defect) bool { return x.Kind == StaysGreen && x.Hint == "" }); i >= 0 {
			t.Defects[i].Hint = fmt.Sprintf("the app made %d connections through %s before, and %d while it was broken: the health view does not ask", before, f.Addr(), f.Stats().Accepted-before)
		}
		d.Trials = append(d.Trials, t)
		a.tell(Event{Step: Tried, Dependency: d, Trial: &d.Trials[len(d.Trials)-1]})
	}
	return nil
}

// unmet says why a fault would prove nothing: the app asked, and nobody was ever
// there. Empty if that is not so.
func unmet(d *Dependency, f *forwarder.Forwarder, fault Fault) string {
	s := f.Stats()
	if s.Reached > 0 || s.Accepted == 0 {
		return ""
	}
	why := "connecting takes too long"
	if s.Err != nil {
		why = s.Err.Error()
	}
	return fmt.Sprintf("green before %s, though %s can't be reached: %s; is it the right address?", fault, d.Name(), why)
}

// unused tells of an app that never came by.
func unused(t *Trial, address string) {
	for i := range t.Defects {
		if t.Defects[i].Kind == StaysGreen {
			t.Defects[i].Hint = "nobody ever connected to " + address + ": is the app pointed at it, and does its health view ask?"
		}
	}
}
