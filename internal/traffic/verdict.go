package traffic

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// forgetting is how long after healing a relapse still counts as one. It must be
// more than a balancer takes to send traffic again once the answer is green, or
// no relapse would ever be seen: the slowest in common use is the Classic Load
// Balancer, whose ten healthy answers 30 s apart make five minutes.
const forgetting = 10 * time.Minute

// red is whether a Window says Fail, and its history of doing so.
type red struct {
	on      bool
	verdict Verdict       // what turned it on, or renewed it last
	until   time.Duration // on the timeline: before this only good evidence ends it, if anything
	held    bool          // nothing ends it before until

	// hold is how long it stays on at the least; zero if it never was. It is
	// kept while off, for a relapse.
	hold   time.Duration
	healed time.Duration // on the timeline: when it went off last
}

// Verdict says what the evidence of the window that ends now comes to.
//
// It turns red and heals here, not in Add: the one who asks sees every change.
// How often it is asked does not matter much: once a second is plenty.
func (w *Window) Verdict(now time.Time) Verdict {
	w.advance(now)
	v := w.judge()
	at := w.clock.elapsed
	r := &w.red
	switch {
	case !r.on && v.Level == Fail:
		r.turn(at, w.policy.Window)
		w.renew(v)
	case !r.on:
		return v
	case v.Level == Fail:
		w.renew(v)
	case at >= r.until, v.Level == Pass && !r.held:
		r.on, r.healed = false, at
		return v
	}
	v = r.verdict
	v.Until = w.clock.latest.Add(r.until - at)
	return v
}

// turn turns red on: for longer than the last time if that was a short while
// ago.
func (r *red) turn(at, window time.Duration) {
	r.held = r.hold > 0 && at-r.healed < forgetting
	if r.held {
		r.hold = min(2*r.hold, MaxHold)
	} else {
		r.hold = window
	}
	r.on, r.until = true, at+r.hold
}

// renew makes v what red rests on, and spends the evidence.
func (w *Window) renew(v Verdict) {
	if w.red.held {
		v.Reason += fmt.Sprintf("; again soon after it got better, so out of service for at least %s", plain(w.red.hold))
	}
	w.red.verdict = v
	w.red.until = max(w.red.until, w.clock.elapsed+w.policy.Window)
	w.spend()
}

// judge says what the window's evidence comes to, whatever was before.
func (w *Window) judge() Verdict {
	v := Verdict{
		Requests: int(w.total.requests),
		Bad:      int(w.total.bad - w.total.timedOut),
		TimedOut: int(w.total.timedOut),
		Clients:  w.clients(),
		Share:    w.total.share(),
	}
	v.Level = w.level(w.total.counts)
	if v.Level == NoEvidence {
		v.Reason = fmt.Sprintf("too few requests to judge: %d of %d in %s", v.Requests, w.policy.MinRequests, plain(w.policy.Window))
		return v
	}
	if v.Level == Pass {
		return v
	}
	v.Reason = w.words(v)
	if v.Clients == 1 {
		v.Level = Warn
		v.Reason += ": if that is your load balancer, list it in trusted_proxies and let it send X-Forwarded-For, or errors can't take this server out"
		return v
	}
	for _, client := range w.seats {
		if client.bad > 0 {
			rest := w.total.counts
			rest.subtract(client)
			v.Level = min(v.Level, w.level(rest))
		}
	}
	switch v.Level {
	case NoEvidence:
		v.Reason += "; without one of the clients they are too few to judge by"
	case Pass:
		v.Reason += "; without one of the clients hardly any did"
	case Warn:
		if v.Share >= w.policy.Fail {
			v.Reason += "; without one of the clients it is less"
		}
	}
	return v
}

// level is the plain one of some counts.
func (w *Window) level(c counts) Level {
	switch {
	case c.requests < uint64(w.policy.MinRequests):
		return NoEvidence
	case c.share() >= w.policy.Fail:
		return Fail
	case c.share() >= w.policy.Warn:
		return Warn
	}
	return Pass
}

// share divides, rather than multiplying the limit it is compared with: the
// quotient of 3 and 30 is exactly the float64 that 0.1 is written for.
func (c counts) share() float64 {
	if c.requests == 0 {
		return 0
	}
	return float64(c.bad) / float64(c.requests)
}

// words says how many failed, and who saw it.
func (w *Window) words(v Verdict) string {
	var timedOut string
	if v.TimedOut > 0 {
		timedOut = fmt.Sprintf(", %d timed out", v.TimedOut)
	}
	from := "from " + number(v.Clients, "client")
	switch v.Clients {
	case 1:
		from = "all from one client"
	case MaxClients:
		from = "from at least " + number(v.Clients, "client")
	}
	return fmt.Sprintf("%d of %s in %s failed (%s%s), %s", v.Bad+v.TimedOut, number(v.Requests, "request"),
		plain(w.policy.Window), percent(v.Share), timedOut, from)
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// percent rounds towards zero to a tenth: a share below a limit must not look
// like the limit.
func percent(share float64) string {
	return strconv.FormatFloat(math.Floor(share*1000)/10, 'f', -1, 64) + "%"
}

// plain writes a duration without the units that are zero at its end.
func plain(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		return strings.TrimSuffix(s, "0s")
	}
	return s
}
