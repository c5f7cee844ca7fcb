// Package execcheck checks something by running a program, which tells by its
// exit status: 0 passes, anything else fails. That is the contract of the
// plugins of Nagios and of health checks of containers, but a warning (1) fails
// too, since a check has no third answer.
//
// A program's time is bounded by the context. When that ends, or when the
// program does, its whole process group is killed, so that no child of it goes
// on; only one that has left the group (setsid) gets away. What the program
// printed is in the error, up to 4 KiB of it; the rest is read and thrown away.
// Whoever may see the check's error sees that, so it should be no secret.
//
// No shell is started unless it is the program.
//
// Process groups are used on Linux. On other systems the program alone is
// killed.
package execcheck

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxOutput is how much of a program's output is kept.
const maxOutput = 4 << 10

// patience is how long to wait for the end of the output once the program and
// its group are dead. Only a process that left the group can hold it open.
const patience = 200 * time.Millisecond

// Program is what is run. The zero value of each field but Path is a good
// choice. It must not be changed once its Run is in use, which may then be
// called from any goroutine.
type Program struct {
	// Path is the program: a path, or a name to look for in PATH. To use a
	// shell, name it: Path "/bin/sh", Args "-c" and the script.
	Path string

	// Args are its arguments, without its name.
	Args []string

	// Env is its environment, each "NAME=value". Nil means that of this process,
	// with all secrets that are in it.
	Env []string

	// Dir is the directory it runs in. Empty means that of this process.
	Dir string
}

// Run runs the program once, with nothing to read. It goes into health.Check's
// Run. The error of a status that is not 0 holds an *[exec.ExitError]; that of
// a program out of time holds the context's.
func (p Program) Run(ctx context.Context) error {
	if p.Path == "" {
		return errors.New("no program to run: set its path")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var output head
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env, cmd.Dir = p.Env, p.Dir
	cmd.Stdout, cmd.Stderr = &output, &output // the same, so they share a pipe and a goroutine
	cmd.WaitDelay = patience
	killed, err := run(ctx, cmd)
	switch {
	case cmd.Process == nil:
		return fmt.Errorf("can't run %s: %w", p.name(), err)
	case killed:
		err = fmt.Errorf("%s was killed, its time was over: %w", p.name(), ctx.Err())
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // status 0, whoever holds the output open
		return nil
	default:
		err = fmt.Errorf("%s: %w", p.name(), err)
	}
	if said := output.String(); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return err
}

func (p Program) name() string { return filepath.Base(p.Path) }

// head keeps the beginning of what is written to it.
type head struct {
	kept []byte
	more bool
}

func (h *head) Write(b []byte) (int, error) {
	n := min(len(b), maxOutput-len(h.kept))
	h.kept = append(h.kept, b[:n]...)
	h.more = h.more || n < len(b)
	return len(b), nil
}

// String is one line: what separates words or lines is one space, what can't
// be shown is left out.
func (h *head) String() string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(h.kept), "")), " ")
	text = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if h.more {
		text += " …"
	}
	return text
}
