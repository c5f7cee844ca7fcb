package pool_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/balance"
	"github.com/inservice/inservice/internal/pool"
	"github.com/inservice/inservice/internal/threshold"
)

// A history is the list of snapshots that a pool has gone through, in order.
// The writer records each before it makes the next, so all but the newest
// snapshot are in here at any time.
type history struct {
	mu        sync.Mutex // guards snapshots
	snapshots []*pool.Snapshot
}

func (h *history) record(s *pool.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.snapshots = append(h.snapshots, s)
}

func (h *history) recorded() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.snapshots)
}

// since returns the snapshots recorded from the one with index first on.
func (h *history) since(first int) []*pool.Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.snapshots[first:])
}

// TestPickDuringUpdates lets many pickers run while one writer flips statuses
// at random. Every pick must have been eligible in a snapshot that was current
// during the call. Target 0 stays in service throughout, so the group never
// fails open, and eligible means in service.
func TestPickDuringUpdates(t *testing.T) {
	const targets, updates, pickers = 5, 3000, 8
	var addresses []string
	for i := range targets {
		addresses = append(addresses, strconv.Itoa(i))
	}
	p := pool.New("web", addresses, true)
	p.Update("0", in, "", time.Now())
	var h history
	h.record(p.Snapshot())

	var done atomic.Bool
	var wg sync.WaitGroup
	for range pickers {
		wg.Go(func() {
			for !done.Load() {
				first := h.recorded() - 1 // current before the call, or older
				got, err := p.Pick()
				newest := p.Snapshot() // perhaps not recorded yet; all before it are
				current := append(h.since(first), newest)
				if err != nil {
					t.Errorf("Pick: %v", err)
					return
				}
				if !slices.ContainsFunc(current, func(s *pool.Snapshot) bool { return inService(s, got) }) {
					t.Errorf("picked %s, which was not in service in any snapshot current during the call", got)
					return
				}
			}
		})
	}

	rng := rand.New(rand.NewPCG(5, 6))
	for range updates {
		address := addresses[1+rng.IntN(targets-1)]
		p.Update(address, threshold.Status(rng.IntN(3)), "", time.Now())
		s := p.Snapshot()
		h.record(s)
		if s.Mode != balance.Normal {
			t.Errorf("mode = %v while target 0 is in service", s.Mode)
		}
	}
	done.Store(true)
	wg.Wait()
}

// inService works out from the exported state alone, not from what Pick reads,
// whether a target was in service in s.
func inService(s *pool.Snapshot, address string) bool {
	i := slices.IndexFunc(s.Targets, func(t pool.Target) bool { return t.Address == address })
	return i >= 0 && s.Targets[i].Status == in
}

// TestConcurrentUpdatesLoseNothing has one writer for each target, as package
// monitor has. In the end each target must show its own writer's last word.
func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	const targets, updates = 8, 400
	var addresses []string
	for i := range targets {
		addresses = append(addresses, strconv.Itoa(i))
	}
	p := pool.New("web", addresses, false)
	var wg sync.WaitGroup
	for _, a := range addresses {
		wg.Go(func() {
			for i := range updates {
				p.Update(a, threshold.Status(i%3), strconv.Itoa(i), time.Now())
			}
		})
	}
	wg.Wait()
	for _, target := range p.Snapshot().Targets {
		if want := strconv.Itoa(updates - 1); target.Reason != want {
			t.Errorf("%s: last reason is %q, want %q", target.Address, target.Reason, want)
		}
		if want := threshold.Status((updates - 1) % 3); target.Status != want {
			t.Errorf("%s is %v, want %v", target.Address, target.Status, want)
		}
	}
}
