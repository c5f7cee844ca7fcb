package cli

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// Sizes of an output.
const (
	queued    = 1024        // lines that may wait for the reader
	flushTime = time.Second // how long close waits for them
)

// output is a writer that never blocks. What is read slowly waits in a queue; what
// the queue can't take is dropped and counted. Without it a log reader that has
// stopped reading would hold up checks, probes and even the end of the process.
//
// Each Write is taken as one line or more, never torn apart.
type output struct {
	lines chan []byte
	done  chan struct{} // closed when the last line was written

	mu      sync.Mutex
	dropped int   // guarded by mu; since the last line that was taken
	closed  bool  // guarded by mu
	err     error // guarded by mu; the first that writing met
}

// startOutput starts writing to w. The caller calls close, after the last Write.
func startOutput(w io.Writer) *output {
	o := &output{lines: make(chan []byte, queued), done: make(chan struct{})}
	go func() {
		defer close(o.done)
		for line := range o.lines {
			if _, err := w.Write(line); err != nil {
				o.mu.Lock()
				if o.err == nil {
					o.err = err
				}
				o.mu.Unlock()
			}
		}
	}()
	return o
}

// Write queues p. Its error is one that an earlier line met.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	if o.closed {
		return 0, io.ErrClosedPipe
	}
	line := bytes.Clone(p)
	if o.dropped > 0 {
		line = append(fmt.Appendf(nil, "... %d lines were dropped: nobody read them\n", o.dropped), line...)
	}
	select {
	case o.lines <- line:
		o.dropped = 0
	default:
		o.dropped++
	}
	return len(p), nil
}

// close waits until everything is written, for a second at most: a reader that
// has stopped must not keep the process from ending.
func (o *output) close() {
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		close(o.lines)
	}
	o.mu.Unlock()
	timer := time.NewTimer(flushTime)
	defer timer.Stop()
	select {
	case <-o.done:
	case <-timer.C:
	}
}
