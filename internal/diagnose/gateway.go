package diagnose

import (
	"fmt"
	"time"

	"github.com/inservice/inservice/internal/cause"
)

// waited is how long an answer took from where a fixed waiting time behind a front
// server is likelier than work.
const waited = 900 * time.Millisecond

// gateway explains 502, 503 and 504: who says it, and where else?
func (d *desk) gateway(v view) outcome {
	a := v.answer()
	trials := d.prelude(v)
	if a.Phases.Total < waited {
		trials = append(trials, d.hostTrials(v)...)
	}
	if o, ok := d.try(v, trials); ok {
		return o
	}
	switch own, isOwn := v.ownPage(); {
	case a.Status == 504 || isOwn && own.Page == "timeout":
		return d.gatewayTimeout(v)
	case a.Status == 502:
		return d.badGateway(v)
	}
	return d.unavailable(v)
}

func (d *desk) gatewayTimeout(v view) outcome {
	a := v.answer()
	f := seen("upstream_timeout", 0.9, fmt.Sprintf("%d after %.1f s: what is behind the front server does not answer.", a.Status, a.Phases.Total.Seconds()), v)
	if r := d.random(v); r.ok {
		f.Decided = append(f.Decided, r.name)
		switch {
		case r.status() == a.Status || r.silent():
			f.Confidence = 0.95
			f = f.also("A path that cannot exist waits as long: %s.", told(r.answer()))
		default:
			f = f.also("A path that cannot exist gives %s.", told(r.answer()))
		}
	}
	if a.Phases.Total < waited {
		if o, ok := d.try(v, d.hostTrials(v)); ok && o.solved {
			return o
		}
	}
	if !v.frontPage() {
		if named, ok := namesDependency(a); ok {
			return only(f, seen("dependency_down", 0.4, "Its body names what does not answer: "+named, v))
		}
	}
	return only(f)
}

// badGateway explains a 502.
func (d *desk) badGateway(v view) outcome {
	a := v.answer()
	slow := a.Phases.Total >= waited
	random, root := d.random(v), d.root(v)
	if random.silent() || random.status() == 504 {
		return only(seen("upstream_timeout", 0.75, fmt.Sprintf("502 here, and %s for a path that cannot exist: what is behind the front server hangs.", told(random.answer())), v, random))
	}
	fromApp := func(w view) bool {
		return w.speaks() && w.name != v.name && w.status() <= 500 && !w.frontPage()
	}
	// Below the path is, nearly always, the same location of the front server's
	// configuration, and so the same app. Other paths may go to another one.
	sibling := d.see(v.at.with(pathChange("below", below(v.request().Path))))
	for _, w := range []view{sibling, random, root} {
		if !fromApp(w) {
			continue
		}
		if sibling.speaks() && sibling.status() >= 502 {
			return only(seen("upstream_down", 0.85, fmt.Sprintf("%s gives %s as well, and %s is answered (%s): what stands behind this part of the site refuses the connection.", quoted(sibling.request().Path), told(sibling.answer()), quoted(w.request().Path), told(w.answer())), v, sibling, w),
				seen("upstream_bad_response", 0.3, "Or the app behind answers in this part of the site what the front server cannot use.", v))
		}
		return only(seen("upstream_bad_response", 0.92, fmt.Sprintf("Only this path gives %d: %s is answered by the app behind (%s). It is the answer that the front server cannot use.", a.Status, quoted(w.request().Path), told(w.answer())), v, w),
			seen("upstream_down", 0.2, "This path alone may go to another server, which is down.", v))
	}
	if slow {
		again := d.again(v.at, 1)
		if again.ok && again.answer().Phases.Total >= waited {
			return only(seen("upstream_timeout", 0.75, fmt.Sprintf("%d only after %.1f s, each time: the front server waited for what is behind it.", a.Status, a.Phases.Total.Seconds()), v, again),
				seen("upstream_down", 0.3, "", v))
		}
	}
	f := seen("upstream_down", 0.88, fmt.Sprintf("The front server answers %d at once: what is behind it refuses the connection.", a.Status), v)
	if random.speaks() && random.status() == a.Status {
		f.Confidence = 0.95
		f = f.also("A path that cannot exist gives %d too.", random.status())
		f.Decided = append(f.Decided, random.name)
	} else if random.speaks() {
		f = f.also("A path that cannot exist gives %s: the front server serves that itself.", told(random.answer()))
	}
	if root.name != v.name && root.speaks() {
		f = f.also("/ gives %s.", told(root.answer()))
	}
	if _, isOwn := v.ownPage(); !isOwn {
		if named, ok := namesDependency(a); ok {
			return only(seen("dependency_down", 0.6, "The app says so itself: "+named, v), f)
		}
	}
	return only(f)
}

// below is a path that cannot exist, below another one.
func below(path string) string {
	p, _, _ := cutQuery(path)
	if p == "" || p[len(p)-1] != '/' {
		p += "/"
	}
	return p + randomPath[1:]
}

func (d *desk) unavailable(v view) outcome {
	a := v.answer()
	random, root := d.random(v), d.root(v)
	fails := func(w view) bool { return w.speaks() && w.status() >= 500 }
	everywhere := fails(random) && (fails(root) || !root.speaks())
	own, isOwn := v.ownPage()
	front := isOwn && own.Role == "front"
	named, names := namesDependency(a)

	// nginx's 503 is never about a dead app: it limits, or was told to say so.
	limits := !front || own.Name == "nginx"
	if limits && !names {
		if o, ok := d.limit(v, random); ok {
			return o
		}
	}
	switch {
	case own.Page == "maintenance":
		return only(d.maintenance(v, random, 0.9))
	case front && own.Name != "nginx":
		slow := a.Phases.Total >= waited
		f := seen("upstream_down", 0.93, fmt.Sprintf("The 503 is %s's own: no server behind it takes the request.", own.Title), v, random)
		if everywhere {
			f.Confidence = 0.95
			f = f.also("A path that cannot exist gives %s too.", told(random.answer()))
		}
		if slow && own.Name != "haproxy" {
			f.Confidence = 0.4
			return only(seen("upstream_timeout", 0.85, fmt.Sprintf("The 503 is %s's own, and comes only after %.1f s: it waited for what is behind it.", own.Title, a.Phases.Total.Seconds()), v, random), f)
		}
		if slow {
			f.Confidence = 0.5
			return only(seen("connection_limit", 0.6, fmt.Sprintf("It comes only after %.1f s: the request waited for a free place.", a.Phases.Total.Seconds()), v), f)
		}
		return only(f)
	case front && everywhere && a.Get("Retry-After") == "":
		// A page of its own would speak for maintenance; this is what nginx says to
		// those who are one too many.
		return only(seen("connection_limit", 0.5, "Every path gives nginx's own 503, from any address, and nothing speaks of maintenance: a limit that others have used up. nginx's error log would decide.", v, random),
			d.maintenance(v, random, 0.4),
			seen("upstream_down", 0.3, "Some proxies that are built on nginx answer so when they know no server.", v))
	case front && everywhere:
		return only(d.maintenance(v, random, 0.6), seen("upstream_down", 0.3, "Some proxies that are built on nginx answer so when they know no server.", v))
	case front:
		return only(seen("connection_limit", 0.75, fmt.Sprintf("Only some paths give nginx's own 503 (%s: %s), from any address: a limit that others have used up.", quoted(random.request().Path), told(random.answer())), v, random),
			seen("rate_limited", 0.35, "A limit of requests looks the same while it is used up.", v))
	case !front && tooMany.MatchString(bodyText(a)):
		return only(seen("connection_limit", 0.75, fmt.Sprintf("Its answer says so: %q.", quoted(tooMany.FindString(bodyText(a)))), v, random),
			seen("rate_limited", 0.4, "A limit of requests may be told in the same words.", v))
	case names && !(everywhere && bodyText(random.answer()) == bodyText(a) && maintenanceWords.MatchString(bodyText(a))):
		f := seen("dependency_down", 0.93, "The health answer names what is down: "+named, v)
		if random.speaks() && !fails(random) {
			f = f.also("Other paths answer: %s gives %s.", quoted(random.request().Path), told(random.answer()))
			f.Decided = append(f.Decided, random.name)
		}
		return only(f)
	case everywhere:
		return only(d.maintenance(v, random, 0.8))
	}
	id, c := cause.ID("dependency_down"), 0.6
	f := seen(id, c, fmt.Sprintf("Only this path gives 503 (%s: %s): the health view says that something which it needs is not well.", quoted(random.request().Path), told(random.answer())), v, random)
	if maintenanceWords.MatchString(bodyText(a)) {
		f.Confidence = 0.45
		return only(d.maintenance(v, random, 0.6), f)
	}
	return only(f, seen("app_error", 0.35, "Or the app fails there.", v))
}

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

// limited explains a 429.
func (d *desk) limited(v view) outcome {
	if o, ok := d.try(v, d.prelude(v)); ok && o.solved {
		return o
	}
	if o, ok := d.limit(v, d.random(v)); ok {
		return o
	}
	f := seen("rate_limited", 0.92, "429: too many requests.", v)
	if retry := v.answer().Get("Retry-After"); retry != "" {
		f = f.also("Retry-After: %s.", quoted(retry))
	}
	return only(f)
}

// limit asks from another address: a limit of requests by address lets the first
// ones of another one pass and then stops; a limit of simultaneous ones by address
// lets them all pass.
func (d *desk) limit(v, random view) (outcome, bool) {
	for _, c := range d.sources(v) {
		w := d.see(v.at.with(c))
		if !w.ok {
			continue
		}
		if !w.passes() && (!w.speaks() || w.status() == v.status()) {
			d.rule(w, v)
			continue
		}
		stopped := view{}
		for n := range 3 {
			if r := d.again(w.at, n+1); r.ok && r.speaks() && r.status() == v.status() {
				stopped = r
				break
			}
		}
		f := flipped("rate_limited", 0.9, v, w)
		switch {
		case stopped.ok:
			f.Confidence = 0.97
			f = f.also("From there, too, it soon gives %s.", told(stopped.answer()))
			f.Decided = append(f.Decided, stopped.name)
		case v.status() == 503:
			f.Cause, f.Confidence = "connection_limit", 0.65
			f = f.also("From there it goes on passing: it is not the number of requests.")
			return outcome{chain: []Finding{f}, others: []Finding{flipped("rate_limited", 0.4, v, w)}, solved: true}, true
		}
		return outcome{chain: []Finding{f}, solved: true}, true
	}
	return outcome{}, false
}

func cutQuery(path string) (before, query string, found bool) {
	for i, c := range path {
		if c == '?' {
			return path[:i], path[i+1:], true
		}
	}
	return path, "", false
}
