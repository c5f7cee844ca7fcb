// Package lab works a lab: a directory of broken and healthy real servers of
// which the truth is written down in tables. Its scripts start and stop one case
// at a time and print what a load balancer would ask of it. bench/lab and the
// matrix of conformance ask there.
package lab

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Starting a case means starting real servers, a JVM or a build among them.
const (
	startLimit = 3 * time.Minute
	stopLimit  = 30 * time.Second
)

// Lab is a lab at work. It is used by one goroutine.
type Lab struct {
	dir   string // absolute
	state string // where its scripts keep what they started; ours alone
}

// Open finds the lab at dir, and starts nothing. Close it.
func Open(dir string) (*Lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "start")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no lab: %w; say where it is with -lab DIR, for make with LAB=DIR", err)
	} else if err != nil {
		return nil, err
	}
	state, err := os.MkdirTemp("", "lab-")
	if err != nil {
		return nil, err
	}
	// Servers of the lab change to users of their own and must get through.
	return &Lab{dir: dir, state: state}, os.Chmod(state, 0o755)
}

// Close removes the state, which no case needs any more.
func (l *Lab) Close() { os.RemoveAll(l.state) }

// Script returns the text of the script that is a case. It lies in a folder of
// its own below a folder of cases.
func (l *Lab) Script(name string) ([]byte, error) {
	found, err := filepath.Glob(filepath.Join(l.dir, "cases", "*", name, "case.sh"))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: case %s has %d scripts, want one", l.dir, name, len(found))
	}
	return os.ReadFile(found[0])
}

// Table reads a table of the lab, in which values stand between tabs below a line
// of headings, into one map for each row. It must have the columns named.
func (l *Lab) Table(name string, columns ...string) ([]map[string]string, error) {
	path := filepath.Join(l.dir, name)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comma, r.LazyQuotes = '\t', true
	records, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	for _, column := range columns {
		if !slices.Contains(records[0], column) {
			return nil, fmt.Errorf("%s has no column %q, only %s", path, column, strings.Join(records[0], ", "))
		}
	}
	var rows []map[string]string
	for _, record := range records[1:] {
		row := make(map[string]string, len(record))
		for i, heading := range records[0] {
			row[heading] = record[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Start starts a case, or its variant without the fault, and waits until it is
// ready. It returns the last line that the script prints, which says what a load
// balancer would ask: "target=127.0.0.1:23456 path=/health lb=alb …".
func (l *Lab) Start(ctx context.Context, name string, mended bool) (map[string]string, error) {
	args := []string{name}
	if mended {
		args = append(args, "--fixed")
	}
	out, err := l.run(ctx, startLimit, "start", args...)
	if err != nil {
		return nil, err
	}
	said := fields(lastLine(out))
	if said["target"] == "" {
		return nil, fmt.Errorf("start %s printed %q, which names no target", name, out)
	}
	return said, nil
}

// fields reads "name=value name=value …".
func fields(line string) map[string]string {
	all := make(map[string]string)
	for word := range strings.FieldsSeq(line) {
		if name, value, ok := strings.Cut(word, "="); ok {
			all[name] = value
		}
	}
	return all
}

// Stop ends a case, started or half started: the lab's script knows what it
// started.
func (l *Lab) Stop(name string) {
	// Whoever interrupts us wants the servers gone all the more.
	l.run(context.Background(), stopLimit, "stop", name)
}

// run runs one of the lab's scripts and returns what it prints, trimmed.
func (l *Lab) run(ctx context.Context, limit time.Duration, script string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(l.dir, script), args...)
	cmd.Env = append(os.Environ(), "LAB_STATE="+l.state)
	// A Ctrl-C on the terminal is for us: the script would die with half of its
	// servers noted.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("%s %s: %w: %s", script, strings.Join(args, " "), err, lastLine(strings.TrimSpace(problems.String()+out.String())))
	}
	return strings.TrimSpace(out.String()), nil
}

// lastLine returns what follows the last line break of s.
func lastLine(s string) string { return s[strings.LastIndexByte(s, '\n')+1:] }
