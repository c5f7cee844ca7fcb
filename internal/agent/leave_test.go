package agent

import (
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/internal/askers"
	"github.com/inservice/inservice/internal/gateway"
)

// When a draining agent may close.
func TestMayClose(t *testing.T) {
	const limit = 15 * time.Second
	old, young := time.Hour, time.Second
	for _, test := range []struct {
		name string
		c    circumstances
		want bool
		why  string
	}{
		{"a sidecar nobody asks", circumstances{Limit: limit, Uptime: young}, true, "nobody asks"},
		{"one asker knows, one does not", circumstances{Limit: limit, Uptime: old, Askers: 2, Ignorant: 1}, false,
			"askers that have not fetched enough red answers: 1"},
		{"all know", circumstances{Limit: limit, Uptime: old, Askers: 2}, true, "everybody who asks knows, and nobody comes any more"},
		{"the timeout, whoever does not know", circumstances{Leaving: limit, Limit: limit, Askers: 2, Ignorant: 2}, true, "the drain timeout has passed"},
		{"just before the timeout", circumstances{Drained: time.Hour, Leaving: limit - 1, Limit: limit, Askers: 2, Ignorant: 2}, false,
			"askers that have not fetched enough red answers: 2"},
		{"all know, visitors still come", circumstances{Limit: limit, Askers: 1, Visitors: true, LastVisit: quiet - 1}, false, "visitors still come"},
		{"all know, a request is in flight", circumstances{Limit: limit, Askers: 1, Visitors: true, LastVisit: time.Hour, InFlight: 1}, false, "visitors still come"},
		{"all know, visitors have stopped", circumstances{Limit: limit, Askers: 1, Visitors: true, LastVisit: quiet}, true,
			"everybody who asks knows, and nobody comes any more"},
		{"many have come, and are silent for twenty times their distance",
			circumstances{Limit: limit, Askers: 1, Visitors: true, Drained: 2300 * time.Millisecond, Visits: 140, LastVisit: 300 * time.Millisecond}, true,
			"everybody who asks knows, and nobody comes any more"},
		{"many have come, and are silent for less", circumstances{Limit: limit, Askers: 1, Visitors: true, Drained: 2300 * time.Millisecond, Visits: 130, LastVisit: 300 * time.Millisecond}, false, "visitors still come"},
		{"very many have come, and may come in bursts", circumstances{Limit: limit, Askers: 1, Visitors: true, Drained: 2 * time.Second, Visits: 1e6, LastVisit: shortQuiet - 1}, false, "visitors still come"},
		{"few have come", circumstances{Limit: limit, Askers: 1, Visitors: true, Drained: 5 * time.Second, Visits: 3, LastVisit: quiet}, true,
			"everybody who asks knows, and nobody comes any more"},
		{"nobody asks, nobody comes", circumstances{Limit: limit, Uptime: young, Visitors: true, LastVisit: time.Hour}, true, "nobody asks"},
		{"visitors, and nobody has asked yet", circumstances{Limit: limit, Uptime: settled - 1, Visitors: true}, false, "nobody has asked yet, and visitors come"},
		{"visitors, and nobody ever asks", circumstances{Limit: limit, Uptime: settled, Visitors: true}, true, "nobody asks, so nobody learns from the answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, why := test.c.mayClose()
			if got != test.want || why != test.why {
				t.Errorf("it is %t, %q; want %t, %q", got, why, test.want, test.why)
			}
		})
	}
}

// leaver is an agent without sockets that somebody asks, like a balancer, every
// seven seconds, so that it is waited for for 21 s. Ask has it ask at once.
func leaver(t *testing.T, timeout time.Duration) (a *Agent, ask func(), log *lines) {
	t.Helper()
	log = &lines{}
	a = &Agent{DrainTimeout: timeout, Log: slog.New(slog.NewTextHandler(log, nil)), began: time.Now()}
	a.prepare()
	ask = func() {
		a.askers.Asked(time.Now(), askers.Key{Peer: netip.MustParseAddr("192.0.2.7")}, a.drainedSince().IsZero())
	}
	for range 3 {
		ask()
		time.Sleep(7 * time.Second)
	}
	return a, ask, log
}

// The drain timeout counts from the order to end, also when the answer was turned
// red by hand before, and the front gets what is left of it.
func TestLeaveHasTheWholeTimeout(t *testing.T) {
	for _, test := range []struct {
		name           string
		learnsAfter    time.Duration
		lasts, closing time.Duration
	}{
		{"the asker learns nothing", time.Hour, 12 * time.Second, closeTimeout},
		{"the asker learns", 3990 * time.Millisecond, 4 * time.Second, 8 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, ask, _ := leaver(t, 12*time.Second)
				a.Drain()
				time.Sleep(time.Second)
				begun := time.Now()
				learns := time.AfterFunc(test.learnsAfter, func() {
					for range DefaultUnhealthyThreshold {
						ask()
					}
				})
				defer learns.Stop()
				a.leave(nil)
				if took := time.Since(begun); took != test.lasts {
					t.Errorf("leaving took %v, want %v", took, test.lasts)
				}
				if _, closing := a.closing(); closing != test.closing {
					t.Errorf("the front may take %v, want %v", closing, test.closing)
				}
			})
		})
	}
}

// Where drained by hand for longer than the timeout, it is not used up.
func TestLeaveAfterALongDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, ask, _ := leaver(t, 12*time.Second)
		a.Drain()
		time.Sleep(6 * time.Second)
		ask()
		time.Sleep(7 * time.Second)
		begun := time.Now()
		a.leave(nil)
		if took := time.Since(begun); took != 12*time.Second {
			t.Errorf("leaving took %v, want the whole timeout", took)
		}
	})
}

// Who is connected is parted from, unless nobody comes any more.
func TestPartsFromThoseWhoStillCome(t *testing.T) {
	hosts, err := allowedhosts.Parse("site.example")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		for _, visited := range []bool{true, false} {
			g := &gateway.Gateway{App: "http://127.0.0.1:9", Hosts: &hosts, Redirect: true} // so that no app is asked
			if err := g.Open(); err != nil {
				t.Fatal(err)
			}
			a := &Agent{Gateway: g, DrainTimeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler), began: time.Now()}
			a.prepare()
			time.Sleep(time.Minute)
			if visited {
				g.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://site.example/", nil))
			}
			a.leave(nil)
			want := time.Duration(0)
			if visited {
				want = partingTime
			}
			if parting, _ := a.closing(); parting != want {
				t.Errorf("visited %t: it parts for %v, want %v", visited, parting, want)
			}
			g.Close()
		}
	})
}

// An agent that breaks while it drains does not go on waiting.
func TestLeaveEndsWhenTheAgentBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := leaver(t, 12*time.Second)
		broken := make(chan struct{})
		time.AfterFunc(time.Second+time.Millisecond, func() { close(broken) })
		begun := time.Now()
		a.leave(broken)
		if took := time.Since(begun); took != time.Second+time.Millisecond {
			t.Errorf("it waited for %v, want until it broke", took)
		}
	})
}

// A balancer that asks too seldom for the timeout is named, once.
func TestWarnsOfThoseWhoCanNotLearnInTime(t *testing.T) {
	for timeout, warned := range map[time.Duration]bool{20 * time.Second: true, 21 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			a, _, log := leaver(t, timeout)
			a.leave(nil)
			said := log.take()
			n := strings.Count(said, "too short for some who ask")
			if warned != (n == 1) || n > 1 {
				t.Errorf("with a timeout of %v it warned %d times, want %t: %s", timeout, n, warned, said)
			}
			if warned && (!strings.Contains(said, "askers=192.0.2.7") || !strings.Contains(said, "drain_timeout to 21s")) {
				t.Errorf("the warning does not say who, or what to set: %s", said)
			}
		})
	}
}
