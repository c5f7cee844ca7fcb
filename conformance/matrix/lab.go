package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/inservice/inservice/conformance/real"
)

// Starting a case means starting real servers, a JVM or a build among them.
const (
	startLimit = 3 * time.Minute
	stopLimit  = 30 * time.Second
)

// patience is the time-out of every prober, and of the dialects: shorter than
// those of the lab, as a matter of time.
const patience = 2 * time.Second

// lab is a lab at work.
type lab struct {
	dir   string // absolute
	state string // where its scripts keep what they started; ours alone
	cases []string
	// stateful are the cases in which a question changes the answer to the next.
	stateful map[string]bool
}

func open(dir string) (*lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(dir, "cases.tsv"))
	if err != nil {
		return nil, fmt.Errorf("there is no lab: %w; say where it is with -lab DIR, or make dialects LAB=DIR", err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("reading cases.tsv: %w", err)
	}
	l := &lab{dir: dir, stateful: make(map[string]bool)}
	for _, row := range rows[1:] {
		l.cases = append(l.cases, row[0])
		for i, heading := range rows[0] {
			switch row[i] {
			case "flapping", "cold_start", "rate_limited":
				l.stateful[row[0]] = l.stateful[row[0]] || heading == "cause"
			}
		}
	}
	if l.state, err = os.MkdirTemp("", "lab-"); err != nil {
		return nil, err
	}
	// Servers of the lab change to users of their own and must get through.
	return l, os.Chmod(l.state, 0o755)
}

func (l *lab) close() { os.RemoveAll(l.state) }

// start starts a case and returns what a load balancer would ask it.
func (l *lab) start(ctx context.Context, name string) (real.Question, error) {
	out, err := l.script(ctx, startLimit, "start", name)
	if err != nil {
		return real.Question{}, err
	}
	said := make(map[string]string)
	for word := range strings.FieldsSeq(out[strings.LastIndexByte(out, '\n')+1:]) {
		if key, value, ok := strings.Cut(word, "="); ok {
			said[key] = value
		}
	}
	q := real.Question{
		Kind: "http", Address: said["target"], TLS: said["proto"] == "https",
		Path: said["path"], Method: said["method"], Host: said["host"], Timeout: patience,
	}
	if q.Address == "" {
		return q, fmt.Errorf("start %s printed %q", name, out)
	}
	if strings.HasSuffix(said["lb"], "-tcp") || said["proto"] == "tcp" {
		q = real.Question{Kind: "tcp", Address: q.Address, Timeout: patience}
	}
	return q, nil
}

// stop ends a case, started or half started.
func (l *lab) stop(name string) {
	// Whoever interrupts us wants the servers gone all the more.
	l.script(context.Background(), stopLimit, "stop", name)
}

// script runs one of the lab's scripts and returns what it prints, trimmed.
func (l *lab) script(ctx context.Context, limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(l.dir, name), args...)
	cmd.Env = append(os.Environ(), "LAB_STATE="+l.state)
	// A Ctrl-C on the terminal is for us: the script would die with half of its
	// servers noted.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(problems.String()+out.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
