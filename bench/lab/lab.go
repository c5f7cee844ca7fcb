package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/sockets"
)

// Starting a case means starting real servers, a JVM or a build among them.
const (
	startLimit = 3 * time.Minute
	stopLimit  = 30 * time.Second
)

// lab is a lab at work.
type lab struct {
	dir   string // absolute
	state string // where its scripts keep what they started; ours alone
	cases []testCase
}

// open reads the lab at dir. It starts nothing.
func open(dir string) (*lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	cases, err := readCases(dir)
	if err != nil {
		return nil, err
	}
	state, err := os.MkdirTemp("", "lab-")
	if err != nil {
		return nil, err
	}
	// Servers of the lab change to users of their own and must get through.
	if err := os.Chmod(state, 0o755); err != nil {
		return nil, err
	}
	return &lab{dir: dir, state: state, cases: cases}, nil
}

// close removes the state, which no case needs any more.
func (l *lab) close() { os.RemoveAll(l.state) }

// try runs one case from its start to its end.
func (l *lab) try(ctx context.Context, c testCase, mended bool) outcome {
	defer l.stop(c.Name)
	line, err := l.start(ctx, c.Name, mended)
	if err != nil {
		return outcome{Case: c, Mended: mended, Problems: []string{"not started: " + err.Error()}}
	}
	q, timeout, err := question(line)
	if err != nil {
		return outcome{Case: c, Mended: mended, Problems: []string{err.Error()}}
	}
	began := time.Now()
	report := diagnose.Run(ctx, q)
	return judge(c, mended, report, time.Since(began), timeout)
}

// question is what `inservice probe` would ask with the flags that the line of
// a started case stands for.
func question(line string) (diagnose.Question, time.Duration, error) {
	f := fields(line)
	timeout, err := time.ParseDuration(f["timeout"] + "s")
	if err != nil {
		return diagnose.Question{}, 0, fmt.Errorf("%q: timeout: %w", line, err)
	}
	o := dialect.Options{Timeout: timeout}
	if !strings.HasSuffix(f["lb"], "-tcp") { // those only connect, and have nothing else to set
		o.Method, o.Matcher = f["method"], f["matcher"]
	}
	// Nor does the lab's haproxy send a Host, as its own text says; the host of the
	// line is the one that others would send.
	if host := f["host"]; f["lb"] != "haproxy" && o.Method != "" {
		o.Host = &host
	}
	p, err := dialect.New(f["lb"], f["proto"]+"://"+f["target"]+f["path"], o)
	if err != nil {
		return diagnose.Question{}, 0, fmt.Errorf("%q: %w", line, err)
	}
	machine, err := sockets.Read()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return diagnose.Question{}, 0, err
	}
	return diagnose.Question{Probe: p, Site: f["site"], Machine: machine}, timeout, nil
}

// fields reads "name=value name=value …".
func fields(line string) map[string]string {
	all := make(map[string]string)
	for _, word := range strings.Fields(line) {
		if name, value, ok := strings.Cut(word, "="); ok {
			all[name] = value
		}
	}
	return all
}

// start starts a case and returns the line that its script prints.
func (l *lab) start(ctx context.Context, name string, mended bool) (string, error) {
	args := []string{name}
	if mended {
		args = append(args, "--fixed")
	}
	out, err := l.script(ctx, startLimit, "start", args...)
	if err != nil {
		return "", err
	}
	return out[strings.LastIndexByte(out, '\n')+1:], nil
}

// stop ends a case, started or half started. The lab's script knows what it
// started.
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
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, lastLine(problems.String()+out.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
