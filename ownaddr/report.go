package ownaddr

import (
	"net/netip"
	"time"
)

// Report is what one look found.
type Report struct {
	// Started is when the look began, Took how long it lasted.
	Started time.Time
	Took    time.Duration

	// Addresses is everything that is known after the look: private ones first,
	// then public ones, then the host's, each by number.
	Addresses []Address

	// Attempts has one entry for each source, in the order of [Sources].
	Attempts []Attempt
}

// Attempt is how one source did in a look.
type Attempt struct {
	Source  Source
	Outcome Outcome

	// Why is the reason why the source was tried, or was not.
	Why string

	// Endpoint is the URL that was asked; empty for a source on this machine.
	Endpoint string

	// Addresses are what this look found there.
	Addresses []Address

	// LeftOut are addresses that the interfaces have and that don't count, with
	// the reason as their Kind.
	LeftOut []Address

	// Took is how long the source took; zero if it was not tried.
	Took time.Duration

	// Err is what went wrong. With Outcome Found, part of the answer is missing.
	Err error

	// Hint is what to do about it; empty if there is nothing to say.
	Hint string
}

// Outcome is what came of trying a source.
type Outcome string

// The outcomes.
const (
	NotTried     Outcome = "not tried"     // there was no reason to, or somebody forbade it
	Found        Outcome = "found"         // at least one address
	FoundNothing Outcome = "found nothing" // it answered, and knows no address
	Failed       Outcome = "failed"        // nobody can say what it knows
)

// Addrs returns the addresses of a report without their sources, each once and
// in the order of the report.
func (r Report) Addrs() []netip.Addr {
	var addrs []netip.Addr
	seen := make(map[netip.Addr]bool, len(r.Addresses))
	for _, a := range r.Addresses {
		if !seen[a.Addr] {
			seen[a.Addr] = true
			addrs = append(addrs, a.Addr)
		}
	}
	return addrs
}

// troubled reports whether a look is worth repeating soon: a source failed, or
// there is no address at all, as on a machine whose network is not up yet.
func (r Report) troubled() bool {
	for _, a := range r.Attempts {
		if a.Err != nil {
			return true
		}
	}
	return len(r.Addresses) == 0
}
