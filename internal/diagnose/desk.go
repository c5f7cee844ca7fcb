package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
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
	spent  time.Duration
	ruled  []string
}

// view is an observation as the thinking sees it.
type view struct {
	ok   bool // it was made
	at   setting
	o    *Observation
	name string
}

func newDesk(q Question, observations []Observation) *desk {
	d := &desk{q: q, known: make(map[string]*Observation)}
	var began, ended time.Time
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
		if o.Pending {
			d.spent = d.timeout()
		}
	}
	d.spent = max(d.spent, ended.Sub(began))
	return d
}

// timeout is the load balancer's.
func (d *desk) timeout() time.Duration {
	if t := d.q.Probe.Request.Timeout; t > 0 {
		return t
	}
	return 5 * time.Second
}

// deadline is how long all of it may take. What is left below 5 seconds more than
// the time-out is for starting and printing.
func (d *desk) deadline() time.Duration { return d.timeout() + 4600*time.Millisecond }

func (d *desk) left() time.Duration { return d.deadline() - d.spent }

// see returns what an experiment brought, and wants it if it was not made and
// there is room for it.
func (d *desk) see(at setting) view {
	name := at.name()
	if o, ok := d.known[key(name)]; ok {
		return view{ok: true, at: at, o: o, name: o.Experiment.Name}
	}
	if d.wanted == nil && len(d.known) < MostRequests && d.left() > 300*time.Millisecond {
		e := at.experiment(d.q.Probe)
		if len(at.changes) == 0 {
			e.Probe.Request.ConnectTimeout = d.connectTimeout()
			e.Probe.Request.Patience = d.patience()
		} else {
			e.Probe.Request.Patience = 0
			e.Probe.Request.ConnectTimeout = 0
			e.Probe.Request.Timeout = d.allowance(at)
			if last := at.changes[len(at.changes)-1]; last == later {
				e.Wait = laterWait
			}
		}
		d.wanted = &e
	}
	return view{at: at, name: name, o: &Observation{}}
}

// key is an experiment's name with its changes in one order: whichever of two was
// made first, the request is the same.
func key(name string) string {
	parts := strings.Split(name, "+")
	slices.Sort(parts)
	return strings.Join(parts, "+")
}

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
	return min(d.timeout()+500*time.Millisecond, 3500*time.Millisecond)
}

// allowance is the time-out of an experiment: ample for a server that answered
// quickly, short where silence is one of the answers expected.
func (d *desk) allowance(at setting) time.Duration {
	base := d.known["probe"]
	usual := 300 * time.Millisecond
	silent := base == nil || base.Pending || len(base.Answers) == 0
	if !silent {
		a := base.Answers[0]
		silent = a.Failure == exchange.TimedOut || a.Late
		usual = a.Phases.Total
	}
	last := at.changes[len(at.changes)-1]
	var t time.Duration
	switch {
	case last.factor == fWait:
		return max(2*d.timeout()+4300*time.Millisecond-d.spent, 200*time.Millisecond)
	case last.factor == fTalk || last.factor == fProxy || last.factor == fHTTP && last.label == "2" ||
		last.factor == fTLS && last.label == "on" || last.factor == fHost && last.arg == "":
		t = min(max(4*usual, 800*time.Millisecond), 2*time.Second)
	case last.factor == fPort || last.factor == fAddr:
		t = min(max(4*usual, time.Second), 2*time.Second)
	case silent && last.factor == fAgain:
		t = 1200 * time.Millisecond
	case silent:
		t = 600 * time.Millisecond
	default:
		t = max(10*usual, 2*time.Second)
	}
	if silent && last.factor != fAgain {
		t = min(t, 700*time.Millisecond)
	}
	if !silent && (last.factor == fPath || last.factor == fAgain || last.factor == fAsk) {
		t = d.timeout() // another page may be slower than the health path
	}
	return max(min(t, d.timeout(), d.left()), 200*time.Millisecond)
}

// later is a repetition after a pause: what heals by itself shows.
var later = change{factor: fAgain, label: "later"}

const laterWait = 1500 * time.Millisecond

// again is the n-th repetition of a setting.
func (d *desk) again(at setting, n int) view {
	return d.see(at.with(change{factor: fAgain, label: fmt.Sprint(n)}))
}

// quick reports whether the probe is cheap to repeat.
func (v view) quick() bool {
	if !v.ok || v.o.Pending || len(v.o.Answers) == 0 {
		return false
	}
	first, last := v.o.Answers[0], v.o.Answers[len(v.o.Answers)-1]
	return last.Began.Add(last.Phases.Total).Sub(first.Began) < 700*time.Millisecond && last.Failure != exchange.TimedOut
}

// answer is the target's own: the first one, or the last one of redirects that
// were followed and led to a pass.
func (v view) answer() exchange.Answer {
	if v.o == nil || len(v.o.Answers) == 0 {
		return exchange.Answer{GRPCCode: -1}
	}
	if v.o.Verdict.Outcome == dialect.Pass {
		return v.o.Answers[len(v.o.Answers)-1]
	}
	return v.o.Answers[0]
}

func (v view) status() int               { return v.answer().Status }
func (v view) request() exchange.Request { return v.o.Experiment.Probe.Request }

// passes reports whether the load balancer would take this answer.
func (v view) passes() bool {
	return v.ok && !v.o.Pending && v.o.Verdict.Outcome == dialect.Pass
}

func (v view) fails() bool { return v.ok && !v.passes() }

// speaks reports whether an HTTP answer came.
func (v view) speaks() bool { return v.ok && v.answer().Status != 0 }

// connects reports whether the connection stood.
func (v view) connects() bool {
	return v.ok && len(v.o.Answers) > 0 && v.answer().Stage > exchange.Dialling
}

// silent reports whether the connection stood and the time-out came without a byte
// of an answer.
func (v view) silent() bool {
	if !v.ok {
		return false
	}
	a := v.answer()
	return v.o.Pending || a.Failure == exchange.TimedOut && (a.Stage == exchange.Waiting || a.Stage == exchange.Sending || a.Stage == exchange.Handshaking) && len(a.Received) == 0
}

// closed reports whether the server broke the connection without a byte of an
// answer.
func (v view) closed() bool {
	a := v.answer()
	return v.ok && !v.o.Pending && (a.Failure == exchange.Closed || a.Failure == exchange.Reset) && a.Status == 0 && len(a.Received) == 0
}

// ownPage is the program of which the whole answer is an own page.
func (v view) ownPage() (software.Guess, bool) { return software.OwnPage(v.answer()) }

// frontPage reports whether the whole answer is an own page of a web server or
// proxy, so that no app had a part in it.
func (v view) frontPage() bool {
	g, ok := v.ownPage()
	return ok && g.Role == software.Front
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
