package diagnose

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

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
	g := &greens{d: d, base: base}
	g.look()
	// The order is that of what a person should mend first.
	g.errorInBody()
	g.cached()
	g.defaultPage()
	g.catchAll()
	g.deadApp()
	g.method()
	g.redirected()
	g.siteRefused()
	if g.seen("cached_ok") {
		// A cache answers in place of a dead app; that it is dead is the same news.
		g.drop("front_answers_for_dead_app")
	}
	r.Warnings = g.warnings
	r.Notes = g.notes()
}

// repeat asks a passing probe's question again, and finds that it does not always
// pass.
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
		if g.root.name != g.base.name && !redirects(g.site) {
			g.siteRoot = d.see(at.with(host).with(pathChange("/", "/")))
		}
	}
}

func redirects(v view) bool { return v.ok && v.status()/100 == 3 }

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

var cacheFields = regexp.MustCompile(`(?i)^(x-.*cache.*|cf-cache-status|cache-status|x-served-from)$`)

// fromCache tells by which mark an answer came from a cache.
func fromCache(a exchange.Answer) (string, bool) {
	for _, f := range a.Fields {
		name, value := strings.ToLower(f.Name), strings.ToLower(f.Value)
		switch {
		case name == "age":
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
				return "Age: " + quoted(f.Value), true
			}
		case name == "x-varnish" && len(strings.Fields(value)) > 1:
			return "X-Varnish with two numbers: " + quoted(f.Value), true
		case cacheFields.MatchString(f.Name) && !strings.Contains(name, "key") && strings.Contains(value, "hit") && !strings.Contains(value, "miss"):
			return quoted(f.Name + ": " + f.Value), true
		}
	}
	return "", false
}

func date(a exchange.Answer) (time.Time, bool) {
	t, err := http.ParseTime(a.Get("Date"))
	return t, err == nil
}

func (g *greens) cached() {
	mark, marked := "", false
	from := g.base
	for i := range steadyRepeats {
		if w := g.d.known[fmt.Sprintf("again=%d", i+1)]; w != nil && !marked && len(w.Answers) > 0 {
			if mark, marked = fromCache(w.Answers[0]); marked {
				from = view{ok: true, o: w, name: w.Experiment.Name}
			}
		}
	}
	if m, ok := fromCache(g.base.answer()); ok {
		mark, marked, from = m, true, g.base
	}
	if old, ok := date(g.base.answer()); ok && !marked && g.random.speaks() {
		if now, ok := date(g.random.answer()); ok {
			lag := now.Sub(old) - g.random.answer().Began.Sub(g.base.answer().Began)
			if lag > 3*time.Second {
				mark, marked = fmt.Sprintf("its Date is %.0f s older than that of another path's answer", lag.Seconds()), true
			}
		}
	}
	_, again := fromCache(g.query.answer())
	differs := g.query.ok && !g.query.passes() && (g.query.status() >= 500 || g.query.status() == 0)
	switch {
	case marked && differs:
		g.warn(seen("cached_ok", 0.96, fmt.Sprintf("The answer comes from a cache (%s); with a new query string the same path gives %s.", mark, told(g.query.answer())), from, g.query))
	case marked && !again:
		g.noted = append(g.noted, Note{ID: "cached", Grade: Caution, Text: "The answer comes from a cache: while it is kept there, the app may be dead.", Evidence: []string{mark}})
	case differs && gone(g.query) && !g.frontOwns():
		g.warn(seen("cached_ok", 0.75, fmt.Sprintf("The path gives 200, but with a new query string %s: the 200 was kept from earlier.", told(g.query.answer())), g.query, g.base))
	}
}

// frontOwns reports whether the front server made the passing answer itself, from a
// rule that compares the whole target of the request.
func (g *greens) frontOwns() bool {
	own, ok := g.base.ownPage()
	if ok && own.Role == software.Front {
		return true
	}
	front, ok := software.Fronted(g.query.answer())
	return ok && (front.Name == "haproxy" || front.Name == "varnish" || front.Name == "envoy")
}

func (g *greens) defaultPage() {
	v := g.base
	own, isOwn := v.ownPage()
	welcome := isOwn && (own.Page == "welcome" || own.Page == "listing")
	empty := v.status() == 200 && len(v.answer().Body) == 0 && v.answer().BodySize == 0 && v.request().Method != "HEAD"
	// What another name shows instead; that it is refused, or sent elsewhere, is another matter.
	other := g.site.speaks() && !redirects(g.site) && g.site.status() != 400 && g.site.status() != 401 && g.site.status() != 403 && g.site.status() != 421 && g.site.status() != 429 && !same(g.site, v)
	whole := g.random.ok && same(g.random, v)
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
	case empty && whole:
		if front, ok := software.Fronted(v.answer()); ok && g.d.q.Site == "" {
			g.warn(seen("default_page_ok", 0.6, fmt.Sprintf("Any path gives an empty 200 from %s: it may be what it says to a Host that it does not know. Tell a public name of the site to find out.", front.Title), v, g.random))
		}
	}
}

func (g *greens) catchAll() {
	if g.seen("default_page_ok") || redirects(g.base) || g.base.status()/100 != 2 {
		return
	}
	hit := view{}
	head := g.base.request().Method == "HEAD" || g.base.request().Method == "OPTIONS"
	if g.random.ok && g.random.passes() && (same(g.random, g.base) || head && g.random.status() == g.base.status()) {
		hit = g.random
	} else if path, _, _ := cutQuery(g.base.request().Path); isHTML(g.base.answer()) && strings.Count(strings.TrimRight(path, "/"), "/") > 1 {
		// A page of an app below a prefix.
		w := g.d.see(g.base.at.with(pathChange("beside", path[:strings.LastIndex(strings.TrimRight(path, "/"), "/")]+randomPath)))
		if w.passes() && same(w, g.base) {
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

// greenConnect: a probe that only connects says nothing about what users get.
func (d *desk) greenConnect(base view, r *Report) {
	w := d.see(base.at.with(change{factor: fAsk, label: "GET"}))
	if !w.ok {
		return
	}
	root := w
	a := w.answer()
	broken := func(v view) bool { return v.ok && (v.status() >= 500 || v.closed() || v.silent()) }
	if a.Status/100 == 4 || broken(w) {
		// The path may not be the app's: look at the home page, by the site's name if it is known.
		at := w.at
		if d.q.Site != "" {
			at = at.with(change{factor: fHost, label: "site", arg: d.q.Site})
			root = d.see(at)
		}
		if p := w.request().Path; p != "" && p != "/" {
			root = d.see(at.with(pathChange("/", "/")))
		}
	}
	switch {
	case !broken(w) && !broken(root):
		return
	case broken(root) && root.speaks():
		r.Warnings = append(r.Warnings, seen("shallow_check_ok", 0.94, fmt.Sprintf("The connection stands, and that is all the load balancer looks at; an HTTP request gives %s.", told(root.answer())), root, base))
	case broken(w) && w.speaks():
		r.Warnings = append(r.Warnings, seen("shallow_check_ok", 0.85, fmt.Sprintf("The connection stands, and that is all the load balancer looks at; an HTTP request gives %s.", told(a)), w, base))
	case d.q.Site != "" && broken(w) && broken(root):
		if t := d.see(base.at.with(change{factor: fAsk, label: "GET"}).with(change{factor: fTLS, label: "on"})); speaksTLS(w, t) && (!t.speaks() || t.status() < 500) {
			return
		}
		r.Warnings = append(r.Warnings, seen("shallow_check_ok", 0.75, fmt.Sprintf("The connection stands, and that is all the load balancer looks at; an HTTP request is met by %s.", told(a)), w, base))
	}
}

// greenCall: a gRPC call that passes.
func (d *desk) greenCall(base view, r *Report) {
	a := base.answer()
	if a.GRPCCode == 12 {
		r.Notes = append(r.Notes, Note{ID: "unimplemented", Grade: Caution,
			Text:     "It passes because the server does not know the method that is asked: any gRPC server does so, whatever its state.",
			Evidence: []string{"The call ends with code 12, UNIMPLEMENTED."}})
	}
	d.repeatCall(base, r)
}

func (d *desk) repeatCall(base view, r *Report) {
	if r.Verdict == Pass {
		d.repeat(base, r)
	}
}

// addressText finds addresses in a body.
var addressText = regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}\b`)

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
	if total := a.Phases.Total; total > g.d.timeout()/2 {
		add("slow", Caution, fmt.Sprintf("The answer takes %.1f s of the %.1f s that the load balancer waits: under load it will fail.", total.Seconds(), g.d.timeout().Seconds()))
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
	if v, ok := tree(a); ok {
		if m, isMap := v.(map[string]any); isMap && (len(m) > 4 || addressText.Match(a.Body)) {
			if _, err := netip.ParseAddr(bareHost(hostOf(g.base.request()))); err == nil && len(m) > 2 {
				add("leak", Hint, "The health answer tells strangers details of the app.", quoted(bodyText(a)))
			}
		}
	}
	return notes
}
