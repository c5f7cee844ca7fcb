package inspect

import (
	"bytes"
	"cmp"
	"container/list"
	"net/netip"
	"slices"
	"time"
)

// Sender is one peer that asks one thing, and what is known of it.
type Sender struct {
	Peer     netip.Addr
	Name     string // whom fingerprint took it for; empty: nobody known
	Asks     string // as Arrival.Asks says it
	Listener string
	Front    string // what comes before: "TLS", "PROXY v2", "PROXY v1, TLS"; empty: nothing

	Count   int       // of its arrivals
	First   time.Time // the first of them
	Latest  Arrival
	Pace    Pace
	Nodes   int           // peers of that Name, or this one alone, that ask the same at the same Listener
	GaveUp  time.Duration // how long it waited for the last answer that it did not get; zero: that never happened
	Last    Result        // what became of its last arrival; empty: nothing yet
	Kept    int           // arrivals of it that are kept
	Changes int           // how often what it sent differed from the time before
}

// senderKey tells senders apart.
type senderKey struct {
	peer           netip.Addr
	name           string
	asks, listener string
	front          string
}

func keyOf(a *Arrival) senderKey {
	asks := a.Asks()
	return senderKey{a.Peer.Addr(), a.Guess.Name, asks[:min(len(asks), maxAsks)], a.Listener, a.front()}
}

// senders keeps what is known of them, within bounds. It is not safe for
// concurrent use; the Server's mu guards it.
type senders struct {
	limits    Limits
	byKey     map[senderKey]*sender
	order     *list.List // of *sender, the one longest silent first
	kept      *list.List // of *keptArrival, the oldest first
	memory    int        // of all that is kept
	nodes     map[group]int
	forgotten int
	met       int
}

type sender struct {
	key     senderKey
	number  int // in the order in which they were met
	count   int
	first   time.Time
	times   []time.Time // the last ones in rising order, at most Limits.Arrivals
	arrived []*keptArrival
	latest  Arrival
	gaveUp  time.Duration
	last    Result
	changes int
	place   *list.Element // in order
}

// keptArrival is an arrival of a sender, in the list of all.
type keptArrival struct {
	of      *sender
	arrival Arrival
	place   *list.Element
}

func newSenders(limits Limits) *senders {
	return &senders{limits: limits, byKey: map[senderKey]*sender{}, order: list.New(), kept: list.New(), nodes: map[group]int{}}
}

// add takes a in and sets its Answer to what its sender is due, unless its question
// is due another.
func (t *senders) add(a *Arrival, script Script) {
	key := keyOf(a)
	s := t.byKey[key]
	if s == nil {
		if len(t.byKey) >= t.limits.Senders {
			t.forget(t.order.Front().Value.(*sender))
		}
		t.met++
		s = &sender{key: key, number: t.met, first: a.Time}
		s.place = t.order.PushBack(s)
		t.byKey[key] = s
		t.nodes[key.group()]++
	}
	if a.Answer == (Answer{}) {
		a.Answer = script.At(s.count)
	}
	if s.count > 0 && same(a, &s.latest) {
		a.SameAs = cmp.Or(s.latest.SameAs, s.latest.Number)
	} else if s.count > 0 {
		s.changes++
	}
	s.count++
	t.order.MoveToBack(s.place)
	if len(s.times) == t.limits.Arrivals {
		s.times = slices.Delete(s.times, 0, 1)
	}
	// A question that took long is told after one that began later.
	at, _ := slices.BinarySearchFunc(s.times, a.Time, time.Time.Compare)
	s.times = slices.Insert(s.times, at, a.Time)
	a.Count, a.Pace, a.Nodes = s.count, paceOf(s.times), t.nodesOf(key)
	s.latest = *a
	t.keep(s, a)
}

// same reports whether two arrivals of a sender differ in nothing that it chose.
// The frames of HTTP/2 depend on those before them.
func same(a, b *Arrival) bool {
	if a.Kind != b.Kind || a.More || b.More {
		return false
	}
	if a.Kind == HTTP2 || a.Kind == GRPC {
		return slices.Equal(a.Request.Fields, b.Request.Fields) && a.Service == b.Service
	}
	return bytes.Equal(a.Bytes, b.Bytes)
}

// maxAsks bounds what of a question tells senders apart.
const maxAsks = 512

// keep keeps a, and lets go of what is too much.
func (t *senders) keep(s *sender, a *Arrival) {
	k := &keptArrival{of: s, arrival: *a}
	k.place = t.kept.PushBack(k)
	s.arrived = append(s.arrived, k)
	t.memory += cost(a)
	if len(s.arrived) > t.limits.Arrivals {
		t.drop(s.arrived[0])
	}
	for t.memory > t.limits.Memory && t.kept.Len() > 1 {
		t.drop(t.kept.Front().Value.(*keptArrival))
	}
}

// cost is about how many bytes keeping a takes.
func cost(a *Arrival) int {
	const fixed, field = 1024, 48
	n := fixed + 3*len(a.Bytes) // the words about the Request are copies
	for _, f := range a.Request.Fields {
		n += field + len(f.Name) + len(f.Value) // HTTP/2 says a long one in a byte, and any in few
	}
	if a.TLS != nil {
		n += len(a.TLS.Bytes)
	}
	if a.Proxy != nil {
		n += len(a.Proxy.Bytes)
	}
	return n
}

// drop lets go of k, which is its sender's oldest: both lists have the order of
// arrival.
func (t *senders) drop(k *keptArrival) {
	t.kept.Remove(k.place)
	t.memory -= cost(&k.arrival)
	k.of.arrived = slices.Delete(k.of.arrived, 0, 1)
	if latest := &k.of.latest; latest.Number == k.arrival.Number {
		*latest = stripped(*latest)
	}
}

// stripped is a without what takes room.
func stripped(a Arrival) Arrival {
	a.Bytes, a.More, a.Request.Fields, a.Refusals = nil, true, nil, nil
	if a.TLS != nil {
		hello := *a.TLS
		hello.Bytes = nil
		a.TLS = &hello
	}
	return a
}

func (t *senders) forget(s *sender) {
	for len(s.arrived) > 0 {
		t.drop(s.arrived[0])
	}
	t.order.Remove(s.place)
	delete(t.byKey, s.key)
	if t.nodes[s.key.group()]--; t.nodes[s.key.group()] == 0 {
		delete(t.nodes, s.key.group())
	}
	t.forgotten++
}

// outcome notes what became of a.
func (t *senders) outcome(a *Arrival, o Outcome) {
	s := t.byKey[keyOf(a)]
	if s == nil {
		return
	}
	s.last = o.What
	if o.What == GaveUp {
		s.gaveUp = o.After
	}
}

// group is what the nodes of one prober have in common.
type group struct{ name, asks, listener, front string }

func (k senderKey) group() group { return group{k.name, k.asks, k.listener, k.front} }

// nodesOf counts the peers that may be nodes of one prober. Strangers of no name
// have nothing in common.
func (t *senders) nodesOf(k senderKey) int {
	if k.name == "" {
		return 1
	}
	return t.nodes[k.group()]
}

func (t *senders) list() []Sender {
	all := make([]*sender, 0, len(t.byKey))
	for _, s := range t.byKey {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *sender) int { return a.number - b.number })
	told := make([]Sender, len(all))
	for i, s := range all {
		told[i] = Sender{
			Peer: s.key.peer, Name: s.key.name, Asks: s.key.asks, Listener: s.key.listener, Front: s.key.front,
			Count: s.count, First: s.first, Latest: s.latest, Pace: paceOf(s.times),
			Nodes: t.nodesOf(s.key), GaveUp: s.gaveUp, Last: s.last, Kept: len(s.arrived), Changes: s.changes,
		}
	}
	return told
}

// Arrivals returns what is kept of the arrivals of s, oldest first.
func (s *Server) Arrivals(of Sender) []Arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.senders.byKey[senderKey{of.Peer, of.Name, of.Asks, of.Listener, of.Front}]
	if found == nil {
		return nil
	}
	told := make([]Arrival, len(found.arrived))
	for i, k := range found.arrived {
		told[i] = k.arrival
	}
	return told
}
