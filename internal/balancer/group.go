package balancer

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/balance"
	"github.com/inservice/inservice/internal/monitor"
	"github.com/inservice/inservice/internal/pool"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/proxy"
	"github.com/inservice/inservice/internal/threshold"
)

// A group is a target group at work. It joins the parts that don't know each
// other: what the monitor finds goes into the pool, and what the proxy sees fail
// goes to the monitor.
type group struct {
	name         string
	probeTimeout time.Duration
	pool         *pool.Pool
	monitor      *monitor.Monitor
	proxy        *proxy.Proxy
	log          *slog.Logger
	onEvent      func(group string, e monitor.Event) // may be nil

	ready chan struct{} // closed when a target is in service or all have a result

	mu      sync.Mutex           // guards all below
	isReady bool                 // ready is closed
	waiting map[string]struct{}  // targets without a result
	mode    balance.Mode         // as last told to the log
	asked   map[string]time.Time // when a target was last probed because a request waited for it
}

func newGroup(b *Balancer, spec Group) *group {
	g := &group{
		name:         spec.Name,
		probeTimeout: cmp.Or(spec.Probe.Timeout, probe.DefaultTimeout),
		log:          b.log().With("group", spec.Name),
		onEvent:      b.OnEvent,
		ready:        make(chan struct{}),
		waiting:      make(map[string]struct{}),
		asked:        make(map[string]time.Time),
	}
	g.monitor = &monitor.Monitor{Interval: spec.Interval, Threshold: spec.Threshold, Observer: g}
	var addresses []string
	for _, t := range spec.Targets {
		addresses = append(addresses, t.Address)
		g.waiting[t.Address] = struct{}{}
		g.monitor.Targets = append(g.monitor.Targets, monitor.Target{Name: t.Address, Probe: spec.probeOf(t)})
	}
	g.pool = pool.New(spec.Name, addresses, !spec.Closed)
	g.proxy = &proxy.Proxy{
		Picker:         g.pool,
		TrustedProxies: b.TrustedProxies,
		Patience:       g.probeTimeout, // what a probe may take is what an answer may take before it is suspicious
		Waiting:        g.unanswered,
		Observe:        g.forwarded,
		Log:            g.log,
	}
	return g
}

// probeOf returns what t is asked.
func (g Group) probeOf(t Target) probe.Probe {
	p := g.Probe
	p.Address = cmp.Or(t.ProbeAddress, t.Address)
	return p
}

// await returns when requests may be sent to the group, or when ctx ends.
func (g *group) await(ctx context.Context) {
	timeout := time.NewTimer(g.probeTimeout)
	defer timeout.Stop()
	select {
	case <-g.ready:
	case <-timeout.C:
	case <-ctx.Done():
	}
}

// forwarded is told of every request that was sent to a target.
func (g *group) forwarded(o proxy.Observation) {
	if o.Failed() {
		g.monitor.ProbeNow(o.Target)
	}
}

// unanswered is told again and again of a target that a request still waits for.
// However many requests wait, the target is probed for them no more often than
// once in the time that a probe may take: a site of slow answers is none under
// suspicion all the time.
func (g *group) unanswered(target string) {
	now := time.Now()
	g.mu.Lock()
	due := now.Sub(g.asked[target]) >= g.probeTimeout
	if due {
		g.asked[target] = now
	}
	g.mu.Unlock()
	if due {
		g.monitor.ProbeNow(target)
	}
}

// Observe is told of every finished probe.
func (g *group) Observe(e monitor.Event) {
	mode, changed := g.record(e)
	g.logEvent(e)
	if changed {
		g.logMode(mode)
	}
	if g.onEvent != nil {
		g.onEvent(g.name, e)
	}
}

// record puts a result into the pool. It returns the group's mode, and whether
// that is news. Before every target has a result there are no news: a group that
// has just been started and has not heard of all yet has not lost anybody.
func (g *group) record(e monitor.Event) (mode balance.Mode, changed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pool.Update(e.Target, e.Now, e.Result.String(), e.Result.Started.Add(e.Result.Phases.Total))
	delete(g.waiting, e.Target)
	if !g.isReady && (e.Now == threshold.InService || len(g.waiting) == 0) {
		g.isReady = true
		close(g.ready)
	}
	if len(g.waiting) > 0 {
		return g.mode, false
	}
	was := g.mode
	g.mode = g.pool.Snapshot().Mode
	return g.mode, g.mode != was
}

func (g *group) logEvent(e monitor.Event) {
	reason := slog.String("reason", e.Result.String())
	target := slog.String("target", e.Target)
	switch {
	case e.Changed:
		level := slog.LevelInfo
		if e.Now == threshold.OutOfService {
			level = slog.LevelWarn
		}
		g.log.LogAttrs(context.Background(), level, "target is "+e.Now.String(),
			target, slog.String("was", e.Was.String()), slog.String("now", e.Now.String()), reason)
	case !e.Result.Pass:
		g.log.LogAttrs(context.Background(), slog.LevelWarn, "probe failed",
			target, slog.String("now", e.Now.String()), slog.Int("failures", e.State.Failures), reason)
	}
}

func (g *group) logMode(mode balance.Mode) {
	switch mode {
	case balance.Normal:
		g.log.Info("a target is in service again", "mode", mode.String())
	case balance.FailOpen:
		g.log.Warn("no target is in service: traffic goes to all of them", "mode", mode.String())
	case balance.Closed:
		g.log.Warn("no target is in service: requests get a 503", "mode", mode.String())
	}
}
