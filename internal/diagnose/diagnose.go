// Package diagnose finds out by experiment why a probe fails, or whether a probe
// that passes tells the truth.
//
//	observations → Plan (pure) → experiment → Run (network) → observations → … → Conclude (pure)
//
// One pure function reads the observations, as a person would who asks one
// question after another: Plan is what it would like to know next, Conclude what
// it makes of what it knows. An experiment changes one factor of another one's
// request. What flips the verdict is a cause; what does not is ruled out; and how
// a program words its answer only strengthens what the experiments say.
//
// What Run guarantees:
//
//   - Only the target's host is asked: its port, and, on this machine alone, other
//     addresses and other ports of it that the kernel's table names. No redirect
//     is followed off the target by an experiment.
//   - If the target is this machine, the kernel is asked besides who is connected to
//     the port, and what its programs wait for (sockets.Watch). Nothing is read of
//     what they say to each other.
//   - GET, HEAD and OPTIONS only, besides the load balancer's own method and a few
//     bytes that ask a FastCGI, uwsgi or AJP port whether it is one. At most
//     MostRequests, one after another. Only while the load balancer's own question
//     waits for a late answer are others asked beside it.
//   - It ends within 4 seconds more than the time-out. A target that passes is asked
//     slowly, five times in the first second, and a few times at once only if it
//     passes and fails by turns, which may be servers that take them.
//   - Everything it says is safe to print.
//
// Run may be called from any number of goroutines at once; what it started has
// ended when it returns.
package diagnose

import (
	"net/netip"
	"time"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
	"github.com/inservice/inservice/internal/software"
)

// MostRequests is how many experiments there are at most in a diagnosis.
const MostRequests = 45

// Question is what to find out.
type Question struct {
	Probe   dialect.Probe
	Site    string        // a public name of the site; empty if not known
	Machine sockets.Table // if the target is this machine; else empty
	Local   []netip.Addr  // addresses of this machine to ask from as well

	self int // this process, whose own ports are no candidates

	// What went through the port while the load balancer's own question waited for
	// its answer, if it did, and after an answer that passes or blames the server; nil:
	// not seen.
	during, after *sockets.Traffic
}

// Verdict is what the load balancer would say in the long run.
type Verdict string

// The Verdicts.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Flap    Verdict = "flap"
	Unknown Verdict = "unknown"
)

// Experiment is a probe that differs from the load balancer's in one factor, or
// in one more than another experiment.
type Experiment struct {
	Name   string        // unique and stable: "host=site", "host=site+xfp=https"; the load balancer's own probe is "probe"
	Base   string        // name of the experiment from which it differs in one factor; empty for the first
	Factor string        // which: "host", "path", "tls", …; "again" differs in nothing but the time
	Change string        // the difference for people, safe to print: "Host: app.example.test"
	Wait   time.Duration // before it is made: for the pace, or because time is what changes
	Probe  dialect.Probe
}

// Observation is what an experiment brought.
type Observation struct {
	Experiment Experiment
	Answers    []exchange.Answer // more than one if redirects were followed; the first is the target's own
	Verdict    dialect.Verdict

	// Pending: the time-out has passed without an answer, and the exchange goes on
	// to see whether one comes late. Answers is empty then. A Report holds none.
	Pending bool
}

// Finding is one cause, with what speaks for it.
type Finding struct {
	Cause      cause.ID
	Confidence float64           // 0..1; below 0.5 it is a candidate, and Evidence says what would decide
	Evidence   []string          // in words, safe to print, the decisive first
	Decided    []string          // names of the experiments that it rests on, the one that passes or differs first
	Location   string            // where a redirect leads, if that is the matter
	Values     map[string]string // for cause.Fill: what was found to work ("other", "otherport", "address", "method", …)
	Programs   []string          // whose fix it takes, as package software names them; nil: whatever Report.Software says
}

// Grade says how much a Note matters.
type Grade string

// The Grades.
const (
	Hint    Grade = "hint"    // worth knowing
	Caution Grade = "caution" // will do harm one day
)

// Note is an observation beside the causes: of a probe that passes, and of which
// nobody should be woken.
type Note struct {
	ID       string // "cookie", "slow", "head", "leak", "redirect", "certificate", …
	Grade    Grade
	Text     string   // a sentence, safe to print
	Evidence []string // safe to print
}

// Report is all that was found out.
type Report struct {
	Verdict      Verdict
	Reason       string    // the load balancer's word
	Text         string    // its sentence
	Causes       []Finding // those that hold at once first, in the order in which they are met; then other candidates
	Warnings     []Finding
	Notes        []Note
	RuledOut     []string // what was tried and changed nothing, for people
	Software     []software.Guess
	Observations []Observation // in the order asked; the first is the load balancer's own probe
	Took         time.Duration
}
