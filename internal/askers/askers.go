// Package askers remembers who asks the health question, how often, and who has
// heard that the answer is red.
//
// A server that goes away must go on serving until every balancer has noticed.
// Balancers don't say when they have, but they ask, and what is known of them is
// how many red answers in a row it takes. So the [Table] counts these for each
// asker: when each has fetched enough, the server may close ([Table.Ignorant]).
//
// # Who is an asker
//
// An asker is an address under a name. Each node of a balancer asks on its own
// and decides on its own, so two nodes are two askers. Ports don't tell askers
// apart, for most balancers open a connection for each question. What can't be told
// apart: two target groups that one node asks for count as one asker, which
// seems to ask twice as often, and to need half as long.
//
// # Who is waited for
//
// Only those that matter. Who has never been told "in service" has not sent
// anybody here, so it has nothing to learn: a newcomer during a drain can't
// prolong it, nor can a thousand made-up ones. Who has stopped asking is not
// waited for either; see [Table.Ignorant] for when that is.
//
// # Bounds
//
// At most [Limit] askers are remembered. Those that ask regularly are never
// pushed out by newcomers, only those that asked once or twice.
//
// # Concurrency
//
// Everything is safe at any time from any goroutine. There is no clock and no
// goroutine in here: the caller says what time it is.
package askers

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Limit is how many askers are remembered. The largest fleets of probers (edge
// sites that each ask on their own) have some hundreds.
const Limit = 1024

// defaultUnhealthy is what Table.Unhealthy nil means: more than any balancer in
// common use needs by default, save for a handful.
const defaultUnhealthy = 3

// A Key tells askers apart.
type Key struct {
	Peer netip.Addr // where the connection comes from; the zero Addr if it has no address
	Name string     // the balancer that was recognised; "" if none was. A claim, not a proof
}

// Change says what is new about a question.
type Change uint8

const (
	// None: a known asker got the same answer as the last time. It is the zero
	// value.
	None Change = iota
	// New: nobody asked under this Key before, or not for an hour.
	New
	// Changed: an asker that asked once or twice before got another answer than
	// the last time.
	Changed
	// RegularChanged: the same of one that asks regularly, as balancers do. There
	// are never more than [Limit] of these.
	RegularChanged
)

// An Asker is what is known of one.
type Asker struct {
	Key
	Last     time.Time     // its last question
	Interval time.Duration // between its questions, as observed: the median of the latest; 0 after a single question
	Asked    uint64        // questions since it was New
	Red      int           // red answers in a row up to now
	Needs    int           // red answers in a row after which it has taken us out; 0 if nobody goes by what it hears
	Knows    bool          // Red has reached Needs
}

// A Table remembers askers. The zero Table is ready for use, and must not be
// copied after that.
type Table struct {
	// Unhealthy returns after how many red answers in a row an asker of that name
	// ("" for one that was not recognised) has taken the server out of service.
	// Zero or less means that it never does, such as a monitor that only tells
	// people. It is called without any lock held, from several goroutines at
	// once. Nil: 3 for all. Set before first use.
	Unhealthy func(name string) int

	mu      sync.Mutex
	records []record    // guarded by mu; at most Limit
	index   map[Key]int // guarded by mu; of a Key's record in records
}

// Asked notes a question and the answer to it, and says what is new about it.
//
// It allocates nothing for an asker that is known. When nobody can be forgotten
// for a newcomer, the newcomer is not noted, and Asked returns None.
func (t *Table) Asked(now time.Time, k Key, inService bool) Change {
	k.Peer = k.Peer.Unmap()
	t.mu.Lock()
	defer t.mu.Unlock()
	i, known := t.index[k]
	if !known {
		if i = t.place(now); i < 0 {
			return None
		}
		if t.index == nil {
			t.index = make(map[Key]int)
		}
		t.index[k] = i
		t.records[i] = record{key: k}
	}
	return t.records[i].asked(now, inService)
}

// List returns who asks, sorted by name and address.
//
// An asker that has not asked for three of its intervals is forgotten, but never
// before a minute nor later than five.
func (t *Table) List(now time.Time) []Asker {
	return t.list(func(r *record) bool { return r.silence(now) <= r.patience(time.Minute) })
}

// Ignorant returns those of [Table.List] that have been told "in service" and
// have not fetched Needs red answers in a row since. These are who a server that
// goes away waits for.
//
// It leaves out more than List does of those that were not recognised, which may
// be a person with curl, or a script that asked until the server was up:
//
//   - one that asked once or twice counts for ten seconds after its last
//     question, or for a minute if it was recognised as a balancer;
//   - one that asked more often counts for three of its intervals, but for ten
//     seconds at the least.
//
// Anyone may call itself a balancer. But it must have been answered before the
// drain began, and once it stops asking it is waited for no longer than five
// minutes; while it goes on asking, it soon knows. Callers have a limit of their
// own besides.
func (t *Table) Ignorant(now time.Time) []Asker {
	list := t.list(func(r *record) bool { return r.hopeful && r.silence(now) <= r.patience(r.shortest()) })
	return slices.DeleteFunc(list, func(a Asker) bool { return a.Knows })
}

func (t *Table) list(wanted func(*record) bool) []Asker {
	list := t.copies(wanted)
	for i := range list {
		a := &list[i]
		a.Needs = defaultUnhealthy
		if t.Unhealthy != nil {
			a.Needs = max(t.Unhealthy(a.Name), 0)
		}
		a.Knows = a.Red >= a.Needs
	}
	slices.SortFunc(list, func(a, b Asker) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Peer.Compare(b.Peer))
	})
	return list
}

func (t *Table) copies(wanted func(*record) bool) []Asker {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Asker
	for i := range t.records {
		if r := &t.records[i]; wanted(r) {
			list = append(list, Asker{Key: r.key, Last: r.last, Interval: r.interval, Asked: r.count, Red: r.red})
		}
	}
	return list
}

// place returns the index of a record for a newcomer, or -1 if there is none.
// The caller holds mu.
//
// A record is given up if its asker is forgotten, or else if it asked fewer than
// regular times: of these the one that has been silent for longest. So a flood of
// made-up askers pushes out its own, unless each of them comes back; and those
// that then fill the table keep newcomers out, but nobody who was in it.
func (t *Table) place(now time.Time) int {
	if len(t.records) < Limit {
		t.records = append(t.records, record{})
		return len(t.records) - 1
	}
	victim, silence := -1, time.Duration(-1)
	for i := range t.records {
		r := &t.records[i]
		s := r.silence(now)
		casual := r.count < regular
		if s > silence && (casual || s > r.patience(time.Minute)) {
			victim, silence = i, s
		}
	}
	if victim >= 0 {
		delete(t.index, t.records[victim].key)
	}
	return victim
}
