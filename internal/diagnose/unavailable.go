package diagnose

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// unavailable explains a 503: a front server's that reaches no app or limits, or an
// app's that is taken out of service, is full, or says that something it needs is
// not well.
func (d *desk) unavailable(v view) outcome {
	a := v.answer()
	random := d.random(v)
	own, isOwn := v.ownPage()
	front := isOwn && own.Role == software.Front
	named, names := namesDependency(a)
	// nginx's 503 is never about a dead app: it limits, or was told to say so.
	limits := !front || nginxes[own.Name]
	if limits && !names {
		if o, ok := d.limit(v, random); ok {
			return o
		}
	}
	switch {
	case own.Page == software.PageMaintenance:
		return only(d.maintenance(v, random, 0.9))
	case front && nginxes[own.Name]:
		return d.turnedAway(v, random)
	case front:
		return d.noServer(v, random, own)
	}
	everywhere := d.everywhere(v, random)
	switch {
	case tooMany.MatchString(bodyText(a)):
		return only(seen("connection_limit", 0.75, fmt.Sprintf("Its answer says so: %q.", quoted(tooMany.FindString(bodyText(a)))), v, random),
			seen("rate_limited", 0.4, "A limit of requests may be told in the same words.", v))
	case names && !(everywhere && bodyText(random.answer()) == bodyText(a) && maintenanceWords.MatchString(bodyText(a))):
		f := seen("dependency_down", 0.93, "The health answer names what is down: "+named, v)
		if random.speaks() && random.status() < 500 {
			f = f.also("Other paths answer: %s gives %s.", quoted(random.request().Path), told(random.answer()))
			f.Decided = append(f.Decided, random.name)
		}
		return only(f)
	case everywhere:
		return d.closedOrFull(v, random)
	}
	return d.partly(v, random)
}

// partly explains an app's 503 that not every path gives: its health view says that
// something is not well, or it is full where it works, and only there.
func (d *desk) partly(v, random view) outcome {
	other := random
	if random.speaks() && random.status() >= 500 {
		other = d.root(v)
	}
	f := seen("dependency_down", 0.6, fmt.Sprintf("Only this path gives 503 (%s: %s): the health view says that something which it needs is not well.", quoted(other.request().Path), told(other.answer())), v, other)
	if other.name != random.name {
		f.Confidence = 0.5
		f.Evidence[0] = fmt.Sprintf("A path that cannot exist gives %s, too, and %s gives %s: something which the one part needs and the other does not is not well.", told(random.answer()), quoted(other.request().Path), told(other.answer()))
		if c := d.crowd(); c.waiting(v) {
			f.Confidence = 0.35
			return only(c.crowdedOut(v, random).also("%s gives %s: not everything is limited.", quoted(other.request().Path), told(other.answer())), f)
		}
	}
	a := v.answer()
	if maintenanceWords.MatchString(bodyText(a)) {
		f.Confidence = 0.45
		return only(d.maintenance(v, random, 0.6), f)
	}
	return only(f, seen("app_error", 0.35, "Or the app fails there.", v))
}

// everywhere reports whether other paths fail as a server fails.
func (d *desk) everywhere(v, random view) bool {
	root := d.root(v)
	return random.speaks() && random.status() >= 500 && (!root.speaks() || root.status() >= 500)
}

// noServer explains a front server's own 503: it reaches no app, or holds requests
// back that are too many.
func (d *desk) noServer(v, random view, own software.Guess) outcome {
	a := v.answer()
	f := seen("upstream_down", 0.93, fmt.Sprintf("The 503 is %s's own: no server behind it takes the request.", own.Title), v, random)
	if c := d.crowd(); c.served(v) {
		return d.othersServed(c, v, random, f, blunt[own.Name].badAnswer == a.Status)
	}
	if a.Phases.Total >= waited && random.status() == a.Status {
		return d.waitedFor(v, random)
	}
	if own.Name != "varnish" && a.Get("Retry-After") != "" { // Varnish always sends one
		f.Confidence = 0.45
		return only(d.maintenance(v, random, 0), f)
	}
	if n := d.neighbours(v); n.app.ok {
		return n.apart(v, blunt[own.Name].badAnswer == a.Status)
	}
	if d.everywhere(v, random) {
		f.Confidence = 0.95
		f = f.also("A path that cannot exist gives %s too.", told(random.answer()))
	}
	return only(f)
}

// othersServed explains a front server's own 503 while requests of others are
// worked on: they have used up the places, or they are for another part of the
// site, and the server of this one is down.
func (d *desk) othersServed(c crowd, v, random view, down Finding, blames bool) outcome {
	full := c.crowdedOut(v, random)
	switch n := d.neighbours(v); {
	case n.app.ok:
		o := n.apart(v, blames)
		full.Confidence = 0.35
		o.others = append(o.others, full)
		return o
	case !c.waiting(v):
		down.Confidence = 0.6
		return only(down, full)
	}
	full.Confidence, down.Confidence = 0.65, 0.5
	return only(full, down.also("Then what others wait for is in another part of the site."))
}

// turnedAway explains nginx's own 503 where no other address passes: too many at
// once, or told to say so to all.
func (d *desk) turnedAway(v, random view) outcome {
	down := seen("upstream_down", 0.3, "Some proxies that are built on nginx answer so when they know no server.", v)
	c := d.crowd()
	switch {
	case c.waiting(v):
		return only(c.crowdedOut(v, random), d.maintenance(v, random, 0.3))
	case !d.everywhere(v, random):
		return only(seen("connection_limit", 0.75, fmt.Sprintf("Only some paths give nginx's own 503 (%s: %s), from any address: a limit that others have used up.", quoted(random.request().Path), told(random.answer())), v, random),
			seen("rate_limited", 0.35, "A limit of requests looks the same while it is used up.", v))
	case c.known && c.open == 0:
		return only(d.maintenance(v, random, 0.7).also("Nobody else is connected to the port: it is no limit that others have used up."), down)
	case v.answer().Get("Retry-After") != "":
		return only(d.maintenance(v, random, 0.6), down)
	}
	// A page of its own would speak for maintenance; this is what nginx says to
	// those who are one too many.
	return only(seen("connection_limit", 0.5, "Every path gives nginx's own 503, from any address, and nothing speaks of maintenance: a limit that others have used up. nginx's error log would decide.", v, random),
		d.maintenance(v, random, 0.4), down)
}

// closedOrFull explains an app's 503 on every path. What it says of itself decides
// first, then whether others are being served on the port meanwhile.
func (d *desk) closedOrFull(v, random view) outcome {
	out := d.maintenance(v, random, 0.55)
	if out.Confidence > 0.9 {
		return only(out)
	}
	full := seen("connection_limit", 0.45, "A server that has as many requests under way as it may says the same. Asking when nobody else does would decide.", v, random)
	c := d.crowd()
	if c.waiting(v) {
		out.Confidence = 0.35
		return only(c.crowdedOut(v, random), out)
	}
	if down, ok := d.unsigned(v, random); ok {
		out.Confidence = min(out.Confidence, 0.5)
		return only(down, out)
	}
	switch {
	case c.known && c.open == 0:
		out.Confidence = 0.85
		return only(out.also("Nobody else is connected to the port: it is no limit that others have used up."))
	case c.known:
		full.Evidence = append([]string{fmt.Sprintf("Others are connected to the port (%d), though none of them is seen to wait for its first answer.", c.open)}, full.Evidence...)
		if text := bodyText(v.answer()); text == "" || strings.EqualFold(text, http.StatusText(v.status())) {
			// What is closed on purpose says more of it than that.
			full.Confidence, out.Confidence = 0.55, 0.5
			return only(full, out)
		}
	}
	return only(out, full)
}

// unsigned finds that a 503 on every path, in nobody's known words, is a front
// server's: its error page was replaced. Nothing that stands behind it had a part
// in it, so it reaches no app; unless it was told to answer so. nginx is left out:
// its 503 is never about an app.
func (d *desk) unsigned(v, random view) (Finding, bool) {
	if byApp(v.answer()) {
		return Finding{}, false
	}
	if front, ok := software.Fronted(v.answer()); ok {
		if ordersOnly[front.Name] {
			return Finding{}, false
		}
		return seen("upstream_down", 0.6, fmt.Sprintf("Every path gives the same 503, with the marks of %s (%s), and nothing in it is an app's: what is behind it does not answer, and its error page was replaced.", front.Title, front.Evidence), v, random), true
	}
	if v.request().Protocol != exchange.HTTP1 || v.answer().Get("Date") != "" {
		return Finding{}, false // nearly every app's server sends one
	}
	w := d.see(v.at.with(change{factor: fTalk, label: "broken HTTP", arg: brokenRequest}))
	front, ok := w.ownPage()
	if !w.frontPage() || !ok || ordersOnly[front.Name] {
		return Finding{}, false
	}
	return seen("upstream_down", 0.6, fmt.Sprintf("What cannot be read is answered by %s itself (%s). The 503 on every path bears no Date, as its own answers and hardly any app's: what is behind it does not answer, and its error page was replaced.", front.Title, told(w.answer())), v, random, w), true
}

// ordersOnly are front servers whose 503 never means that they reach no app, or
// that put their name on every answer of the app.
var ordersOnly = map[string]bool{"nginx": true, "openresty": true, "tengine": true, "angie": true, "cloudflare": true, "litespeed": true, "iis": true, "plesk": true, "cpanel": true, "xampp": true, "vercel": true}

// brokenRequest is one that no HTTP server reads, and that none hands on.
const brokenRequest = "GET / / HTTP/1.1\r\nHost: inservice.invalid\r\nConnection: close\r\n\r\n"

// maintenance is a 503 on purpose; its own words make it surer than c.
func (d *desk) maintenance(v, random view, c float64) Finding {
	a := v.answer()
	f := seen("maintenance_mode", c, "Every path is answered 503, even one that cannot exist: the app is taken out of service.", v, random)
	if retry := a.Get("Retry-After"); retry != "" && a.Get("Server") != "Varnish" { // which always sends one
		f.Confidence = max(c, 0.92)
		f = f.also("Retry-After: %s.", quoted(retry))
	}
	if m := maintenanceWords.FindString(bodyText(a)); m != "" {
		f.Confidence = max(c, 0.93)
		f = f.also("Its page says so: %q.", quoted(m))
	}
	return f
}
