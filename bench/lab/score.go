package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/diagnose"
)

// outcome is what the diagnosis made of one case, and what is wrong with that.
type outcome struct {
	Case     testCase
	Mended   bool
	Verdict  string
	Reason   string
	Found    []found // causes, then warnings
	Requests int
	Tried    int // experiments beside the load balancer's own probe
	Over     time.Duration
	Problems []string // empty: right
}

// found is one cause or warning.
type found struct {
	ID         string
	Confidence float64
	Warning    bool
	Evidence   []string
}

// String is the id, and how certain it is.
func (f found) String() string { return fmt.Sprintf("%s %.2f", f.ID, f.Confidence) }

// judge compares a report with the truth, by the lab's rules.
func judge(c testCase, mended bool, r diagnose.Report, took, timeout time.Duration) outcome {
	o := outcome{Case: c, Mended: mended, Verdict: string(r.Verdict), Reason: r.Reason, Tried: max(0, len(r.Observations)-1), Over: took - timeout}
	for _, observed := range r.Observations {
		o.Requests += len(observed.Answers)
	}
	for _, f := range r.Causes {
		o.Found = append(o.Found, found{string(f.Cause), f.Confidence, false, f.Evidence})
	}
	for _, f := range r.Warnings {
		o.Found = append(o.Found, found{string(f.Cause), f.Confidence, true, f.Evidence})
	}
	if mended {
		o.judgeMended()
	} else {
		o.judgeBroken()
	}
	if limit := 2*timeout + 5*time.Second; took > limit {
		o.wrong("it took %.1f s, the limit is %.1f s", took.Seconds(), limit.Seconds())
	}
	return o
}

func (o *outcome) wrong(format string, args ...any) {
	o.Problems = append(o.Problems, fmt.Sprintf(format, args...))
}

func (o *outcome) judgeBroken() {
	c := o.Case
	if o.Verdict != c.Verdict {
		o.wrong("verdict %s, want %s", orNone(o.Verdict), c.Verdict)
	}
	// Beside the reason the lab notes codes and the like.
	if want, _, _ := strings.Cut(c.Reason, " "); strings.HasPrefix(want, "Target.") && c.Verdict == "fail" && o.Reason != want {
		o.wrong("reason %s, want %s", orNone(o.Reason), want)
	}
	causes, warnings := o.ids(false), o.ids(true)
	switch {
	case c.Cause == "healthy":
		if len(causes)+len(warnings) > 0 {
			o.wrong("named %s, but nothing is wrong", strings.Join(append(causes, warnings...), ", "))
		}
		return
	case c.Kind == "pass":
		if len(causes) > 0 {
			o.wrong("named the causes %s for a probe that passes", strings.Join(causes, ", "))
		}
		o.judgeFirst("warning", warnings)
	default:
		o.judgeFirst("cause", causes)
	}
	if c.Kind == "flap" && o.Requests < 2 {
		o.wrong("%d request, but only repetition shows it", o.Requests)
	}
}

// judgeFirst compares the first of what was named with what is true: what comes
// first is what a person acts on.
func (o *outcome) judgeFirst(what string, named []string) {
	c := o.Case
	want := []string{c.Cause}
	if c.Also != "" {
		want = append(want, c.Also)
	}
	if c.AlsoKind == "both" {
		for _, id := range want {
			if !slices.Contains(named[:min(len(want), len(named))], id) {
				o.wrong("%s %s, want both %s", what, orNone(strings.Join(named, ", ")), strings.Join(want, " and "))
				return
			}
		}
		return
	}
	if len(named) == 0 || !slices.Contains(want, named[0]) {
		o.wrong("%s %s, want %s", what, orNone(strings.Join(named, ", ")), strings.Join(want, " or "))
	}
}

// judgeMended: a fault that is mended must not be seen any more. What seemed
// healthy and was not either fails honestly when mended, or passes rightly.
func (o *outcome) judgeMended() {
	c := o.Case
	if c.Kind == "pass" && c.Cause != "healthy" {
		if slices.Contains(o.ids(true), c.Cause) {
			o.wrong("mended, and still warned of %s", c.Cause)
		}
		return
	}
	if o.Verdict != "pass" {
		o.wrong("mended, and its verdict is %s", orNone(o.Verdict))
	}
	if causes := o.ids(false); len(causes) > 0 {
		o.wrong("mended, and causes are named: %s", strings.Join(causes, ", "))
	}
}

// ids returns what was named, causes or warnings.
func (o *outcome) ids(warnings bool) []string {
	var ids []string
	for _, f := range o.Found {
		if f.Warning == warnings {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// totals counts outcomes.
type totals struct {
	Cases, Right, Requests int
	Slowest                time.Duration // beyond the time-out; negative if all came before
	Wrong                  []string
}

func (t *totals) add(o outcome) {
	t.Cases++
	t.Requests += o.Requests
	if t.Cases == 1 || o.Over > t.Slowest {
		t.Slowest = o.Over
	}
	if len(o.Problems) == 0 {
		t.Right++
		return
	}
	t.Wrong = append(t.Wrong, o.name())
}

// name is the case's, with a mark if it is mended.
func (o outcome) name() string {
	if o.Mended {
		return o.Case.Name + " (mended)"
	}
	return o.Case.Name
}
