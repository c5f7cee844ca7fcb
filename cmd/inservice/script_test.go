package main_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/inservice/inservice/internal/cli"
)

// patience bounds every wait of a script. What is waited for takes a second or
// two; a loaded machine may take longer.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"inservice": func() { os.Exit(cli.Run(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir) // a cache folder, for the demo's socket
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"terminate":  terminate,
			"freeport":   freeport,
			"answers":    answers,
			"eventually": eventually,
		},
	})
}

// exits CODE COMMAND ARGS… runs a command that must end with that exit status.
// stdout and stderr can be looked at afterwards.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status is %d, want %d", got, want)
	}
}

// terminate FILE sends SIGTERM, as an init system does, to the process whose id
// the file holds.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate FILE")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	process, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(process.Signal(syscall.SIGTERM))
}

// freeport NAME… sets each variable to a port of 127.0.0.1 that is free.
func freeport(ts *testscript.TestScript, neg bool, args []string) {
	var held []net.Listener // until all are chosen, so that they differ
	for _, name := range args {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		held = append(held, listener)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		ts.Check(err)
		ts.Setenv(name, port)
	}
	for _, listener := range held {
		ts.Check(listener.Close())
	}
}

// answers URL CODE [REGEXP] waits until a GET, on a connection of its own, is
// answered like that. CODE "refused" waits until nobody accepts.
func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: answers URL CODE [REGEXP]")
	}
	body := regexp.MustCompile("")
	if len(args) > 2 {
		body = regexp.MustCompile(args[2])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{
		Timeout: time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var last string
	await(ts, func() bool {
		response, err := client.Get(args[0])
		if err != nil {
			last = "refused"
			return args[1] == last
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		last = strconv.Itoa(response.StatusCode) + " " + string(text)
		return strconv.Itoa(response.StatusCode) == args[1] && body.Match(text)
	}, func() string {
		return args[0] + " answered " + strconv.Quote(last) + ", want " + strings.Join(args[1:], " ")
	})
}

// eventually REGEXP COMMAND ARGS… runs a command again and again until its output
// matches.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually REGEXP COMMAND ARGS...")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	var last string
	await(ts, func() bool {
		ts.Exec(args[1], args[2:]...) // it may fail until what it asks is up
		last = ts.ReadFile("stdout")
		return want.MatchString(last)
	}, func() string { return "the output never matched " + args[0] + "; it was last\n" + last })
}

func await(ts *testscript.TestScript, done func() bool, failure func() string) {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-poll.C {
		if done() {
			return
		}
	}
	ts.Fatalf("%s", failure())
}
