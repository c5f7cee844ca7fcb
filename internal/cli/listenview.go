package cli

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/inspect"
	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/refusal"
	"github.com/inservice/inservice/internal/visible"
)

// shown makes a stranger's text safe to print in one line of at most limit cells
// (0: any): ASCII only, so that a character is a cell.
func shown(s string, limit int) string {
	var b strings.Builder
	for _, r := range visible.Line(s, 0) {
		switch {
		case r <= '~':
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return cut(b.String(), limit)
}

// cut shortens what is ASCII already.
func cut(s string, limit int) string {
	if limit <= 0 || len(s) <= limit {
		return s
	}
	if limit <= 2 {
		return s[:limit]
	}
	return s[:limit-2] + ".."
}

// who names a sender in two words.
func who(g fingerprint.Guess) string {
	switch {
	case g.Name != "":
		return g.Name + " (" + g.Confidence.String() + ")"
	case len(g.Among) == 1:
		return "perhaps " + g.Among[0] + " (" + g.Confidence.String() + ")"
	case len(g.Among) > 0:
		return "one of several (" + g.Confidence.String() + ")"
	}
	return "not recognised"
}

// paceWords tells a pace in a few words; empty if it is not known.
func paceWords(p inspect.Pace) string {
	if p.Interval <= 0 {
		return ""
	}
	return "every " + brief(p.Interval) + " ± " + rough(p.Jitter)
}

// brief rounds d to three digits.
func brief(d time.Duration) string {
	unit := time.Nanosecond
	for limit := 1000 * time.Nanosecond; d >= limit && unit < time.Second; limit *= 10 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// rough rounds d to one digit: of a jitter no more can be told.
func rough(d time.Duration) string {
	for unit := time.Second; unit >= time.Microsecond; unit /= 1000 {
		if d >= unit {
			return d.Round(unit).String()
		}
	}
	return "0s"
}

// listenText prints one arrival after another.
type listenText struct {
	out      io.Writer
	identity identity
	failed   func() // nobody reads any more
}

func (v *listenText) print(s string) {
	if _, err := io.WriteString(v.out, s); err != nil {
		v.failed()
	}
}

func (v *listenText) arrival(a inspect.Arrival) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s > %s  %s\n", v.identity.paint(dim, a.Time.Format("15:04:05.000")),
		v.identity.paint(bold, "#"+strconv.Itoa(a.Number)), peerWords(a.Peer), a.Listener, shown(a.Asks(), 100))
	if a.SameAs > 0 {
		words := []string{"as #" + strconv.Itoa(a.SameAs), who(a.Guess)}
		if pace := paceWords(a.Pace); pace != "" {
			words = append(words, pace)
		}
		if a.Nodes > 1 {
			words = append(words, strconv.Itoa(a.Nodes)+" nodes")
		}
		fmt.Fprintf(&b, "  %s\n", strings.Join(append(words, "answered "+a.Answer.String()), ", "))
		v.print(b.String())
		return
	}
	for _, line := range details(&a, 0) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	v.print(b.String())
}

func (v *listenText) outcome(o inspect.Outcome) {
	switch {
	case o.What == inspect.GaveUp:
		v.print(fmt.Sprintf("  #%d: the other side gave up after %s\n", o.Number, brief(o.After)))
	}
}

func peerWords(peer netip.AddrPort) string {
	if !peer.IsValid() {
		return "(no address)"
	}
	return peer.String()
}

// details tells all about a, in lines of at most width cells (0: any).
func details(a *inspect.Arrival, width int) []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, wrapped(fmt.Sprintf(format, args...), width)...)
	}
	wire := inspect.Wire(a.Bytes)
	if a.Kind == inspect.HTTP2 || a.Kind == inspect.GRPC {
		wire = nil // frames are no sight: what they say is
		for _, f := range a.Request.Fields {
			wire = append(wire, inspect.Wire([]byte(f.Name+": "+f.Value))...)
		}
	}
	for _, line := range wire {
		for _, part := range wrapped(line, max(width-2, 0)) {
			lines = append(lines, "| "+part)
		}
	}
	if a.Kind == inspect.GRPC {
		add("gRPC:     service %q", shown(a.Service, 100))
	}
	if a.More {
		add("| (there was more)")
	}
	if a.Ending != "" {
		add("ending:   %s, after %s", shown(a.Ending, 0), brief(a.Lasted))
	}
	if p := a.Proxy; p != nil {
		add("PROXY:    %s", proxyWords(p, a.Peer))
	}
	if a.TLS != nil {
		add("TLS:      %s", shown(a.TLS.String(), 0))
	}
	lines = append(lines, whoLines(a, width)...)
	if a.Kind != inspect.Connect && a.Kind != inspect.Handshake && a.Kind != inspect.Other {
		add("answered: %s", a.Answer)
	}
	if pace := paceWords(a.Pace); pace != "" {
		add("pace:     %s, %d times", pace, a.Count)
	}
	if a.Nodes > 1 {
		add("nodes:    %d addresses ask the same", a.Nodes)
	}
	return append(lines, refusalLines(a.Refusals, width)...)
}

// refusalLines tells which rules would refuse an arrival; nothing if none would.
func refusalLines(refusals []refusal.Refusal, width int) []string {
	if len(refusals) == 0 {
		return nil
	}
	lines := wrapped("Refused by these rules, where they are in force:", width)
	for _, r := range refusals {
		words := r.Server
		if !r.Always {
			words += ", " + r.Setting
		}
		words += ": " + r.Answers
		if r.Allow != "" {
			words += ", unless it " + r.Verb + " " + r.Allow
		} else {
			words += "; " + r.Why
		}
		lines = append(lines, wrapped("- "+words, width)...)
		for _, line := range wrapped(r.Fix, max(width-4, 0)) {
			lines = append(lines, "    "+line)
		}
	}
	return lines
}

func proxyWords(p *inspect.Proxy, peer netip.AddrPort) string {
	switch {
	case p.Wrong != "":
		return fmt.Sprintf("v%d, %s", p.Version, shown(p.Wrong, 0))
	case p.Local:
		return fmt.Sprintf("v%d, the proxy speaks for itself (LOCAL, UNKNOWN)", p.Version)
	}
	if p.Source == peer {
		return fmt.Sprintf("v%d, for the proxy's own end, %s, to %s", p.Version, p.Source, p.Destination)
	}
	return fmt.Sprintf("v%d, for %s to %s", p.Version, p.Source, p.Destination)
}

func whoLines(a *inspect.Arrival, width int) []string {
	title := who(a.Guess)
	if profile, ok := lbprofile.Lookup(a.Guess.Name); ok {
		title = fmt.Sprintf("%s: %s (%s)", profile.Name, profile.Title, a.Guess.Confidence)
	}
	lines := wrapped("who:      "+title, width)
	if len(a.Guess.Among) > 0 {
		lines = append(lines, indented("among: "+strings.Join(a.Guess.Among, ", "), width)...)
	}
	for _, words := range a.Guess.Evidence {
		lines = append(lines, indented(words, width)...)
	}
	return lines
}

func indented(s string, width int) []string {
	const indent = "          "
	var lines []string
	for i, line := range wrapped(s, max(width-len(indent)-2, 0)) {
		mark := "- "
		if i > 0 {
			mark = "  "
		}
		lines = append(lines, indent+mark+line)
	}
	return lines
}

// wrapped breaks s into lines of at most width cells, at blanks where there are
// any. Width 0 is any width.
func wrapped(s string, width int) []string {
	if width <= 0 {
		return []string{s}
	}
	var lines []string
	for text := []rune(s); ; {
		if len(text) <= width {
			return append(lines, string(text))
		}
		at := width
		for i := width; i > width/2; i-- {
			if text[i] == ' ' {
				at = i
				break
			}
		}
		lines = append(lines, string(text[:at]))
		text = text[at:]
		if text[0] == ' ' {
			text = text[1:]
		}
	}
}
