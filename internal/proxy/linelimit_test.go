package proxy

import (
	"testing"
	"time"
)

func TestLineLimit(t *testing.T) {
	type call struct {
		at      time.Duration
		ok      bool
		dropped int
	}
	l := lineLimit{perSecond: 2}
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, c := range []call{
		{0, true, 0},
		{100 * time.Millisecond, true, 0},
		{200 * time.Millisecond, false, 0},
		{999 * time.Millisecond, false, 0},
		{time.Second, true, 2}, // a new second, and it owns up to the two before it
		{1100 * time.Millisecond, true, 0},
		{1200 * time.Millisecond, false, 0},
		{10 * time.Second, true, 1},
		{10 * time.Second, true, 0},
		{10 * time.Second, false, 0},
	} {
		if ok, dropped := l.allow(base.Add(c.at)); ok != c.ok || dropped != c.dropped {
			t.Errorf("call %d at %v: %v, %d, want %v, %d", i, c.at, ok, dropped, c.ok, c.dropped)
		}
	}
}
