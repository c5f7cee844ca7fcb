package diagnose

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/inservice/inservice/internal/software"
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
	case a.Status == 504 || isOwn && own.Page == software.PageTimeout:
		return d.gatewayTimeout(v)
	case a.Status == 502:
		return d.badGateway(v)
	}
	return d.unavailable(v)
}

// instant is how soon an answer comes before which nobody can have waited for
// another server to answer: no time-out is that short.
const instant = 200 * time.Millisecond

// gatewayTimeout explains a 504: the front server says itself that it waited, unless
// it had no time to.
func (d *desk) gatewayTimeout(v view) outcome {
	a := v.answer()
	if r := d.random(v); a.Phases.Total < instant && d.again(v.at, 1).answer().Phases.Total < instant {
		text := fmt.Sprintf("%d, but at once (%d ms): nothing was waited for, so that what is behind the front server refuses the connection.", a.Status, a.Phases.Total.Milliseconds())
		return only(seen("upstream_down", 0.7, text, v, r), seen("upstream_timeout", 0.45, "The front server may remember an app that did not answer others.", v))
	}
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
	random := d.random(v)
	if random.silent() || random.status() == 504 {
		return only(seen("upstream_timeout", 0.75, fmt.Sprintf("502 here, and %s for a path that cannot exist: what is behind the front server hangs.", told(random.answer())), v, random))
	}
	late := a.Phases.Total >= waited
	if late && random.status() == a.Status {
		return d.waitedFor(v, random)
	}
	n := d.neighbours(v)
	switch {
	case n.app.ok:
		return n.apart(v, true)
	case late:
		return d.waitedFor(v, random)
	}
	f := seen("upstream_down", 0.88, fmt.Sprintf("The front server answers %d at once: what is behind it refuses the connection.", a.Status), v)
	if random.speaks() && random.status() == a.Status {
		f.Confidence = 0.95
		f = f.also("A path that cannot exist gives %d too.", random.status())
		f.Decided = append(f.Decided, random.name)
	} else if random.speaks() {
		f = f.also("A path that cannot exist gives %s: the front server serves that itself.", told(random.answer()))
	}
	if n.root.name != v.name && n.root.speaks() {
		f = f.also("/ gives %s.", told(n.root.answer()))
	}
	if _, isOwn := v.ownPage(); !isOwn {
		if named, ok := namesDependency(a); ok {
			return only(seen("dependency_down", 0.6, "The app says so itself: "+named, v), f)
		}
	}
	return only(f)
}

// neighbours are other paths, and who answers them.
type neighbours struct {
	sibling view // below the failing path
	root    view
	app     view // one that the app behind the front server answers; not ok if there is none
}

// neighbours asks other paths. Below the failing one is, nearly always, the same
// location of the front server's configuration, and so the same app; others may go
// to another one.
func (d *desk) neighbours(v view) neighbours {
	n := neighbours{sibling: d.beside(v, pathChange("below", below(v.request().Path))), root: d.root(v)}
	for _, w := range []view{n.sibling, d.random(v), n.root} {
		if w.speaks() && w.name != v.name && w.status() <= 500 && !w.frontPage() {
			n.app = w
			break
		}
	}
	return n
}

// below is a path that cannot exist, below another one.
func below(path string) string {
	p, _, _ := cutQuery(path)
	if p == "" || p[len(p)-1] != '/' {
		p += "/"
	}
	return p + randomPath[1:]
}

// apart says what it means that the front server fails here while an app behind it
// answers elsewhere: where the same part of the site fails alike, that part's app is
// down; where the path is alone, the app's answer is the matter, if the front
// server says so with this status (blames).
func (n neighbours) apart(v view, blames bool) outcome {
	a, app := v.answer(), n.app
	elsewhere := fmt.Sprintf("%s is answered by the app behind (%s)", quoted(app.request().Path), told(app.answer()))
	if n.sibling.speaks() && n.sibling.status() >= 502 {
		f := seen("upstream_down", 0.85, fmt.Sprintf("%s gives %s as well, and %s: what stands behind this part of the site refuses the connection.", quoted(n.sibling.request().Path), told(n.sibling.answer()), elsewhere), v, n.sibling, app)
		return only(f, seen("upstream_bad_response", 0.3, "Or the app behind answers in this part of the site what the front server cannot use.", v))
	}
	bad := seen("upstream_bad_response", 0.92, fmt.Sprintf("Only this path gives %d: %s. It is the answer that the front server cannot use.", a.Status, elsewhere), v, app)
	down := seen("upstream_down", 0.2, "This path alone may go to another server, which is down.", v)
	if !blames {
		down = seen("upstream_down", 0.75, fmt.Sprintf("Only this path gives %d: %s. The front server has another status for an answer that it cannot use, so that this path goes to a server of its own, which is down.", a.Status, elsewhere), v, app)
		return only(down, seen("upstream_bad_response", 0.35, "Or the app behind gives an answer that the front server cannot use.", v))
	}
	if a.Phases.Total >= waited {
		bad.Confidence = 0.6
		return only(bad, seen("upstream_timeout", 0.5, fmt.Sprintf("It comes only after %.1f s: on this path the app may hang until something ends it.", a.Phases.Total.Seconds()), v), down)
	}
	return only(bad, down)
}

// blunt are front servers that blame an app which is there with a status that others
// keep for one that cannot be reached: which for an answer that they cannot use, and
// which for none at all. Others say 502 and 504.
var blunt = map[string]struct{ badAnswer, noAnswer int }{
	"varnish": {503, 503}, // 503 Backend fetch failed, whatever the reason
	"envoy":   {badAnswer: 503},
	"heroku":  {noAnswer: 503}, // H12
	"iis":     {noAnswer: 502}, // 502.3 of its ARR
	"apache":  {noAnswer: 502}, // where the status line does not come in time
	"nginx":   {noAnswer: 502}, // it tries a server once: a late 502 is of an app that breaks after a while
}

// waitedFor explains a 502 or 503 of a front server that comes only after a while,
// on every path: it tries to reach an app that refuses again and again, or it waits
// for one that hangs. By the network alone the two look the same; on the machine
// itself the front server is seen to wait on a connection of its own, or not to.
func (d *desk) waitedFor(v, random view) outcome {
	a := v.answer()
	own, isOwn := v.ownPage()
	late := fmt.Sprintf("The %d comes only after %.1f s", a.Status, a.Phases.Total.Seconds())
	if random.speaks() {
		late += fmt.Sprintf(", and on a path that cannot exist after %.1f s", random.answer().Phases.Total.Seconds())
	}
	hangs := seen("upstream_timeout", 0.4, "It may have waited for an app that takes the connection and does not answer.", v, random)
	down := seen("upstream_down", 0.4, "It may have tried to reach an app that refuses, more than once.", v, random)
	if peer, ok := d.waitsOn(v); ok {
		hangs.Confidence = 0.93
		hangs.Evidence = []string{late + fmt.Sprintf(": meanwhile the front server itself waits for an answer of %s, which does not come.", peer)}
		return only(hangs, down)
	}
	looked := d.q.during != nil && d.q.during.Seen
	switch {
	case isOwn && blunt[own.Name].noAnswer == a.Status || !isOwn && !looked:
		hangs.Confidence = 0.7
		hangs.Evidence = []string{late + ": the front server waited for what is behind it."}
		if looked { // it may be reached by other ways than TCP
			hangs.Confidence = 0.55
		}
		return only(hangs, down)
	case isOwn:
		down.Confidence = 0.75
		down.Evidence = []string{late + fmt.Sprintf(". For an app that hangs %s has another status; so it tries to reach one that refuses, again and again.", own.Title)}
	default:
		down.Confidence = 0.6
		down.Evidence = []string{late + ": it tries to reach an app that refuses, again and again."}
	}
	if looked {
		down.Confidence = max(down.Confidence, 0.7) + 0.1
		down = down.also("While one waited, its programs held no TCP connection on which an answer was owed to them.")
	}
	return only(down, hangs)
}

// waitsOn is the peer of a connection on which the target's own programs waited for
// an answer while the load balancer's question waited for its own: one that began
// with that question, not one that somebody else's holds.
func (d *desk) waitsOn(v view) (netip.AddrPort, bool) {
	if d.q.during == nil || len(v.at.changes) > 0 {
		return netip.AddrPort{}, false
	}
	for _, c := range d.q.during.Upstreams {
		if c.Unanswered > glance/3 && c.Unanswered <= v.answer().Phases.Total {
			return c.Peer, true
		}
	}
	return netip.AddrPort{}, false
}

// cutQuery parts the path of a request line from its query.
func cutQuery(path string) (before, query string, found bool) {
	for i, c := range path {
		if c == '?' {
			return path[:i], path[i+1:], true
		}
	}
	return path, "", false
}
