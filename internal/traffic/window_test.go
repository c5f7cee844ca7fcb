package traffic_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/traffic"
)

// TestWhoIsAClient: the evidence fails only if it comes from several clients, so
// the level tells how many there are.
func TestWhoIsAClient(t *testing.T) {
	tests := []struct {
		name    string
		clients []string // "" is not valid
		want    int
	}{
		{"IPv4 addresses differ", []string{"192.0.2.1", "192.0.2.2"}, 2},
		{"IPv4 in IPv6 is the same", []string{"192.0.2.1", "::ffff:192.0.2.1"}, 1},
		{"one IPv6 network", []string{"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"}, 1},
		{"two IPv6 networks", []string{"2001:db8:0:1::1", "2001:db8:0:2::1"}, 2},
		{"zones don't tell clients apart", []string{"fe80::1%eth0", "fe80::1%eth1"}, 1},
		{"no address is one client", []string{"", ""}, 1},
		{"no address is another client than 0.0.0.0", []string{"", "0.0.0.0"}, 2},
		{"the first and the last", []string{"0.0.0.0", "255.255.255.255", "ffff:ffff:ffff:ffff::"}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := traffic.New(traffic.Policy{})
			for _, c := range tt.clients {
				var addr netip.Addr
				if c != "" {
					addr = netip.MustParseAddr(c)
				}
				for range 20 {
					w.Add(start, addr, traffic.Bad)
				}
			}
			want := warn
			if tt.want > 1 {
				want = fail
			}
			if v := w.Verdict(start); v.Clients != tt.want || v.Level != want {
				t.Errorf("%d clients, %v; want %d, %v", v.Clients, v.Level, tt.want, want)
			}
		})
	}
}

func TestTimeGoesBack(t *testing.T) {
	w := traffic.New(traffic.Policy{})
	w.Add(start.Add(10*time.Second), client(0), traffic.Good)
	// A little: counted as of the latest time, and nothing lives longer for it.
	step{got: []answers{bad(60, 60), good(300, 60)}}.take(w, start.Add(5*time.Second))
	if v := w.Verdict(start.Add(40*time.Second - 1)); v.Level != warn || v.Requests != 361 {
		t.Errorf("within the window: %v with %d requests, want warn with all 361", v.Level, v.Requests)
	}
	if v := w.Verdict(start.Add(40 * time.Second)); v.Level != none || v.Requests != 0 {
		t.Errorf("after the window: %v with %d requests", v.Level, v.Requests)
	}
	// Asked late, it says the same about when red ends.
	red := start.Add(50 * time.Second)
	step{got: []answers{bad(60, 60)}}.take(w, red)
	if v := w.Verdict(red.Add(-time.Second)); !v.Until.Equal(red.Add(30 * time.Second)) {
		t.Errorf("red until %v after it turned so, want 30s", v.Until.Sub(red))
	}
	w.Verdict(red.Add(20 * time.Minute))
	w.Verdict(red.Add(40 * time.Minute))
	// The clock is set back by a year: time goes on from there.
	then := start.AddDate(-1, 0, 0)
	if v := (step{got: []answers{bad(60, 60)}}).take(w, then); v.Level != fail || !v.Until.Equal(then.Add(30*time.Second)) {
		t.Errorf("after the clock was set back: %v until %v", v.Level, v.Until)
	}
	if v := w.Verdict(then.Add(30 * time.Second)); v.Level != none {
		t.Errorf("a window after that: %v", v.Level)
	}
}

// TestStrangeTimes: no time, however odd, stops a window from moving on.
func TestStrangeTimes(t *testing.T) {
	far := time.Unix(math.MaxInt64/2, 0)
	for _, first := range []time.Time{{}, time.Unix(0, 0), far, time.Unix(math.MinInt64/2, 0)} {
		w := traffic.New(traffic.Policy{})
		for range 3 {
			step{got: []answers{bad(60, 60)}}.take(w, first)
			w.Verdict(start)
			w.Verdict(start.Add(20 * time.Minute))
			now := start.Add(40 * time.Minute)
			if v := (step{got: []answers{bad(60, 60), good(300, 60)}}).take(w, now); v.Level != warn || v.Requests != 360 {
				t.Errorf("from %v: %v with %d requests, want warn with 360", first, v.Level, v.Requests)
			}
			if v := w.Verdict(now.Add(30 * time.Second)); v.Level != none {
				t.Errorf("from %v: %v after the window has passed", first, v.Level)
			}
			w.Verdict(now.Add(20 * time.Minute))
		}
	}
}

// TestClientsAreToldApartAgain: a crowd is no hindrance once it has gone, whether
// its evidence has become old or is spent.
func TestClientsAreToldApartAgain(t *testing.T) {
	for _, crowd := range []answers{good(1000, 1000), bad(1000, 1000)} {
		w := traffic.New(traffic.Policy{})
		now := start
		if v := (step{got: []answers{crowd}}).take(w, now); v.Clients != traffic.MaxClients {
			t.Errorf("a crowd is %d clients, want %d", v.Clients, traffic.MaxClients)
		}
		if crowd.outcome == traffic.Good {
			now = now.Add(30 * time.Second)
		}
		others := answers{20, traffic.Good, 5000, 3}
		if v := (step{got: []answers{others}}).take(w, now); v.Level != pass || v.Clients != 3 {
			t.Errorf("afterwards %v from %d clients, want pass from 3", v.Level, v.Clients)
		}
	}
}
