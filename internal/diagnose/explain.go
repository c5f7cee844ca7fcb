package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/exchange"
)

// outcome is what explains a failing answer.
type outcome struct {
	chain  []Finding // hold at once: each hides the next one
	others []Finding // candidates beside it
	solved bool      // with all that the chain names changed, the probe passes
}

// only is an outcome of one cause.
func only(f Finding, others ...Finding) outcome {
	return outcome{chain: []Finding{f}, others: others}
}

// certain is how certain the end of the chain is.
func (o outcome) certain() float64 {
	if len(o.chain) == 0 {
		return 0
	}
	return o.chain[len(o.chain)-1].Confidence
}

// trial is a change worth making: what it means if it makes the probe pass, and
// whether an answer that fails still got past this obstacle, so that the next one
// shows.
type trial struct {
	change  change
	meaning func(from, to view) Finding
	further func(from, to view) bool // nil: never
}

// longest is how many obstacles one behind the other are looked for.
const longest = 4

// explain says why the probe fails with the changes of a setting made.
func (d *desk) explain(at setting) outcome {
	o := d.bySteps(at)
	if v := d.see(at); v.ok && !v.o.Pending && len(at.changes) == 0 && !o.solved && o.certain() < 0.95 && len(o.chain) < 2 {
		if all, ok := d.together(v); ok {
			return all
		}
	}
	return o
}

// bySteps explains an answer by changes one at a time.
func (d *desk) bySteps(at setting) outcome {
	v := d.see(at)
	if !v.ok || v.passes() {
		return outcome{}
	}
	if len(at.changes) >= longest {
		return outcome{}
	}
	r, a := v.request(), v.answer()
	switch {
	case v.o.Pending:
		return d.silence(v)
	case a.Stage == exchange.Dialling && a.Status == 0 && !v.closed():
		return d.unconnected(v)
	case renegotiated(a):
		return d.renegotiation(v)
	case r.TLS != nil && a.Status == 0 && (a.Stage <= exchange.Handshaking || a.Failure == exchange.NotTLS || a.Failure == exchange.TLSRefused || a.Failure == exchange.TLSVersion || a.Failure == exchange.Untrusted):
		return d.handshake(v)
	case a.Failure == exchange.BodyCutShort || a.Failure == exchange.BodyBroken || a.Failure == exchange.TimedOut && a.Stage == exchange.ReadingBody:
		return d.truncated(v)
	case a.Late && a.Status != 0 && d.wouldPass(v):
		return d.slow(v)
	case a.Status != 0:
		return d.status(v)
	case v.silent():
		return d.silence(v)
	case v.closed():
		return d.hungUp(v)
	case len(a.Received) > 0:
		return d.garbage(v)
	}
	return outcome{}
}

// wouldPass reports whether a late answer would pass if it were not late.
func (d *desk) wouldPass(v view) bool {
	answers := slices.Clone(v.o.Answers)
	for i := range answers {
		answers[i].Late = false
	}
	return v.o.Experiment.Probe.Judge(answers).Outcome == "pass"
}

// try makes trials one after another. It ends with the first that makes the probe
// pass, or that leads to an answer which can be explained in its turn.
func (d *desk) try(v view, trials []trial) (outcome, bool) {
	var next *outcome
	for _, t := range trials {
		to := d.awaited(v, t.change)
		if !to.ok {
			continue
		}
		if to.passes() {
			f := t.meaning(v, to)
			return outcome{chain: []Finding{f}, solved: true}, true
		}
		if t.further == nil || !t.further(v, to) {
			d.rule(to, v)
			continue
		}
		behind := d.explain(to.at)
		f := t.meaning(v, to)
		f.Confidence = min(f.Confidence, 0.85)
		chain := append([]Finding{f}, behind.chain...)
		whole := outcome{chain: chain, others: behind.others, solved: behind.solved}
		if behind.solved || behind.certain() >= 0.6 {
			return whole, true
		}
		if next == nil {
			next = &whole
		}
	}
	if next != nil {
		return *next, true
	}
	return outcome{}, false
}

// flipped is a Finding that rests on one change.
func flipped(id cause.ID, confidence float64, from, to view) Finding {
	last := to.at.changes[len(to.at.changes)-1]
	f := Finding{
		Cause: id, Confidence: confidence,
		Evidence: []string{fmt.Sprintf("With %s the same request gives %s; without, %s.", last.text(), told(to.answer()), told(from.answer()))},
		Decided:  []string{to.name, from.name},
		Values:   map[string]string{},
	}
	switch last.factor {
	case fPath:
		f.Values["other"] = last.value()
	case fPort:
		f.Values["otherport"] = last.label
	case fAddr:
		f.Values["app"] = to.request().Address
	}
	return f
}

// seen is a Finding that rests on what answers have in common or not.
func seen(id cause.ID, confidence float64, evidence string, views ...view) Finding {
	f := Finding{Cause: id, Confidence: confidence, Values: map[string]string{}}
	if evidence != "" {
		f.Evidence = []string{evidence}
	}
	for _, v := range views {
		if v.ok {
			f.Decided = append(f.Decided, v.name)
		}
	}
	return f
}

// also returns f with more evidence.
func (f Finding) also(format string, args ...any) Finding {
	f.Evidence = append(slices.Clip(f.Evidence), fmt.Sprintf(format, args...))
	return f
}

// meaning is for trials that stand for one cause.
func meaning(id cause.ID, confidence float64) func(from, to view) Finding {
	return func(from, to view) Finding { return flipped(id, confidence, from, to) }
}

// differs reports whether to is another answer than from in its kind.
func differs(from, to view) bool { return kind(from) != kind(to) }

// kind is what an answer is, without its details.
func kind(v view) string {
	a := v.answer()
	if a.Status == 0 {
		return string(a.Failure)
	}
	s := fmt.Sprint(a.Status)
	if a.Status/100 == 3 {
		l, ok := location(v)
		if !ok {
			return s
		}
		h := here(v)
		s = "3xx"
		if l.scheme != h.scheme {
			s += " " + l.scheme
		}
		if l.host != h.host {
			s += " " + l.host
		}
		if l.path != h.path {
			s += " " + unechoed(l.path, v)
		}
	}
	return s
}

// randomPath is one that no site has. It is asked beside the load balancer's.
const randomPath = "/inservice-no-such-path-9f3k"

func pathChange(label, path string) change { return change{factor: fPath, label: label, arg: path} }

// beside asks another path than v's. Where the checker's own method brings no body,
// and GET the same status, it is asked with GET: what a page is, its body tells.
func (d *desk) beside(v view, path change) view {
	at := v.at
	if v.lent != nil {
		at = at.with(byGET)
	}
	return d.see(at.with(path))
}

// random asks a path that no site has.
func (d *desk) random(v view) view { return d.beside(v, pathChange("random", randomPath)) }

// root asks for the home page; v itself is that if it asked for it.
func (d *desk) root(v view) view {
	if p, _, _ := strings.Cut(v.request().Path, "?"); p == "/" || p == "" {
		return v
	}
	return d.beside(v, pathChange("/", "/"))
}
