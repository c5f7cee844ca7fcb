package diagnose

import (
	"fmt"
	"strings"
)

// notes are what is worth knowing of a probe that passes.
func (g *greens) notes() []Note {
	notes := g.noted
	add := func(id string, grade Grade, text string, evidence ...string) {
		notes = append(notes, Note{ID: id, Grade: grade, Text: text, Evidence: evidence})
	}
	a := g.base.answer()
	if cookie := a.Get("Set-Cookie"); cookie != "" {
		name, _, _ := strings.Cut(cookie, "=")
		add("cookie", Caution, "Each probe gets a cookie: if that is a session, each probe makes one.", "Set-Cookie: "+quoted(name)+"=…")
	}
	if total := a.Phases.Total; total > g.d.waits()/2 {
		add("slow", Caution, fmt.Sprintf("The answer takes %.1f s of the %.1f s that the load balancer waits: under load it will fail.", total.Seconds(), g.d.waits().Seconds()))
	}
	if to, ok := location(g.base); ok {
		add("redirect", Caution, fmt.Sprintf("It passes as a redirect to %s: what is there is not looked at.", to))
	}
	if n := len(g.base.o.Answers); n > 1 {
		add("followed", Hint, "The prober followed a redirect; what passes is what came after it.", told(a))
	}
	if s := a.Status; s >= 400 {
		add("widened", Caution, fmt.Sprintf("It passes with %d: the load balancer's matcher takes failures for health.", s))
	}
	if t := a.TLS; t != nil && t.VerifyError != nil {
		add("certificate", Hint, "The certificate does not verify; this load balancer does not look.", quoted(t.VerifyError.Error()))
	}
	for _, look := range []func() (Note, bool){g.leakNote, g.laneNote} {
		if n, ok := look(); ok {
			notes = append(notes, n)
		}
	}
	return notes
}
