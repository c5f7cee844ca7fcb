package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// printer shows outcomes as they come, then the totals.
type printer interface {
	row(outcome)
	end(totals)
}

// wanted says what should have been found, "both" and "either" included.
func (o outcome) wanted() string {
	c := o.Case
	switch {
	case o.Mended:
		return "mended"
	case c.Cause == "healthy":
		return "pass: nothing"
	case c.AlsoKind == "both":
		return c.Verdict + ": " + c.Cause + " + " + c.Also
	case c.Also != "":
		return c.Verdict + ": " + c.Cause + " / " + c.Also
	}
	return c.Verdict + ": " + c.Cause
}

// named says what was found.
func (o outcome) named() string {
	if len(o.Found) == 0 {
		return "nothing"
	}
	var words []string
	for _, f := range o.Found {
		words = append(words, f.String())
	}
	return strings.Join(words, ", ")
}

// got is verdict and what was named, as wanted tells it.
func (o outcome) got() string { return orNone(o.Verdict) + ": " + o.named() }

func (o outcome) ok() string {
	if len(o.Problems) == 0 {
		return "ok"
	}
	return "WRONG"
}

func (t totals) String() string {
	s := fmt.Sprintf("%d of %d right, %d requests, at most %.1f s beyond the time-out", t.Right, t.Cases, t.Requests, t.Slowest.Seconds())
	if len(t.Wrong) > 0 {
		s += "; wrong: " + strings.Join(t.Wrong, ", ")
	}
	return s
}

// text is for a terminal.
type text struct {
	out     io.Writer
	verbose bool
	headed  bool
}

const textRow = "%-30s %-44s %-58s %5s %5s %7s  %s\n"

func (p *text) row(o outcome) {
	if !p.headed {
		fmt.Fprintf(p.out, textRow, "CASE", "WANTED", "GOT", "EXPER", "REQ", "OVER", "")
		p.headed = true
	}
	fmt.Fprintf(p.out, textRow, o.name(), o.wanted(), o.got(), fmt.Sprint(o.Tried), fmt.Sprint(o.Requests), fmt.Sprintf("%+.1fs", o.Over.Seconds()), o.ok())
	for _, problem := range o.Problems {
		fmt.Fprintf(p.out, "    %s\n", problem)
	}
	if !p.verbose {
		return
	}
	for _, f := range o.Found {
		for _, e := range f.Evidence {
			fmt.Fprintf(p.out, "      %s: %s\n", f.ID, e)
		}
	}
}

func (p *text) end(t totals) { fmt.Fprintf(p.out, "\n%v\n", t) }

// markdown is for the documentation.
type markdown struct {
	out    io.Writer
	headed bool
}

func (p *markdown) row(o outcome) {
	if !p.headed {
		fmt.Fprint(p.out, "| case | server | as | true | found | experiments | requests | s beyond the time-out | |\n"+
			"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
		p.headed = true
	}
	fmt.Fprintf(p.out, "| %s | %s | %s | %s | %s | %d | %d | %.1f | %s |\n",
		o.name(), o.Case.Stack, o.Case.Balancer, o.wanted(), o.got(), o.Tried, o.Requests, max(0, o.Over.Seconds()), o.ok())
}

func (p *markdown) end(t totals) { fmt.Fprintf(p.out, "\n%v.\n", t) }

// lines is for programs: one JSON object for each case, then one of totals.
type lines struct{ out io.Writer }

func (p *lines) row(o outcome) { json.NewEncoder(p.out).Encode(o) }

func (p *lines) end(t totals) { json.NewEncoder(p.out).Encode(t) }
