package monitor

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/probe"
)

// target returns a valid Target of that name, at name:80.
func target(name string) Target {
	return Target{Name: name, Probe: probe.Probe{Protocol: probe.HTTP, Address: name + ":80"}}
}

// prober stands for the network: it answers as told, and notes when it was
// asked what.
type prober struct {
	epoch  time.Time
	answer func(ctx context.Context, address string) probe.Result // nil: passes at once

	mu       sync.Mutex
	starts   map[string][]time.Duration // by address, since epoch; guarded by mu
	inFlight map[string]int             // guarded by mu
	overlap  bool                       // guarded by mu
}

func newProber(answer func(context.Context, string) probe.Result) *prober {
	return &prober{
		epoch:    time.Now(),
		answer:   answer,
		starts:   make(map[string][]time.Duration),
		inFlight: make(map[string]int),
	}
}

func (p *prober) ask(ctx context.Context, asked probe.Probe) probe.Result {
	p.mu.Lock()
	p.starts[asked.Address] = append(p.starts[asked.Address], time.Since(p.epoch))
	p.inFlight[asked.Address]++
	p.overlap = p.overlap || p.inFlight[asked.Address] > 1
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.inFlight[asked.Address]--
		p.mu.Unlock()
	}()
	if p.answer == nil {
		return pass
	}
	return p.answer(ctx, asked.Address)
}

func (p *prober) startsOf(name string) []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.starts[name+":80"])
}

// takes is an answer that passes after d.
func takes(d time.Duration) func(context.Context, string) probe.Result {
	return func(ctx context.Context, _ string) probe.Result {
		select {
		case <-ctx.Done():
			return stopped
		case <-time.After(d):
			return pass
		}
	}
}

var (
	pass    = probe.Result{Pass: true, Status: 200}
	fail    = probe.Result{Reason: probe.ResponseCodeMismatch, Status: 503}
	stopped = probe.Result{Reason: probe.InternalError, Err: context.Canceled}
)

// record is an Observer that keeps what it is told.
type record struct {
	mu     sync.Mutex
	events []Event // guarded by mu
}

func (r *record) Observe(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *record) of(name string) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.events), func(e Event) bool { return e.Target != name })
}

// run starts m and returns a function that stops it and waits for its end.
func run(t *testing.T, m *Monitor) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	synctest.Wait()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}
