package traffic_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inservice/inservice/internal/traffic"
)

// model says what the words of the package mean, plainly: it keeps every event
// and every change for ever, and looks through all of them each time.
type model struct {
	policy traffic.Policy // complete
	events []event
	last   time.Time

	spent   int       // so many events are spent
	episode []episode // of being red, the last one perhaps still going on
	proof   traffic.Verdict
	renewed time.Time
}

type event struct {
	at     time.Time
	client netip.Prefix
	o      traffic.Outcome
}

type episode struct {
	from, to time.Time // to is zero while it goes on
	hold     time.Duration
	held     bool
}

func (m *model) add(now time.Time, client netip.Addr, o traffic.Outcome) {
	m.passes(now)
	bits := 64
	if client.Is4() {
		bits = 32
	}
	m.events = append(m.events, event{m.last, netip.PrefixFrom(client, bits).Masked(), o})
}

func (m *model) passes(now time.Time) {
	if now.After(m.last) {
		m.last = now
	}
}

// counts of a set of events.
type counts struct{ requests, bad, timedOut int }

func (c counts) share() float64 {
	if c.requests == 0 {
		return 0
	}
	return float64(c.bad+c.timedOut) / float64(c.requests)
}

func (m *model) level(c counts) traffic.Level {
	switch {
	case c.requests < m.policy.MinRequests:
		return none
	case c.share() >= m.policy.Fail:
		return fail
	case c.share() >= m.policy.Warn:
		return warn
	}
	return pass
}

// evidence counts what is neither spent nor too old.
func (m *model) evidence() (c counts, clients map[netip.Prefix]counts) {
	width := m.policy.Window / 30
	newest := m.last.Sub(start) / width
	clients = map[netip.Prefix]counts{}
	for _, e := range slices.Backward(m.events[m.spent:]) {
		if e.at.Sub(start)/width <= newest-30 {
			break // all before are older
		}
		one := clients[e.client]
		for _, c := range []*counts{&c, &one} {
			c.requests++
			switch e.o {
			case traffic.Bad:
				c.bad++
			case traffic.TimedOut:
				c.timedOut++
			}
		}
		clients[e.client] = one
	}
	return c, clients
}

func (m *model) judge() traffic.Verdict {
	c, clients := m.evidence()
	v := traffic.Verdict{Requests: c.requests, Bad: c.bad, TimedOut: c.timedOut, Clients: min(len(clients), 64), Share: c.share()}
	v.Level = m.level(c)
	if v.Level < warn {
		return v
	}
	if len(clients) == 1 {
		v.Level = warn
		return v
	}
	for _, one := range clients {
		if one.bad+one.timedOut > 0 {
			v.Level = min(v.Level, m.level(counts{c.requests - one.requests, c.bad - one.bad, c.timedOut - one.timedOut}))
		}
	}
	return v
}

func (m *model) isRed() bool {
	return len(m.episode) > 0 && m.episode[len(m.episode)-1].to.IsZero()
}

// hold looks back how often in a row it relapsed.
func (m *model) hold() (hold time.Duration, held bool) {
	hold = m.policy.Window
	next := m.last
	for i := len(m.episode) - 1; i >= 0 && next.Sub(m.episode[i].to) < 10*time.Minute; i-- {
		hold, held = min(2*hold, 5*time.Minute), true
		next = m.episode[i].from
	}
	return hold, held
}

func (m *model) verdict(now time.Time) traffic.Verdict {
	m.passes(now)
	v := m.judge()
	if !m.isRed() && v.Level != fail {
		return v
	}
	if v.Level == fail {
		if !m.isRed() {
			hold, held := m.hold()
			m.episode = append(m.episode, episode{from: m.last, hold: hold, held: held})
		}
		m.proof, m.renewed, m.spent = v, m.last, len(m.events)
	}
	e := &m.episode[len(m.episode)-1]
	until := e.from.Add(e.hold)
	if after := m.renewed.Add(m.policy.Window); after.After(until) {
		until = after
	}
	if v.Level != fail && (!m.last.Before(until) || v.Level == pass && !e.held) {
		e.to = m.last
		return v
	}
	v = m.proof
	v.Until = until
	return v
}

// pair is a Window and a model that are told the same.
type pair struct {
	w   *traffic.Window
	m   model
	now time.Time
}

func newPair(p traffic.Policy) *pair {
	w := traffic.New(p)
	w.Verdict(start) // its steps begin here, as the model's do
	return &pair{w: w, m: model{policy: p, last: start}, now: start}
}

func (p *pair) add(at time.Time, client netip.Addr, o traffic.Outcome) {
	p.w.Add(at, client, o)
	p.m.add(at, client, o)
}

// compare asks both, and returns the level and where they differ.
func (p *pair) compare() (traffic.Level, string) {
	got, want := p.w.Verdict(p.now), p.m.verdict(p.now)
	diff := cmp.Diff(want, got, cmpopts.IgnoreFields(traffic.Verdict{}, "Reason"))
	if (got.Reason == "") != (got.Level == pass && got.Share < p.m.policy.Warn) {
		diff += fmt.Sprintf("reason for %v is %q", got.Level, got.Reason)
	}
	return got.Level, diff
}

var complete = traffic.Policy{Window: 30 * time.Second, MinRequests: 20, Warn: 0.1, Fail: 0.5}

// TestAgreesWithTheModel lets sites have good and bad times, with no more clients
// than are told apart, and compares every verdict on the way.
func TestAgreesWithTheModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	changes := map[[2]traffic.Level]int{}
	held := 0
	for range 30 {
		policy := complete
		if rng.IntN(3) == 0 {
			policy = traffic.Policy{Window: time.Duration(1+rng.IntN(300)) * time.Second, MinRequests: 1 + rng.IntN(40), Warn: 0.3 * rng.Float64(), Fail: 0.3 + 0.7*rng.Float64()}
		}
		p := newPair(policy)
		was := none
		for range 60 {
			clients, badShare := 1+rng.IntN(64), []float64{0, 0.05, 0.15, 0.4, 0.6, 1}[rng.IntN(6)]
			villain := rng.IntN(3) == 0
			if rng.IntN(8) == 0 {
				p.now = p.now.Add(time.Duration(rng.Int64N(int64(12 * time.Minute))))
			}
			for range 1 + rng.IntN(10) {
				p.now = p.now.Add(time.Duration(rng.Int64N(int64(policy.Window / 4))))
				for range rng.IntN(30) {
					o := traffic.Good
					if rng.Float64() < badShare {
						o = traffic.Outcome(1 + rng.IntN(2))
					}
					n := rng.IntN(clients)
					if villain && rng.IntN(2) == 0 {
						n, o = 0, traffic.Bad
					}
					at := p.now
					if rng.IntN(10) == 0 {
						at = at.Add(-time.Duration(rng.Int64N(int64(policy.Window / 100))))
					}
					p.add(at, client(n), o)
				}
				level, diff := p.compare()
				if diff != "" {
					t.Fatalf("%+v, %v after the start (-want +got):\n%s", policy, p.now.Sub(start), diff)
				}
				changes[[2]traffic.Level{was, level}]++
				was = level
			}
		}
		for _, e := range p.m.episode {
			if e.held {
				held++
			}
		}
	}
	for from := none; from <= fail; from++ {
		for to := none; to <= fail; to++ {
			if changes[[2]traffic.Level{from, to}] == 0 {
				t.Errorf("the test never saw %v become %v", from, to)
			}
		}
	}
	if held == 0 {
		t.Error("the test never saw a relapse")
	}
}

// TestManyClients compares with the model where there are more clients than are
// told apart. What is worse than the model by more than an estimate's error must
// be so for the Window, and what is better must be so, too.
func TestManyClients(t *testing.T) {
	const margin = 2.0 / traffic.MaxClients
	rng := rand.New(rand.NewPCG(3, 4))
	seen := map[string]int{}
	for range 60 {
		clients := 65 + rng.IntN(3000)
		badShare := []float64{0.002, 0.02, 0.07, 0.12, 0.3, 0.6}[rng.IntN(6)]
		villainy := []float64{0, 0.05, 0.3, 0.7, 0.95}[rng.IntN(5)]
		from, to := rng.Float64(), rng.Float64() // when the villain comes
		policy := complete
		w := traffic.New(policy)
		strict, lax := model{policy: policy, last: start}, model{policy: policy, last: start}
		strict.policy.Warn, strict.policy.Fail = policy.Warn+margin, policy.Fail+margin
		lax.policy.Warn, lax.policy.Fail = policy.Warn-margin, policy.Fail-margin
		const n = 3000
		villain := 0
		for i := range n {
			now := start.Add(time.Duration(i) * (29 * time.Second) / n)
			who, o := rng.IntN(clients), traffic.Good
			if rng.Float64() < badShare {
				o = traffic.Bad
			}
			if at := float64(i) / n; rng.Float64() < villainy && min(from, to) < at && at < max(from, to) {
				who, o = clients, traffic.Bad
				villain++
			}
			w.Add(now, client(who), o)
			for _, m := range []*model{&strict, &lax} {
				m.add(now, client(who), o)
			}
		}
		now := start.Add(29 * time.Second)
		got, least, most := w.Verdict(now), strict.judge().Level, lax.judge().Level
		if got.Level < least || got.Level > most {
			t.Errorf("%d clients, %v of answers bad, %d of %d to one: %v, want from %v to %v\n%+v",
				clients, badShare, villain, n, got.Level, least, most, got)
		}
		if least == most {
			seen[least.String()]++
		}
		if least == most && got.Share >= policy.Fail && got.Level < fail {
			seen["one client's"]++
		}
	}
	for _, what := range []string{"pass", "warn", "fail", "one client's"} {
		if seen[what] == 0 {
			t.Errorf("the test never saw %s beyond doubt: %v", what, seen)
		}
	}
}

// FuzzVerdict reads bytes as events and compares with the model. Three bytes are
// one event: what happens, to whom or how often, and how much later.
func FuzzVerdict(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 40, 0, 3, 0, 0, 0, 40, 1, 3, 0, 200, 1, 40, 9, 3, 0, 0})
	f.Add([]byte{2, 255, 0, 3, 0, 10, 4, 255, 0, 3, 0, 1})
	f.Add([]byte{5, 30, 0, 3, 0, 0, 6, 255, 255, 5, 30, 255, 3, 0, 0, 0, 255, 1, 3, 0, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		p := newPair(complete)
		for len(script) >= 3 && len(p.m.events) < 2000 {
			what, n, later := script[0], int(script[1]), time.Duration(script[2])
			script = script[3:]
			p.now = p.now.Add(later * 50 * time.Millisecond)
			switch what % 7 {
			case 0, 1, 2: // answers to as many clients
				for i := range n % 64 {
					p.add(p.now, client(i), traffic.Outcome(what%7))
				}
			case 3:
			case 4: // bad ones to one client
				for range n {
					p.add(p.now, client(0), traffic.Bad)
				}
			case 5: // a mixture, a little late
				for i := range n % 64 {
					p.add(p.now.Add(-time.Duration(n)*time.Millisecond), client(i%7), traffic.Outcome(i%2))
				}
			case 6:
				p.now = p.now.Add(time.Duration(n) * 5 * time.Second)
			}
			if _, diff := p.compare(); diff != "" {
				t.Fatalf("%v after the start (-want +got):\n%s", p.now.Sub(start), diff)
			}
		}
	})
}

// TestNoAllocations: Add is on the way of every request.
func TestNoAllocations(t *testing.T) {
	w := traffic.New(traffic.Policy{})
	now := start
	i := 0
	if n := testing.AllocsPerRun(10000, func() {
		w.Add(now, client(i%5000), traffic.Outcome(i%11/10))
		now = now.Add(10 * time.Millisecond)
		i++
	}); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, bb := range []struct {
		name    string
		clients int
		badOf   int // one in so many is bad
	}{
		{"one client", 1, 1000},
		{"50 clients", 50, 1000},
		{"5000 clients", 5000, 1000},
		{"5000 clients, all bad", 5000, 1},
	} {
		b.Run(bb.name, func(b *testing.B) {
			w := traffic.New(traffic.Policy{})
			addrs := make([]netip.Addr, bb.clients)
			for i := range addrs {
				addrs[i] = client(i)
			}
			now := start
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				o := traffic.Good
				if i%bb.badOf == 0 {
					o = traffic.Bad
				}
				w.Add(now, addrs[i%len(addrs)], o)
				now = now.Add(100 * time.Microsecond)
			}
		})
	}
}

func BenchmarkVerdict(b *testing.B) {
	w := traffic.New(traffic.Policy{Fail: 1})
	for i := range 10000 {
		w.Add(start, client(i%500), traffic.Outcome(i%3/2))
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Verdict(start)
	}
}
