package diagnose

import (
	"fmt"
	"net/http"
	"strings"

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
	limits := !front || own.Name == "nginx"
	if limits && !names {
		if o, ok := d.limit(v, random); ok {
			return o
		}
	}
	switch {
	case own.Page == software.PageMaintenance:
		return only(d.maintenance(v, random, 0.9))
	case front && own.Name == "nginx":
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
	f := seen("dependency_down", 0.6, fmt.Sprintf("Only this path gives 503 (%s: %s): the health view says that something which it needs is not well.", quoted(random.request().Path), told(random.answer())), v, random)
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
		f.Confidence = 0.4
		return only(c.crowdedOut(v, random), f)
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

// turnedAway explains nginx's own 503 where no other address passes: too many at
// once, or told to say so to all.
func (d *desk) turnedAway(v, random view) outcome {
	down := seen("upstream_down", 0.3, "Some proxies that are built on nginx answer so when they know no server.", v)
	c := d.crowd()
	switch {
	case c.served(v):
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
	switch c := d.crowd(); {
	case c.served(v):
		out.Confidence = 0.35
		return only(c.crowdedOut(v, random), out)
	case c.known && c.open == 0:
		out.Confidence = 0.85
		return only(out.also("Nobody else is connected to the port: it is no limit that others have used up."))
	case c.known:
		full.Evidence = append([]string{fmt.Sprintf("Others are connected to the port (%d), though none of them is seen to wait for an answer.", c.open)}, full.Evidence...)
		if text := bodyText(v.answer()); text == "" || strings.EqualFold(text, http.StatusText(v.status())) {
			// What is closed on purpose says more of it than that.
			full.Confidence, out.Confidence = 0.55, 0.5
			return only(full, out)
		}
	}
	return only(out, full)
}

// maintenance is a 503 on purpose; its own words make it surer than c.
func (d *desk) maintenance(v, random view, c float64) Finding {
	a := v.answer()
	f := seen("maintenance_mode", c, "Every path is answered 503, even one that cannot exist: the app is taken out of service.", v, random)
	if retry := a.Get("Retry-After"); retry != "" {
		f.Confidence = max(c, 0.92)
		f = f.also("Retry-After: %s.", quoted(retry))
	}
	if m := maintenanceWords.FindString(bodyText(a)); m != "" {
		f.Confidence = max(c, 0.93)
		f = f.also("Its page says so: %q.", quoted(m))
	}
	return f
}
