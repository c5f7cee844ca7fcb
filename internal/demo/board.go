package demo

import (
	"slices"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/threshold"
)

// Row is what is known of one instance: both verdicts, side by side.
type Row struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Fault   Fault  `json:"fault"`  // what was switched on; None when nothing
	TCP     string `json:"tcp"`    // the status that a TCP probe leads to
	HTTP    string `json:"http"`   // the status that the HTTP probe of the health path leads to; the balancer's
	Users   bool   `json:"users"`  // the balancer sends users there
	Answer  string `json:"answer"` // what the last HTTP probe came to, such as "200 in 1ms"
	Why     string `json:"why"`    // what the agent knows of it; empty when all is well
}

// The words of the two columns.
var (
	initial      = threshold.Initial.String()
	inService    = threshold.InService.String()
	outOfService = threshold.OutOfService.String()
)

// fooled reports whether a balancer that only connects would send users to what
// does not answer them, and this one does not. Right after a crash, or after
// healing, the two probes disagree too, but only until the slower one has asked
// again.
func (r Row) fooled() bool {
	return r.TCP == inService && r.HTTP == outOfService && !r.Users && r.Fault != None && r.Fault != Crash
}

// opened reports whether users are sent there although it is out of service: with
// nowhere better to go, the group fails open.
func (r Row) opened() bool {
	return r.HTTP == outOfService && r.Users
}

// change is a row after something happened to it.
type change struct {
	at   time.Time
	row  Row
	what string // what a person did, empty when a verdict changed
}

// kept is how many changes are held for watchers that are behind.
const kept = 256

// board holds the rows. Whoever updates it never waits for whoever watches it:
// watchers are woken and read at their own pace; one that is far behind misses
// the oldest changes.
type board struct {
	mu      sync.Mutex
	rows    []Row                      // guarded by mu
	changes []change                   // guarded by mu; the latest, oldest first
	count   int                        // guarded by mu; how many there have been
	wakes   map[chan struct{}]struct{} // guarded by mu
}

func newBoard(sites []*site) *board {
	b := &board{wakes: make(map[chan struct{}]struct{})}
	for _, s := range sites {
		b.rows = append(b.rows, Row{Name: s.name, Address: s.address, Fault: None, TCP: initial, HTTP: initial})
	}
	return b
}

// edit lets work change on the rows and tells watchers of the rows whose indexes
// it returns, each with what a person did, if anything.
func (b *board) edit(what string, work func(rows []Row) (tell []int)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	tell := work(b.rows)
	if len(tell) == 0 {
		return
	}
	now := time.Now()
	for _, i := range tell {
		b.changes = append(b.changes, change{now, b.rows[i], what})
	}
	b.changes = b.changes[max(0, len(b.changes)-kept):]
	b.count += len(tell)
	for wake := range b.wakes {
		select {
		case wake <- struct{}{}:
		default: // awake already
		}
	}
}

// state is a copy of the rows, and how many changes led to it.
func (b *board) state() (rows []Row, count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.rows), b.count
}

// since returns the changes after the first n that there ever were, as far as
// they are kept, and how many there have been.
func (b *board) since(n int) ([]change, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	missed := min(b.count-n, len(b.changes))
	return slices.Clone(b.changes[len(b.changes)-missed:]), b.count
}

// watch returns a channel that gets a value when there is something new, and a
// function that ends it.
func (b *board) watch() (wake <-chan struct{}, end func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wakes[c] = struct{}{}
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.wakes, c)
	}
}

// settled reports whether every instance has both first verdicts.
func (b *board) settled() bool {
	rows, _ := b.state()
	return !slices.ContainsFunc(rows, func(r Row) bool {
		return r.TCP == initial || r.HTTP == initial
	})
}
