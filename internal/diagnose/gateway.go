package diagnose

import (
	"fmt"
	"net/netip"
	"regexp"
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
	if o, ok := d.unusable(v, random); ok {
		return o
	}
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
	if n.sibling.name != random.name && n.sibling.status() == a.Status {
		f = f.also("%s gives %d too.", quoted(n.sibling.request().Path), a.Status)
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

// precise are front servers that say 503 where what is behind them refuses the
// connection. A 502 of theirs blames an answer.
var precise = map[string]bool{"haproxy": true, "apache": true, "lighttpd": true}

// unnamed finds that an app is not reached because its name has no address.
var unnamed = regexp.MustCompile(`(?i)dns lookup failure|(could not|can.?t|cannot) resolve|name or service not known|no such host`)

// unusable explains a 502 at once of a front server that has another status for an
// app which refuses the connection: whatever other paths give, what is behind it
// took the request, and answered what can't be used or broke off.
func (d *desk) unusable(v, random view) (outcome, bool) {
	a := v.answer()
	own, isOwn := v.ownPage()
	if !isOwn || !precise[own.Name] || a.Phases.Total >= waited || unnamed.MatchString(bodyText(a)) {
		return outcome{}, false
	}
	f := seen("upstream_bad_response", 0.9, fmt.Sprintf("The 502 is %s's own. For an app that refuses the connection it has 503: this one was reached, and broke off or answered what is no HTTP.", own.Title), v)
	if random.speaks() {
		f = f.also("A path that cannot exist gives %s.", told(random.answer()))
		f.Decided = append(f.Decided, random.name)
	}
	return only(f, seen("upstream_down", 0.3, "Or another program listens where the app should.", v)), true
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
