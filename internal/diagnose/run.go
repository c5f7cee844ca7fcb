package diagnose

import (
	"context"
	"errors"
	"os"
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
	pause   time.Duration // between two experiments
}

// Run asks the load balancer's question and, as long as Plan wants more, its
// experiments. It returns early with what is known when ctx ends.
func Run(ctx context.Context, q Question) Report {
	return run(ctx, q, world{ask: askWire, try: askHome, sockets: sockets.Read, pause: 10 * time.Millisecond})
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

func run(ctx context.Context, q Question, w world) Report {
	begun := time.Now()
	q.self = os.Getpid()
	var observed []Observation
	first := Plan(q, nil)
	if len(first) == 0 {
		return Conclude(q, nil)
	}
	base := make(chan Observation, 1)
	go func() { base <- observe(ctx, first[0], w.ask) }()

	waiting := true
	inTime := time.NewTimer(first[0].Probe.Request.Timeout + 50*time.Millisecond)
	defer inTime.Stop()
	select {
	case o := <-base:
		observed, waiting = append(observed, o), false
	case <-inTime.C:
		if first[0].Probe.Request.Patience == 0 {
			observed, waiting = append(observed, <-base), false
			break
		}
		// The load balancer has given up. What it asked waits on for a late answer;
		// meanwhile others may be asked.
		observed = append(observed, Observation{Experiment: first[0], Pending: true})
		if len(q.Machine.Sockets) > 0 {
			if t, err := w.sockets(); err == nil {
				q.Machine = t
			}
		}
	}
	for ctx.Err() == nil {
		if waiting {
			select {
			case observed[0] = <-base:
				waiting = false
			default:
			}
		}
		next := Plan(q, observed)
		if len(next) == 0 {
			if !waiting {
				break
			}
			observed[0], waiting = <-base, false
			continue
		}
		select {
		case <-ctx.Done():
			continue
		case <-time.After(w.pause + next[0].Wait):
		}
		observed = append(observed, observe(ctx, next[0], w.try))
	}
	if waiting {
		observed[0] = <-base
	}
	r := Conclude(q, observed)
	r.Took = time.Since(begun)
	return r
}

func observe(ctx context.Context, e Experiment, ask asker) Observation {
	answers, verdict := ask(ctx, e.Probe)
	return Observation{Experiment: e, Answers: answers, Verdict: verdict}
}
