package monitor

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// maxPace is the shortest time between the starts of two probes made on
// request, for intervals long enough to afford it. Two of them then put a
// target out of service within 100 ms of the first failed request (thresholds
// of two), while even a flood of failing requests costs it ten probes a second.
const maxPace = 100 * time.Millisecond

// schedule says when a target is to be probed next. It is a pure value: the
// times come from the caller.
type schedule struct {
	interval time.Duration
	phase    time.Duration // from the first probe to the second
	pace     time.Duration // least time between two probes made on request

	slot     time.Time // next scheduled start
	earliest time.Time // no probe on request before this
}

// newSchedule places the target of that name in the interval. The place is a
// hash of the name, so that it survives restarts and differs between targets.
// All places lie in the second half: a second opinion never comes so soon after the
// first that both see the same hiccup.
func newSchedule(name string, interval time.Duration) schedule {
	sum := sha256.Sum256([]byte(name))
	// 53 bits fill a float64 exactly.
	share := float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
	return schedule{
		interval: interval,
		phase:    interval/2 + time.Duration(share*float64(interval)/2),
		pace:     min(maxPace, interval/10),
	}
}

// start begins the schedule with a probe at now.
func (s *schedule) start(now time.Time) {
	s.slot = now.Add(s.phase)
	s.earliest = now
}

// next returns when the next probe is to start. requested says whether somebody
// asked for one.
func (s *schedule) next(requested bool) time.Time {
	if requested && s.earliest.Before(s.slot) {
		return s.earliest
	}
	return s.slot
}

// begin notes that a probe starts at now, which is not before next said.
func (s *schedule) begin(now time.Time) {
	if now.Before(s.slot) {
		s.earliest = now.Add(s.pace)
		return
	}
	missed := now.Sub(s.slot) / s.interval
	s.slot = s.slot.Add((missed + 1) * s.interval)
}
