package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/inservice/inservice/internal/realserver"
)

// interval is that of the checks: the agent's default.
const interval = 5 * time.Second

// failed ends a bench from any depth; run turns it into an exit status.
type failed string

// rig starts what is measured and ends it again. It is what realserver needs of
// a test.
type rig struct {
	ctx      context.Context
	cleanups []func()
	dir      string
	database *realserver.Server
	nginx    *realserver.Server
}

func (r *rig) Helper()                      {}
func (r *rig) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }
func (r *rig) Fatalf(f string, args ...any) { panic(failed(fmt.Sprintf(f, args...))) }
func (r *rig) Skipf(f string, args ...any)  { r.Fatalf(f, args...) }

func (r *rig) must(what string, err error) {
	if err != nil {
		r.Fatalf("%s: %v", what, err)
	}
}

func (r *rig) cleanup() {
	for len(r.cleanups) > 0 {
		last := r.cleanups[len(r.cleanups)-1]
		r.cleanups = r.cleanups[:len(r.cleanups)-1]
		last()
	}
}

// server is one row of the table.
type server struct {
	name string
	url  string
	cpu  func() time.Duration // used so far, by all its processes
}

// start starts every server: nginx and three agents.
func (r *rig) start() []server {
	dir, err := os.MkdirTemp("", "inservice-bench-")
	r.must("a folder", err)
	r.dir = dir
	r.Cleanup(func() { os.RemoveAll(dir) })

	build := exec.CommandContext(r.ctx, "go", "build", "-o", r.program(), "./cmd/inservice")
	if out, err := build.CombinedOutput(); err != nil {
		r.Fatalf("building inservice (run this from the module's root): %v\n%s", err, out)
	}
	r.database = realserver.Postgres(r)
	r.nginx = realserver.Nginx(r, `
		access_log off;
		server { listen {addr}; location = /health_check { default_type text/plain; return 200 ok; } }`)

	servers := []server{{"nginx return 200 ok", r.nginx.DSN() + "/health_check", r.nginx.CPUTime}}
	for _, checks := range []int{0, 1, 5} {
		name := fmt.Sprintf("agent, %d checks", checks)
		if checks == 1 {
			name = "agent, 1 check"
		}
		servers = append(servers, r.startAgent(name, checks))
	}
	return servers
}

func (r *rig) program() string { return filepath.Join(r.dir, "inservice") }

// startAgent starts an agent with the first of five checks, and waits for it to
// answer 200. The first is the one that asks the database.
func (r *rig) startAgent(name string, checks int) server {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	r.must("a free port", err)
	address := probe.Addr().String()
	probe.Close() // so that the agent can have it; nobody else looks for ports here

	file := filepath.Join(r.dir, "unchecked.yaml") // the checks come from flags
	r.must("a file", os.WriteFile(file, []byte("agent: {drain_timeout: 0s, checks: []}\n"), 0o600))
	args := []string{"agent", "--config", file, "--listen", address, "--log-level", "error"}
	five := [][2]string{
		{"--check-sql", r.database.DSN()},
		{"--check-http", r.nginx.DSN() + "/health_check"},
		{"--check-http", r.nginx.DSN() + "/health_check?again"},
		{"--check-tcp", r.nginx.Addr()},
		{"--check-tcp", r.database.Addr()},
	}
	for _, check := range five[:checks] {
		args = append(args, check[:]...)
	}
	agent := exec.CommandContext(r.ctx, r.program(), args...)
	agent.Stderr = os.Stderr
	agent.Cancel = func() error { return agent.Process.Signal(syscall.SIGTERM) }
	agent.WaitDelay = 5 * time.Second
	r.must("starting "+name, agent.Start())
	r.Cleanup(func() {
		agent.Process.Signal(syscall.SIGTERM)
		agent.Wait()
	})

	s := server{name, "http://" + address + "/health_check", func() time.Duration { return cpuTime(r, agent.Process.Pid) }}
	r.awaitOK(s)
	return s
}

func (r *rig) awaitOK(s server) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		response, err := http.Get(s.url)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			err = errors.New(response.Status)
		}
		if time.Now().After(deadline) {
			r.Fatalf("%s does not answer 200: %v", s.name, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// cpuTime is the processor time that a process has used, from proc(5): fields 14
// and 15 of stat, in hundredths of a second on Linux.
func cpuTime(r *rig, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	r.must("reading the processor time", err)
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		r.Fatalf("reading the processor time: short line %q", stat)
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		r.must("reading the processor time", err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
