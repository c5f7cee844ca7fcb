package firewall

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a walk: a chain can jump to others in more ways than there is time.
const (
	mostJumps = 16 // deep, as the kernel has it
	mostRules = 100_000
)

// walk follows a packet through the chains of one hook after another.
type walk struct {
	rules  *Ruleset
	packet packet
	left   int // rules that may still be looked at
	listed []Rule

	// Of the base chain that is being walked:
	mayAccept, mayStop []Rule // verdicts that depend on something
	end                Rule   // the verdict that is certain, or the policy
	stops, rejects     bool   // that of end
	elsewhere          string // where it is certainly sent
}

// stage is what one base chain does.
type stage struct {
	outcome Outcome
	end     Rule
	unless  []Rule // rules that may decide otherwise, before it
	answers bool   // it is about what the server answers
}

// For says what the rules do with new connections, and with the answers to them.
func (r Ruleset) For(q Question) Report {
	report := Report{Outcome: Unknown, Text: "the rules of the packet filter can't be read", Notes: slices.Clone(r.Notes)}
	if !r.read {
		return report
	}
	in := &walk{rules: &r, packet: question(q), left: mostRules}
	var stages []stage
	stages = append(stages, in.through(hookIngress)...)
	stages = append(stages, in.through(hookPrerouting)...)
	if in.packet.local {
		stages = append(stages, in.through(hookInput)...)
	} else {
		report.Notes = append(report.Notes, fmt.Sprintf("connections to port %d are sent on to another address: %s", q.Port, in.elsewhere))
		stages = append(stages, in.through(hookForward)...)
	}
	report.Rules = in.listed
	if !slices.ContainsFunc(stages, stage.refuses) && in.packet.local {
		out := &walk{rules: &r, packet: in.packet.answered(), left: in.left}
		answers := append(out.through(hookOutput), out.through(hookPostrouting)...)
		// Rules about answers are of interest only where they stop some.
		if slices.ContainsFunc(answers, func(s stage) bool { return s.outcome != Accepts }) {
			report.Rules = append(report.Rules, out.listed...)
			for i := range answers {
				answers[i].answers = true
			}
			stages = append(stages, answers...)
		}
		in.left = out.left
	}
	if in.left <= 0 {
		report.Text = "the rules of the packet filter are too many to follow"
		return report
	}
	report.Outcome, report.Text = conclude(in.packet.port(), stages, in.listed)
	if in.packet.port() != q.Port {
		report.Notes = append(report.Notes, fmt.Sprintf("connections to port %d are sent to port %d of this machine", q.Port, in.packet.port()))
	}
	return report
}

func (s stage) refuses() bool { return s.outcome == Drops || s.outcome == Rejects }

// conclude puts the stages together: one that stops is enough.
func conclude(port uint16, stages []stage, listed []Rule) (Outcome, string) {
	subject := fmt.Sprintf("tcp dport %d", port)
	for _, s := range stages {
		if s.refuses() {
			return s.outcome, s.words(subject)
		}
	}
	var depends []string
	for _, s := range stages {
		if s.outcome == Depends {
			depends = append(depends, s.words(subject))
		}
	}
	if len(depends) > 0 {
		return Depends, strings.Join(depends, "; ")
	}
	for _, r := range listed {
		if r.Names && r.Does == "accept" && r.Certain {
			return Accepts, fmt.Sprintf("a rule accepts %s in %s, and none stops it", subject, r.Where)
		}
	}
	return Accepts, "no rule stops new connections to " + subject
}

// words says what a base chain does that stops packets, or may.
func (s stage) words(subject string) string {
	if s.answers {
		subject = "the answers to " + subject
	}
	does := map[string]string{"drop": "drops", "reject": "rejects"}[s.end.Does]
	switch {
	case s.refuses() && s.end.Handle == 0:
		return fmt.Sprintf("%s drops %s by its policy: no rule accepts it", s.end.Where, subject)
	case s.refuses() && s.end.Names:
		return fmt.Sprintf("a rule %s %s in %s: %s", does, subject, s.end.Where, s.end.Text)
	case s.refuses():
		return fmt.Sprintf("a rule %s %s along with others in %s: %s", does, subject, s.end.Where, s.end.Text)
	case does != "":
		how := "by its policy"
		if s.end.Handle != 0 {
			how = "by the rule " + quote(s.end)
		}
		return fmt.Sprintf("%s %s %s %s, unless one of these accepts it: %s", s.end.Where, does, subject, how, quotes(s.unless))
	}
	return fmt.Sprintf("%s may stop %s: %s", s.end.Where, subject, quotes(s.unless))
}

func quote(r Rule) string { return "“" + r.Text + "”" }

func quotes(rules []Rule) string {
	const most = 4
	var all []string
	for _, r := range rules {
		all = append(all, quote(r))
	}
	if len(all) > most {
		all = append(all[:most:most], fmt.Sprintf("and %d more", len(all)-most))
	}
	return strings.Join(all, ", ")
}

// through walks the base chains at a hook, until one stops the packet.
func (w *walk) through(hook int) []stage {
	var stages []stage
	for _, c := range w.at(hook) {
		s := w.base(c)
		stages = append(stages, s)
		if s.refuses() {
			break
		}
	}
	return stages
}

// at lists the base chains at a hook that the packet passes, in their order.
func (w *walk) at(hook int) []*chain {
	var found []*chain
	for _, c := range w.rules.chains {
		number := hook
		if c.family == familyNetdev && hook == hookIngress {
			number = 0
		} else if c.family == familyNetdev || c.family != familyInet && (c.family != w.packet.family || hook == hookIngress) {
			continue
		}
		if c.hook == number {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b *chain) int { return cmp.Compare(a.priority, b.priority) })
	return found
}

func (w *walk) base(c *chain) stage {
	w.mayAccept, w.mayStop = nil, nil
	reach, via := yes, []string(nil)
	if c.device != "" {
		reach, via = maybe, []string{"device " + c.device}
	}
	if w.walk(c, reach, 0, via) != yes {
		w.stops, w.rejects = c.drops && reach == yes, false
		w.end = Rule{Where: c.String(), Text: "policy accept", Does: "accept", Certain: true}
		if w.stops {
			w.end.Text, w.end.Does = "policy drop", "drop"
		}
		switch {
		case w.stops:
			w.listed = append(w.listed, w.end)
		case c.drops:
			w.mayStop = append(w.mayStop, Rule{Where: c.String(), Text: "policy drop on device " + c.device, Does: "drop"})
		}
	}
	s := stage{outcome: Accepts, end: w.end}
	switch {
	case w.stops && len(w.mayAccept) > 0:
		s.outcome, s.unless = Depends, w.mayAccept
	case w.stops && w.rejects:
		s.outcome = Rejects
	case w.stops:
		s.outcome = Drops
	case len(w.mayStop) > 0:
		s.outcome, s.unless, s.end.Where = Depends, w.mayStop, c.String()
	}
	return s
}

// walk goes through a chain that the packet certainly (yes) or perhaps comes to,
// under the conditions via. It returns yes if a verdict that ends the base chain
// is certain.
func (w *walk) walk(c *chain, reach answer, depth int, via []string) answer {
	if depth > mostJumps {
		return no
	}
	for _, one := range c.rules {
		if w.left--; w.left <= 0 {
			return no
		}
		m := w.rules.evaluate(c, one, w.packet)
		if m.holds == no && len(m.ends) == 0 {
			continue
		}
		if min(reach, m.holds) == yes {
			w.packet = m.packet
			w.elsewhere = cmp.Or(m.elsewhere, w.elsewhere)
		} else if m.holds != no {
			w.packet.mark = m.packet.mark
		}
		told := w.tell(c, one, m, reach, via)
		for _, e := range m.ends {
			ended, leave := w.verdict(c, told, e, min(reach, e.holds), depth, append(via, m.open...))
			if ended == yes {
				return yes
			}
			if leave == yes {
				return no
			}
			if leave == maybe {
				reach = maybe
			}
		}
	}
	return no
}

// tell makes the Rule for people, and lists it if it names the port or may stop
// the packet.
func (w *walk) tell(c *chain, one rule, m met, reach answer, via []string) Rule {
	r := Rule{Where: c.String(), Handle: one.handle, Names: m.names, Certain: min(reach, m.holds) == yes}
	var ends []string
	stops := m.elsewhere != ""
	for _, e := range m.ends {
		if !slices.Contains(ends, e.text) {
			ends = append(ends, e.text)
		}
		stops = stops || e.rejects || e.verdict.code == verdictDrop || e.verdict.queues()
		r.Certain = r.Certain && e.holds == yes
	}
	texts := m.texts
	if m.elsewhere != "" {
		ends = []string{m.elsewhere}
	}
	r.Does = strings.Join(ends, " or ")
	if !slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, " vmap ") }) {
		texts = append(slices.Clone(texts), ends...)
	}
	r.Text = strings.Join(texts, " ")
	if len(via) > 0 {
		r.Text += " (where " + strings.Join(via, ", ") + ")"
	}
	if r.Names || stops {
		w.listed = append(w.listed, r)
	}
	return r
}

// verdict does what a rule decided. ended is yes if that ends the base chain, and
// leave tells whether it ends this chain.
func (w *walk) verdict(c *chain, r Rule, e ending, holds answer, depth int, via []string) (ended, leave answer) {
	code := e.verdict.code
	switch {
	case holds == no || code == verdictContinue:
		return no, no
	case e.rejects || code == verdictDrop:
		r.Does = "drop"
		if e.rejects {
			r.Does = "reject"
		}
		if holds == yes {
			w.end, w.stops, w.rejects = r, true, e.rejects
			return yes, yes
		}
		w.mayStop = append(w.mayStop, r)
	case code == verdictAccept:
		if holds == yes {
			w.end, w.stops, w.rejects = r, false, false
			return yes, yes
		}
		w.mayAccept = append(w.mayAccept, r)
	case e.verdict.queues():
		w.mayStop, w.mayAccept = append(w.mayStop, r), append(w.mayAccept, r)
	case code == verdictReturn:
		return no, holds
	case code == verdictJump || code == verdictGoto:
		next := w.rules.chain(c, e.verdict.chain)
		if next == nil {
			return no, no
		}
		ended := w.walk(next, holds, depth+1, via)
		if code == verdictGoto {
			return ended, holds
		}
		return ended, ended
	}
	return no, no
}

// chain finds a chain of the same table.
func (r *Ruleset) chain(from *chain, name string) *chain {
	for _, c := range r.chains {
		if c.family == from.family && c.table == from.table && c.name == name {
			return c
		}
	}
	return nil
}
