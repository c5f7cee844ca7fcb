package allowedhosts

import (
	"sync"
	"time"
)

const (
	lineBurst = 10               // lines in a row
	lineEvery = 10 * time.Second // for each further one
)

// A lineLimit bounds how many lines are logged and counts those that were not.
// It may be used by many goroutines; the zero value is ready.
type lineLimit struct {
	mu      sync.Mutex // guards all below
	whole   time.Time  // when the whole burst is available again
	leftOut int        // since the last line that was let through
}

// allow reports whether a line may be logged at the time now, and how many were
// left out before it.
func (l *lineLimit) allow(now time.Time) (ok bool, leftOut int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.whole.Before(now) {
		l.whole = now
	}
	if l.whole.Sub(now) > (lineBurst-1)*lineEvery {
		l.leftOut++
		return false, 0
	}
	l.whole = l.whole.Add(lineEvery)
	leftOut, l.leftOut = l.leftOut, 0
	return true, leftOut
}
