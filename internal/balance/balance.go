// Package balance decides which targets of a group may receive traffic and
// whose turn it is.
//
// Both decisions are pure functions of their arguments: no clock, no
// goroutine, no state, so they may be called from anywhere at any time. Who
// remembers the statuses and counts the turns is the caller (package pool).
package balance

import (
	"strconv"

	"github.com/inservice/inservice/internal/threshold"
)

// Mode says by which rule the eligible targets of a group were chosen. It
// describes the group; a single target has a [threshold.Status].
type Mode uint8

const (
	// Normal: at least one target is in service, and only such targets receive
	// traffic. It is the zero value.
	Normal Mode = iota
	// FailOpen: no target is in service and every target receives traffic. A
	// probe that is wrong about everybody, or a dependency that all targets
	// share, must not turn a partial failure into a total one. AWS's
	// Application Load Balancer does so by default.
	FailOpen
	// Closed: no target is in service and none receives traffic.
	Closed
)

// String returns "normal", "fail open" or "closed".
func (m Mode) String() string {
	switch m {
	case Normal:
		return "normal"
	case FailOpen:
		return "fail open"
	case Closed:
		return "closed"
	}
	return "Mode(" + strconv.Itoa(int(m)) + ")"
}

// Eligible returns the indexes of the targets that may receive traffic, in
// ascending order, and the rule that chose them.
//
// Those are the targets in service. Where there is none, failOpen decides
// between all of them and none. A group without targets is [Closed] either way:
// there is nobody to open to. So indexes is empty exactly when the mode is
// Closed.
func Eligible(statuses []threshold.Status, failOpen bool) (indexes []int, mode Mode) {
	for i, s := range statuses {
		if s == threshold.InService {
			indexes = append(indexes, i)
		}
	}
	if len(indexes) > 0 {
		return indexes, Normal
	}
	if !failOpen || len(statuses) == 0 {
		return nil, Closed
	}
	for i := range statuses {
		indexes = append(indexes, i)
	}
	return indexes, FailOpen
}

// RoundRobin returns whose turn it is among n: turn modulo n, and 0 where n is
// below 1. Over any n·k turns in a row each gets exactly k.
//
// A counter that overflows to 0 stays in range; unless n is a power of two,
// the round in which it does so is cut short, once in 2⁶⁴ turns.
func RoundRobin(turn uint64, n int) int {
	if n < 1 {
		return 0
	}
	return int(turn % uint64(n))
}
