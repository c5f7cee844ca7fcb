package askers_test

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inservice/inservice/internal/askers"
)

const (
	s = time.Second
	m = time.Minute
)

// start is some moment. Nothing may depend on which.
var start = time.Date(2026, 3, 29, 1, 59, 50, 0, time.UTC)

var sameAddr = cmpopts.EquateComparable(netip.Addr{})

func key(name, peer string) askers.Key {
	return askers.Key{Peer: netip.MustParseAddr(peer), Name: name}
}

var (
	node1 = key("alb", "10.0.0.1")
	node2 = key("alb", "10.0.0.2")
	curl  = key("", "10.0.0.9")
)

// clocked is a Table with a clock for the test.
type clocked struct {
	askers.Table
	now time.Time
}

func newTable() *clocked { return &clocked{now: start} }

// asks lets an asker get answers, one every interval: "g" is green, "r" is red.
// Time goes on by the interval after each. It returns what was new each time.
func (c *clocked) asks(k askers.Key, every time.Duration, answers string) []askers.Change {
	var changes []askers.Change
	for _, a := range answers {
		changes = append(changes, c.Asked(c.now, k, a == 'g'))
		c.now = c.now.Add(every)
	}
	return changes
}

func (c *clocked) wait(d time.Duration) { c.now = c.now.Add(d) }

// ignorant returns the peers of those who are waited for.
func (c *clocked) ignorant() string {
	var peers []string
	for _, a := range c.Ignorant(c.now) {
		peers = append(peers, a.Name+"@"+a.Peer.String())
	}
	return strings.Join(peers, " ")
}

func TestChange(t *testing.T) {
	const none, isNew, changed, regular = askers.None, askers.New, askers.Changed, askers.RegularChanged
	c := newTable()
	var got []askers.Change
	got = append(got, c.asks(node1, 5*s, "ggrrg")...)
	got = append(got, c.asks(node2, 5*s, "rrg")...) // another node
	got = append(got, c.asks(key("gatus", "10.0.0.1"), 5*s, "g")...)
	got = append(got, c.asks(node1, 61*m, "gr")...) // away for an hour
	want := []askers.Change{
		isNew, none, changed, none, regular,
		isNew, none, changed,
		isNew,
		none, isNew,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestAbsence: an asker is new after more than an hour, not before.
func TestAbsence(t *testing.T) {
	c := newTable()
	c.asks(node1, 60*m, "r")
	if got := c.asks(node1, 60*m+1, "r"); got[0] != askers.None {
		t.Errorf("after an hour it is %v", got)
	}
	if got := c.asks(node1, s, "r"); got[0] != askers.New {
		t.Errorf("after more than an hour it is %v", got)
	}
}

func TestList(t *testing.T) {
	c := newTable()
	c.Unhealthy = func(name string) int { return map[string]int{"alb": 2, "": 4, "monitor": -1}[name] }
	c.asks(node2, 10*s, "gggrrr")
	monitor := key("monitor", "2001:db8::1")
	c.asks(monitor, 2*s, "rr")
	c.asks(curl, s, "r")
	c.asks(node1, s, "grg")
	got := c.List(c.now)
	want := []askers.Asker{
		{Key: curl, Last: start.Add(64 * s), Asked: 1, Red: 1, Needs: 4},
		{Key: node1, Last: start.Add(67 * s), Interval: s, Asked: 3, Needs: 2},
		{Key: node2, Last: start.Add(50 * s), Interval: 10 * s, Asked: 6, Red: 3, Needs: 2, Knows: true},
		{Key: monitor, Last: start.Add(62 * s), Interval: 2 * s, Asked: 2, Red: 2, Needs: 0, Knows: true},
	}
	if diff := cmp.Diff(want, got, sameAddr); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestIPv4InIPv6IsTheSame(t *testing.T) {
	c := newTable()
	c.asks(key("alb", "::ffff:10.0.0.1"), s, "g")
	if got := c.asks(node1, s, "g"); got[0] != askers.None {
		t.Errorf("10.0.0.1 after ::ffff:10.0.0.1 is %v, want None", got[0])
	}
}

func TestThresholdOfItsOwn(t *testing.T) {
	c := newTable()
	c.Unhealthy = func(name string) int { return map[string]int{"alb": 2, "haproxy": 3}[name] }
	haproxy := key("haproxy", "10.0.0.3")
	for _, k := range []askers.Key{node1, haproxy} {
		c.asks(k, s, "ggg")
	}
	for i, want := range []string{"alb@10.0.0.1 haproxy@10.0.0.3", "haproxy@10.0.0.3", ""} {
		c.asks(node1, s, "r")
		c.asks(haproxy, s, "r")
		if got := c.ignorant(); got != want {
			t.Errorf("after %d red answers to each: %q, want %q", i+1, got, want)
		}
	}
}

// TestIgnorant: who a drain waits for. Unhealthy is nil: three red answers.
func TestIgnorant(t *testing.T) {
	tests := []struct {
		name string
		do   func(c *clocked)
		want string
	}{
		{"nobody", func(*clocked) {}, ""},
		{"two nodes of a balancer", func(c *clocked) {
			c.asks(node1, s, "gggrrr")
			c.asks(node2, s, "gggrr")
		}, "alb@10.0.0.2"},
		{"told again that all is well", func(c *clocked) { c.asks(node1, s, "gggrrrg") }, "alb@10.0.0.1"},
		{"red answers not in a row", func(c *clocked) { c.asks(node1, s, "gggrrgrr") }, "alb@10.0.0.1"},
		{"red before the drain and during it", func(c *clocked) { c.asks(node1, s, "gggrrrrr") }, ""},
		{"never told anything but red", func(c *clocked) { c.asks(node1, s, "rr") }, ""},
		{"red first, then green", func(c *clocked) { c.asks(node1, s, "rrg") }, "alb@10.0.0.1"},

		// How long.
		{"a balancer that stopped asking a minute ago", func(c *clocked) {
			c.asks(node1, s, "ggg")
			c.wait(m - s)
		}, "alb@10.0.0.1"},
		{"a balancer that stopped asking more than a minute ago", func(c *clocked) {
			c.asks(node1, s, "ggg")
			c.wait(m - s + 1)
		}, ""},
		{"a slow balancer is given three intervals", func(c *clocked) {
			c.asks(node1, 30*s, "ggg")
			c.wait(m)
		}, "alb@10.0.0.1"},
		{"a slow balancer is not given more", func(c *clocked) {
			c.asks(node1, 30*s, "ggg")
			c.wait(m + 1)
		}, ""},
		{"a very slow balancer is given five minutes", func(c *clocked) {
			c.asks(node1, 300*s, "ggg")
		}, "alb@10.0.0.1"},
		{"a very slow balancer is not given more", func(c *clocked) {
			c.asks(node1, 300*s, "ggg")
			c.wait(1)
		}, ""},
		{"slower than any balancer", func(c *clocked) {
			c.asks(node1, 301*s, "gggg")
			c.wait(-240 * s) // 61 s since the last
		}, ""},
		{"a balancer seen once is given a minute", func(c *clocked) { c.asks(node1, m, "g") }, "alb@10.0.0.1"},
		{"a balancer seen once is not given more", func(c *clocked) { c.asks(node1, m+1, "g") }, ""},
		{"one gap is not yet an interval", func(c *clocked) {
			c.asks(node1, 50*s, "gg")
			c.wait(10*s + 1)
		}, ""},

		// Not recognised.
		{"curl a moment ago", func(c *clocked) { c.asks(curl, 10*s, "g") }, "@10.0.0.9"},
		{"curl a little earlier", func(c *clocked) { c.asks(curl, 10*s+1, "g") }, ""},
		{"curl twice", func(c *clocked) {
			c.asks(curl, 60*s, "gg")
			c.wait(-50*s + 1)
		}, ""},
		{"a script that asked until it was up", func(c *clocked) {
			c.asks(curl, s, "rrrrrrg")
			c.wait(9*s + 1)
		}, ""},
		{"a balancer that nobody knows, asking", func(c *clocked) {
			c.asks(curl, 30*s, "ggg")
			c.wait(60 * s)
		}, "@10.0.0.9"},
		{"a balancer that nobody knows, gone", func(c *clocked) {
			c.asks(curl, 30*s, "ggg")
			c.wait(60*s + 1)
		}, ""},
		{"curl on three days", func(c *clocked) {
			c.asks(curl, 24*time.Hour, "ggg")
			c.wait(11*s - 24*time.Hour)
		}, ""},
		{"curl three times in an hour", func(c *clocked) {
			c.asks(curl, 20*m, "ggg")
			c.wait(11*s - 20*m)
		}, ""},

		// Back after a long silence.
		{"what it was told before is forgotten", func(c *clocked) {
			c.asks(node1, s, "gggrr")
			c.wait(6 * m)
			c.asks(node1, s, "gr")
		}, "alb@10.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTable()
			tt.do(c)
			if got := c.ignorant(); got != tt.want {
				t.Errorf("waits for %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRedAfterSilence: after more than five minutes red answers count anew, as do
// those of an asker that may have been started anew.
func TestRedAfterSilence(t *testing.T) {
	for silence, want := range map[time.Duration]int{5 * m: 3, 5*m + 1: 1} {
		c := newTable()
		c.asks(node1, s, "gggr")
		c.asks(node1, silence, "r")
		c.asks(node1, 0, "r")
		if got := c.List(c.now)[0].Red; got != want {
			t.Errorf("%d red answers in a row after a silence of %v, want %d", got, silence, want)
		}
	}
}

func TestListForgets(t *testing.T) {
	for _, tt := range []struct {
		name  string
		every time.Duration
		n     int
		after time.Duration // the last
	}{
		{"one that asked once", s, 1, m},
		{"a quick one", s, 9, m},
		{"one that asked twice", 50 * s, 2, m},
		{"a slow one", 30 * s, 9, 90 * s},
		{"a very slow one", 200 * s, 9, 5 * m},
		{"one slower than any balancer", 301 * s, 9, m},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newTable()
			c.asks(curl, tt.every, strings.Repeat("g", tt.n))
			last := start.Add(time.Duration(tt.n-1) * tt.every)
			if n := len(c.List(last.Add(tt.after))); n != 1 {
				t.Errorf("forgotten by %v", tt.after)
			}
			if n := len(c.List(last.Add(tt.after + 1))); n != 0 {
				t.Errorf("still there after %v", tt.after)
			}
		})
	}
}

func TestInterval(t *testing.T) {
	tests := []struct {
		name string
		gaps []time.Duration
		want time.Duration
	}{
		{"none after one question", nil, 0},
		{"one gap", []time.Duration{7 * s}, 7 * s},
		{"of two the longer", []time.Duration{9 * s, 5 * s}, 9 * s},
		{"the odd double question", []time.Duration{10 * s, 0, 10 * s, 10 * s, 0, 10 * s, 10 * s}, 10 * s},
		{"the odd pause", []time.Duration{10 * s, 4 * m, 10 * s, 50 * m, 10 * s, 10 * s, 10 * s}, 10 * s},
		{"jitter", []time.Duration{9 * s, 11 * s, 10 * s, 12 * s, 8 * s, 10 * s, 10 * s}, 10 * s},
		{"a change of interval is soon believed", []time.Duration{30 * s, 30 * s, 30 * s, 30 * s, 30 * s, 30 * s, 30 * s, 5 * s, 5 * s, 5 * s, 5 * s}, 5 * s},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTable()
			c.asks(node1, 0, "g")
			for _, gap := range tt.gaps {
				c.wait(gap)
				c.asks(node1, 0, "g")
			}
			list := c.List(c.now)
			if len(list) != 1 || list[0].Interval != tt.want {
				t.Errorf("list %+v, want one with interval %v", list, tt.want)
			}
		})
	}
}

func TestTimeGoesBack(t *testing.T) {
	c := newTable()
	c.asks(node1, s, "gggg")
	c.Asked(start.Add(-s), node2, true)
	c.Asked(start.Add(-2*s), node2, true)
	if a := c.List(start)[1]; a.Interval != 0 || !a.Last.Equal(start.Add(-s)) {
		t.Errorf("the second question before the first: %+v", a)
	}
	// Out of order by a little: Last stays.
	c.now = start.Add(2500 * time.Millisecond)
	c.asks(node1, 0, "g")
	if a := c.List(c.now)[0]; !a.Last.Equal(start.Add(3*s)) || a.Interval != s {
		t.Errorf("last %v after the start, interval %v; want 3s and 1s", a.Last.Sub(start), a.Interval)
	}
	// The clock is set back by half an hour: from here on all goes as before.
	c.wait(-30 * m)
	if got := c.ignorant(); got != "" {
		t.Errorf("still waits for %q, whose last question lies half an hour ahead", got)
	}
	c.asks(node1, s, "gggg")
	if got := c.ignorant(); got != "alb@10.0.0.1" {
		t.Errorf("waits for %q once it asks again", got)
	}
	c.wait(m)
	if got := c.ignorant(); got != "" {
		t.Errorf("a minute later waits for %q", got)
	}
}

// TestNoTime: a caller without a clock is answered, too.
func TestNoTime(t *testing.T) {
	c := clocked{}
	if got := c.asks(node1, 0, "gr"); got[0] != askers.New || got[1] != askers.Changed {
		t.Errorf("changes %v, want New, Changed", got)
	}
}

// made-up askers, each with its own address.
func madeUp(i int) askers.Key {
	return askers.Key{Peer: netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}), Name: "alb"}
}

// TestFlood: made-up askers push out each other, not those that come back.
func TestFlood(t *testing.T) {
	c := newTable()
	c.asks(node1, 10*s, "ggg")
	c.asks(node2, 10*s, "ggg")
	next := 0
	flood := func(n int, inService bool) {
		for range n {
			c.Asked(c.now, madeUp(next), inService)
			c.wait(9 * time.Millisecond)
			next++
		}
	}
	for range 5 {
		flood(1100, true) // ten seconds of it
		for _, k := range []askers.Key{node1, node2} {
			if got := c.Asked(c.now, k, true); got != askers.None {
				t.Fatalf("after %d made-up askers %v is %v to us", next, k, got)
			}
		}
	}
	if n := len(c.List(c.now)); n != askers.Limit {
		t.Errorf("the list has %d askers, want %d", n, askers.Limit)
	}
	if got := c.Asked(c.now, madeUp(0), true); got != askers.New {
		t.Errorf("one that was pushed out is %v when it comes back, want New", got)
	}
	// The drain begins, and the flood goes on. Only those of before count, for a
	// minute; the two that are real are taught meanwhile.
	for range 6 {
		flood(1100, false)
		c.Asked(c.now, node1, false)
		c.Asked(c.now, node2, false)
	}
	if got := c.ignorant(); got != "" {
		t.Errorf("a minute into the drain it still waits for %q", got)
	}
}

// TestFullOfRegulars: askers that come back keep their place, newcomers get none
// until somebody has stopped asking.
func TestFullOfRegulars(t *testing.T) {
	c := newTable()
	c.asks(node1, s, "ggg")
	for range 3 {
		for i := range askers.Limit - 1 {
			c.Asked(c.now, madeUp(i), true)
		}
		c.wait(5 * s)
	}
	if got := c.asks(node2, s, "g"); got[0] != askers.None {
		t.Errorf("one too many is %v, want None", got[0])
	}
	if n := len(c.List(c.now)); n != askers.Limit {
		t.Errorf("the list has %d askers, want %d", n, askers.Limit)
	}
	if got := c.asks(node1, s, "g"); got[0] != askers.None || c.List(c.now)[0].Asked != 4 {
		t.Errorf("who was there first is %v", got[0])
	}
	c.wait(m)
	c.asks(node1, 0, "g")
	if got := c.asks(node2, s, "g"); got[0] != askers.New {
		t.Errorf("when the others are silent, it is %v, want New", got[0])
	}
	if got := c.ignorant(); got != "alb@10.0.0.1 alb@10.0.0.2" {
		t.Errorf("waits for %q", got)
	}
}

// TestUnhealthyMayAsk: no lock is held while Unhealthy is called.
func TestUnhealthyMayAsk(t *testing.T) {
	var table askers.Table
	table.Unhealthy = func(string) int {
		table.Asked(start, node2, true)
		return 1
	}
	table.Asked(start, node1, true)
	if got := len(table.Ignorant(start)); got != 1 {
		t.Errorf("%d askers, want 1", got)
	}
}

func TestConcurrently(t *testing.T) {
	var table askers.Table
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 500 {
				table.Asked(start, madeUp(i), true)
				table.Asked(start, node1, true)
				table.Asked(start, madeUp(i*1000+j), true)
				if j%50 == 0 {
					table.List(start)
					table.Ignorant(start)
				}
			}
		})
	}
	wg.Wait()
	list := table.List(start)
	i := slices.IndexFunc(list, func(a askers.Asker) bool { return a.Key == node1 })
	if i < 0 || list[i].Asked != 8*500 {
		t.Errorf("asker %d of %d: %+v, want it to have asked %d times", i, len(list), list[max(i, 0)], 8*500)
	}
}
