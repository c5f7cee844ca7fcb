package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/diagnose"
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
	if v.Exchange.Remote != "" {
		t.wrap(&b, "  ", "  ", phases(v.Phases))
	}
	for i, f := range v.Causes {
		t.finding(&b, v, f, ordinal("why", i, len(v.Causes)))
	}
	for i, f := range v.Warnings {
		t.finding(&b, v, f, ordinal("but is it true?", i, len(v.Warnings)))
	}
	if undecided(v) {
		fmt.Fprintf(&b, "\n%s\n", t.paint(bold, "why: not decided"))
		t.wrap(&b, "  ", "  ", "No experiment made it pass, and what was seen fits more than one cause.")
	}
	t.remarks(&b, v)
	t.closing(&b, v)
	_, err := w.Write(b.Bytes())
	return err
}

func undecided(v View) bool {
	return v.Verdict != diagnose.Pass && len(v.Causes) == 0 && len(v.Experiments) > 1
}

func ordinal(title string, i, n int) string {
	if n == 1 {
		return title
	}
	return fmt.Sprintf("%s (%d of %d)", title, i+1, n)
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
	t.wrap(w, "  "+t.paint(style, word)+"  ", strings.Repeat(" ", len(word)+4), visible.Line(said, 0))
	fmt.Fprintln(w)
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

func phases(p Phases) string {
	parts := []string{"connected in " + span(p.DialMS)}
	if p.TLSMS > 0 {
		parts = append(parts, "TLS in "+span(p.TLSMS))
	}
	if p.FirstByteMS > 0 {
		parts = append(parts, "first byte after "+span(p.FirstByteMS))
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

func (t Text) finding(w io.Writer, v View, f Finding, title string) {
	fmt.Fprintln(w)
	t.wrap(w, t.paint(bold, title+":")+" ", "  ", fmt.Sprintf("%s (%s, confidence %.2f)", f.Title, f.ID, f.Confidence))
	for _, line := range f.Evidence {
		t.wrap(w, "  - ", "    ", visible.Line(line, 0))
	}
	t.contrast(w, v, f)
	t.fix(w, f)
}

// contrast puts the load balancer's own exchange beside the one that decided.
func (t Text) contrast(w io.Writer, v View, f Finding) {
	if len(v.Experiments) == 0 {
		return
	}
	own := v.Experiments[0]
	for _, name := range f.Decided {
		for _, e := range v.Experiments[1:] {
			if e.Name != name || e.Sent == "" {
				continue
			}
			rows := append(align(head(own.Sent), head(e.Sent)), row{})
			rows = append(rows, align(answer(own), answer(e))...)
			fmt.Fprintln(w)
			t.columns(w, [2]string{"what the load balancer asks", visible.Line("with "+e.Change, 0)}, rows)
			return
		}
	}
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
		t.wrap(w, t.paint(bold, "ruled out:")+" ", "  ", visible.Line(strings.Join(v.RuledOut, "; "), 0))
	}
	if len(v.Unknowns) > 0 && t.All {
		fmt.Fprintln(w)
		t.wrap(w, t.paint(bold, "not known of this load balancer:")+" ", "  ", strings.Join(v.Unknowns, "; "))
	}
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

// closing says what was done, and shows all of it if that is wanted.
func (t Text) closing(w io.Writer, v View) {
	if n := len(v.Experiments); n > 1 {
		programs := ""
		if len(v.Software) > 0 {
			var names []string
			for _, s := range v.Software {
				names = append(names, strings.TrimSpace(s.Title+" "+visible.Line(s.Version, 40)))
			}
			programs = "; answered by " + strings.Join(names, ", ")
		}
		fmt.Fprintln(w)
		t.wrap(w, "", "  ", fmt.Sprintf("%d experiments in %s%s", n-1, span(v.TookMS), programs))
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

// wrap writes words in lines of the Text's width, the first line after first and
// the others after rest. A word that fits in no line is broken.
func (t Text) wrap(w io.Writer, first, rest, words string) {
	line, room, empty := first, t.width()-plainLength(first), true
	for _, word := range strings.Fields(words) {
		runes := []rune(word)
		for !empty && len(runes)+1 > room || empty && len(runes) > room {
			if empty { // it would fit nowhere
				n := max(1, room)
				line, runes = line+string(runes[:n]), runes[n:]
			}
			fmt.Fprintln(w, line)
			line, room, empty = rest, t.width()-plainLength(rest), true
		}
		if !empty {
			line, room = line+" ", room-1
		}
		line, room, empty = line+string(runes), room-len(runes), false
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

// plainLength is the number of characters of s without the styles in it.
func plainLength(s string) int {
	n, style := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			style = true
		case style:
			style = r != 'm'
		default:
			n++
		}
	}
	return n
}
