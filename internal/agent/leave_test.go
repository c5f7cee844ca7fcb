package agent

import (
	"testing"
	"time"
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
		{"the timeout, whoever does not know", circumstances{Drained: limit, Limit: limit, Askers: 2, Ignorant: 2}, true, "the drain timeout has passed"},
		{"just before the timeout", circumstances{Drained: limit - 1, Limit: limit, Askers: 2, Ignorant: 2}, false,
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
