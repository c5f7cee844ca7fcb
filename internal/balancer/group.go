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

	ready chan struct{} // closed when every target has a first result

	mu      sync.Mutex          // guards all below
	waiting map[string]struct{} // targets without a result
	mode    balance.Mode        // as last told to the log
}

func newGroup(b *Balancer, spec Group) *group {
	g := &group{
		name:         spec.Name,
		probeTimeout: cmp.Or(spec.Probe.Timeout, probe.DefaultTimeout),
		log:          b.log().With("group", spec.Name),
		onEvent:      b.OnEvent,
		ready:        make(chan struct{}),
		waiting:      make(map[string]struct{}),
	}
	g.monitor = &monitor.Monitor{Interval: spec.Interval, Threshold: spec.Threshold, Observer: g}
	var addresses []string
	for _, t := range spec.Targets {
		addresses = append(addresses, t.Address)
		g.waiting[t.Address] = struct{}{}
		g.monitor.Targets = append(g.monitor.Targets, monitor.Target{Name: t.Address, Probe: spec.probeOf(t)})
	}
	g.pool = pool.New(spec.Name, addresses, !spec.Closed)
	g.proxy = &proxy.Proxy{Picker: g.pool, TrustedProxies: b.TrustedProxies, Observe: g.forwarded, Log: g.log}
	return g
}

// probeOf returns what t is asked.
func (g Group) probeOf(t Target) probe.Probe {
	p := g.Probe
	p.Address = cmp.Or(t.ProbeAddress, t.Address)
	return p
}

// forwarded is told of every request that was sent to a target.
func (g *group) forwarded(o proxy.Observation) {
	if o.Failed() {
		g.monitor.ProbeNow(o.Target)
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
	if len(g.waiting) > 0 {
		delete(g.waiting, e.Target)
		if len(g.waiting) > 0 {
			return g.mode, false
		}
		close(g.ready)
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
