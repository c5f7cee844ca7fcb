package diagnose

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// headNote: GET passes, and HEAD of the same path does not. Monitors and some load
// balancers ask by HEAD. A server that says it has no HEAD (405, 501) is well.
func (g *greens) headNote() (Note, bool) {
	if m := g.base.request().Method; m != "" && m != "GET" || g.base.status()/100 != 2 || g.base.request().Protocol == exchange.Bare {
		return Note{}, false
	}
	w := g.d.see(g.base.at.with(change{factor: fMethod, label: "HEAD"}))
	if !w.fails() || w.limited() || w.answer().Failure == exchange.OwnFault {
		return Note{}, false
	}
	n := Note{ID: "head", Grade: Caution, Evidence: []string{fmt.Sprintf("HEAD: %s; GET: %s.", told(w.answer()), told(g.base.answer()))}}
	switch s := w.status(); {
	case w.closed(), w.silent():
		n.Text = "GET passes, and HEAD of the same path is not answered: who asks by HEAD sees it down."
	case s >= 500 && s != 501:
		n.Text = fmt.Sprintf("GET passes, and HEAD of the same path gives %d: who asks by HEAD sees it down.", s)
	case s == 404:
		n.Grade = Hint
		n.Text = "GET passes, and HEAD of the same path gives 404: who asks by HEAD sees nothing there."
	default:
		return Note{}, false
	}
	return n, true
}

// kept is how long others' requests must have waited, while the health answer came
// at once, for it to be told that this one does not wait where they do.
const kept = time.Second

// laneNote: the health answer comes at once while requests of others wait on the same
// port. It may have a worker of its own, or need nothing that they wait for. Some
// requests are slow by nature; a page of ours that waits as well is more than a hint.
func (g *greens) laneNote() (Note, bool) {
	others, took := g.d.crowd(), g.base.answer().Phases.Total
	if others.first < kept || took > kept/4 || g.base.request().TLS != nil { // by TLS each handshake has brought bytes
		return Note{}, false
	}
	n := Note{ID: "lane", Grade: Hint,
		Text:     "The health path is answered at once while somebody else's request waits on the same port: it does not wait where that one does, and may stay green when users get nothing.",
		Evidence: []string{fmt.Sprintf("The health answer took %d ms; of %d connections to the port, one has waited %.1f s for its first byte.", took.Milliseconds(), others.open, others.first.Seconds())}}
	for _, w := range []view{g.random, g.root} {
		if w.ok && w.name != g.base.name && (w.silent() || w.answer().Phases.Total >= kept) {
			n.Grade = Caution
			n.Evidence = append(n.Evidence, fmt.Sprintf("%s waits as well: %s after %.1f s.", quoted(w.request().Path), told(w.answer()), w.answer().Phases.Total.Seconds()))
		}
	}
	return n, true
}

var (
	// addressText finds addresses in a body.
	addressText = regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}\b`)
	// versionField names fields that tell which program answers, and versionText a
	// program's version in them. An API's own version is no secret.
	versionField = regexp.MustCompile(`(?i)^(server|x-powered-by|x-generator|x-.+-version)$`)
	apiField     = regexp.MustCompile(`(?i)api`)
	versionText  = regexp.MustCompile(`\d+\.\d+|/\d`)
)

// leakNote names what the answer tells strangers: versions of programs in its fields,
// and in its body, where that was asked by an address, details of the app.
func (g *greens) leakNote() (Note, bool) {
	a := g.base.answer()
	n := Note{ID: "leak", Grade: Hint}
	for _, f := range a.Fields {
		if versionField.MatchString(f.Name) && !apiField.MatchString(f.Name) && versionText.MatchString(f.Value) {
			n.Evidence = append(n.Evidence, quoted(f.Name+": "+f.Value))
		}
	}
	versions := len(n.Evidence) > 0
	details := false
	if v, ok := tree(a); ok {
		m, _ := v.(map[string]any)
		_, err := netip.ParseAddr(bareHost(hostOf(g.base.request())))
		details = err == nil && (len(m) > 4 || len(m) > 2 && addressText.Match(a.Body))
	}
	if details {
		n.Evidence = append(n.Evidence, quoted(bodyText(a)))
	}
	var what []string
	if versions {
		what = append(what, "which versions run")
	}
	if details {
		what = append(what, "details of the app")
	}
	n.Text = "The health answer tells strangers " + strings.Join(what, ", and ") + "."
	return n, len(what) > 0
}
