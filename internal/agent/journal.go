package agent

import (
	"errors"
	"log/slog"

	"github.com/inservice/inservice/health"
)

// journal logs results: failures always, passes only when they end a failure.
// The registry calls it from one goroutine at a time, so it needs no lock.
type journal struct {
	log  *slog.Logger
	last map[string]health.Status
}

func newJournal(log *slog.Logger) *journal {
	return &journal{log: log, last: make(map[string]health.Status)}
}

func (j *journal) result(r health.Result) {
	was := j.last[r.Check]
	j.last[r.Check] = r.Status
	switch {
	case r.Status != health.Pass:
		attributes := []any{"check", r.Check, "error", r.Err, "took", r.Duration.String(), "scope", r.Scope.String()}
		if panicked, ok := errors.AsType[*health.PanicError](r.Err); ok {
			attributes = append(attributes, "stack", string(panicked.Stack))
		}
		j.log.Warn("check failed", attributes...)
	case was == health.Fail:
		j.log.Info("check passes again", "check", r.Check, "took", r.Duration.String())
	}
}
