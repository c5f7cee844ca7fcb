// Package memorycheck checks that there is memory left, before the kernel ends
// a process because there isn't, and that programs don't stand still waiting
// for it.
//
// What counts is the limit that bites first: of this process's cgroup or of one
// above it (version 2, memory.max and memory.high), and without any, the
// machine's memory. Used is what the kernel can't simply take back: caches of
// files don't count, on a healthy server they fill whatever there is. The
// kernel counts MemAvailable in the same way. Swap isn't looked at.
//
// Standing still is memory pressure (PSI): the share of the last ten seconds in
// which programs waited for memory.
//
// The files and their formats are described in the kernel's documentation:
// admin-guide/cgroup-v2.rst, accounting/psi.rst and filesystems/proc.rst.
// Cgroups of version 1 are not read, so that a limit set by one isn't seen.
// Linux only. Elsewhere every run fails and says so.
package memorycheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Defaults of a [Bounds]'s fields, in percent.
const (
	DefaultMaxUsed = 95
	// DefaultMaxStalled is where systemd-oomd, left untuned, begins to kill
	// (oomd.conf(5), DefaultMemoryPressureLimit). A server that does nothing for
	// 6 of 10 seconds fails its users.
	DefaultMaxStalled = 60
)

// Bounds are what must not be exceeded. All are percentages, from 0 to 100, of
// which 100 is never exceeded and so switches a bound off. The zero value is a
// good choice. It must not be changed once its Run is in use, which may then be
// called from any goroutine.
type Bounds struct {
	// MaxUsed is how much of the limit may be used. Zero means [DefaultMaxUsed].
	MaxUsed float64

	// MaxStalled is for how much of the last ten seconds all programs of the
	// cgroup may have stood still at once ("full avg10"). Zero means
	// [DefaultMaxStalled], or no bound where the kernel has no figures.
	MaxStalled float64

	// MaxSomeStalled is the same for at least one program ("some avg10"). Zero
	// means 100: one program that waits is often no harm.
	MaxSomeStalled float64

	root string // what stands for "/"; for tests
}

// Run looks once. It goes into health.Check's Run.
func (b Bounds) Run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, percent := range []float64{b.MaxUsed, b.MaxStalled, b.MaxSomeStalled} {
		if !(percent >= 0 && percent <= 100) { // not a number is neither
			return fmt.Errorf("a bound is %v %%: it must be from 0 to 100", percent)
		}
	}
	f := files{root: b.root}
	budgets, err := f.budgets()
	if err != nil {
		return fmt.Errorf("no figures of memory: %w", err)
	}
	p, err := f.pressure()
	wanted := bound(b.MaxStalled) || bound(b.MaxSomeStalled)
	if err != nil && (wanted || !errors.Is(err, errNoPressure)) {
		return fmt.Errorf("no figures of memory pressure: %w", err)
	}
	return b.judge(budgets, p)
}

// bound reports whether a percentage was set, and can be exceeded.
func bound(percent float64) bool { return percent > 0 && percent < 100 }

// budget is an amount of memory that programs share.
type budget struct {
	what        string // "512 MiB limit (memory.max of cgroup /app)"
	used, total uint64 // in bytes; total is above zero
}

func (b budget) percent() float64 { return 100 * float64(b.used) / float64(b.total) }

// pressure is a share of time, in percent. Its zero value is none.
type pressure struct{ some, full float64 }

// judge compares the figures with the bounds and reports all that is wrong, of
// several budgets the worst.
func (b Bounds) judge(budgets []budget, p pressure) error {
	maxUsed := cmp.Or(b.MaxUsed, DefaultMaxUsed)
	maxFull, maxSome := cmp.Or(b.MaxStalled, DefaultMaxStalled), cmp.Or(b.MaxSomeStalled, 100)

	var problems []string
	worst := budgets[0]
	for _, other := range budgets[1:] {
		if other.percent() > worst.percent() {
			worst = other
		}
	}
	if used := worst.percent(); used > maxUsed {
		problems = append(problems, fmt.Sprintf("%.3g %% of the %s is used, more than %g %%", used, worst.what, maxUsed))
	}
	if p.full > maxFull {
		problems = append(problems, fmt.Sprintf("all programs waited for memory for %.3g %% of the last 10 s, more than %g %%", p.full, maxFull))
	}
	if p.some > maxSome {
		problems = append(problems, fmt.Sprintf("a program waited for memory for %.3g %% of the last 10 s, more than %g %%", p.some, maxSome))
	}
	if problems == nil {
		return nil
	}
	return errors.New(strings.Join(problems, "; "))
}
