package probe

import (
	"context"
	"errors"
	"fmt"

	"github.com/inservice/inservice/internal/exchange"
)

// attempt is one run of a Probe.
type attempt struct {
	probe  Probe
	answer exchange.Answer
	result Result
}

// run makes the attempt and leaves its outcome in a.result.
func (a *attempt) run(ctx context.Context) {
	a.answer = exchange.Do(ctx, a.probe.question())
	a.result = Result{
		Status:   a.answer.Status,
		Started:  a.answer.Began,
		Phases:   Phases(a.answer.Phases),
		Sent:     a.answer.Sent,
		Received: a.answer.Received,
		Remote:   a.answer.Remote,
	}
	err := a.answer.Err
	switch {
	case a.result.Status != 0 && !a.probe.matches(a.result.Status):
		// Whatever became of the body, it was only wanted as evidence.
		a.mismatch()
	case a.answer.Whole():
		a.result.Pass = true
	case a.answer.Failure == exchange.OwnFault && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		a.internal("the probe was stopped before it finished", err)
	case a.answer.Failure == exchange.OwnFault:
		a.ownFault(err)
	case a.answer.Failure == exchange.TimedOut:
		a.timedOut(err)
	default:
		a.conclude(FailedHealthChecks, "Health checks failed: "+a.explain(err), err)
	}
}

func (a *attempt) mismatch() {
	err := mismatchError(a.result.Status)
	a.conclude(ResponseCodeMismatch, fmt.Sprintf("Health checks failed with these codes: [%d]", a.result.Status), err)
}

// question is what a Probe asks of package exchange.
func (p Probe) question() exchange.Request {
	ask := exchange.Request{Address: p.Address, Timeout: p.timeout(), Dial: p.Dial}
	if p.Protocol == TCP {
		return ask
	}
	ask.Protocol = exchange.HTTP1
	ask.Path = p.Path
	ask.Fields = []exchange.Field{
		{Name: "Host", Value: p.hostHeader()},
		{Name: "User-Agent", Value: "inservice-probe/1.0"},
		{Name: "Accept", Value: "*/*"},
		{Name: "Connection", Value: "close"},
	}
	if p.Protocol == HTTPS {
		// As ALB: neither certificate nor age of the protocol makes a target
		// unhealthy, and there is no secret to protect (see the package doc).
		ask.TLS = &exchange.TLS{ServerName: p.serverName(), Unchecked: true}
	}
	return ask
}
