package linelimit

import (
	"testing"
	"time"
)

func TestLineLimit(t *testing.T) {
	type call struct {
		at      time.Duration
		times   int
		allowed int
		leftOut int // reported by the first that is allowed
	}
	var l Limit
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, c := range []call{
		{0, 1000, 10, 0},              // a burst
		{9 * time.Second, 5, 0, 0},    // too early
		{10 * time.Second, 5, 1, 995}, // one more, and it owns up
		{10 * time.Second, 1, 0, 0},   // not two
		{30 * time.Second, 9, 2, 5},   // two were saved up
		{time.Hour, 100, 10, 7},       // the whole burst, and no more
		{2 * time.Hour, 1, 1, 90},     // quiet again
		{2*time.Hour + 1, 100, 9, 0},  // what is left of the burst
		{90 * time.Minute, 1, 0, 0},   // a clock that goes back must not open it
		{3 * time.Hour, 1, 1, 91 + 1}, // nor forget
	} {
		allowed, leftOut := 0, 0
		for range c.times {
			if ok, n := l.Allow(start.Add(c.at)); ok {
				allowed++
				leftOut += n
			}
		}
		if allowed != c.allowed || leftOut != c.leftOut {
			t.Errorf("step %d at %v: %d allowed of %d, %d left out before; want %d and %d", i, c.at, allowed, c.times, leftOut, c.allowed, c.leftOut)
		}
	}
}
