package health

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/threshold"
)

// Defaults of a [Check]'s fields.
const (
	DefaultInterval = 5 * time.Second
	DefaultTimeout  = 2 * time.Second
)

// Status is what is known of a check or of the whole server. The zero value is
// [Unknown]: what nobody has looked at is neither well nor ill.
type Status uint8

// The statuses. Pass and Warn are in service, Unknown and Fail are not.
const (
	Unknown Status = iota // not checked yet, or too long ago
	Pass                  // well
	Warn                  // degraded, still in service
	Fail                  // ill
)

// String returns "unknown", "pass", "warn" or "fail".
func (s Status) String() string {
	switch s {
	case Pass:
		return "pass"
	case Warn:
		return "warn"
	case Fail:
		return "fail"
	default:
		return "unknown"
	}
}

// InService reports whether a server of this status should get traffic.
func (s Status) InService() bool { return s == Pass || s == Warn }

// severity orders statuses for the verdict. Unknown ranks below Fail so that
// the verdict names what is known to be wrong, although neither is in service.
func (s Status) severity() int {
	return [...]int{Pass: 0, Warn: 1, Unknown: 2, Fail: 3}[s]
}

// Scope says whose failure a check sees.
type Scope uint8

const (
	// Instance is the scope of what only this server has: its app, its disk.
	// A failure takes this server out of service. It is the default.
	Instance Scope = iota
	// Shared is the scope of what all servers have in common, such as the one
	// database behind them. Its failure is the same everywhere, so taking
	// servers out would take all of them out: the verdict is Warn instead.
	Shared
)

// String returns "instance" or "shared".
func (s Scope) String() string {
	if s == Shared {
		return "shared"
	}
	return "instance"
}

// Check is one thing that a server looks at in itself.
type Check struct {
	// Name tells the check apart in answers and logs. Required, unique in a
	// registry, without a colon (the separator of health+json's keys).
	Name string

	// Run looks once and returns nil when all is well, what [Degraded] makes
	// when it is worse but still serving, or why it failed. It should return when
	// ctx ends; if it does not, the check is failed at its timeout and is not
	// started again until this run has returned. A panic is a failure.
	Run func(ctx context.Context) error

	// Interval is the time from the start of one run to the start of the next.
	// Zero means [DefaultInterval].
	Interval time.Duration

	// Timeout is how long a run may take before the check has failed. Zero
	// means [DefaultTimeout].
	Timeout time.Duration

	// FreshFor is how long a result counts. Zero means twice the sum of
	// Interval and Timeout.
	FreshFor time.Duration

	// HealthyThreshold is how many runs in a row must pass before a check that
	// failed passes again. Zero means 1. The first result of all needs no row: a
	// single pass is believed.
	HealthyThreshold int

	// UnhealthyThreshold is how many runs in a row must fail before the check
	// fails. Zero means 1. A stuck run counts at its timeout and again each
	// Interval.
	UnhealthyThreshold int

	// Scope is whose failure this check sees. Zero means Instance.
	Scope Scope

	// WarnOnly makes the check one that is told but never decides: its failure,
	// and a result that is stale, weigh Warn, and before its first result it
	// weighs nothing. Without it the check is critical.
	WarnOnly bool

	// FollowsShared is above zero for a check whose failure can be the consequence
	// of a shared failure, such as one of a page that reads the shared database.
	// All servers fail it together then, so that believing it would take all of
	// them out, which Scope Shared is there to prevent. Its failure weighs Warn
	// while a check of scope Shared fails and for this long after, as long as it may
	// go on to show; and, for no longer than this, until every shared check has had
	// time to notice: it has finished a run that began after the failures did. Zero
	// means that the check stands for itself.
	FollowsShared time.Duration

	// ComponentType is the health+json field of that name, such as
	// "datastore", "component" or "system". Empty leaves the field out.
	ComponentType string
}

// withDefaults returns the check with its zero fields filled.
func (c Check) withDefaults() Check {
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.FreshFor == 0 {
		c.FreshFor = 2 * (c.Interval + c.Timeout)
	}
	return c
}

// thresholds are how many results in a row change the check's status.
func (c Check) thresholds() threshold.Policy {
	return threshold.Policy{Healthy: c.HealthyThreshold, Unhealthy: c.UnhealthyThreshold}
}

func (c Check) validate() error {
	var errs []error
	if c.Run == nil {
		errs = append(errs, errors.New("field Run is nil: set it to the function that looks"))
	}
	if c.Interval < 0 {
		errs = append(errs, fmt.Errorf("field Interval is %v: it must be above zero, or zero for %v", c.Interval, DefaultInterval))
	}
	if c.Timeout < 0 {
		errs = append(errs, fmt.Errorf("field Timeout is %v: it must be above zero, or zero for %v", c.Timeout, DefaultTimeout))
	}
	if c.FollowsShared < 0 {
		errs = append(errs, fmt.Errorf("field FollowsShared is %v: it must be above zero, or zero for a check that stands for itself", c.FollowsShared))
	}
	if c.FreshFor < 0 {
		errs = append(errs, fmt.Errorf("field FreshFor is %v: it must be above zero, or zero for twice the sum of interval and timeout", c.FreshFor))
	}
	if c.HealthyThreshold < 0 {
		errs = append(errs, fmt.Errorf("field HealthyThreshold is %d: it must be 1 or above, or zero for 1", c.HealthyThreshold))
	}
	if c.UnhealthyThreshold < 0 {
		errs = append(errs, fmt.Errorf("field UnhealthyThreshold is %d: it must be 1 or above, or zero for 1", c.UnhealthyThreshold))
	}
	if c.Scope != Instance && c.Scope != Shared {
		errs = append(errs, fmt.Errorf("field Scope is %d: use Instance or Shared", c.Scope))
	}
	return errors.Join(errs...)
}

// validate reports every mistake in the configuration.
func (r *Registry) validate() error {
	var errs []error
	if r.StartupGrace < 0 {
		errs = append(errs, fmt.Errorf("field StartupGrace is %v: it must be above zero, or zero for none", r.StartupGrace))
	}
	seen := make(map[string]bool, len(r.Checks))
	for i, c := range r.Checks {
		if c.Name == "" {
			errs = append(errs, fmt.Errorf("check %d has no Name: give it one, such as \"database\"", i))
		} else if strings.Contains(c.Name, ":") {
			errs = append(errs, fmt.Errorf("check name %q holds a colon: leave it out", c.Name))
		} else if seen[c.Name] {
			errs = append(errs, fmt.Errorf("two checks are named %q: names must differ", c.Name))
		}
		seen[c.Name] = true
		if err := c.validate(); err != nil {
			errs = append(errs, fmt.Errorf("check %q: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}
