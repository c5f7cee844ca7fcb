// Package linelimit keeps a log readable while something goes wrong a thousand
// times a second.
package linelimit

import (
	"sync"
	"time"
)

// Defaults of a [Limit]'s fields.
const (
	DefaultBurst = 10
	DefaultEvery = 10 * time.Second
)

// A Limit bounds how many lines are logged and counts those that were left out.
// It may be used by many goroutines; the zero value is ready.
type Limit struct {
	Burst int           // lines in a row; zero means DefaultBurst
	Every time.Duration // after them, one line in this time; zero means DefaultEvery

	mu      sync.Mutex // guards all below
	whole   time.Time  // when the whole burst is available again
	leftOut int        // since the last line that was let through
}

// Allow reports whether a line may be logged at the time now, and how many were
// left out before it: the line should say so.
func (l *Limit) Allow(now time.Time) (ok bool, leftOut int) {
	burst, every := l.Burst, l.Every
	if burst == 0 {
		burst = DefaultBurst
	}
	if every == 0 {
		every = DefaultEvery
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.whole.Before(now) {
		l.whole = now
	}
	if l.whole.Sub(now) > time.Duration(burst-1)*every {
		l.leftOut++
		return false, 0
	}
	l.whole = l.whole.Add(every)
	leftOut, l.leftOut = l.leftOut, 0
	return true, leftOut
}
