package tongue

import (
	"context"
	"sync"
	"time"

	"github.com/inservice/inservice/health"
)

// lookEvery is how often a Herald looks by itself. It bounds how late a change is
// told that nobody nudged for, such as a result that has turned stale.
const lookEvery = 100 * time.Millisecond

// Herald watches a verdict and tells the tongues of a change. Its methods may be
// used from any goroutine.
type Herald struct {
	// Snapshot reads what is known, as [health.Registry.Snapshot]. Required. It
	// must be quick and must not call the Herald.
	Snapshot func() health.Snapshot

	mu          sync.Mutex // held while Snapshot is read too, so that changes are told in their order
	last        verdict    // what was told last
	subscribers map[chan verdict]struct{}
}

// Run looks every 100 ms until ctx ends. It starts nothing.
func (h *Herald) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		h.Nudge()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Nudge looks now. When it returns, a change has been told; it does not wait for
// anybody to act on it. [health.Registry.OnChange] may call it, and so should
// whoever drains.
func (h *Herald) Nudge() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.look()
}

// look must be called with mu held.
func (h *Herald) look() {
	now := verdictOf(h.Snapshot())
	if now == h.last {
		return
	}
	h.last = now
	for c := range h.subscribers {
		tell(c, now)
	}
}

// tell replaces what has not been fetched yet. Only the holder of mu sends, so
// there is room after the receive.
func tell(c chan verdict, v verdict) {
	select {
	case <-c:
	default:
	}
	c <- v
}

// subscribe returns a channel that holds the verdict of now, and afterwards the
// latest that its reader has not fetched. The caller must call cancel.
func (h *Herald) subscribe() (changes <-chan verdict, cancel func()) {
	c := make(chan verdict, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.look()
	c <- h.last
	if h.subscribers == nil {
		h.subscribers = make(map[chan verdict]struct{})
	}
	h.subscribers[c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.subscribers, c)
	}
}
