package rig

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
)

// HealthPath is where agents answer health checks by default.
const HealthPath = "/health_check"

// startLimit bounds the time from an agent's start to its first 200.
const startLimit = 10 * time.Second

// Dir makes a folder that is there until the end.
func (r *Rig) Dir() string {
	dir, err := os.MkdirTemp("", "inservice-bench-")
	r.Must("a folder", err)
	r.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Build builds the program that users get, and returns its path.
func (r *Rig) Build() string {
	program := filepath.Join(r.Dir(), "inservice")
	build := exec.CommandContext(r.Context, "go", "build", "-o", program, "./cmd/inservice")
	if out, err := build.CombinedOutput(); err != nil {
		r.Fatalf("building inservice (run this from the module's root): %v\n%s", err, out)
	}
	return program
}

// Agent starts `inservice agent` with a configuration, and returns when it answers
// its health check with 200. In the configuration {addr} stands for where it
// listens.
func (r *Rig) Agent(program, name, config string) Server {
	address := r.freeAddress()
	file := filepath.Join(r.Dir(), "inservice.yaml")
	r.Must("a file", os.WriteFile(file, []byte(strings.ReplaceAll(config, "{addr}", address)), 0o600))

	ctx, end := context.WithCancel(r.Context)
	agent := exec.CommandContext(ctx, program, "agent", "--config", file, "--log-level", "error")
	agent.Stderr = os.Stderr
	agent.Cancel = func() error { return agent.Process.Signal(syscall.SIGTERM) }
	agent.WaitDelay = 5 * time.Second
	if err := agent.Start(); err != nil {
		end()
		r.Fatalf("starting %s: %v", name, err)
	}
	ended := make(chan struct{})
	go func() {
		agent.Wait()
		close(ended)
	}()
	r.Cleanup(func() {
		end()
		<-ended
	})
	s := Server{name, "http://" + address, func() time.Duration { return r.cpuTime(agent.Process.Pid) }}
	r.awaitOK(s, ended)
	return s
}

// freeAddress finds a port for a server that is started at once: nobody else looks
// for one here.
func (r *Rig) freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.Must("a free port", err)
	defer l.Close()
	return l.Addr().String()
}

func (r *Rig) awaitOK(s Server, ended <-chan struct{}) {
	deadline := time.Now().Add(startLimit)
	for {
		response, err := http.Get(s.URL + HealthPath)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			err = errors.New(response.Status)
		}
		if time.Now().After(deadline) {
			r.Fatalf("%s does not answer 200 within %v: %v", s.Name, startLimit, err)
		}
		select {
		case <-ended:
			r.Fatalf("%s ended before it answered 200: %v", s.Name, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// cpuTime is the processor time that a process has used, without its children,
// from proc(5): fields 14 and 15 of stat, in hundredths of a second on Linux.
func (r *Rig) cpuTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	r.Must("reading the processor time", err)
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		r.Fatalf("reading the processor time: short line %q", stat)
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		r.Must("reading the processor time", err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
