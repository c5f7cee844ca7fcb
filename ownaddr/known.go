package ownaddr

import (
	"cmp"
	"slices"
	"time"
)

// keepFor is how long an address outlives its source. An outage of a metadata
// service changes nobody's address, so it must not change ours; after an hour
// it may be another machine's.
const keepFor = time.Hour

// known is what each source last said.
type known map[Source][]Address

// after is what is known after a look that began at now. A source that answered
// has said everything; of one that failed, what it said before still counts.
func (k known) after(attempts []Attempt, now time.Time) known {
	next := make(known, len(attempts))
	for _, a := range attempts {
		addresses := slices.Clone(a.Addresses)
		if a.Err != nil {
			for _, old := range k[a.Source] {
				again := slices.ContainsFunc(a.Addresses, func(b Address) bool { return b.Addr == old.Addr })
				if !again && now.Sub(old.Seen) < keepFor {
					addresses = append(addresses, old)
				}
			}
		}
		next[a.Source] = addresses
	}
	return next
}

// list is everything that is known, in the order of a report.
func (k known) list() []Address {
	var all []Address
	for _, s := range Sources() {
		all = append(all, k[s]...)
	}
	order := []Kind{Private, Public, Host}
	slices.SortStableFunc(all, func(a, b Address) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			a.Addr.Compare(b.Addr),
		)
	})
	return all
}
