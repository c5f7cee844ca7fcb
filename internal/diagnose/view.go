package diagnose

import (
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// view is an observation as the thinking sees it.
type view struct {
	ok   bool // it was made
	at   setting
	o    *Observation
	name string
	lent *exchange.Answer // GET's, if the method brings no body and GET the same status
}

// byGET is the change to the method that brings a body.
var byGET = change{factor: fMethod, label: "GET"}

// lent is GET's answer in place of one to HEAD, if it was asked for and has the
// same status: its page is what HEAD's would be.
func (d *desk) lent(at setting, o *Observation) *exchange.Answer {
	if o.Experiment.Probe.Request.Method != "HEAD" || len(o.Answers) == 0 || at.has(fMethod) {
		return nil
	}
	got := d.known[key(at.with(byGET).name())]
	if got == nil || len(got.Answers) == 0 || got.Answers[0].Status == 0 || got.Answers[0].Status != o.Answers[0].Status {
		return nil
	}
	return &got.Answers[0]
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
// were followed and led to a pass. A failing one to HEAD has the page that GET
// brings, if that was asked for.
func (v view) answer() exchange.Answer {
	if v.o == nil || len(v.o.Answers) == 0 {
		return exchange.Answer{GRPCCode: -1}
	}
	if v.o.Verdict.Outcome == dialect.Pass {
		return v.o.Answers[len(v.o.Answers)-1]
	}
	a := v.o.Answers[0]
	if v.lent != nil {
		a.Body, a.BodySize, a.Fields = v.lent.Body, v.lent.BodySize, v.lent.Fields
	}
	return a
}

func (v view) status() int               { return v.answer().Status }
func (v view) request() exchange.Request { return v.o.Experiment.Probe.Request }

// passes reports whether the load balancer would take this answer.
func (v view) passes() bool {
	return v.ok && !v.o.Pending && v.o.Verdict.Outcome == dialect.Pass
}

// fails reports whether it would not.
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
