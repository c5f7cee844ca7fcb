package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
	"github.com/inservice/inservice/internal/visible"
)

// Text writes a View for people.
type Text struct {
	Color bool
	Width int  // of a line, in characters; 0 means 100
	All   bool // show every experiment's exchange as well
}

// Styles of a terminal.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t Text) paint(style, s string) string {
	if !t.Color || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (t Text) width() int { return cmp.Or(t.Width, 100) }

// Write writes the whole of v.
func (t Text) Write(w io.Writer, v View) error {
	var b bytes.Buffer
	t.verdict(&b, v)
	t.exchange(&b, v.Exchange, 14)
	t.failure(&b, v)
	if v.Exchange.Remote != "" {
		failure := ""
		if len(v.Experiments) > 0 {
			failure = v.Experiments[0].Failure
		}
		t.wrap(&b, "  ", "  ", phases(v.Phases, failure))
	}
	t.findings(&b, v, v.Causes, "why")
	t.findings(&b, v, v.Warnings, "but is it true?")
	if undecided(v) {
		fmt.Fprintf(&b, "\n%s\n", t.paint(bold, "why: not decided"))
		t.wrap(&b, "  ", "  ", undecidedWords(v.Experiments[0].Failure))
	}
	t.remarks(&b, v)
	t.closing(&b, v)
	_, err := w.Write(b.Bytes())
	return err
}

func undecided(v View) bool {
	return v.Verdict != diagnose.Pass && len(v.Causes) == 0 && len(v.Experiments) > 1
}

func undecidedWords(failure string) string {
	switch exchange.Failure(failure) {
	case exchange.NoSuchHost:
		return "The name has no address, as seen from here, so nothing was asked. Look for a mistake in the name, in DNS and in /etc/hosts; --resolve ADDRESS asks without them."
	case exchange.Untrusted:
		return "The certificate does not verify, and it must; what is wrong with it stands above. Give the server one for the name that is asked, from an authority that the load balancer trusts, with those between; or let the load balancer trust this one's authority. What comes where it is not looked at was asked as well, and is noticed below."
	}
	return "No experiment made it pass, and what was seen fits no cause, or more than one."
}

// likely is the confidence from which a finding is told as what is the matter. A
// weaker one that is not the first is told as what it may be instead.
const likely = 0.5

// findings tells causes or warnings: what stands one behind the other in full, in
// the order in which it is met, and in short what it may be instead.
func (t Text) findings(w io.Writer, v View, findings []Finding, title string) {
	told, instead := byLikelihood(findings)
	for i, f := range told {
		number := ""
		if len(told) > 1 {
			number = fmt.Sprintf(" (%d of %d)", i+1, len(told))
		}
		t.title(w, f, title+number)
		t.contrast(w, v, f)
		t.fix(w, f)
	}
	for _, f := range instead {
		t.title(w, f, "or, less likely")
		if f.Fix != "" {
			t.wrap(w, "  "+t.paint(bold, "fix:")+" ", "  ", f.Fix)
		}
	}
}

func byLikelihood(findings []Finding) (told, instead []Finding) {
	for i, f := range findings {
		if i == 0 || f.Confidence >= likely {
			told = append(told, f)
		} else {
			instead = append(instead, f)
		}
	}
	return told, instead
}

func (t Text) verdict(w io.Writer, v View) {
	if v.From != "" {
		fmt.Fprintf(w, "%s\n", t.paint(dim, visible.Line(v.From, t.width())))
	}
	t.wrap(w, "", "  ", v.Title+" asks "+visible.Line(v.Asked, 0))
	fmt.Fprintln(w)
	word, style := map[diagnose.Verdict]string{
		diagnose.Pass: "PASS", diagnose.Fail: "FAIL", diagnose.Flap: "FLAP", diagnose.Unknown: "UNKNOWN",
	}[v.Verdict], red
	switch {
	case v.Verdict == diagnose.Pass && len(v.Warnings) == 0:
		style = green
	case v.Verdict != diagnose.Fail:
		style = yellow
	}
	said := v.Text
	if v.Reason != "" && !strings.HasPrefix(said, v.Reason) {
		said = strings.TrimSuffix(v.Reason+": "+said, ": ")
	}
	indent := strings.Repeat(" ", len(word)+4)
	t.wrap(w, "  "+t.paint(style, word)+"  ", indent, visible.Line(said, 0))
	if summary := titles("", "; behind that: ", v.Causes) + titles("but: ", "; ", v.Warnings); summary != "" {
		t.wrap(w, indent, indent, summary)
	}
	fmt.Fprintln(w)
}

// titles names what is the matter, for those who read no further.
func titles(first, between string, findings []Finding) string {
	told, _ := byLikelihood(findings)
	if len(told) == 0 {
		return ""
	}
	names := make([]string, len(told))
	for i, f := range told {
		names[i] = f.Title
	}
	return first + strings.Join(names, between)
}

// failure says what kept the load balancer's own probe from a whole answer.
func (t Text) failure(w io.Writer, v View) {
	if len(v.Experiments) == 0 || v.Experiments[0].Failure == "" {
		return
	}
	own := v.Experiments[0]
	said := own.Failure
	switch {
	case exchange.Failure(own.Failure) == exchange.TimedOut:
		said = silence(own) + " in " + span(own.TookMS)
	case own.Error != "" && own.Error != said:
		said += ": " + own.Error
	}
	t.wrap(w, "  "+t.paint(dim, "<")+" ", "    ", "("+visible.Line(said, 400)+")")
}

// silence says what did not come in time.
func silence(e Experiment) string {
	switch {
	case e.Remote == "":
		return "no connection"
	case e.Received != "":
		return "no whole answer"
	}
	return "no answer"
}

// exchange prints both directions, each of at most height lines.
func (t Text) exchange(w io.Writer, e Exchange, height int) {
	for _, side := range []struct {
		mark string
		wire []byte
	}{{">", wire(e.Sent, e.SentBase64)}, {"<", wire(e.Received, e.ReceivedBase64)}} {
		lines, more := visible.Lines(plainBody(side.wire), t.width()-4, height)
		for _, line := range lines {
			fmt.Fprintln(w, strings.TrimRight("  "+t.paint(dim, side.mark)+" "+line, " "))
		}
		if more {
			fmt.Fprintf(w, "  %s\n", t.paint(dim, side.mark+" …"))
		}
	}
}

// plainBody ends the lines of a body as those of the head end: how they end is a
// mark of the head's sender only.
func plainBody(wire []byte) []byte {
	head, body, found := bytes.Cut(wire, []byte("\r\n\r\n"))
	if !found {
		return wire
	}
	body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	return slices.Concat(head, []byte("\r\n\r\n"), body)
}

// phases tells where the time of an exchange went that ended with failure, if any.
func phases(p Phases, failure string) string {
	parts := []string{"connected in " + span(p.DialMS)}
	if p.TLSMS > 0 {
		parts = append(parts, "TLS in "+span(p.TLSMS))
	}
	switch {
	case p.FirstByteMS != nil:
		parts = append(parts, "first byte after "+span(*p.FirstByteMS))
	case exchange.Failure(failure) == exchange.TimedOut:
		return strings.Join(append(parts, "no byte in "+span(p.TotalMS)), ", ")
	}
	return strings.Join(append(parts, "all in "+span(p.TotalMS)), ", ")
}

// span is a time without digits that nobody reads.
func span(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

func (t Text) title(w io.Writer, f Finding, title string) {
	fmt.Fprintln(w)
	t.wrap(w, t.paint(bold, title+":")+" ", "  ", fmt.Sprintf("%s (%s, confidence %.2f)", f.Title, f.ID, f.Confidence))
	for _, line := range f.Evidence {
		t.wrap(w, "  - ", "    ", visible.Line(line, 0))
	}
}

// contrast puts two exchanges side by side: the one that decided, and the one
// that it differs from, mostly the load balancer's own.
func (t Text) contrast(w io.Writer, v View, f Finding) {
	if len(v.Experiments) == 0 {
		return
	}
	left, found := v.Experiments[0], []Experiment{}
	for _, name := range f.Decided {
		for _, e := range v.Experiments {
			if e.Name == name && e.Sent != "" {
				found = append(found, e)
			}
		}
	}
	if len(found) > 1 {
		left = found[1]
	}
	if len(found) == 0 || found[0].Name == left.Name {
		return
	}
	right := found[0]
	rows := append(align(head(left.Sent), head(right.Sent)), row{})
	rows = append(rows, align(answer(left), answer(right))...)
	fmt.Fprintln(w)
	t.columns(w, [2]string{heading(left), heading(right)}, rows)
}

func heading(e Experiment) string {
	if e.Change == "" {
		return "what the load balancer asks"
	}
	return visible.Line("with "+e.Change, 0)
}

// head is the lines of a message up to its body, made visible.
func head(message string) []string {
	before, _, _ := strings.Cut(message, "\r\n\r\n")
	lines, _ := visible.Lines([]byte(before), 0, 16)
	return lines
}

// answer is the head of what came back, or a word for nothing.
func answer(e Experiment) []string {
	if e.Received == "" {
		return []string{"(" + cmp.Or(e.Failure, "no answer") + ")"}
	}
	return head(e.Received)
}

func (t Text) fix(w io.Writer, f Finding) {
	if f.Fix != "" {
		fmt.Fprintln(w)
		t.wrap(w, "  "+t.paint(bold, "fix:")+" ", "  ", strings.TrimSpace(where(f)+" "+f.Fix))
		t.lines(w, f.FixLines)
	}
	if f.Balancer == "" && len(f.Settings) > 0 {
		fmt.Fprintln(w)
		for _, s := range f.Settings {
			t.wrap(w, "  ", "  ", s.Text)
		}
		return
	}
	if f.Balancer != "" {
		fmt.Fprintln(w)
		t.wrap(w, "  "+t.paint(bold, "or at the load balancer:")+" ", "  ", f.Balancer)
		for _, s := range f.Settings {
			t.wrap(w, "  - "+s.Knob+": ", "    ", s.Text)
			t.lines(w, s.Lines)
		}
	}
}

// where says in brackets which program a fix is for, and where its lines go.
func where(f Finding) string {
	var parts []string
	if f.FixFor != "" {
		title, known := software.Title(f.FixFor)
		if !known {
			title = f.FixFor
		}
		parts = append(parts, title)
	}
	if f.FixFile != "" {
		parts = append(parts, f.FixFile)
	}
	if f.FixPlace != "" {
		parts = append(parts, "inside "+f.FixPlace)
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// lines prints what can be pasted, as it is but for its indent.
func (t Text) lines(w io.Writer, text string) {
	for line := range strings.Lines(text) {
		line = visible.Line(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "), 0)
		fmt.Fprintln(w, strings.TrimRight("      "+t.paint(green, line), " "))
	}
}

// remarks are what neither explains a red probe nor makes a green one untrue.
func (t Text) remarks(w io.Writer, v View) {
	if len(v.Machine) > 0 {
		fmt.Fprintf(w, "\n%s\n", t.paint(bold, "what only this machine knows:"))
		t.notes(w, v.Machine)
	}
	if len(v.Notes) > 0 {
		fmt.Fprintf(w, "\n%s\n", t.paint(bold, "noticed:"))
		t.notes(w, v.Notes)
	}
	if len(v.RuledOut) > 0 && v.Verdict != diagnose.Pass {
		fmt.Fprintln(w)
		t.wrap(w, t.paint(bold, "ruled out:")+" ", "  ", visible.Line(ruledOut(v.RuledOut), 0))
	}
	if len(v.Unknowns) > 0 && t.All {
		fmt.Fprintln(w)
		t.wrap(w, t.paint(bold, "not known of this load balancer:")+" ", "  ", strings.Join(v.Unknowns, "; "))
	}
}

// ruledOut tells in one sentence what was tried in vain. What led to the same is
// told together, in the order in which it was tried.
func ruledOut(tried []string) string {
	var outcomes []string
	changes := map[string][]string{}
	for _, text := range tried {
		at := max(strings.LastIndex(text, ": "), 0)
		change, outcome := text[:at], strings.TrimPrefix(text[at:], ": ")
		if changes[outcome] == nil {
			outcomes = append(outcomes, outcome)
		}
		changes[outcome] = append(changes[outcome], visible.Line(change, 48))
	}
	parts := make([]string, len(outcomes))
	for i, outcome := range outcomes {
		parts[i] = strings.TrimPrefix(strings.Join(changes[outcome], ", ")+" → "+outcome, " → ")
	}
	return strings.Join(parts, "; ")
}

func (t Text) notes(w io.Writer, notes []Note) {
	for _, n := range notes {
		mark := "-"
		switch n.Grade {
		case "caution":
			mark = t.paint(yellow, "!")
		case "fault":
			mark = t.paint(red, "!")
		}
		t.wrap(w, "  "+mark+" ", "    ", visible.Line(n.Text, 0))
		for _, line := range n.Evidence {
			t.wrap(w, "    "+t.paint(dim, ""), "    ", visible.Line(line, 0))
		}
	}
}

// answeredBy names the programs that the answers betray, or failing that the best
// guess. Where the app turned out to be at another port, they are those of that.
func answeredBy(v View) string {
	all, at := v.Software, ""
	if len(v.Causes) > 0 && v.Causes[0].ID == "wrong_port" {
		at = "at the other port "
	}
	var names []string
	for _, s := range all {
		if s.Confidence >= likely {
			names = append(names, strings.TrimSpace(s.Title+" "+visible.Line(s.Version, 40)))
		}
	}
	switch {
	case len(names) > 0:
		return "; " + at + "answered by " + strings.Join(names, ", ")
	case len(all) > 0:
		return "; " + at + "perhaps answered by " + all[0].Title
	}
	return ""
}

// closing says what was done, and shows all of it if that is wanted.
func (t Text) closing(w io.Writer, v View) {
	if n := len(v.Experiments); n > 1 {
		fmt.Fprintln(w)
		t.wrap(w, "", "  ", plural(n-1, "experiment")+" in "+span(v.TookMS)+answeredBy(v))
	}
	if !t.All {
		return
	}
	for _, e := range v.Experiments[min(1, len(v.Experiments)):] {
		outcome := e.Verdict
		if e.Reason != "" {
			outcome += " " + e.Reason
		}
		fmt.Fprintln(w)
		t.wrap(w, t.paint(bold, e.Name+":")+" ", "  ", visible.Line(e.Change+" – "+outcome, 0)+", "+span(e.TookMS))
		t.exchange(w, e.Exchange, 10)
	}
}
