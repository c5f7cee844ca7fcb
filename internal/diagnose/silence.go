package diagnose

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// silence: connected, and nothing comes.
func (d *desk) silence(v view) outcome {
	if v.request().TLS != nil && !v.o.Pending && !shaken(v) {
		return d.handshake(v)
	}
	random := d.random(v)
	if o, ok := d.lateTLS(v); ok {
		return o
	}
	if random.speaks() {
		if v.o.Pending {
			d.again(v.at, 2) // it may be one of two servers that hangs
			return outcome{}
		}
		if v.quickAgain(d) {
			return outcome{}
		}
		return d.someSilence(v, random)
	}
	alone := d.ownAnswer(v, view{}, change{factor: fHost, label: "none"})
	if !alone.speaks() {
		alone = d.ownAnswer(v, alone, ownFiles[0])
	}
	if o, ok := d.tryOnSilence(v, alone); ok {
		return o
	}
	alone = d.ownAnswer(v, alone, append(slices.Clip(ownFiles), change{factor: fHTTP, label: "9.9"})...)
	if v.o.Pending || v.quickAgain(d) {
		return outcome{}
	}
	busy := seen("worker_saturated", 0.4, "All workers behind it may be busy.", v)
	switch own, _ := alone.ownPage(); {
	case alone.frontPage():
		return only(seen("upstream_timeout", 0.8, fmt.Sprintf("%s itself answers at once what it can answer alone (with %s: %s), and every path that it passes on is met by silence: what is behind it hangs.", own.Title, alone.o.Experiment.Change, told(alone.answer())), v, alone, random), busy)
	case alone.byFront():
		return only(seen("upstream_timeout", 0.75, fmt.Sprintf("%s is answered at once (%s), and neither %s nor a path that cannot exist: a front server serves the one itself, and what it passes on is met by silence.", quoted(alone.request().Path), told(alone.answer()), quoted(v.request().Path)), v, alone, random), busy)
	}
	return d.allSilent(v, random, alone)
}

// ownAnswer makes requests that the HTTP side of a server, or a front server, answers
// without the app, until one was answered that tells of a front server. It returns
// that, or the one known before, or any that was answered.
func (d *desk) ownAnswer(v, known view, by ...change) view {
	if v.request().Protocol != exchange.HTTP1 {
		return known
	}
	for _, c := range by {
		if known.byFront() {
			break
		}
		if c.factor == fHost && hostOf(v.request()) == "" {
			continue
		}
		if w := d.see(v.at.with(c)); w.byFront() || w.speaks() && !known.speaks() {
			known = w
		}
	}
	return known
}

// byFront reports whether an answer without the app is a front server's: its own
// page, or a file of its own.
func (v view) byFront() bool { return v.frontPage() || v.speaks() && v.at.has(fPath) }

// tryOnSilence makes the trials that could end it. Where an answer showed that the
// port speaks HTTP, it needs neither TLS nor a PROXY header nor another protocol.
func (d *desk) tryOnSilence(v, alone view) (outcome, bool) {
	trials := d.methodTrials(v)
	if !alone.speaks() {
		trials = slices.Concat(trials, d.tlsTrial(v), d.proxyTrial(v)[:min(1, len(d.proxyTrial(v)))], d.http2Trial(v))
	}
	if o, ok := d.try(v, append(trials, d.hostTrials(v)...)); ok {
		return o, true
	}
	if alone.speaks() {
		return outcome{}, false
	}
	f, ok := d.talks(v, "uwsgi")
	return only(f), ok
}

// allSilent concludes that nothing helps: is the program busy, or does it take what
// it is asked and never answer?
func (d *desk) allSilent(v, random, alone view) outcome {
	saturated := seen("worker_saturated", 0.45, "All workers may be busy; over the network alone this looks the same. The accept queue on the machine itself would decide.", v)
	takers := d.takers(v)
	for _, s := range takers {
		if s.Queue > 0 {
			f := seen("worker_saturated", 0.85, fmt.Sprintf("%d connections wait to be accepted at %s: the program is busy or stuck.", s.Queue, s), v, random)
			return only(f, seen("no_response", 0.4, "It accepts nothing, whatever is sent.", v))
		}
	}
	if longest := d.othersWait(); longest > 0 {
		f := seen("worker_saturated", 0.6, fmt.Sprintf("The connection stands, and nothing comes back on any path; before this request came another one of somebody else's, which has waited %.1f s: what answers works on that.", longest.Seconds()), v, random)
		return only(f, seen("no_response", 0.45, "Or it answers nobody, whatever is sent.", v), seen("upstream_timeout", 0.4, "Or it waits for what is behind it, for everybody.", v))
	}
	f := seen("no_response", 0.7, "The connection stands, and whatever is sent, nothing comes back: another path, TLS, a PROXY header, another Host.", v, random)
	if alone.speaks() {
		f = seen("no_response", 0.7, fmt.Sprintf("Every path is met by silence. The HTTP side of the server lives (%s: %s): what it hands requests to hangs.", alone.o.Experiment.Change, told(alone.answer())), v, random, alone)
	}
	if len(takers) > 0 {
		f.Confidence = 0.8
		f = f.also("The program accepts the connections: its queue is empty.")
		saturated.Confidence = 0.35
	}
	return only(f, saturated)
}

// othersWait is how long somebody else's request had waited on the port for its
// first byte when the load balancer's had for a glance, if clearly longer; else 0.
func (d *desk) othersWait() time.Duration {
	if d.q.during == nil {
		return 0
	}
	if w := d.q.during.LongestFirst(); w > glance*5/4+200*time.Millisecond {
		return w
	}
	return 0
}

// ownFiles are paths that a front server often serves itself, without the app.
var ownFiles = []change{
	pathChange("static", "/static"+randomPath), pathChange("icon", "/favicon.ico"), pathChange("robots", "/robots.txt"),
}

// quickAgain reports whether the base passes when it is asked again: a repetition after a silence, which tells a cold
// start from a hang.
func (v view) quickAgain(d *desk) bool {
	if len(v.at.changes) > 0 {
		return false
	}
	second := setting{}.with(change{factor: fAgain, label: "2"}) // made while the base waited, or not at all
	if o, made := d.known[key(second.name())]; made && passed(o.Verdict) {
		return true
	}
	return d.again(v.at, 1).passes()
}

// lateTLS asks once more and waits longer, where the base could not be patient.
func (d *desk) lateTLS(v view) (outcome, bool) {
	longest := v.at.with(longer)
	if _, made := d.known[key(longest.name())]; v.request().TLS == nil || !made && d.left() < d.timeout()+500*time.Millisecond {
		return outcome{}, false
	}
	w := d.see(longest)
	if !w.passes() {
		return outcome{}, false
	}
	f := flipped("slow_response", 0.95, v, w).also("It takes %.1f s; the load balancer waits %.1f s.", w.answer().Phases.Total.Seconds(), d.waits().Seconds())
	f.Values["timeout"] = strconv.Itoa(int(w.answer().Phases.Total.Seconds()) + 1)
	return outcome{chain: []Finding{f}, solved: true}, true
}

// someSilence: some paths are answered and others are not.
func (d *desk) someSilence(v, random view) outcome {
	path := quoted(v.request().Path)
	answered := fmt.Sprintf("%s is answered at once (%s), and from %s no answer came in %.1f s.", quoted(random.request().Path), told(random.answer()), path, v.answer().Phases.Total.Seconds())
	front, fronted := software.Fronted(random.answer())
	if random.frontPage() || fronted {
		f := seen("upstream_timeout", 0.75, answered+" "+front.Title+" serves the one itself and waits for the app with the other: the app hangs.", v, random)
		return only(f, seen("worker_saturated", 0.45, "All workers behind it may be busy.", v), seen("slow_response", 0.3, "It may answer later than was waited for.", v))
	}
	f := seen("slow_response", 0.6, answered+" What that does takes longer or hangs.", v, random)
	return only(f, seen("upstream_timeout", 0.35, "It may wait for something behind it that hangs.", v), seen("no_response", 0.3, "", v))
}

// slow: the answer comes, and passes, later than the load balancer waits.
func (d *desk) slow(v view) outcome {
	a := v.answer()
	f := seen("slow_response", 0.95, fmt.Sprintf("%d comes after %.1f s; the load balancer waits %.1f s for an answer.", a.Status, a.Phases.Total.Seconds(), d.waits().Seconds()), v)
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
