package proxy

import (
	"sync"
	"time"
)

// A reminder calls a function again and again until it is stopped.
type reminder struct {
	mu    sync.Mutex  // held while the function runs
	timer *time.Timer // guarded by mu; nil once stopped
}

// remind has tell called every pace, for the first time after one.
func remind(pace time.Duration, tell func()) *reminder {
	r := &reminder{}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(pace, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.timer != nil {
			tell()
			r.timer.Reset(pace)
		}
	})
	return r
}

// stop ends it: after stop has returned, the function is not called any more.
func (r *reminder) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer.Stop()
	r.timer = nil
}
