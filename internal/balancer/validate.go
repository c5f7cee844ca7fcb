package balancer

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// validate returns everything that is wrong with the fields.
func (b *Balancer) validate() error {
	var problems []error
	report := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(format, args...))
	}
	if b.DrainTimeout < 0 {
		report("drain timeout %v is negative; use 0 for %v", b.DrainTimeout, defaultDrainTimeout)
	}
	if b.PartingTime < 0 || b.PartingTime > max(0, b.drainTimeout()) {
		report("parting time %v must lie within the drain timeout, %v; use 0 for a good choice", b.PartingTime, b.drainTimeout())
	}
	names := make(map[string]bool)
	for i, g := range b.Groups {
		switch {
		case g.Name == "":
			report("target group %d has no name", i+1)
		case names[g.Name]:
			report("two target groups are named %q; names must differ", g.Name)
		}
		names[g.Name] = true
		for _, err := range g.problems() {
			report("target group %q: %w", g.Name, err)
		}
	}
	if len(b.Listeners) == 0 {
		report("no listener; at least one is needed")
	}
	for _, l := range b.Listeners {
		if err := checkAddress(l.Address, 0); err != nil {
			report("listener: %w", err)
		}
		if !names[l.Group] {
			report("listener %s: there is no target group %q", l.Address, l.Group)
		}
	}
	return errors.Join(problems...)
}

func (g Group) problems() []error {
	var problems []error
	if len(g.Targets) == 0 {
		problems = append(problems, errors.New("no targets; at least one is needed"))
	}
	if g.Interval < 0 {
		problems = append(problems, fmt.Errorf("interval %v is negative", g.Interval))
	}
	seen := make(map[string]bool)
	for _, t := range g.Targets {
		if err := checkAddress(t.Address, 1); err != nil {
			problems = append(problems, fmt.Errorf("target: %w", err))
			continue // its probe would only say the same again
		}
		if seen[t.Address] {
			problems = append(problems, fmt.Errorf("target %s is listed twice", t.Address))
		}
		seen[t.Address] = true
		if err := g.probeOf(t).Validate(); err != nil {
			problems = append(problems, fmt.Errorf("probe of target %s: %w", t.Address, err))
		}
	}
	return problems
}

// checkAddress checks a host:port. lowest is the lowest port that makes sense:
// 0 where it means any free one. Such an address may also leave the host out.
func checkAddress(address string, lowest int) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port: %w", address, err)
	}
	if host == "" && lowest > 0 {
		return fmt.Errorf("%q names no host", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < lowest || n > 65535 {
		return fmt.Errorf("%q: the port must be a number from %d to 65535", address, lowest)
	}
	return nil
}
