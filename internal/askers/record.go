package askers

import (
	"slices"
	"time"
)

const (
	// regular is how many questions make an asker one that comes back: two gaps,
	// which are the least that can agree.
	regular = 3

	// patient is the longest that anybody is waited for, and the longest interval
	// that is believed in. AWS's balancers can be set to 300 s, and no balancer
	// in common use asks more seldom.
	patient = 5 * time.Minute

	// absence is how long a silence makes an asker a new one. It is that long
	// because monitors ask every five minutes, or every quarter of an hour, and
	// not each of their questions is news.
	absence = time.Hour

	// gapsKept is odd, so that a full set has a middle.
	gapsKept = 7
)

// record is what the Table keeps of an asker.
type record struct {
	key      Key
	last     time.Time
	count    uint64
	gaps     [gapsKept]time.Duration // between questions, the latest ones, in no order
	interval time.Duration           // median of gaps; kept, since it is needed more often than it changes
	red      int                     // answers in a row
	green    bool                    // the last answer
	hopeful  bool                    // was told "in service" since it was new
}

// asked notes a question.
func (r *record) asked(now time.Time, inService bool) Change {
	silence := r.silence(now)
	isNew := r.count == 0 || silence > absence
	if isNew {
		*r = record{key: r.key, last: now}
	} else {
		if silence > patient { // what it was told it may have forgotten, as we have
			r.red, r.hopeful = 0, false
		}
		r.note(now)
	}
	changed := r.green != inService
	r.count++
	r.green = inService
	if inService {
		r.red, r.hopeful = 0, true
	} else {
		r.red++
	}
	switch {
	case isNew:
		return New
	case changed && r.count > regular:
		return RegularChanged
	case changed:
		return Changed
	}
	return None
}

// note takes the gap between the last question and this one into account. The
// interval is the median: neither a question asked twice nor one that was left
// out moves it by much.
//
// Goroutines that take the time before they wait for their turn may come out of
// order; the gap is then zero, and last stays.
func (r *record) note(now time.Time) {
	gap := max(now.Sub(r.last), 0)
	r.gaps[(r.count-1)%gapsKept] = gap
	gaps := r.gaps
	seen := gaps[:min(r.count, gapsKept)]
	slices.Sort(seen)
	r.interval = seen[len(seen)/2]
	if gap > 0 || r.silence(now) > time.Minute {
		r.last = now
	}
}

// silence is how long ago the last question was. A last question that lies in the
// future was asked before the clock was set back; how long ago is anybody's guess.
func (r *record) silence(now time.Time) time.Duration {
	return now.Sub(r.last).Abs()
}

// patience is for how long after a question one may still expect the next.
func (r *record) patience(shortest time.Duration) time.Duration {
	if r.count < regular || r.interval > patient {
		return shortest
	}
	return min(max(3*r.interval, shortest), patient)
}

// shortest is the least patience of one that goes away. A balancer may be
// restarting; anybody else may be done.
func (r *record) shortest() time.Duration {
	if r.key.Name != "" {
		return time.Minute
	}
	return 10 * time.Second
}
