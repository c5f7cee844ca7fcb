package agent

import (
	"errors"
	"log/slog"
	"time"

	"github.com/inservice/inservice/health"
)

// journal logs what the runs of checks say: failures always, passes only when they
// end a failure. The registry calls it from one goroutine at a time, so it needs
// no lock.
//
// A failure that says the same again and again is logged once a minute.
type journal struct {
	log  *slog.Logger
	last map[string]error // what a check's last run said
	told map[string]told  // what was last logged of its failures
}

// told is a line of the log on a failure.
type told struct {
	text  string
	at    time.Time
	again int // failures like it since
}

// repeatEvery is how often an unchanged failure is logged.
const repeatEvery = time.Minute

func newJournal(log *slog.Logger) *journal {
	return &journal{log: log, last: make(map[string]error), told: make(map[string]told)}
}

func (j *journal) result(r health.Result) {
	was := j.last[r.Check]
	j.last[r.Check] = r.Err
	switch {
	case r.Err == nil && was == nil:
	case r.Err == nil:
		delete(j.told, r.Check)
		j.log.Info("check passes again", "check", r.Check, "took", r.Duration.Round(10*time.Microsecond).String())
	case r.Passes > 0 && r.Status == health.Warn:
		j.failure("check is degraded", r)
	case r.Passes > 0:
		j.log.Info("check passes, and has failed too lately to count", "check", r.Check, "error", r.Err)
	default:
		j.failure("check failed", r)
	}
}

func (j *journal) failure(message string, r health.Result) {
	text, last := message+r.Err.Error(), j.told[r.Check]
	if text == last.text && r.Time.Sub(last.at) < repeatEvery {
		last.again++
		j.told[r.Check] = last
		return
	}
	j.told[r.Check] = told{text: text, at: r.Time}
	attributes := []any{"check", r.Check, "error", r.Err, "took", r.Duration.Round(10 * time.Microsecond).String(), "scope", r.Scope.String()}
	if text == last.text {
		attributes = append(attributes, "again", last.again+1)
	}
	if panicked, ok := errors.AsType[*health.PanicError](r.Err); ok {
		attributes = append(attributes, "stack", string(panicked.Stack))
	}
	j.log.Warn(message, attributes...)
}
