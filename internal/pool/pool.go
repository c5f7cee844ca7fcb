// Package pool keeps what is known about the targets of one target group and
// picks the target for each request.
//
// Readers never wait. The state is an immutable [Snapshot] that writers
// replace as a whole: [Pool.Snapshot] is one atomic load, and [Pool.Pick] is
// that load plus one atomic addition, without a lock and without allocating.
// A pick therefore obeys one snapshot that was current during the call; it
// never mixes two.
//
// The pool counts nothing and probes nothing. Package monitor tells it what
// became of each target, through [Pool.Update].
package pool

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inservice/inservice/internal/balance"
	"github.com/inservice/inservice/internal/threshold"
)

var (
	errNoneInService = errors.New("no target is in service")
	errNoOther       = errors.New("no other target is in service")
)

// Target is what the pool knows about one target.
type Target struct {
	Address string           // host:port that traffic goes to; the target's name within the pool
	Status  threshold.Status // as of the last update
	Reason  string           // the last probe's words; empty before the first
	Since   time.Time        // when Status became what it is; for the first status, when the pool was made
}

// Snapshot is the state of a group at one moment. It is shared by all readers:
// nobody may change it or its Targets.
type Snapshot struct {
	Group   string       // name of the target group
	Targets []Target     // in the order given to New
	Mode    balance.Mode // who receives traffic

	eligible []string // addresses that Mode lets through, in the order of Targets
}

// Pool holds the targets of one group. Make one with [New]. All methods may be
// called from any goroutine.
type Pool struct {
	failOpen bool // immutable

	turn     atomic.Uint64            // picks so far
	snapshot atomic.Pointer[Snapshot] // never nil; replaced only with mu held
	mu       sync.Mutex               // makes each Update's load, change and store of snapshot one step
}

// New returns a pool of targets that are all [threshold.Initial]. An address
// that is given twice counts once. With failOpen, traffic goes to all targets
// while none is in service; see [balance.Eligible].
func New(group string, addresses []string, failOpen bool) *Pool {
	p := &Pool{failOpen: failOpen}
	now := time.Now()
	s := &Snapshot{Group: group}
	for _, a := range addresses {
		if s.index(a) < 0 {
			s.Targets = append(s.Targets, Target{Address: a, Since: now})
		}
	}
	p.publish(s)
	return p
}

// Update records what the last probe of a target said, at the time at. Reason
// is replaced each time, Since only when the status differs from the one
// before. A pick that begins after Update has returned sees the change.
//
// An address that the pool does not hold is ignored: the last probe of a
// target may end after the target has left the group.
func (p *Pool) Update(address string, s threshold.Status, reason string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.snapshot.Load()
	i := was.index(address)
	if i < 0 {
		return
	}
	now := &Snapshot{Group: was.Group, Targets: slices.Clone(was.Targets)}
	t := &now.Targets[i]
	if t.Status != s {
		t.Status, t.Since = s, at
	}
	t.Reason = reason
	p.publish(now)
}

// Snapshot returns the current state. It never returns nil and never waits.
func (p *Pool) Snapshot() *Snapshot {
	return p.snapshot.Load()
}

// Pick returns the address that the next request goes to: round robin over
// the eligible targets, by one counter for all callers. An error means that no
// target may receive traffic: none is in service and the group does not fail
// open, or the group has no targets.
func (p *Pool) Pick() (address string, err error) {
	eligible := p.snapshot.Load().eligible
	if len(eligible) == 0 {
		return "", errNoneInService
	}
	// Add returns the new value, so the first turn is 0.
	return eligible[balance.RoundRobin(p.turn.Add(1)-1, len(eligible))], nil
}

// PickOther returns an eligible target that is not the one at the address than.
// It takes no turn, so it changes nothing for those who pick; what one target
// could not take is spread over all the others. An error means that there is no
// other.
func (p *Pool) PickOther(than string) (address string, err error) {
	eligible := p.snapshot.Load().eligible
	n := len(eligible)
	skip := slices.Index(eligible, than)
	if skip >= 0 {
		n--
	}
	if n == 0 {
		return "", errNoOther
	}
	i := balance.RoundRobin(p.turn.Load(), n)
	if skip >= 0 && i >= skip {
		i++
	}
	return eligible[i], nil
}

// publish works out who is eligible in s and makes s the current snapshot. The
// caller holds mu, or is the only one who knows p.
func (p *Pool) publish(s *Snapshot) {
	statuses := make([]threshold.Status, len(s.Targets))
	for i, t := range s.Targets {
		statuses[i] = t.Status
	}
	indexes, mode := balance.Eligible(statuses, p.failOpen)
	s.Mode = mode
	s.eligible = make([]string, len(indexes))
	for i, index := range indexes {
		s.eligible[i] = s.Targets[index].Address
	}
	p.snapshot.Store(s)
}

// index returns the position of the target at address, or -1.
func (s *Snapshot) index(address string) int {
	return slices.IndexFunc(s.Targets, func(t Target) bool { return t.Address == address })
}
