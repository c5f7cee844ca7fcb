package proxy

import (
	"sync"
	"time"
)

// A lineLimit bounds how many lines are logged in a second and counts those
// that were not. It may be used by many goroutines.
type lineLimit struct {
	perSecond int // immutable

	mu      sync.Mutex // guards all below
	began   time.Time  // start of the current second
	lines   int        // let through in it
	dropped int        // held back since the last line that was let through
}

// allow reports whether a line may be logged at the time now, and how many lines
// were held back before it.
func (l *lineLimit) allow(now time.Time) (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= time.Second {
		l.began, l.lines = now, 0
	}
	if l.lines >= l.perSecond {
		l.dropped++
		return false, 0
	}
	l.lines++
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}
