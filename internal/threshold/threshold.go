// Package threshold decides when a run of probe results changes the state of
// a target, and a run of check results that of a check: what is said here of
// targets and probes holds for both.
//
// It is the only place in the program that counts passes and failures. The
// counts are truly consecutive: any pass ends a run of failures and any failure
// ends a run of passes, whether or not the run changed anything. Fail, pass,
// fail, pass, fail never reaches an unhealthy threshold of three.
//
// Everything here is a plain value and a pure function: no clock, no
// goroutine, no lock. A [State] belongs to whoever holds it. Values may be
// copied and compared freely; a variable shared between goroutines needs the
// caller's own guard.
package threshold

import "strconv"

// Status says whether a target may receive traffic, as far as its probes tell.
type Status uint8

const (
	// Initial is the status before the results suffice for a verdict: not yet
	// in service, and not known to be bad. It is the zero value, and no result
	// leads back to it.
	Initial Status = iota
	// InService means that the target passes its probes.
	InService
	// OutOfService means that the target failed [Policy.Unhealthy] probes in a
	// row and has not passed [Policy.Healthy] in a row since.
	OutOfService
)

// String returns the status in the words shown to people: "initial",
// "in service" or "out of service".
func (s Status) String() string {
	switch s {
	case Initial:
		return "initial"
	case InService:
		return "in service"
	case OutOfService:
		return "out of service"
	}
	return "Status(" + strconv.Itoa(int(s)) + ")"
}

// Policy is how many results in a row it takes to change a target's status.
// A number below 1 counts as 1, so the zero Policy believes every single
// result.
type Policy struct {
	Healthy   int // passes in a row that bring a target back from OutOfService
	Unhealthy int // failures in a row that put a target OutOfService
}

// State is a target's status together with the run of equal results that its
// history ends in. The zero State is that of a target never probed.
//
// At most one of Passes and Failures is non-zero: the history ends either in
// passes or in failures. A run goes on growing after it has changed the status.
type State struct {
	Status   Status
	Passes   int // passes since the last failure
	Failures int // failures since the last pass
}

// Step returns the state after one more result, and whether the status differs
// from the one in s.
//
// A target that is Initial is admitted by one pass, whatever p.Healthy says.
// So does AWS's Application Load Balancer (its user guide, "Health checks for
// your target groups"); a new target would otherwise wait for several intervals
// before its first request.
func (p Policy) Step(s State, pass bool) (next State, changed bool) {
	next.Status = s.Status
	if pass {
		next.Passes = s.Passes + 1
		if s.Status == Initial || next.Passes >= max(p.Healthy, 1) {
			next.Status = InService
		}
	} else {
		next.Failures = s.Failures + 1
		if next.Failures >= max(p.Unhealthy, 1) {
			next.Status = OutOfService
		}
	}
	return next, next.Status != s.Status
}
