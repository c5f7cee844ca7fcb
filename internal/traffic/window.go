package traffic

import (
	"net/netip"
	"time"
)

// steps is in how many a window moves on.
const steps = 30

// A Window is the evidence of the last Policy.Window, and what it has led to.
//
// It takes some 35 kB, however many the requests and the clients. It is not safe
// for concurrent use: the caller guards it.
type Window struct {
	policy Policy        // with defaults
	width  time.Duration // of a step
	clock  timeline

	step    int64         // number of the step that clock is in
	buckets [steps]bucket // that of step n at n modulo steps
	total   tally         // of all buckets

	// The seats tell clients apart. One with no requests is free, and is kept
	// for whom it was last until somebody else needs it. The bad answers are all
	// in seats; good ones of clients without a seat are only in total.
	keys  [MaxClients]uint64
	seats [MaxClients]counts // of all buckets
	full  bool               // no seat has become free since all were found taken

	red red
}

// counts are of one client.
type counts struct {
	requests uint64 // bad ones included
	bad      uint64 // timed-out ones included
}

// tally is of all clients.
type tally struct {
	counts
	timedOut uint64
}

// bucket is what was added during one step.
type bucket struct {
	tally
	seats [MaxClients]counts
}

// New returns an empty Window. What [Policy.Validate] refuses is replaced by its
// default.
func New(p Policy) *Window {
	p = p.withDefaults()
	return &Window{policy: p, width: p.Window / steps, clock: timeline{tolerance: p.Window}}
}

// Add notes how a visitor's request ended, at its end.
//
// The time may lie a little before that of an earlier call, as it does when
// goroutines take it before they wait for their turn: the request then counts as
// of the latest time seen.
//
// It allocates nothing, and takes a tenth of a microsecond or two.
func (w *Window) Add(now time.Time, client netip.Addr, o Outcome) {
	w.advance(now)
	bad := o != Good
	b := &w.buckets[w.step%steps]
	b.tally.add(o)
	w.total.add(o)
	if i, ok := w.seat(keyOf(client), bad); ok {
		b.seats[i].add(bad)
		w.seats[i].add(bad)
	}
}

func (c *counts) add(bad bool) {
	c.requests++
	if bad {
		c.bad++
	}
}

func (t *tally) add(o Outcome) {
	t.counts.add(o != Good)
	if o == TimedOut {
		t.timedOut++
	}
}

func (c *counts) subtract(d counts) {
	c.requests -= d.requests
	c.bad -= d.bad
}

// advance lets go of what is too old.
func (w *Window) advance(now time.Time) {
	step := int64(w.clock.at(now) / w.width)
	for range min(step-w.step, steps) {
		w.step++
		w.expire(&w.buckets[w.step%steps])
	}
	w.step = step
}

func (w *Window) expire(b *bucket) {
	if b.requests == 0 {
		return
	}
	w.total.subtract(b.counts)
	w.total.timedOut -= b.timedOut
	for i := range b.seats {
		w.seats[i].subtract(b.seats[i])
	}
	w.full = false
	*b = bucket{}
}

// spend lets go of all evidence.
func (w *Window) spend() {
	w.buckets = [steps]bucket{}
	w.total = tally{}
	w.seats = [MaxClients]counts{}
	w.full = false
}

// seat returns the seat of a client, if it has or gets one.
//
// When all are taken, a client with a bad answer takes over the one with the
// fewest bad answers, and these are held against the newcomer, since nobody
// knows what it did before. So a client whose share of all bad answers is well
// above a seat's cannot stay unseen however many others there are: this is the
// idea of the "space saving" algorithm for finding the most frequent items of a
// stream (Metwally, Agrawal, El Abbadi 2005). A client with good answers only
// needs no seat: nothing is ever held against it.
func (w *Window) seat(key uint64, bad bool) (int, bool) {
	for i := range w.keys {
		if w.keys[i] == key {
			return i, true
		}
	}
	if w.full && !bad {
		return 0, false // the usual case on a busy site: not worth another look
	}
	fewest := 0
	for i := range w.seats {
		s, f := &w.seats[i], &w.seats[fewest]
		if s.requests == 0 {
			w.keys[i] = key
			return i, true
		}
		if s.bad < f.bad || s.bad == f.bad && s.requests < f.requests {
			fewest = i
		}
	}
	w.full = true
	if !bad {
		return 0, false
	}
	w.keys[fewest] = key
	w.seats[fewest].requests = w.seats[fewest].bad
	for i := range w.buckets {
		s := &w.buckets[i].seats[fewest]
		s.requests = s.bad
	}
	return fewest, true
}

// clients returns how many there are at the least, up to MaxClients.
func (w *Window) clients() int {
	seated, requests := 0, uint64(0)
	for i := range w.seats {
		if w.seats[i].requests > 0 {
			seated++
			requests += w.seats[i].requests
		}
	}
	if requests < w.total.requests { // somebody found no seat
		return min(seated+1, MaxClients)
	}
	return seated
}

// keyOf returns what tells clients apart: an IPv4 address, or the first half of
// an IPv6 one.
//
// The keys of IPv4 addresses are those of networks within ::/8, which is
// reserved (RFC 4291, section 4), so that no visitor has one. The key of no
// address is also that of ::1.
func keyOf(client netip.Addr) uint64 {
	if !client.IsValid() {
		return 0
	}
	a := client.As16()
	first := a[:8]
	if client.Is4() || client.Is4In6() { // ::ffff:a.b.c.d
		first = a[8:]
	}
	var key uint64
	for _, b := range first {
		key = key<<8 | uint64(b)
	}
	return key
}

// A timeline turns the caller's times into one that never goes back.
type timeline struct {
	tolerance time.Duration // times that lie further back mean that the clock was set
	latest    time.Time
	elapsed   time.Duration // at latest
}

// longest is more than anything here is remembered for. Longer leaps are cut
// to it, so that elapsed can't overflow within a hundred years of leaps.
const longest = 24 * time.Hour

// at returns how much time has passed until now, since the first call.
func (t *timeline) at(now time.Time) time.Duration {
	if t.latest.IsZero() {
		t.latest = now
	}
	step := now.Sub(t.latest)
	if step > 0 {
		t.elapsed += min(step, longest)
	}
	if step > 0 || step < -t.tolerance {
		t.latest = now
	}
	return t.elapsed
}
