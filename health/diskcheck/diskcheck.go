// Package diskcheck checks that a filesystem has space left and can be written
// to.
//
// A full disk, one without inodes and one that turned read-only look well to
// every check that only reads. This one asks the filesystem for its figures
// and, with Writable, writes for real.
//
// The figures come from statfs(2), which can't be interrupted: on a network
// filesystem whose server is gone it hangs for as long as that server is. Run
// then does not return at the end of its context, on purpose: a run that was
// left behind would be joined by another each interval. The registry of package
// health copes: the check is red at its timeout, and isn't started again until
// the hung run has returned.
//
// Linux only. Elsewhere every run fails and says so.
package diskcheck

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Defaults of a [Filesystem]'s bounds. They are small: a server is of no use
// without any space, and of full use with little. To be warned early is the
// business of monitoring.
const (
	DefaultMinBytes  = 100 << 20
	DefaultMinInodes = 1000
)

// Filesystem is what is looked at, and what must be left of it. It must not be
// changed once its Run is in use, which may then be called from any goroutine.
type Filesystem struct {
	// Path is a file or directory of the filesystem. With Writable it must be a
	// directory. Required.
	Path string

	// MinBytes and MinPercent are the free space below which the check fails, in
	// bytes and in percent (0 to 100). Both count when both are set. With
	// neither, MinBytes is [DefaultMinBytes]. Free is what a program has that is
	// not root's, as df shows it.
	MinBytes   uint64
	MinPercent float64

	// MinInodes and MinInodesPercent are the same for inodes, of which each file
	// needs one. With neither, MinInodes is [DefaultMinInodes]. A filesystem that
	// makes inodes as it needs them (btrfs) has no figure, and passes.
	MinInodes        uint64
	MinInodesPercent float64

	// Writable also creates a small file in the directory Path, writes it
	// through to the disk and removes it. It is the sure way to see a read-only
	// filesystem: since Linux 6.12, ext4 that has met an error refuses to write
	// but no longer calls itself read-only.
	// (https://lkml.iu.edu/hypermail/linux/kernel/2501.2/06382.html)
	Writable bool
}

// Free returns a check of the filesystem at path with the default bounds. It
// goes into health.Check's Run.
func Free(path string) func(context.Context) error { return Filesystem{Path: path}.Run }

// Run looks once. It goes into health.Check's Run.
func (f Filesystem) Run(ctx context.Context) error {
	if err := f.validate(); err != nil {
		return err
	}
	u, err := statfs(f.Path)
	if err != nil {
		return fmt.Errorf("%s: no figures of the filesystem: %w", f.Path, err)
	}
	if err := f.judge(u); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil || !f.Writable {
		return err
	}
	if err := write(f.Path); err != nil {
		return fmt.Errorf("%s: can't be written to: %w", f.Path, err)
	}
	return nil
}

func (f Filesystem) validate() error {
	if f.Path == "" {
		return errors.New("no path: name a file or directory of the filesystem to check")
	}
	for _, percent := range []float64{f.MinPercent, f.MinInodesPercent} {
		if !(percent >= 0 && percent <= 100) { // not a number is neither
			return fmt.Errorf("%s: a bound is %v %%: it must be from 0 to 100", f.Path, percent)
		}
	}
	return nil
}

// usage is what statfs says of a filesystem.
type usage struct {
	bytes, inodes share
	readOnly      bool
}

// share is how much there is of something and how much of it is free.
type share struct{ total, free uint64 }

// judge compares the figures with the bounds and reports all that is wrong.
func (f Filesystem) judge(u usage) error {
	var problems []string
	if u.readOnly {
		problems = append(problems, "the filesystem is read-only")
	}
	if u.bytes.total == 0 {
		problems = append(problems, "the filesystem has no size, so it is no disk: name a path on one")
	} else {
		problems = append(problems, u.bytes.judge("", size, f.MinBytes, f.MinPercent, DefaultMinBytes)...)
	}
	if u.inodes.total > 0 {
		problems = append(problems, u.inodes.judge("inodes ", count, f.MinInodes, f.MinInodesPercent, DefaultMinInodes)...)
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", f.Path, strings.Join(problems, "; "))
}

// judge says what is wrong when less than the bounds is free. With no bound it
// is the default that counts.
func (s share) judge(what string, show func(uint64) string, least uint64, leastPercent float64, byDefault uint64) []string {
	if least == 0 && leastPercent == 0 {
		least = byDefault
	}
	percent := 100 * float64(s.free) / float64(s.total)
	var wanted []string
	if s.free < least {
		wanted = append(wanted, show(least))
	}
	if percent < leastPercent {
		wanted = append(wanted, fmt.Sprintf("%g %%", leastPercent))
	}
	if wanted == nil {
		return nil
	}
	return []string{fmt.Sprintf("%s of %s %sare free (%.1f %%), at least %s must be",
		show(s.free), show(s.total), what, percent, strings.Join(wanted, " and "))}
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

// size shows a number of bytes in the unit that suits it.
func size(n uint64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return count(n) + " bytes"
	}
	f := float64(n) / (1 << 10)
	unit := 0
	for f >= 999.5 { // three digits are shown
		f /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.3g %ciB", f, units[unit])
}
