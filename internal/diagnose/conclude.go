package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// Plan returns the experiment to make next, the load balancer's own probe first;
// none if the matter is decided, or time or requests are used up. It is pure.
func Plan(q Question, observed []Observation) []Experiment {
	d := newDesk(q, observed)
	d.think()
	if d.wanted == nil {
		return nil
	}
	return []Experiment{*d.wanted}
}

// Conclude says what the observations tell. It is pure.
func Conclude(q Question, observed []Observation) Report {
	d := newDesk(q, observed)
	r := d.think()
	r.RuledOut = d.ruled
	r.Observations = slices.DeleteFunc(slices.Clone(observed), func(o Observation) bool { return o.Pending })
	_, asked := splitAddress(q.Probe.Request.Address)
	if len(r.Causes) > 0 && r.Causes[0].Cause == "wrong_port" {
		asked = r.Causes[0].Values["otherport"] // nobody answered at the other one
	}
	r.Software = d.software(asked)
	for i, f := range r.Causes {
		r.Causes[i].Programs = d.programs(f)
	}
	return r
}

// think goes from the load balancer's verdict to what is behind it.
func (d *desk) think() Report {
	base := d.see(setting{})
	if !base.ok {
		return Report{Verdict: Unknown}
	}
	r := Report{Verdict: Verdict(base.o.Verdict.Outcome), Reason: base.o.Verdict.Reason, Text: base.o.Verdict.Text}
	if base.o.Pending {
		r.Verdict = Fail
		d.explain(base.at)
		return r
	}
	if own := base.answer(); own.Failure == exchange.OwnFault {
		r.Verdict = Unknown
		return r
	}
	if base.passes() {
		d.green(base, &r)
		return r
	}
	d.red(base, &r)
	return r
}

// red explains a failing probe.
func (d *desk) red(base view, r *Report) {
	if base.quick() {
		// Twice in a row, so that servers that take turns don't fall into step with
		// the experiments.
		for n := 1; n <= 2; n++ {
			if d.again(base.at, n).passes() {
				d.unsteady(base, r)
				return
			}
		}
	} else if a := base.answer(); a.Late || a.Failure == exchange.Refused {
		if d.again(base.at, 1).passes() {
			d.unsteady(base, r)
			return
		}
	}
	o := d.explain(base.at)
	r.Notes = append(r.Notes, d.noted...)
	if base.quickAgain(d) {
		d.unsteady(base, r)
		return
	}
	// An app that is still starting heals while one looks.
	if base.quick() && base.status() >= 500 && !o.solved && d.heals(base) {
		d.unsteady(base, r)
		return
	}
	if base.quick() && len(o.chain) > 0 {
		if d.again(base.at, 3).passes() {
			d.unsteady(base, r)
			return
		}
	}
	r.Causes = d.tidy(o)
}

// tidy puts the causes in order, each once, the chain first.
func (d *desk) tidy(o outcome) []Finding {
	var list []Finding
	has := func(f Finding) bool {
		return slices.ContainsFunc(list, func(g Finding) bool { return g.Cause == f.Cause })
	}
	for _, f := range o.chain {
		if !has(f) {
			list = append(list, f)
		}
	}
	for _, f := range o.others {
		if !has(f) {
			list = append(list, f)
		}
	}
	for i := range list {
		if len(list[i].Values) == 0 {
			list[i].Values = nil
		}
	}
	return list
}

// mostRepeats is how often the probe is repeated to see a pattern.
const mostRepeats = 8

// unsteady: the very same request passes and fails. Where only our own pace makes it
// fail, that is noted, and the verdict stays.
func (d *desk) unsteady(base view, r *Report) {
	repeats := mostRepeats
	if !base.quick() {
		repeats = 4
	}
	series := []view{base}
	for n := range repeats {
		if passes := limitIn(series); passes >= enough && len(series) > passes+1 {
			break // the limit is found; more would only use it up
		}
		if w := d.again(base.at, n+1); w.ok {
			series = append(series, w)
		}
	}
	series = d.hurry(series)
	if passes := limitIn(series); passes >= enough || passes > 0 && d.see(base.at.with(later)).passes() {
		r.Notes = append(r.Notes, limitNote(passes, base.answer(), series[passes].answer()))
		return
	}
	for _, c := range []change{later, latest} {
		if o := d.known[key(base.at.with(c).name())]; o != nil {
			series = append(series, view{ok: true, at: base.at.with(c), o: o, name: o.Experiment.Name})
		}
	}
	// In the order in which they were asked.
	slices.SortStableFunc(series, func(a, b view) int { return a.answer().Began.Compare(b.answer().Began) })
	takingTurns(series, r)
}

// takingTurns says of repetitions, of which some pass and some fail, what makes
// them differ.
func takingTurns(series []view, r *Report) {
	base, last := series[0], series[len(series)-1]
	var words []string
	passed, failed, turns := 0, 0, 0
	limited := !inTurns(series)
	for i, w := range series {
		words = append(words, told(w.answer()))
		if w.passes() {
			passed++
		} else {
			failed++
			limited = limited && limits(w)
		}
		if i > 0 && w.passes() != series[i-1].passes() {
			turns++
		}
		if i > 0 && !w.passes() && r.Reason == "" {
			r.Reason, r.Text = w.o.Verdict.Reason, w.o.Verdict.Text
		}
	}
	if passed == 0 || failed == 0 {
		return
	}
	r.Verdict = Flap
	text := fmt.Sprintf("The same request, %d times: %s.", len(series), strings.Join(words, ", "))
	var f Finding
	// A 503 that gives way to nothing but passes, at our pace, was no limit.
	healed := !base.passes() && last.passes() && turns == 1 && passed >= 2
	switch {
	case limited && !(healed && base.status() == 503):
		if !base.passes() {
			r.Verdict = Fail // what is left to pass now and then, others use up
		}
		f = seen("rate_limited", 0.9, text, series...)
	case healed:
		f = seen("cold_start", min(0.95, 0.7+0.05*float64(passed)), text, series...).also("Only the first failed; nothing was changed.")
	default:
		f = seen("flapping", 0.95, text, series...)
	}
	f.Values = nil
	r.Causes = []Finding{f}
}

// software joins what the answers of one port tell of who gave them, the most
// certain first.
func (d *desk) software(port string) []software.Guess {
	var all []software.Guess
	for _, o := range d.order {
		if _, p := splitAddress(o.Experiment.Probe.Request.Address); p != port {
			continue
		}
		for _, a := range o.Answers {
			for _, g := range software.Recognise(a) {
				i := slices.IndexFunc(all, func(x software.Guess) bool { return x.Name == g.Name })
				switch {
				case i < 0:
					all = append(all, g)
				case all[i].Confidence < g.Confidence:
					all[i] = g
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b software.Guess) int {
		switch {
		case a.Confidence > b.Confidence:
			return -1
		case a.Confidence < b.Confidence:
			return 1
		}
		return 0
	})
	return all
}

// whole is a view's answers as if the last had been whole.
func whole(v view) []exchange.Answer {
	answers := slices.Clone(v.o.Answers)
	if n := len(answers); n > 0 {
		answers[n-1].Failure, answers[n-1].Stage, answers[n-1].Late, answers[n-1].Err = exchange.None, exchange.Done, false, nil
	}
	return answers
}

func passed(v dialect.Verdict) bool { return v.Outcome == dialect.Pass }
