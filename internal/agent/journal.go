package agent

import (
	"errors"
	"log/slog"

	"github.com/inservice/inservice/health"
)

// journal logs what the runs of checks say: failures always, passes only when they
// end a failure. The registry calls it from one goroutine at a time, so it needs
// no lock.
type journal struct {
	log  *slog.Logger
	last map[string]error // what a check's last run said
}

func newJournal(log *slog.Logger) *journal {
	return &journal{log: log, last: make(map[string]error)}
}

func (j *journal) result(r health.Result) {
	was := j.last[r.Check]
	j.last[r.Check] = r.Err
	switch {
	case r.Err == nil && was == nil:
	case r.Err == nil:
		j.log.Info("check passes again", "check", r.Check, "took", r.Duration.String())
	case r.Passes > 0 && r.Status == health.Warn:
		j.log.Warn("check is degraded", "check", r.Check, "error", r.Err, "took", r.Duration.String())
	case r.Passes > 0:
		j.log.Info("check passes, and has failed too lately to count", "check", r.Check, "error", r.Err)
	default:
		j.failed(r)
	}
}

func (j *journal) failed(r health.Result) {
	attributes := []any{"check", r.Check, "error", r.Err, "took", r.Duration.String(), "scope", r.Scope.String()}
	if panicked, ok := errors.AsType[*health.PanicError](r.Err); ok {
		attributes = append(attributes, "stack", string(panicked.Stack))
	}
	j.log.Warn("check failed", attributes...)
}
