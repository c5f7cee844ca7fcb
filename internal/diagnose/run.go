package diagnose

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// asker asks one probe's question, follows redirects as it does, and judges.
type asker func(context.Context, dialect.Probe) ([]exchange.Answer, dialect.Verdict)

// world is what Run needs from outside.
type world struct {
	ask     asker // the load balancer's own question
	try     asker // experiments
	sockets func() (sockets.Table, error)
	watch   func(port uint16, addr netip.Addr) (sockets.Traffic, error)
	pause   time.Duration // between two experiments
}

// glance is how long the load balancer's question may take before a look at what
// the target waits for itself: longer than an answer that needs no waiting takes.
const glance = 600 * time.Millisecond

// Run asks the load balancer's question and, as long as Plan wants more, its
// experiments. It returns early with what is known when ctx ends.
func Run(ctx context.Context, q Question) Report {
	return run(ctx, q, world{ask: askWire, try: askHome, sockets: sockets.Read, watch: sockets.Watch, pause: 10 * time.Millisecond})
}

// askWire asks over the network, and follows redirects wherever the load balancer
// would.
func askWire(ctx context.Context, p dialect.Probe) ([]exchange.Answer, dialect.Verdict) {
	return dialect.Ask(ctx, p, exchange.Do)
}

// askHome is askWire for experiments: a redirect is followed as far as it stays on
// the target. What is elsewhere is not ours to ask.
func askHome(ctx context.Context, p dialect.Probe) ([]exchange.Answer, dialect.Verdict) {
	return dialect.Ask(ctx, p, func(ctx context.Context, r exchange.Request) exchange.Answer {
		if r.Address != p.Request.Address {
			return exchange.Answer{Failure: exchange.OwnFault, Err: errAway, Began: time.Now(), GRPCCode: -1}
		}
		return exchange.Do(ctx, r)
	})
}

var errAway = errors.New("it leads away from the target, where no experiment goes")

// run is Run in a world of the caller's.
func run(ctx context.Context, q Question, w world) Report {
	begun := time.Now()
	q.self = os.Getpid()
	first := Plan(q, nil)
	if len(first) == 0 {
		return Conclude(q, nil)
	}
	base := make(chan Observation, 1)
	go func() { base <- observe(ctx, first[0], w.ask) }()

	observed := []Observation{w.firstLook(&q, first[0], base)}
	// An experiment bounds itself, but for redirects that it follows.
	within, cancel := context.WithDeadline(ctx, begun.Add(first[0].Probe.Request.Timeout+over+200*time.Millisecond))
	defer cancel()
	observed = w.experiments(within, q, observed, base)
	if observed[0].Pending {
		observed[0] = <-base
	}
	r := Conclude(q, observed)
	r.Took = time.Since(begun)
	return r
}

// firstLook waits for what the load balancer's own question brings, as long as the
// load balancer does. After that it is pending: what was asked waits on for a late
// answer, and meanwhile others may be asked. The question is told what the kernel
// knew while it waited.
func (w world) firstLook(q *Question, first Experiment, base chan Observation) Observation {
	inTime := time.NewTimer(first.Probe.Request.Timeout + 50*time.Millisecond)
	defer inTime.Stop()
	select {
	case o := <-base:
		base <- o
	case <-time.After(glance):
		q.during = w.traffic(*q)
	}
	select {
	case o := <-base:
		if a := o.Answers; len(a) > 0 && (passed(o.Verdict) || a[0].Status >= 500 || a[0].Status == 429) {
			q.after = w.traffic(*q)
		}
		return o
	case <-inTime.C:
	}
	if first.Probe.Request.Patience == 0 {
		return <-base
	}
	if len(q.Machine.Sockets) > 0 {
		if t, err := w.sockets(); err == nil {
			q.Machine = t
		}
	}
	return Observation{Experiment: first, Pending: true}
}

// experiments makes what Plan wants, as long as it wants more and ctx lasts. The
// first observation may be pending; it comes from base.
func (w world) experiments(ctx context.Context, q Question, observed []Observation, base <-chan Observation) []Observation {
	for ctx.Err() == nil {
		if observed[0].Pending {
			select {
			case observed[0] = <-base:
			default:
			}
		}
		next := Plan(q, observed)
		if len(next) == 0 {
			if !observed[0].Pending {
				break
			}
			observed[0] = <-base
			continue
		}
		select {
		case <-ctx.Done():
			continue
		case <-time.After(w.pause + next[0].Wait):
		}
		o := observe(ctx, next[0], w.try)
		if ctx.Err() != nil {
			break // cut short, it says nothing
		}
		observed = append(observed, o)
	}
	return observed
}

// traffic is what goes through the target's port now; nil if that can't be seen.
func (w world) traffic(q Question) *sockets.Traffic {
	host, port := splitAddress(q.Probe.Request.Address)
	addr, err := netip.ParseAddr(host)
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil || len(q.Machine.Sockets) == 0 {
		return nil
	}
	t, err := w.watch(uint16(n), addr)
	if err != nil {
		return nil
	}
	return &t
}

// observe makes an experiment.
func observe(ctx context.Context, e Experiment, ask asker) Observation {
	answers, verdict := ask(ctx, e.Probe)
	return Observation{Experiment: e, Answers: answers, Verdict: verdict}
}
