package inspect

import (
	"slices"
	"time"
)

// Pace is how often somebody asks.
type Pace struct {
	Interval time.Duration // the middle one of the intervals seen; zero: not known yet
	Jitter   time.Duration // the middle one of their distances from Interval
	Seen     int           // intervals that it rests on
}

// enoughIntervals is how many intervals make a pace: of two, one may be chance.
const enoughIntervals = 2

// paceOf learns a pace from times in rising order. Medians, so that a pause or a
// burst does not spoil it.
func paceOf(times []time.Time) Pace {
	p := Pace{Seen: max(len(times)-1, 0)}
	if p.Seen < enoughIntervals {
		return p
	}
	intervals := make([]time.Duration, p.Seen)
	for i := range intervals {
		intervals[i] = times[i+1].Sub(times[i])
	}
	p.Interval = median(intervals)
	for i := range intervals {
		intervals[i] = (intervals[i] - p.Interval).Abs()
	}
	p.Jitter = median(intervals)
	return p
}

// median sorts d and returns its middle.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	middle := len(d) / 2
	if len(d)%2 == 1 {
		return d[middle]
	}
	return d[middle-1] + (d[middle]-d[middle-1])/2
}
