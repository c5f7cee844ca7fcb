package diagnose

import (
	"fmt"
	"time"
)

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
	if c := d.crowd(); c.served(v) {
		full := c.crowdedOut(v)
		if len(d.sources(v)) > 0 && c.waiting(v) { // and none of them was let through
			full.Confidence, f.Confidence = 0.6, 0.5
			return only(full.also("A first request from another address is turned away, too: it is no limit of requests by address."), f)
		}
		full.Confidence = min(full.Confidence, 0.45)
		return only(f, full)
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

// crowd is what others do on the port while the load balancer is turned away.
type crowd struct {
	known   bool // the kernel could be asked
	open    int  // connections
	longest time.Duration
	first   time.Duration // longest of those that have had no byte of an answer: no WebSocket is among them
}

// crowd asks what was seen on the port after the answer.
func (d *desk) crowd() crowd {
	t := d.q.after
	if t == nil {
		return crowd{}
	}
	c := crowd{known: true, open: len(t.Clients), longest: t.Longest(), first: t.LongestFirst()}
	if d.q.Probe.Request.TLS != nil {
		c.first = c.longest // each handshake has brought bytes
	}
	return c
}

// served reports whether somebody else's request is being worked on: it has waited
// clearly longer than one takes that is turned away as v's was. Where the server
// itself is at fault, nobody waits longer than v did.
func (c crowd) served(v view) bool { return c.longest > longerThan(v) }

// waiting reports whether one of those that are served waits for its first answer.
// Of the others each may be the half of a conversation that owes nobody anything.
func (c crowd) waiting(v view) bool { return c.first > longerThan(v) }

// longerThan is how long others' requests must have waited to be of another kind
// than v.
func longerThan(v view) time.Duration { return v.answer().Phases.Total*5/4 + 200*time.Millisecond }

// crowdedOut is what it means that others are served, and the load balancer is not.
func (c crowd) crowdedOut(v view, others ...view) Finding {
	a := v.answer()
	when := "at once"
	if a.Phases.Total > 100*time.Millisecond {
		when = fmt.Sprintf("after %.1f s", a.Phases.Total.Seconds())
	}
	views := append([]view{v}, others...)
	if c.waiting(v) {
		return seen("connection_limit", 0.8, fmt.Sprintf("%d comes %s, and somebody else's request on the same port has waited %.1f s for its answer meanwhile: others take up the places.", a.Status, when, c.first.Seconds()), views...)
	}
	return seen("connection_limit", 0.4, fmt.Sprintf("%d comes %s, and on a connection of somebody else's to the same port, which was answered before, nothing has come back for %.1f s: a request that takes up a place, or a WebSocket, which owes no answer.", a.Status, when, c.longest.Seconds()), views...)
}
