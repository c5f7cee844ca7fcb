package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// desk is where one question is thought about: what is known, and the first thing
// that one would like to know. The thinking is straight-line code that calls see
// for what it needs. What is not known yet comes back as a view that is not ok,
// and is noted as wanted; the code goes on as if it had brought nothing. So the
// first wanted experiment is always one that the knowledge at hand asks for, and
// whatever the code concludes after it is void until it was made.
type desk struct {
	q      Question
	known  map[string]*Observation
	order  []*Observation
	wanted *Experiment
	spent  time.Duration // since the first request
	ends   time.Duration // when there is no more time to ask, as spent counts
	ruled  []string
	noted  []Note // beside the causes, of a probe that fails
}

// newDesk puts what was observed on a desk, and reckons how much time there is left.
func newDesk(q Question, observations []Observation) *desk {
	d := &desk{q: q, known: make(map[string]*Observation)}
	var began, ended time.Time
	pending := false
	for i := range observations {
		o := &observations[i]
		d.known[key(o.Experiment.Name)] = o
		d.order = append(d.order, o)
		for _, a := range o.Answers {
			if began.IsZero() || a.Began.Before(began) {
				began = a.Began
			}
			if end := a.Began.Add(a.Phases.Total); end.After(ended) {
				ended = end
			}
		}
		pending = pending || o.Pending
	}
	d.spent, d.ends = ended.Sub(began), d.timeout()+over
	if pending {
		// The first of the others was asked when the time-out had passed. What is
		// asked while the base waits must not outlast it: it may need to be repeated.
		d.spent += d.timeout()
		d.ends = d.timeout() + d.patience()
	}
	return d
}

// timeout is the load balancer's.
func (d *desk) timeout() time.Duration {
	if t := d.q.Probe.Request.Timeout; t > 0 {
		return t
	}
	return 5 * time.Second
}

// waits is how long the load balancer waits for an answer: some count the time for
// that apart from the time for the connection.
func (d *desk) waits() time.Duration {
	if t := d.q.Probe.Request.AnswerTimeout; t > 0 {
		return min(t, d.timeout())
	}
	return d.timeout()
}

// over is how much longer than the time-out all of it may take. What is left below
// 4 seconds is for the pauses between experiments, and below 5 for starting and
// printing on a slow machine.
const over = 3700 * time.Millisecond

// left is how much time there is for experiments now.
func (d *desk) left() time.Duration { return d.ends - d.spent }

// shortest is the least time that is worth an experiment.
const shortest = 200 * time.Millisecond

// see returns what an experiment brought, and wants it if it was not made and
// there is room for it.
func (d *desk) see(at setting) view {
	name := at.name()
	if o, ok := d.known[key(name)]; ok {
		return view{ok: true, at: at, o: o, name: o.Experiment.Name, lent: d.lent(at, o)}
	}
	if d.wanted == nil && len(d.known) < MostRequests {
		d.wanted = d.want(at)
	}
	return view{at: at, name: name, o: &Observation{}}
}

// want is the experiment that a setting makes, as far as there is time for it.
func (d *desk) want(at setting) *Experiment {
	e := at.experiment(d.q.Probe)
	r := &e.Probe.Request
	if len(at.changes) == 0 {
		r.ConnectTimeout, r.Patience = d.connectTimeout(), d.patience()
		return &e
	}
	e.Wait = d.pace()
	switch last := at.changes[len(at.changes)-1]; {
	case last == later || last == latest:
		e.Wait = laterWait
	case hurried(last):
		e.Wait = 0
	}
	if d.left() < e.Wait+shortest+100*time.Millisecond {
		return nil
	}
	r.ConnectTimeout, r.AnswerTimeout, r.Patience = 0, 0, 0
	r.Timeout = max(min(d.allowance(at), d.timeout(), d.left()-e.Wait), shortest)
	if at.has(fWait) {
		r.Timeout = d.left() - e.Wait
	}
	return &e
}

// key is an experiment's name with its changes in one order: whichever of two was
// made first, the request is the same.
func key(name string) string {
	parts := strings.Split(name, "+")
	slices.Sort(parts)
	return strings.Join(parts, "+")
}

// connectTimeout is the load balancer's for the connection alone.
func (d *desk) connectTimeout() time.Duration {
	if t := d.q.Probe.Request.ConnectTimeout; t > 0 {
		return t
	}
	return d.timeout()
}

// patience is how much longer than the load balancer the base probe waits, to tell
// a late answer from none.
//
// By TLS it does not: a hello that a plain port's worker reads from holds that
// worker as long as the connection stands, and nothing else could be tried.
func (d *desk) patience() time.Duration {
	if d.q.Probe.Request.TLS != nil {
		return 0
	}
	return min(d.timeout()+500*time.Millisecond, 3100*time.Millisecond)
}

// allowance is the time-out of an experiment: ample for a server that answered
// quickly, short where silence is one of the answers expected.
func (d *desk) allowance(at setting) time.Duration {
	usual, silent := d.usual()
	last := at.changes[len(at.changes)-1]
	switch {
	case last.factor == fPort:
		return d.portAllowance()
	case silent && last.factor == fAgain:
		return 1200 * time.Millisecond
	case silent && d.near():
		return 300 * time.Millisecond
	case silent:
		return 700 * time.Millisecond
	case last.factor == fTalk || last.factor == fProxy || last.factor == fHTTP && last.label == "2" ||
		last.factor == fTLS && last.label == "on" || last.factor == fHost && last.arg == "":
		return min(max(4*usual, 800*time.Millisecond), 2*time.Second)
	case last.factor == fAddr:
		return min(max(4*usual, time.Second), 2*time.Second)
	case last.factor == fPath || last.factor == fAgain || last.factor == fAsk:
		return d.timeout() // another page may be slower than the health path
	}
	return max(10*usual, 2*time.Second)
}

// usual is how long the base took, and whether it was met by silence.
func (d *desk) usual() (took time.Duration, silent bool) {
	base := d.known["probe"]
	if base == nil || base.Pending || len(base.Answers) == 0 {
		return 300 * time.Millisecond, true
	}
	a := base.Answers[0]
	return a.Phases.Total, a.Failure == exchange.TimedOut || a.Late
}

// near reports whether a connection to the target stands at once, as on this
// machine.
func (d *desk) near() bool {
	const far = 20 * time.Millisecond
	for _, o := range d.order {
		for _, a := range o.Answers {
			if a.Stage > exchange.Dialling {
				return a.Phases.Dial < far
			}
		}
	}
	return d.home(view{o: &Observation{Experiment: Experiment{Probe: d.q.Probe}}})
}

// later is a repetition after a pause: what heals by itself shows.
var later = change{factor: fAgain, label: "later"}

// latest is another one, for what takes longer.
var latest = change{factor: fAgain, label: "latest"}

const laterWait = 1500 * time.Millisecond

// longer is a question with all the time that is left.
var longer = change{factor: fWait, label: "longer"}

// again is the n-th repetition of a setting.
func (d *desk) again(at setting, n int) view {
	return d.see(at.with(change{factor: fAgain, label: fmt.Sprint(n)}))
}

// rule notes what was tried and changed nothing.
func (d *desk) rule(v view, from view) {
	if !v.ok || v.o.Pending {
		return
	}
	text := v.o.Experiment.Change + ": " + told(v.answer())
	if !slices.Contains(d.ruled, text) {
		d.ruled = append(d.ruled, text)
	}
}
