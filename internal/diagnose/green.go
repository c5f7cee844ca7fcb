package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// steadyRepeats is how often a probe that passes is repeated.
const steadyRepeats = 7

// green asks whether a probe that passes tells the truth.
func (d *desk) green(base view, r *Report) {
	switch base.request().Protocol {
	case exchange.Bare:
		d.greenConnect(base, r)
		return
	case exchange.GRPC:
		d.greenCall(base, r)
		return
	}
	if d.repeat(base, r); r.Verdict != Pass {
		return
	}
	g := &greens{d: d, base: base, noted: r.Notes}
	if len(r.Notes) == 0 {
		g.look()
	}
	limited := len(g.noted) > 0
	// The order is that of what a person should mend first.
	g.errorInBody()
	g.cached()
	g.defaultPage()
	g.catchAll()
	g.deadApp()
	if !limited { // or they would be asked in vain
		g.method()
		g.redirected()
	}
	g.siteRefused()
	if !limited && len(g.warnings) == 0 {
		if n, ok := g.headNote(); ok {
			g.noted = append(g.noted, n)
		}
	}
	if g.seen("cached_ok") {
		// A cache answers in place of a dead app; that it is dead is the same news.
		g.drop("front_answers_for_dead_app")
	}
	r.Warnings = g.warnings
	r.Notes = g.notes()
}

// repeat asks a passing probe's question again, and finds that it does not always
// pass, or, in a note, that it meets a limit.
func (d *desk) repeat(base view, r *Report) {
	n := steadyRepeats
	if !base.quick() {
		n = 1
	}
	for i := range n {
		if w := d.again(base.at, i+1); w.fails() && w.answer().Failure != exchange.OwnFault {
			d.unsteady(base, r)
			return
		}
	}
}

// greens are the looks at one passing HTTP probe.
type greens struct {
	d        *desk
	base     view
	random   view // a path that cannot exist
	root     view // /
	query    view // the same path with a query that nobody asked before
	site     view // asked by the site's name
	siteRoot view // / of it
	warnings []Finding
	noted    []Note
}

// seen reports whether there is a warning of that cause.
func (g *greens) seen(id cause.ID) bool {
	return slices.ContainsFunc(g.warnings, func(f Finding) bool { return f.Cause == id })
}

func (g *greens) drop(id cause.ID) {
	g.warnings = slices.DeleteFunc(g.warnings, func(f Finding) bool { return f.Cause == id })
}

func (g *greens) warn(f Finding) {
	if len(f.Values) == 0 {
		f.Values = nil
	}
	g.warnings = append(g.warnings, f)
}

// look asks what the looks have in common.
func (g *greens) look() {
	d, at := g.d, g.base.at
	path, query, asked := cutQuery(g.base.request().Path)
	g.random = d.random(g.base)
	g.root = d.root(g.base)
	fresh := path + "?inservice=9f3k"
	if asked {
		fresh = path + "?" + query + "&inservice=9f3k"
	}
	g.query = d.see(at.with(pathChange("query", fresh)))
	if d.q.Site != "" && bareHost(d.q.Site) != bareHost(hostOf(g.base.request())) {
		host := change{factor: fHost, label: "site", arg: d.q.Site}
		g.site = d.see(at.with(host))
		if g.site.silent() && g.base.quick() {
			// Some front servers try for seconds to reach an app that is dead.
			if w := d.see(at.with(longer).with(host)); w.ok {
				g.site = w
			}
		}
		if g.root.name != g.base.name && !redirects(g.site) && !g.site.silent() {
			g.siteRoot = d.see(at.with(host).with(pathChange("/", "/")))
		}
	}
	g.forgetLimited()
}

// forgetLimited finds that what other paths or names are answered is what the probe
// itself is answered by now: a limit of requests that our own pace met. Those
// answers say nothing of the app.
func (g *greens) forgetLimited() {
	first := slices.IndexFunc(g.d.order, func(o *Observation) bool { return view{ok: true, o: o}.limited() })
	if first < 0 || !g.d.again(g.base.at, steadyRepeats+1).limited() {
		return
	}
	g.noted = append(g.noted, limitNote(first, g.base.answer(), g.d.order[first].Answers[0]))
	for _, w := range []*view{&g.random, &g.root, &g.query, &g.site, &g.siteRoot} {
		if w.limited() {
			*w = view{name: w.name}
		}
	}
}

func redirects(v view) bool { return v.ok && v.status()/100 == 3 }

// errorInBody: the status passes, and the body says that something is wrong.
func (g *greens) errorInBody() {
	v := g.base
	if v.request().Method == "HEAD" {
		v = g.d.see(v.at.with(change{factor: fMethod, label: "GET"}))
		if !v.passes() {
			return
		}
	}
	if says, ok := errorInBody(v.answer()); ok {
		c := 0.9
		if isHTML(v.answer()) {
			c = 0.8
		}
		g.warn(seen("error_in_body_ok", c, fmt.Sprintf("The status is %d, and the body says: %s.", v.status(), says), v))
	}
}

// defaultPage: it is not the app that answers, but what the server has for a Host that
// it does not know.
func (g *greens) defaultPage() {
	v := g.base
	own, isOwn := v.ownPage()
	welcome := isOwn && (own.Page == "welcome" || own.Page == "listing")
	empty := v.status() == 200 && len(v.answer().Body) == 0 && v.answer().BodySize == 0 && v.request().Method != "HEAD"
	// What another name shows instead; that it is refused, or sent elsewhere, is another matter.
	other := g.site.speaks() && !redirects(g.site) && g.site.status() != 400 && g.site.status() != 401 && g.site.status() != 403 && g.site.status() != 421 && g.site.status() != 429 && !same(g.site, v)
	whole := g.random.ok && g.samePage(g.random)
	switch {
	case welcome:
		f := seen("default_page_ok", 0.9, fmt.Sprintf("The answer is %s's own page (%s), not the app's.", own.Title, own.Page), v)
		if other {
			f.Confidence = 0.97
			f = f.also("With the site's name as Host the same request gives %s.", told(g.site.answer()))
			f.Decided = append(f.Decided, g.site.name)
		}
		g.warn(f)
	case empty && whole && other, whole && other && (gone(g.site) || g.site.status() >= 500):
		g.warn(seen("default_page_ok", 0.92, fmt.Sprintf("Any path gives the same %d for a Host that the server does not know; with the site's name as Host it gives %s: it is not the app that answers.", v.status(), told(g.site.answer())), g.site, v, g.random))
	case v.status() == 200 && (g.site.speaks() && g.site.status() >= 500 || g.site.silent()) && g.alive(g.root) && g.alive(g.random):
		g.warn(seen("default_page_ok", 0.85, fmt.Sprintf("With the site's name as Host the same request gives %s, and by the load balancer's Host nothing says that an app is missing (%s: %s): what passes is what the server has for a Host that it does not know.", told(g.site.answer()), quoted(g.random.request().Path), told(g.random.answer())), g.site, v, g.random))
	case empty && whole:
		if front, ok := software.Fronted(v.answer()); ok && g.d.q.Site == "" {
			g.warn(seen("default_page_ok", 0.6, fmt.Sprintf("Any path gives an empty 200 from %s: it may be what it says to a Host that it does not know. Ask with --site www.example.com to find out.", front.Title), v, g.random))
		}
	}
}

// alive reports whether a path is answered, and not by the word that an app fails.
func (g *greens) alive(w view) bool { return w.speaks() && w.status() < 500 }

// catchAll: a path that cannot exist passes with the same page.
func (g *greens) catchAll() {
	if g.seen("default_page_ok") || redirects(g.base) || g.base.status()/100 != 2 {
		return
	}
	hit := view{}
	head := g.base.request().Method == "HEAD" || g.base.request().Method == "OPTIONS"
	if g.random.ok && g.random.passes() && (g.samePage(g.random) || head && g.random.status() == g.base.status()) {
		hit = g.random
	} else if path, _, _ := cutQuery(g.base.request().Path); isHTML(g.base.answer()) && strings.Count(strings.TrimRight(path, "/"), "/") > 1 {
		// A page of an app below a prefix.
		w := g.d.see(g.base.at.with(pathChange("beside", path[:strings.LastIndex(strings.TrimRight(path, "/"), "/")]+randomPath)))
		if w.passes() && g.samePage(w) {
			hit = w
		}
	}
	if head && hit.ok {
		// Without a body the pages can't be compared: look at them.
		a := g.d.see(g.base.at.with(change{factor: fMethod, label: "GET"}))
		b := g.d.see(hit.at.with(change{factor: fMethod, label: "GET"}))
		if !a.ok || !b.ok || !same(a, b) {
			return
		}
	}
	if !hit.ok {
		return
	}
	f := seen("catch_all_ok", 0.95, fmt.Sprintf("A path that cannot exist (%s) gives the very same %d: the answer says nothing about what is behind.", quoted(hit.request().Path), hit.status()), hit, g.base)
	if loginForm.Match(g.base.answer().Body) {
		f = f.also("It is a page to sign in.")
	}
	g.warn(f)
}
