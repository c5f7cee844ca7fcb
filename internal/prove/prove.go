// Package prove shows that a health answer can turn red. It breaks what the answer
// depends on, one dependency after another, through a forwarder that it puts in
// between, and wants the answer to react within its bound and to recover within
// another. An answer that stays green proves nothing the day it matters: that is a
// defect, and the most common one.
//
// [Agent] proves the checks of an agent, in this process: they are those of its
// configuration and ask as they do there, but every connection that they open goes
// through a forwarder. [App] proves the health view of any program that was pointed
// at forwarders, by probing it.
//
// What it guarantees: a dependency is touched in no other way than by forwarding,
// or not forwarding, what its client says; everything that was broken is whole again
// when Run returns, however it ends; the time that a proof takes is bounded and told
// before anything is broken.
//
// An Agent or App is used once, by one goroutine.
package prove

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is a way in which a dependency breaks.
type Fault string

// The Faults, the one that shows soonest first.
const (
	Refuse Fault = "refuse" // nobody listens any more; open connections are reset
	Reset  Fault = "reset"  // connecting works, and every connection is reset
	Hang   Fault = "hang"   // connecting works, and nothing is ever answered; open connections freeze
	Slow   Fault = "slow"   // everything is answered, later than the asker waits
)

// Faults are all of them, in the order in which they are tried.
func Faults() []Fault { return []Fault{Refuse, Reset, Hang, Slow} }

// ParseFaults reads names such as "refuse,hang". They come back in the order of
// Faults, each once.
func ParseFaults(names []string) ([]Fault, error) {
	var found []Fault
	for _, name := range names {
		if f := Fault(strings.TrimSpace(name)); slices.Contains(Faults(), f) {
			found = append(found, f)
			continue
		}
		return nil, fmt.Errorf("%q is no fault; the faults are refuse, reset, hang and slow", name)
	}
	return slices.DeleteFunc(Faults(), func(f Fault) bool { return !slices.Contains(found, f) }), nil
}

// Expect is what the answer must do when a dependency breaks.
type Expect string

// The Expects.
const (
	Red      Expect = "red"      // out of service
	Degraded Expect = "degraded" // in service, and told
)

// DefectKind says in a word what is wrong with an answer.
type DefectKind string

// The DefectKinds.
const (
	StaysGreen   DefectKind = "stays-green"    // nothing reacted, bound or no bound
	TooLate      DefectKind = "too-late"       // it reacted, after its bound
	StaysRed     DefectKind = "stays-red"      // it does not recover
	HealsTooLate DefectKind = "heals-too-late" // it recovers, after its bound
	TurnsRed     DefectKind = "turns-red"      // it goes out of service where it was declared to be degraded only
	StaysIn      DefectKind = "stays-in"       // the check fails and the answer stays in service, where it was declared critical
	NeverAsks    DefectKind = "never-asks"     // the check passes without connecting to anything
	NoChecks     DefectKind = "no-checks"      // there is nothing that could fail
)

// Defect is one way in which an answer is not what it was declared to be.
type Defect struct {
	Kind  DefectKind
	Check string // empty: the answer as a whole
	Text  string // one line for people
	Hint  string // what to do; may be empty
}

// Reaction is how one check took a fault.
type Reaction struct {
	Check  string
	After  time.Duration // from the fault; zero: never
	Bound  time.Duration // by when it had to
	Reason string        // what it said
}

// Sensitivity is how slow a dependency must be for a check to fail.
type Sensitivity struct {
	Check  string
	Passes time.Duration // the longest delay, in each direction, at which it was seen to pass; zero: none was tried that it passed
	Fails  time.Duration // the shortest at which it was seen to fail; zero: none was
}

// Trial is one fault of one dependency and what came of it.
type Trial struct {
	Fault     Fault
	Delay     time.Duration // of Slow, in each direction
	After     time.Duration // until the answer was as expected; zero: never
	Bound     time.Duration
	Healed    time.Duration // from the healing until it was green again; zero: never
	HealBound time.Duration
	Answer    string     // while it was broken, such as "503 fail"
	Reasons   []string   // what the answer's details said then
	Reactions []Reaction // of the checks, in their order; none for an App
	Slowness  []Sensitivity
	Also      []string // other addresses that the checks turned to, which were broken too
	Defects   []Defect
}

// Proven reports whether nothing is wrong.
func (t Trial) Proven() bool { return len(t.Defects) == 0 }

// Dependency is something that the answer depends on.
type Dependency struct {
	Addresses []string // as they are dialled
	Checks    []string // that depend on it; none for an App
	Expect    Expect
	Bound     time.Duration // for the answer to react
	HealBound time.Duration
	Hold      time.Duration // for how long an answer that must be degraded is watched, since it may not turn red
	Trials    []Trial
	Why       string // why it could not be proven now; then there may be no Trials
}

// Name is short: the checks' names, or the address.
func (d Dependency) Name() string {
	if len(d.Checks) > 0 {
		return strings.Join(d.Checks, ", ")
	}
	return strings.Join(d.Addresses, ", ")
}

// Unprovable is a check that no forwarder can be put in front of.
type Unprovable struct{ Check, Kind, Why string }

// Report is the outcome of a proof.
type Report struct {
	Subject      string // what answers: "the agent" or a URL
	Dependencies []Dependency
	Unprovable   []Unprovable
	Defects      []Defect // that need no fault to be seen
	Notes        []string // what was changed for the proof
	Estimate     time.Duration
	Took         time.Duration
}

// Count is how many trials there were, how many of them found nothing wrong, and how
// many defects there are in all.
func (r Report) Count() (trials, proven, defects int) {
	defects = len(r.Defects)
	for _, d := range r.Dependencies {
		for _, t := range d.Trials {
			trials++
			defects += len(t.Defects)
			if t.Proven() {
				proven++
			}
		}
	}
	return trials, proven, defects
}

// Proven reports whether every dependency that a forwarder can stand in front of was
// proven, without a defect.
func (r Report) Proven() bool {
	_, _, defects := r.Count()
	return defects == 0 && !slices.ContainsFunc(r.Dependencies, func(d Dependency) bool { return d.Why != "" })
}

// Step is how far a proof has come.
type Step string

// The Steps.
const (
	Waiting  Step = "waiting"  // for the first green answer
	Planned  Step = "planned"  // Report says what will be done, and Report.Estimate how long it takes at most if all is well
	Breaking Step = "breaking" // Fault of Dependency begins
	Tried    Step = "tried"    // Trial is over
	Finished Step = "finished" // with Dependency
)

// Event tells how far a proof has come. What it points at must not be changed, and
// not be kept.
type Event struct {
	Step       Step
	Limit      time.Duration // how long the step takes at most; with Breaking, if all is well
	Report     *Report       // with Planned
	Dependency *Dependency   // with Breaking, Tried and Finished
	Fault      Fault         // with Breaking
	Trial      *Trial        // with Tried
}
