package forwarder

import (
	"sync"
	"time"
)

// chunk is what was read at once, or the end of one side.
type chunk struct {
	data   []byte
	came   time.Time
	end    bool // nothing comes after it
	broken bool // and that was no orderly end
}

// queue is what is under way in one direction, bounded in bytes. One goroutine
// puts and finishes, one takes.
type queue struct {
	ended chan struct{} // closed by finish
	more  chan struct{} // has an element when chunks may have become more
	room  chan struct{} // has an element when size may have become less

	mu     sync.Mutex
	chunks []chunk // guarded by mu
	size   int     // guarded by mu; bytes that were put and not sent yet
}

func newQueue() *queue {
	return &queue{ended: make(chan struct{}), more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put adds a chunk when there is room. It reports false when done is closed first.
func (q *queue) put(c chunk, done <-chan struct{}) bool {
	for {
		q.mu.Lock()
		if q.size+len(c.data) <= queueSize {
			q.size += len(c.data)
			q.chunks = append(q.chunks, c)
			q.mu.Unlock()
			wake(q.more)
			return true
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-done:
			return false
		}
	}
}

// finish adds the last chunk, for which there is always room.
func (q *queue) finish(c chunk) {
	q.mu.Lock()
	q.chunks = append(q.chunks, c)
	q.mu.Unlock()
	close(q.ended)
	wake(q.more)
}

// take returns the next chunk. It reports false when done is closed first.
func (q *queue) take(done <-chan struct{}) (chunk, bool) {
	for {
		q.mu.Lock()
		if len(q.chunks) > 0 {
			c := q.chunks[0]
			q.chunks = q.chunks[1:]
			q.mu.Unlock()
			return c, true
		}
		q.mu.Unlock()
		select {
		case <-q.more:
		case <-done:
			return chunk{}, false
		}
	}
}

// sent makes room.
func (q *queue) sent(n int) {
	q.mu.Lock()
	q.size -= n
	q.mu.Unlock()
	wake(q.room)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
