// Package realserver starts real PostgreSQL, MariaDB, nginx, Redis and HAProxy
// servers, a Django site and, by a Recipe, any other server for tests and
// benches, and makes them fail the way real servers do: frozen, killed, started
// again.
//
// Each server lives in a temporary directory of its own, on a loopback port of
// its own, and belongs to the test that started it: when the test ends, the
// server and its directory are gone. They are gone too when the test binary is
// killed or dies of its own -timeout, because a guard process ends what it
// left behind (see guard).
//
// A server whose program is not installed skips the test and names the Debian
// package to install. With INSERVICE_REQUIRE_SERVERS=1 in the environment it
// fails the test instead, so that a CI run cannot pass by skipping. Linux only;
// elsewhere every test that asks for a server is skipped in the same way.
//
// The package signals only processes that it started itself and their
// children, by process id.
//
// A Server may be used from several goroutines, but those of its methods that
// can fail the test (Freeze, Thaw, Kill, Restart, CPUTime and Queries, and what
// HAProxyServer and DjangoServer add) must be called from the goroutine of the
// test, as t.Fatal must.
package realserver

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RequireVariable is the environment variable that, set to 1, makes a server
// that cannot be had fail the test instead of skipping it.
const RequireVariable = "INSERVICE_REQUIRE_SERVERS"

// startLimit bounds the time from starting a server to its first answer. A
// server needs about a second; the rest is for a machine that is busy.
const startLimit = time.Minute

// logName is the file in the server's directory that its output goes to.
const logName = "log"

// TB is what a server needs of the test that it belongs to. *testing.T and
// *testing.B are such; a bench program can bring its own. Fatalf and Skipf do
// not return, as those of testing don't.
type TB interface {
	Helper()
	Cleanup(func()) // to run at the end, the last one first
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Server is one running server. Postgres, MariaDB, Nginx, Redis, HAProxy,
// Django and Start make it.
type Server struct {
	t    TB
	kind kind
	dir  string // everything of the server; owned by the user that it runs as
	user *user  // nil: runs as this process does
	port int

	guard *guard // ends the server if this process can't

	mu     sync.Mutex
	proc   *process // nil when the server is not running
	frozen bool
}

// kind is what differs between the servers.
type kind struct {
	name      string // for people: "PostgreSQL"
	debian    string // the Debian package that brings it
	users     []string
	prepare   func(*Server) error              // makes the directory ready, once
	command   func(*Server) (*exec.Cmd, error) // one start of the server, in the foreground
	ready     func(*Server) error              // nil when the server answers as it will answer clients
	dsn       func(*Server) string
	queryLog  string         // the file in dir where the server notes each statement
	statement *regexp.Regexp // finds one there; its first group is the text
	killed    func(*Server)  // tidies what SIGKILL leaves outside dir; may be nil
}

// Addr returns the server's address, 127.0.0.1:port. It stays the same over
// Kill and Restart.
func (s *Server) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// DSN returns what a client needs to connect, with the password: a
// postgres:// URL for PostgreSQL, a go-sql-driver/mysql DSN for MariaDB, a
// redis:// URL for Redis, an http:// URL without a path for nginx, HAProxy and
// Django. The password is a new one for each server, so a test can look for it
// where it must not appear.
func (s *Server) DSN() string { return s.kind.dsn(s) }

// Freeze stops every process of the server where it stands (SIGSTOP). The
// kernel still accepts connections for it, and nothing answers them: what a
// client of a hung or swapped-out server sees. No effect on a frozen server.
func (s *Server) Freeze() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		s.t.Fatalf("realserver: freeze %s: it is not running", s.kind.name)
	}
	if _, err := s.proc.freeze(); err != nil {
		s.t.Fatalf("realserver: freeze %s: %v", s.kind.name, err)
	}
	s.frozen = true
}

// Thaw lets a frozen server go on (SIGCONT). No effect on one that is not
// frozen.
func (s *Server) Thaw() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || !s.frozen {
		return
	}
	if err := s.proc.thaw(); err != nil {
		s.t.Fatalf("realserver: thaw %s: %v", s.kind.name, err)
	}
	s.frozen = false
}

// Kill ends every process of the server at once (SIGKILL), frozen or not, and
// returns when they are gone: connections to Addr are refused from then on.
// The data stay for Restart. No effect on a server that is not running.
func (s *Server) Kill() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.kill(); err != nil {
		s.t.Fatalf("realserver: kill %s: %v", s.kind.name, err)
	}
}

// Restart starts the server again in the same directory, on the same port,
// and returns when it answers. One that is still running is killed first.
func (s *Server) Restart() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.kill(); err != nil {
		s.t.Fatalf("realserver: restart %s: %v", s.kind.name, err)
	}
	if err := s.launch(); err != nil {
		s.t.Fatalf("realserver: restart %s: %v", s.kind.name, err)
	}
}

// Log returns what the server has written to its error log since its first
// start, or why that cannot be read.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Queries returns how many statements whose first line contains match the
// server has received since its first start; for nginx, HAProxy and Django, how
// many requests whose request line contains it. The server's own log is
// counted, so the figure holds whatever the client believes that it sent.
// Preparing a statement does not count, each run of it does. What a database
// answered is in the log; what Redis or a web server answered may arrive there
// a moment after its answer.
func (s *Server) Queries(match string) int {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, s.kind.queryLog))
	if err != nil {
		s.t.Fatalf("realserver: count queries of %s: %v", s.kind.name, err)
	}
	n := 0
	for _, found := range s.kind.statement.FindAllStringSubmatch(string(b), -1) {
		if strings.Contains(found[1], match) {
			n++
		}
	}
	return n
}

// CPUTime returns the processor time that the processes of the server which
// run now have used, in user and kernel mode together. The kernel counts it in
// hundredths of a second.
func (s *Server) CPUTime() time.Duration {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		s.t.Fatalf("realserver: processor time of %s: it is not running", s.kind.name)
	}
	used, err := s.proc.cpuTime()
	if err != nil {
		s.t.Fatalf("realserver: processor time of %s: %v", s.kind.name, err)
	}
	return used
}

// start makes a server of the kind and returns it when it answers.
func start(t TB, k kind) *Server {
	t.Helper()
	s := &Server{t: t, kind: k}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.remove(); err != nil {
			t.Fatalf("realserver: stop %s: %v", k.name, err)
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.create(); err != nil {
		t.Fatalf("realserver: start %s: %v", k.name, err)
	}
	return s
}

// create makes the directory and starts the server for the first time.
func (s *Server) create() error {
	var err error
	if s.user, err = unprivileged(s.kind.users); err != nil {
		return err
	}
	if s.dir, err = makeDir(s.kind.debian, s.user); err != nil {
		return err
	}
	if s.guard, err = startGuard(s.dir); err != nil {
		return err
	}
	if err := s.kind.prepare(s); err != nil {
		return err
	}
	// Between finding a port free and the server's taking it, somebody else
	// can: then the server ends, and another port is tried.
	for range 3 {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.launch(); err == nil {
			return nil
		}
		if err := s.kill(); err != nil {
			return err
		}
	}
	return err
}

// remove ends all that create began, as far as create came.
func (s *Server) remove() error {
	if s.dir == "" {
		return nil
	}
	if err := s.kill(); err != nil {
		return err
	}
	err := os.RemoveAll(s.dir)
	if s.guard != nil {
		err = cmp.Or(err, s.guard.dismiss())
	}
	return err
}

// launch starts the server and waits for its first answer. On error a process
// may be left for kill.
func (s *Server) launch() error {
	cmd, err := s.kind.command(s)
	if err != nil {
		return err
	}
	if s.proc, err = s.spawn(cmd); err != nil {
		return err
	}
	deadline := time.Now().Add(startLimit)
	for {
		err := s.kind.ready(s)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer within %v: %w\n%s", startLimit, err, tail(s.Log()))
		}
		select {
		case <-s.proc.done:
			return fmt.Errorf("it ended at once: %v\n%s", cmd.ProcessState, tail(s.Log()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// run runs a program of the server's to its end, such as the one that makes
// an empty database.
func (s *Server) run(path string, args ...string) error {
	cmd := exec.Command(path, args...)
	p, err := s.spawn(cmd)
	if err != nil {
		return err
	}
	<-p.done
	s.guard.watch(0)
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %v\n%s", path, cmd.ProcessState, tail(s.Log()))
	}
	return nil
}

// spawn starts cmd in the server's directory, as the server's user, with its
// output going to the log and under the eyes of the guard.
func (s *Server) spawn(cmd *exec.Cmd) (*process, error) {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	if err := s.user.own(log.Name()); err != nil {
		return nil, err
	}
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = log, log
	// Nothing of the environment reaches the server (PGDATA, MYSQL_HOME and the
	// like would change it), and its messages are in English.
	// What the kind of server sets itself comes last and wins.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir, "LC_ALL=C"}, cmd.Env...)
	p, err := startProcess(cmd, s.user)
	if err != nil {
		return nil, err
	}
	s.guard.watch(cmd.Process.Pid)
	return p, nil
}

// kill ends the server's processes, if there are any.
func (s *Server) kill() error {
	if s.proc == nil {
		return nil
	}
	if err := s.proc.kill(); err != nil {
		return err
	}
	s.guard.watch(0)
	s.proc, s.frozen = nil, false
	if s.kind.killed != nil {
		s.kind.killed(s)
	}
	return nil
}

func (s *Server) logFile() string { return filepath.Join(s.dir, logName) }

// writeFile writes a file that the server can read into its directory.
func (s *Server) writeFile(name, content string) error {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return s.user.own(path)
}

// tail returns the end of a log, where the reason usually is.
func tail(log string) string {
	const limit = 2000
	if len(log) > limit {
		log = "…" + log[len(log)-limit:]
	}
	return strings.TrimSpace(log)
}
