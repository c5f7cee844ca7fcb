package execcheck_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/execcheck"
)

// limit is more than any test needs, and much less than what its programs
// would take that must be killed.
const limit = 30 * time.Second

// script is a check whose processes can be told from all others by their
// environment.
func script(text string) execcheck.Program {
	return execcheck.Program{
		Path: "/bin/sh", Args: []string{"-c", text},
		Env: []string{"PATH=/usr/bin:/bin", "MARK=" + rand.Text()},
	}
}

// left lists the processes of a check that still run.
func left(t *testing.T, p execcheck.Program) []int {
	t.Helper()
	mark := []byte(p.Env[len(p.Env)-1])
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, file := range files {
		environ, err := os.ReadFile(file) // empty for a zombie, an error for one that is gone
		if err == nil && bytes.Contains(environ, mark) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// nothingLeft waits until every process of the check is gone: a signal takes
// effect a moment after it was sent.
func nothingLeft(t *testing.T, p execcheck.Program) {
	t.Helper()
	eventually(t, "no process of the check is left", func() bool { return len(left(t, p)) == 0 })
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}

func run(t *testing.T, p execcheck.Program, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return p.Run(ctx)
}

func TestStatus(t *testing.T) {
	tests := []struct {
		name, script string
		want         string // empty means a pass
	}{
		{"passes", "exit 0", ""},
		{"passes and talks", "echo all well; echo really >&2", ""},
		{"warning of Nagios", "echo 'LOAD WARNING - 5.2'; exit 1", "sh: exit status 1: LOAD WARNING - 5.2"},
		{"critical", "echo out; echo err >&2; exit 2", "sh: exit status 2: out err"},
		{"silent", "exit 3", "sh: exit status 3"},
		{"signal", "kill -SEGV $$", "sh: signal: segmentation fault"},
		{"one line", `printf 'a\r\n\n\tb \033[31mred\0\n'; exit 1`, "sh: exit status 1: a b [31mred"},
		{"not UTF-8", `printf 'a\377\376b'; exit 1`, "sh: exit status 1: ab"},
		{"nothing to read", "cat; exit 1", "sh: exit status 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := script(test.script)
			err := run(t, p, limit)
			if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.Success()) {
				t.Errorf("%v holds no status", err)
			}
			nothingLeft(t, p)
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	p := script("head -c 4095 /dev/zero | tr '\\0' x; printf éé; head -c 1000000 /dev/zero | tr '\\0' y; exit 1")
	err := run(t, p, limit)
	want := "sh: exit status 1: " + strings.Repeat("x", 4095) + " …" // and half a letter, left out
	if err == nil || err.Error() != want {
		t.Errorf("error is %.100v… of %d bytes, want %d", err, len(fmt.Sprint(err)), len(want))
	}
	exactly := script("head -c 4096 /dev/zero | tr '\\0' x; exit 1")
	if err := run(t, exactly, limit); err == nil || strings.HasSuffix(err.Error(), "…") {
		t.Errorf("4096 bytes are said to be cut: …%.10s", fmt.Sprint(err)[4096:])
	}
}

func TestProgramsThatDoNotEnd(t *testing.T) {
	tests := map[string]string{
		"sleeps":                 "exec sleep 1000",
		"ignores signals":        "trap '' TERM INT HUP QUIT; while :; do sleep 1000; done",
		"has children":           "sleep 1000 & (trap '' TERM; sleep 1000 | cat) & wait",
		"has stopped":            "sleep 1000 & kill -STOP $$",
		"waits for a child":      "sh -c 'sh -c \"sleep 1000; exit 1\"; exit 1'",
		"floods":                 "exec yes",
		"floods in its children": "yes & yes >&2 & wait",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := filepath.Join(t.TempDir(), "begun")
			p := script("echo begun; : >" + begun + "; " + text)
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			eventually(t, "the program has begun", func() bool {
				_, err := os.Stat(begun)
				return err == nil
			})
			cancel()
			err := <-ended
			const want = "sh was killed, its time was over: context canceled: begun"
			if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > len(want)+4100 {
				t.Errorf("error is %.200v… of %d bytes, want it to begin %q", err, len(fmt.Sprint(err)), want)
			}
			nothingLeft(t, p)
		})
	}
}

func TestTimeout(t *testing.T) {
	p := script("sleep 1000")
	err := run(t, p, 100*time.Millisecond)
	if want := "sh was killed, its time was over: context deadline exceeded"; !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
		t.Errorf("error is %v, want %q", err, want)
	}
	nothingLeft(t, p)
}

// The program's end decides, not that of its children, which go with it.
func TestChildrenThatHoldTheOutput(t *testing.T) {
	for text, want := range map[string]string{
		"sleep 1000 & exit 0": "<nil>",
		"trap '' TERM; (while :; do sleep 1000; done) & exit 0": "<nil>",
		"sleep 1000 & echo no; exit 1":                          "sh: exit status 1: no",
	} {
		p := script(text)
		if got := fmt.Sprint(run(t, p, limit)); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
		nothingLeft(t, p)
	}
}

// A child in a session of its own is out of reach, but holds nothing up.
func TestChildThatLeavesTheGroup(t *testing.T) {
	p := script("setsid sleep 1000 & until grep -qs sleep /proc/$!/comm; do :; done; exit 0")
	err := run(t, p, limit)
	escaped := left(t, p)
	for _, pid := range escaped {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	if err != nil || len(escaped) != 1 {
		t.Errorf("error is %v and processes %v are left, want a pass and the one that left the group", err, escaped)
	}
	nothingLeft(t, p)
}

// reaper is the environment variable of a test binary that orphans are given
// to.
const reaper = "INSERVICE_TEST_REAPER"

// In a container the agent may be process 1, which inherits all orphans.
func TestOrphansAreReaped(t *testing.T) {
	if os.Getenv(reaper) != "1" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), reaper+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("as the reaper of orphans: %v\n%s", err, out)
		}
		return
	}
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER, prctl(2)
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		t.Fatal(errno)
	}
	p := script("sleep 1000 & sleep 1000 & (sleep 1000 & exit) & exit 0")
	if err := run(t, p, limit); err != nil {
		t.Error(err)
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("child %d was left to wait for (%v)", pid, err)
	}
}

func TestEnvironmentAndDirectory(t *testing.T) {
	t.Setenv("SECRET_OF_THE_AGENT", "hidden")
	dir := t.TempDir()
	p := execcheck.Program{Path: "/bin/sh", Args: []string{"-c", `echo "$PWD $A [$SECRET_OF_THE_AGENT]"; exit 1`}}
	p.Dir, p.Env = dir, []string{"A=own"}
	if got, want := fmt.Sprint(run(t, p, limit)), "sh: exit status 1: "+dir+" own []"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Dir, p.Env = "", nil
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(run(t, p, limit)), "sh: exit status 1: "+here+" [hidden]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNoShell(t *testing.T) {
	p := execcheck.Program{Path: "ls", Args: []string{"$(echo /)", ";", "true"}}
	if err := run(t, p, limit); err == nil || !strings.Contains(err.Error(), "$(echo /)") {
		t.Errorf("error is %v, want that no file is named $(echo /)", err)
	}
}

func TestProgramThatCannotRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "data")
	if err := os.WriteFile(file, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		p    execcheck.Program
		want string
		is   error
	}{
		{execcheck.Program{}, "no program to run: set its path", nil},
		{execcheck.Program{Path: "no-such-program"}, "can't run no-such-program: ", exec.ErrNotFound},
		{execcheck.Program{Path: dir + "/none"}, "can't run none: ", os.ErrNotExist},
		{execcheck.Program{Path: file}, "can't run data: ", os.ErrPermission},
		{execcheck.Program{Path: "/bin/sh", Dir: dir + "/none"}, "can't run sh: ", os.ErrNotExist},
	}
	for _, test := range tests {
		err := run(t, test.p, limit)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%+v gave %v, want %q, %v", test.p, err, test.want, test.is)
		}
	}
}

func TestEndedContextStartsNothing(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := execcheck.Program{Path: "touch", Args: []string{made}}
	if err := p.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
	if _, err := os.Stat(made); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the program ran: %v", err)
	}
}

func ExampleProgram() {
	check := health.Check{
		Name: "queue",
		Run: execcheck.Program{
			Path: "/bin/sh",
			Args: []string{"-c", "echo '7 letters are stuck'; exit 2"},
		}.Run,
		Interval: time.Minute,
		Timeout:  10 * time.Second,
	}
	fmt.Println(check.Run(context.Background()))
	// Output: sh: exit status 2: 7 letters are stuck
}
