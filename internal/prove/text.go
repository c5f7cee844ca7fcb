package prove

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/visible"
)

// Text writes a proof for people, line by line as it goes on. It is used by one
// goroutine.
type Text struct {
	Out   io.Writer // what was found
	Color bool

	// Live, if set, is a terminal that is told what is being waited for, in a line
	// that is wiped out again.
	Live io.Writer

	err     error  // the first of writing
	waiting bool   // a line of Live is there
	shown   string // the dependency whose heading was written
}

// Styles of a terminal.
const (
	bold  = "1"
	red   = "31"
	green = "32"
	dim   = "2"
)

func (t *Text) paint(style, s string) string {
	if !t.Color {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (t *Text) printf(format string, args ...any) {
	t.Clear()
	if _, err := fmt.Fprintf(t.Out, format, args...); t.err == nil {
		t.err = err
	}
}

func (t *Text) live(format string, args ...any) {
	if t.Live != nil {
		fmt.Fprintf(t.Live, "\r\x1b[K"+format, args...)
		t.waiting = true
	}
}

// Clear wipes out the line of Live, if one is there.
func (t *Text) Clear() {
	if t.waiting {
		fmt.Fprint(t.Live, "\r\x1b[K")
		t.waiting = false
	}
}

// Observe writes what an event tells.
func (t *Text) Observe(e Event) {
	switch e.Step {
	case Waiting:
		t.live("waiting for the answer to be green, at most %s", shown(e.Limit))
	case Planned:
		t.planned(e.Report)
	case Breaking:
		t.heading(e.Dependency)
		t.live("  %s: at most %s", e.Fault, shown(e.Limit))
	case Tried:
		t.trial(e.Dependency, e.Trial)
	case Finished:
		if why := e.Dependency.Why; why != "" {
			t.heading(e.Dependency)
			t.printf("  %s  %s\n", t.paint(red, "NOT PROVEN"), plain(why))
		}
	}
}

func (t *Text) planned(r *Report) {
	faults := 0
	for _, d := range r.Dependencies {
		if d.Why == "" {
			faults++
		}
	}
	if faults == 0 {
		t.printf("nothing that %s depends on can be broken now\n", r.Subject)
	} else {
		t.printf("%s of %s can be broken; proving it takes at most %s if all is well\n", plural(faults, "dependency", "dependencies"), r.Subject, shown(r.Estimate.Round(time.Second)))
	}
	for _, note := range r.Notes {
		t.printf("note: %s\n", note)
	}
	for _, d := range r.Defects {
		t.printf("\n")
		t.defect(d)
	}
}

// heading begins a dependency, once.
func (t *Text) heading(d *Dependency) {
	key := d.Name() + "\n" + strings.Join(d.Addresses, "\n")
	if t.shown == key {
		return
	}
	t.shown = key
	about := "must turn red within " + shown(d.Bound)
	if d.Expect == Degraded {
		about = "must be told within " + shown(d.Bound) + ", and leave the server in service"
	}
	if len(d.Checks) > 0 && len(d.Addresses) > 0 { // the name is that of the checks
		about = strings.Join(d.Addresses, ", ") + "; " + about
	}
	t.printf("\n%s  %s\n", t.paint(bold, plain(d.Name())), t.paint(dim, plain(about)))
}

func (t *Text) trial(d *Dependency, x *Trial) {
	name := string(x.Fault)
	if x.Delay > 0 {
		name += " by " + shown(x.Delay)
	}
	if x.Proven() {
		t.printf("  %s  %-13s %s after %s, green again after %s  %s\n", t.paint(green, "ok    "), name, colour(d.Expect), shown(x.After), shown(x.Healed), t.paint(dim, plain(x.Answer)))
		for _, reason := range x.Reasons {
			t.printf("          %s\n", t.paint(dim, plain(reason)))
		}
	} else {
		t.printf("  %s  %-13s %s\n", t.paint(red, "DEFECT"), name, plain(x.Answer))
		for _, f := range x.Defects {
			t.defect(f)
		}
	}
	for _, s := range x.Slowness {
		t.printf("          %s\n", t.paint(dim, plain(s.String())))
	}
	if len(x.Also) > 0 {
		t.printf("          %s\n", t.paint(dim, plain("broken as well, since it was turned to: "+strings.Join(x.Also, ", "))))
	}
}

// colour is what an answer turns to, in a line.
func colour(e Expect) string {
	if e == Degraded {
		return "degraded"
	}
	return "red"
}

func (t *Text) defect(d Defect) {
	who := d.Check
	if who == "" {
		who = "the answer"
	}
	t.printf("          %s: %s %s\n", d.Kind, plain(who), plain(d.Text))
	if d.Hint != "" {
		t.printf("          hint: %s\n", plain(d.Hint))
	}
}

// String tells the sensitivity in a line.
func (s Sensitivity) String() string {
	switch {
	case s.Fails == 0:
		return fmt.Sprintf("%s passes with %s of delay in each direction", s.Check, shown(s.Passes))
	case s.Passes == 0:
		return fmt.Sprintf("%s fails with %s of delay in each direction", s.Check, shown(s.Fails))
	default:
		return fmt.Sprintf("%s fails with %s of delay in each direction, and passes with %s", s.Check, shown(s.Fails), shown(s.Passes))
	}
}

// End writes what came of it all. Its error is the first of writing.
func (t *Text) End(r Report) error {
	if len(r.Unprovable) > 0 {
		t.printf("\nnot provable by a forwarder:\n")
		for _, u := range r.Unprovable {
			t.printf("  %s (%s): %s\n", u.Check, u.Kind, u.Why)
		}
	}
	trials, proven, defects := r.Count()
	verdict := t.paint(green, "proven")
	switch {
	case defects > 0:
		verdict = t.paint(red, plural(defects, "defect", "defects"))
	case !r.Proven():
		verdict = t.paint(red, "not proven")
	case trials == 0:
		verdict = "nothing to prove"
	}
	came := fmt.Sprintf("%d of %s turned the answer as declared and back, in %s", proven, plural(trials, "fault", "faults"), shown(r.Took))
	if trials == 0 {
		came = "no fault was tried"
	}
	t.printf("\n%s: %s\n", verdict, came)
	return t.err
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// plain keeps what others have written on one line, and from commanding a terminal.
func plain(s string) string { return visible.Line(strings.ReplaceAll(s, "\n", "; "), 0) }
