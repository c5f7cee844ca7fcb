package traffic_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/traffic"
)

const (
	none = traffic.NoEvidence
	pass = traffic.Pass
	warn = traffic.Warn
	fail = traffic.Fail
)

// start is some moment. Nothing may depend on which.
var start = time.Date(2026, 3, 29, 1, 59, 50, 0, time.UTC)

// answers are what some clients got, spread evenly.
type answers struct {
	n       int
	outcome traffic.Outcome
	first   int // number of the first client
	clients int
}

func good(n, clients int) answers { return answers{n, traffic.Good, 0, clients} }
func bad(n, clients int) answers  { return answers{n, traffic.Bad, 0, clients} }
func late(n, clients int) answers { return answers{n, traffic.TimedOut, 0, clients} }

// to gives all answers to one client that none of the others is.
func (a answers) to(client int) answers { return answers{a.n, a.outcome, 1000 + client, 1} }

// client returns the address of a client by its number.
func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{203, byte(n >> 16), byte(n >> 8), byte(n)})
}

// step waits, adds answers and asks for the verdict.
type step struct {
	after time.Duration
	got   []answers
	want  traffic.Level
}

func (s step) take(w *traffic.Window, now time.Time) traffic.Verdict {
	for _, a := range s.got {
		for i := range a.n {
			w.Add(now, client(a.first+i%a.clients), a.outcome)
		}
	}
	return w.Verdict(now)
}

func TestVerdict(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name   string
		policy traffic.Policy
		steps  []step
	}{
		{name: "nobody came", steps: []step{{0, nil, none}}},
		{name: "too few to judge by", steps: []step{
			{0, []answers{bad(19, 19)}, none},
		}},
		{name: "enough, all good", steps: []step{
			{0, []answers{good(19, 3)}, none},
			{0, []answers{good(1, 3)}, pass},
		}},
		{name: "exactly a tenth is a warning, without any one client", steps: []step{
			{0, []answers{good(28, 28), bad(4, 1).to(1)}, pass},
			{31 * s, []answers{good(28, 28), {4, traffic.Bad, 28, 4}}, pass}, // without one 3 of 31
			{31 * s, []answers{good(27, 27), {4, traffic.Bad, 27, 4}}, warn}, // 3 of 30
		}},
		{name: "half is out of service", steps: []step{
			{0, []answers{good(30, 30), bad(28, 28)}, warn},
			{0, []answers{bad(6, 34)}, fail},
		}},
		{name: "time-outs weigh as bad answers do", steps: []step{
			{0, []answers{good(20, 20), bad(11, 11), late(11, 11)}, fail},
		}},
		{name: "the shares and numbers of the policy", policy: traffic.Policy{MinRequests: 3, Warn: 0.01, Fail: 1}, steps: []step{
			{0, []answers{bad(2, 2)}, none},
			{0, []answers{bad(1, 3).to(1)}, none}, // without one of them too few
			{0, []answers{bad(1, 1).to(2)}, fail},
		}},
		{name: "a share of 1 can be reached", policy: traffic.Policy{Fail: 1}, steps: []step{
			{0, []answers{bad(100, 50), good(1, 1).to(1)}, warn},
			{31 * s, []answers{bad(100, 50)}, fail},
		}},

		// One client.
		{name: "one bad client among many", steps: []step{
			{0, []answers{good(200, 40), bad(5000, 1).to(1)}, pass},
		}},
		{name: "one bad client that also gets good answers", steps: []step{
			{0, []answers{good(200, 40), bad(5000, 1).to(1), good(100, 1).to(1)}, pass},
		}},
		{name: "one bad client, and others too few to judge by", steps: []step{
			{0, []answers{good(19, 3), bad(100, 1).to(1)}, none},
			{0, []answers{good(1, 3)}, pass},
		}},
		{name: "one bad client does not hide that others have it bad too", steps: []step{
			{0, []answers{bad(5000, 1).to(1), bad(30, 30), good(10, 10)}, fail},
		}},
		{name: "one bad client does not make a warning of others a failure", steps: []step{
			{0, []answers{bad(5000, 1).to(1), bad(30, 30), good(70, 70)}, warn},
		}},
		{name: "two bad clients can do it, if they ask enough", steps: []step{
			{0, []answers{bad(20, 1).to(1), bad(19, 1).to(2)}, none},
			{0, []answers{bad(1, 1).to(2)}, fail},
		}},
		{name: "a client of half-bad answers is not what makes others enough", steps: []step{
			{0, []answers{bad(50, 1).to(1), good(50, 1).to(1), bad(10, 10)}, none},
		}},
		{name: "only one client is no more than a warning", steps: []step{
			{0, []answers{bad(19, 1)}, none},
			{0, []answers{bad(1000, 1)}, warn},
		}},
		{name: "only one client, few bad answers", steps: []step{
			{0, []answers{bad(9, 1), good(91, 1)}, pass},
		}},
		{name: "only one client, and then another", steps: []step{
			{0, []answers{bad(100, 1)}, warn},
			{0, []answers{good(1, 1).to(1)}, none},
			{0, []answers{bad(20, 1).to(1)}, fail},
		}},

		// Many clients.
		{name: "thousands of clients, all well", steps: []step{
			{0, []answers{good(9000, 3000)}, pass},
		}},
		{name: "thousands of clients, all bad", steps: []step{
			{0, []answers{bad(9000, 3000)}, fail},
		}},
		{name: "thousands of clients and a bad one that comes last", steps: []step{
			{0, []answers{good(9000, 3000), bad(100000, 1).to(1)}, pass},
		}},
		{name: "thousands of clients, each seat has seen a bad answer, and a bad one comes last", steps: []step{
			{0, []answers{good(9000, 3000), bad(200, 200), bad(100000, 1).to(1)}, pass},
		}},
		{name: "thousands of clients and a bad one that comes first", steps: []step{
			{0, []answers{bad(100000, 1).to(1), good(9000, 3000), bad(200, 200)}, pass},
		}},
		{name: "a bad client that takes over a busy good one's seat", steps: []step{
			{0, []answers{good(10000, 1).to(1), bad(63, 63), bad(1, 1).to(2), bad(20000, 1).to(2)}, pass}, // without it 63 of 10063
			{30 * s, nil, none},
			{0, []answers{bad(1000, 1).to(2), good(100, 50)}, pass},
			{0, []answers{bad(200, 50)}, fail},
		}},
		{name: "who found no seat counts all the same", steps: []step{
			{0, []answers{good(64, 64)}, pass},
			{15 * s, []answers{good(100, 1).to(1)}, pass},
			{15 * s, []answers{bad(30, 1).to(2)}, pass}, // of two clients, so not the only one
		}},
		{name: "thousands of clients, half of the answers bad", steps: []step{
			{0, []answers{good(9000, 3000), bad(10000, 3000)}, fail},
		}},

		// The window.
		{name: "old evidence is let go", steps: []step{
			{0, []answers{bad(60, 60), good(300, 60)}, warn},
			{29 * s, nil, warn},
			{s, nil, none},
		}},
		{name: "a burst just before a step and one just after it", steps: []step{
			{0, nil, none},
			{s - 1, []answers{bad(30, 30), good(100, 30)}, warn},
			{1, []answers{bad(2, 2), good(100, 30)}, warn},
			{29*s - 1, nil, warn},
			{1, nil, pass}, // the first burst left at 30 s
			{s - 1, nil, pass},
			{1, nil, none},
		}},
		{name: "a longer window", policy: traffic.Policy{Window: 5 * time.Minute}, steps: []step{
			{0, []answers{bad(60, 60), good(300, 60)}, warn},
			{290*s - 1, nil, warn},
			{10*s + 1, nil, none},
		}},
		{name: "after a long idle time it starts anew", steps: []step{
			{0, []answers{bad(60, 60), good(300, 60)}, warn},
			{2000 * time.Hour, []answers{bad(19, 19)}, none},
			{s, []answers{bad(20, 60)}, fail},
		}},

		// Turning red and healing.
		{name: "healed at once by new good evidence, and the old is not held against it", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{s, []answers{good(19, 19)}, fail},
			{s, []answers{good(1, 1)}, pass},
			{0, []answers{bad(1, 1)}, pass},
			{5 * s, []answers{good(20, 20)}, pass},
		}},
		{name: "bad answers after it turned red renew it", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{10 * s, []answers{bad(1000, 50)}, fail},
			{29 * s, nil, fail},
			{s - 1, nil, fail},
			{1, nil, none},
		}},
		{name: "a site that comes back in the middle heals within moments", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{s, []answers{bad(1000, 50)}, fail},
			{s, []answers{bad(500, 50), good(500, 50)}, fail},
			{s, []answers{good(1000, 50)}, pass},
		}},
		{name: "traffic that stops leaves it to others", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{30*s - 1, nil, fail},
			{1, nil, none},
		}},
		{name: "a trickle is not enough to heal, nor to stay red", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{10 * s, []answers{bad(5, 5)}, fail},
			{10 * s, []answers{bad(5, 5)}, fail},
			{10 * s, nil, none},
		}},
		{name: "a trickle of good answers that sums up heals", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{5 * s, []answers{good(10, 5)}, fail},
			{5 * s, []answers{good(9, 5)}, fail},
			{5 * s, []answers{good(1, 1)}, pass},
		}},
		{name: "less than half bad does not heal until the window has passed", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{5 * s, []answers{bad(300, 50), good(700, 50)}, fail},
			{25*s - 1, nil, fail},
			{1, nil, warn},
		}},
		{name: "one bad client can't keep it red", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{s, []answers{bad(1000, 1), good(20, 1).to(1)}, pass},
		}},
		{name: "one client alone heals it when all is well for it", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{s, []answers{good(20, 1)}, pass},
		}},
		{name: "one client alone with bad answers neither renews it nor heals it", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{10 * s, []answers{bad(1000, 1)}, fail},
			{20 * s, nil, warn},
			{10 * s, nil, none},
		}},
		{name: "a relapse is held for twice the window, whatever comes", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{s, []answers{good(1000, 50)}, pass},
			{60 * s, []answers{bad(1000, 50)}, fail},
			{s, []answers{good(1000, 50)}, fail},
			{58 * s, []answers{good(1000, 50)}, fail},
			{s - 1, nil, fail},
			{1, nil, pass},
		}},
		{name: "a relapse after silence", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{30 * s, nil, none},
			{300 * s, []answers{bad(1000, 50)}, fail},
			{60*s - 1, nil, fail},
			{1, nil, none},
		}},
		{name: "renewed late in a hold it stays red for a window after that", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{s, []answers{good(1000, 50)}, pass},
			{31 * s, []answers{bad(1000, 50)}, fail},
			{50 * s, []answers{bad(1000, 50)}, fail},
			{30*s - 1, nil, fail},
			{1, nil, none},
		}},
		{name: "forgotten ten minutes after healing", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{30 * s, nil, none},
			{600 * s, []answers{bad(1000, 50)}, fail},
			{s, []answers{good(20, 20)}, pass}, // not held
		}},
		{name: "not forgotten a moment before", steps: []step{
			{0, []answers{bad(1000, 50)}, fail},
			{30 * s, nil, none},
			{600*s - 1, []answers{bad(1000, 50)}, fail},
			{s, []answers{good(20, 20)}, fail},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := traffic.New(tt.policy)
			now := start
			for i, step := range tt.steps {
				now = now.Add(step.after)
				if v := step.take(w, now); v.Level != step.want {
					t.Fatalf("step %d, at %v: %v, want %v\n%+v", i+1, now.Sub(start), v.Level, step.want, v)
				}
			}
		})
	}
}

// TestBadClientCantHide: however others come and go, what one client got is not
// taken for what many got.
func TestBadClientCantHide(t *testing.T) {
	w := traffic.New(traffic.Policy{})
	got := []answers{good(6400, 64)}
	for i := range 100 {
		got = append(got, bad(50, 1).to(0), bad(1, 1).to(1+i), good(100, 1).to(1+i))
	}
	if v := (step{got: got}).take(w, start); v.Level != pass || v.Share < 0.2 {
		t.Errorf("a fifth bad, nearly all to one client: %+v, want pass", v)
	}
}

// TestHoldsDouble lets a site that only seems to get better relapse again and
// again: each time its balancer sends traffic, it is bad.
func TestHoldsDouble(t *testing.T) {
	w := traffic.New(traffic.Policy{})
	now := start
	var got []time.Duration
	for range 8 {
		v := step{got: []answers{bad(100, 10)}}.take(w, now)
		if v.Level != fail {
			t.Fatalf("after %v: %v", got, v.Level)
		}
		got = append(got, v.Until.Sub(now))
		if v := w.Verdict(v.Until.Add(-1)); v.Level != fail {
			t.Fatalf("after %v: %v just before Until", got, v.Level)
		}
		if now = v.Until; w.Verdict(now).Level != none {
			t.Fatalf("after %v: %v at Until", got, w.Verdict(now).Level)
		}
		now = now.Add(5 * time.Minute)
	}
	const s, m = time.Second, time.Minute
	if diff := cmp.Diff([]time.Duration{30 * s, m, 2 * m, 4 * m, 5 * m, 5 * m, 5 * m, 5 * m}, got); diff != "" {
		t.Errorf("red for (-want +got):\n%s", diff)
	}
	now = now.Add(5 * time.Minute) // ten since it healed
	v := step{got: []answers{bad(100, 10)}}.take(w, now)
	if got := v.Until.Sub(now); got != 30*s {
		t.Errorf("after ten good minutes it is red for %v, want the 30s of the first time", got)
	}
}

// TestLongestWindow: a window as long as the longest hold does not double.
func TestLongestWindow(t *testing.T) {
	w := traffic.New(traffic.Policy{Window: traffic.MaxHold})
	now := start
	for i := range 4 {
		v := step{got: []answers{bad(100, 10)}}.take(w, now)
		if got := v.Until.Sub(now); got != traffic.MaxHold {
			t.Fatalf("time %d: red for %v, want %v", i+1, got, traffic.MaxHold)
		}
		now = v.Until
		w.Verdict(now)
	}
}

// TestCountsWhileRed: what a verdict shows is what it rests on.
func TestCountsWhileRed(t *testing.T) {
	w := traffic.New(traffic.Policy{})
	want := traffic.Verdict{
		Level: fail, Requests: 40, Bad: 20, TimedOut: 10, Clients: 10, Share: 0.75,
		Reason: "30 of 40 requests in 30s failed (75%, 10 timed out), from 10 clients",
		Until:  start.Add(30 * time.Second),
	}
	got := step{0, []answers{good(10, 10), bad(20, 10), late(10, 10)}, fail}.take(w, start)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on turning red (-want +got):\n%s", diff)
	}
	got = step{got: []answers{good(3, 3), bad(3, 3)}}.take(w, start.Add(20*time.Second))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("while red (-want +got):\n%s", diff)
	}
	got = w.Verdict(start.Add(30 * time.Second))
	want = traffic.Verdict{Level: none, Requests: 6, Bad: 3, Clients: 3, Share: 0.5, Reason: "too few requests to judge: 6 of 20 in 30s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
}
