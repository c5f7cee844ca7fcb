package diagnose

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// silence: connected, and nothing comes.
func (d *desk) silence(v view) outcome {
	if v.request().TLS != nil && !v.o.Pending {
		if o, ok := d.silentTLS(v); ok {
			return o
		}
	}
	random := d.random(v)
	// Requests that a front server answers by itself, without the app.
	none := view{}
	if v.request().Protocol == exchange.HTTP1 && !random.speaks() {
		if none = d.see(v.at.with(change{factor: fHost, label: "none"})); !none.speaks() || hostOf(v.request()) == "" {
			none = d.see(v.at.with(change{factor: fHTTP, label: "9.9"}))
		}
	}
	if !random.speaks() {
		trials := d.methodTrials(v)
		if !none.speaks() {
			trials = slices.Concat(trials, d.tlsTrial(v), d.proxyTrial(v)[:min(1, len(d.proxyTrial(v)))], d.http2Trial(v))
		}
		if o, ok := d.try(v, append(trials, d.hostTrials(v)...)); ok {
			return o
		}
	}
	if f, ok := d.talks(v, "uwsgi"); ok && !random.speaks() && !none.speaks() {
		return only(f)
	}
	if v.o.Pending {
		return outcome{}
	}
	if v.quickAgain(d) {
		return outcome{}
	}
	if random.speaks() {
		return d.someSilence(v, random)
	}
	if own, ok := none.ownPage(); none.speaks() && ok && own.Role == software.Front {
		return only(seen("upstream_timeout", 0.8, fmt.Sprintf("%s itself answers at once what it can answer alone (with %s: %s), and every path that it passes on is met by silence: what is behind it hangs.", own.Title, none.o.Experiment.Change, told(none.answer())), v, none, random),
			seen("worker_saturated", 0.4, "All workers behind it may be busy.", v))
	}
	saturated := seen("worker_saturated", 0.45, "All workers may be busy; over the network alone this looks the same. The accept queue on the machine itself would decide.", v)
	for _, s := range d.takers(v) {
		if s.Queue > 0 {
			f := seen("worker_saturated", 0.85, fmt.Sprintf("%d connections wait to be accepted at %s: the program is busy or stuck.", s.Queue, s), v, random)
			return only(f, seen("no_response", 0.4, "It accepts nothing, whatever is sent.", v))
		}
	}
	f := seen("no_response", 0.7, "The connection stands, and whatever is sent, nothing comes back: another path, TLS, a PROXY header, another Host.", v, random)
	if len(d.takers(v)) > 0 {
		f.Confidence = 0.8
		f = f.also("The program accepts the connections: its queue is empty.")
		saturated.Confidence = 0.35
	}
	return only(f, saturated)
}

// quickAgain is for conclude: a repetition after a silence, which tells a cold
// start from a hang.
func (v view) quickAgain(d *desk) bool {
	return len(v.at.changes) == 0 && d.again(v.at, 1).passes()
}

// silentTLS: was it silent in the handshake, or after it, and for how long?
func (d *desk) silentTLS(v view) (outcome, bool) {
	if !shaken(v) {
		return d.handshake(v), true
	}
	if w := d.see(v.at.with(change{factor: fWait, label: "longer"})); w.passes() {
		f := flipped("slow_response", 0.95, v, w).also("It takes %.1f s; the load balancer waits %.1f s.", w.answer().Phases.Total.Seconds(), d.timeout().Seconds())
		f.Values["timeout"] = strconv.Itoa(int(w.answer().Phases.Total.Seconds()) + 1)
		return outcome{chain: []Finding{f}, solved: true}, true
	}
	return outcome{}, false
}

// someSilence: some paths are answered and others are not.
func (d *desk) someSilence(v, random view) outcome {
	path := quoted(v.request().Path)
	answered := fmt.Sprintf("%s is answered at once (%s), %s never.", quoted(random.request().Path), told(random.answer()), path)
	front, fronted := software.Fronted(random.answer())
	if random.frontPage() || fronted {
		f := seen("upstream_timeout", 0.75, answered+" "+front.Title+" serves the one itself and waits for the app with the other: the app hangs.", v, random)
		return only(f, seen("worker_saturated", 0.45, "All workers behind it may be busy.", v), seen("slow_response", 0.3, "It may answer later than was waited for.", v))
	}
	f := seen("slow_response", 0.6, answered+fmt.Sprintf(" It did not come within %.1f s either: what it does takes too long or hangs.", v.answer().Phases.Total.Seconds()), v, random)
	return only(f, seen("upstream_timeout", 0.35, "It may wait for something behind it that hangs.", v), seen("no_response", 0.3, "", v))
}

// slow: the answer comes, and passes, later than the load balancer waits.
func (d *desk) slow(v view) outcome {
	a := v.answer()
	f := seen("slow_response", 0.95, fmt.Sprintf("%d comes after %.1f s; the load balancer waits %.1f s.", a.Status, a.Phases.Total.Seconds(), d.timeout().Seconds()), v)
	if w := d.again(v.at, 1); w.ok && !w.passes() {
		f = f.also("It is not the first one only: again it did not come in time.")
		f.Decided = append(f.Decided, w.name)
	}
	if r := d.random(v); r.speaks() {
		f = f.also("Another path gives %s in %.2f s.", told(r.answer()), r.answer().Phases.Total.Seconds())
		f.Decided = append(f.Decided, r.name)
	}
	f.Values["timeout"] = strconv.Itoa(int(a.Phases.Total.Seconds()) + 1)
	return only(f)
}
