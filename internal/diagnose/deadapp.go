package diagnose

import (
	"fmt"
	"slices"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// gone reports whether an answer says that a front server has no app.
func gone(v view) bool {
	switch {
	case !v.speaks():
		return false
	case v.status() == 502 || v.status() == 504:
		return true
	}
	return v.status() == 503 && v.frontPage()
}

// deadApp: other paths, by this Host or by the site's, tell that the app is dead or
// broken.
func (g *greens) deadApp() {
	if g.seen("default_page_ok") {
		return
	}
	root, random := g.root, g.random
	if root.name == g.base.name {
		root = view{}
	}
	evidence := func(w view) string {
		return fmt.Sprintf("%s (%s) gives %s.", quoted(w.request().Path), quoted(w.o.Experiment.Change), told(w.answer()))
	}
	warn := func(id cause.ID, c float64, views ...view) {
		f := seen(id, c, "The health path passes, while "+evidence(views[0]), append(slices.Clone(views), g.base)...)
		for _, w := range views[1:] {
			f = f.also("%s", evidence(w))
		}
		g.warn(f)
	}
	switch {
	case gone(random) && (gone(root) || !root.ok):
		views := []view{random}
		if gone(root) {
			views = append(views, root)
		}
		warn("front_answers_for_dead_app", 0.95, views...)
	case gone(random):
		warn("front_answers_for_dead_app", 0.85, random)
	case gone(root):
		c := 0.75
		if random.frontPage() {
			c = 0.85
		}
		warn("front_answers_for_dead_app", c, root)
	case g.nobodyLives(root, random):
		warn("front_answers_for_dead_app", 0.8, random, root)
	case root.ok && root.status() >= 500:
		warn("shallow_check_ok", 0.93, root)
	case root.closed() && random.closed() || root.silent() && random.silent():
		warn("front_answers_for_dead_app", 0.7, root, random)
	case root.closed() && random.ok && !random.closed():
		warn("shallow_check_ok", 0.7, root)
	case g.d.q.Site != "" && gone(g.siteRoot):
		warn("front_answers_for_dead_app", 0.85, g.siteRoot)
	case g.d.q.Site != "" && (gone(g.site) || g.site.ok && g.site.status() >= 500):
		warn("front_answers_for_dead_app", 0.7, g.site)
	case g.d.q.Site != "" && g.siteRoot.ok && g.siteRoot.status() >= 500:
		warn("shallow_check_ok", 0.9, g.siteRoot)
	}
}

// nobodyLives reports whether the health path alone is answered, without a mark of
// an app, and all others give one and the same 503. An app that lives says of a path
// which cannot exist that there is none. A page of maintenance, one that says what is
// wrong, and one that no front server passed on, are another matter.
func (g *greens) nobodyLives(root, random view) bool {
	if !root.speaks() || !random.speaks() || root.status() != 503 || random.status() != 503 || !same(root, random) {
		return false
	}
	a := random.answer()
	if maintenanceWords.MatchString(bodyText(a)) || a.Get("Retry-After") != "" {
		return false
	}
	_, fronted := software.Fronted(a)
	_, named := namesDependency(a)
	return fronted && !named && !byApp(g.base.answer()) && !byApp(a)
}

// byApp reports whether an answer bears the mark of an app, or of a server that
// runs one.
func byApp(a exchange.Answer) bool {
	return slices.ContainsFunc(software.Recognise(a), func(s software.Guess) bool {
		return s.Role == software.AppServer || s.Role == software.Framework
	})
}

// method: a checker that asks by HEAD or OPTIONS may see what no user sees.
func (g *greens) method() {
	if m := g.base.request().Method; m == "" || m == "GET" {
		return
	}
	w := g.d.see(g.base.at.with(change{factor: fMethod, label: "GET"}))
	if w.fails() && (w.status() >= 400 && w.status() != 401 && w.status() != 429 || w.status() == 0) {
		f := seen("shallow_check_ok", 0.93, fmt.Sprintf("%s passes, and GET of the same path gives %s.", quoted(g.base.request().Method), told(w.answer())), w, g.base)
		if !g.seen("shallow_check_ok") {
			g.warn(f)
		}
	}
}

// redirected: a redirect that passes; does what it leads to?
func (g *greens) redirected() {
	to, ok := location(g.base)
	if !ok {
		return
	}
	var w view
	from := here(g.base)
	switch {
	case to.scheme == "https" && from.scheme == "http":
		w = g.d.see(g.base.at.with(fieldChange("X-Forwarded-Proto", "https")))
	case to.host == from.host && to.path != from.path:
		w = g.d.see(g.base.at.with(pathChange("location", to.path)))
	}
	if w.ok && (w.status() >= 500 || w.closed()) && !g.seen("shallow_check_ok") && !g.seen("front_answers_for_dead_app") {
		g.warn(seen("shallow_check_ok", 0.88, fmt.Sprintf("The redirect to %s passes; where it leads, the answer is %s.", to, told(w.answer())), w, g.base))
	}
}

// siteRefused: the target passes by its address and refuses its users' name.
func (g *greens) siteRefused() {
	refuses := func(v view) bool {
		switch v.status() {
		case 400, 403, 421:
			return v.ok
		}
		return v.closed()
	}
	if !refuses(g.site) {
		return
	}
	// A health path that the public may not see is no fault: what of the home page?
	page := g.siteRoot
	if g.root.name == g.base.name {
		page = g.site
	}
	if page.ok && !refuses(page) || g.root.ok && g.root.name != g.base.name && refuses(g.root) && g.root.status() == page.status() {
		return
	}
	g.warn(seen("site_host_refused_ok", 0.93, fmt.Sprintf("With Host: %s, the name that users ask by, the same request gives %s.", quoted(g.d.q.Site), told(g.site.answer())), g.site, g.base))
}
