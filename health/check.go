package health

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
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

	// Run looks once and returns nil when all is well. It should return when
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

	// Scope is whose failure this check sees. Zero means Instance.
	Scope Scope

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
	if c.FreshFor < 0 {
		errs = append(errs, fmt.Errorf("field FreshFor is %v: it must be above zero, or zero for twice the sum of interval and timeout", c.FreshFor))
	}
	if c.Scope != Instance && c.Scope != Shared {
		errs = append(errs, fmt.Errorf("field Scope is %d: use Instance or Shared", c.Scope))
	}
	return errors.Join(errs...)
}

// validate reports every mistake in a list of checks.
func validate(checks []Check) error {
	var errs []error
	seen := make(map[string]bool, len(checks))
	for i, c := range checks {
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
