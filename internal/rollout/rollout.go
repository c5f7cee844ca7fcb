// Package rollout restarts the servers of a site one after another, while clients
// visit it through a real load balancer, and counts what they lose.
//
// A server is an app with an agent in front of it. The agent is the program that
// users get, in a process of its own; the app lives in this process and goes on
// all the time, so whatever is lost is lost by the agent or by the balancer. A
// request is lost unless its answer is a whole 200 with the right body, and a POST
// that reaches an app twice counts too.
//
// A Site must be used by one goroutine, that of the test or bench. Linux only;
// elsewhere the test is skipped.
package rollout

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/inservice/inservice/internal/realserver"
)

const (
	// servers of a site: with one away and a second under suspicion there is still
	// one left.
	servers = 3
	// away is how long a server stays away: a moment would be over before a balancer
	// that was sent away too early has tried often enough to give up.
	away = 3 * time.Second
	// look is how often something is looked at that is waited for.
	look = 10 * time.Millisecond
	// patience bounds each wait for a server or a balancer. nginx stays away from a
	// server for 10 s after a failure.
	patience = 40 * time.Second
)

// Config is what a site is made of.
type Config struct {
	Program  string   // path of the inservice program
	Balancer Balancer // in front
	// Sleep is the fixed sleep that the agent's own way to leave is measured
	// against: the answer turns red, Sleep passes, and the server closes as servers
	// usually do: it accepts nothing more, closes idle connections and finishes
	// what is in flight. Zero: the agent leaves by itself, at SIGTERM.
	Sleep time.Duration
}

// A Site is three servers, a load balancer and its clients.
type Site struct {
	ctx      context.Context
	t        realserver.TB
	config   Config
	dir      string
	ledger   *ledger
	servers  []*server
	clients  *clients
	balancer balancer
}

// Open starts a site and its clients, and returns when the balancer sends to each
// of the servers. All ends with the test, or with ctx.
func Open(ctx context.Context, t realserver.TB, c Config) *Site {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skipf("needs real servers on loopback addresses of their own, as Linux has them")
	}
	dir, err := os.MkdirTemp("", "inservice-rollout-")
	if err != nil {
		t.Fatalf("rollout: a folder: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Site{ctx: ctx, t: t, config: c, dir: dir, ledger: newLedger()}
	var addresses []string
	for i := range servers {
		s.servers = append(s.servers, newServer(s, i))
		addresses = append(addresses, s.servers[i].address)
	}
	for _, server := range s.servers {
		server.start()
	}
	for _, address := range addresses {
		// A balancer that knows no probes would take them all for dead, and stay away.
		s.await("the agent to listen", func() bool { return listens(address) })
	}
	s.balancer = c.Balancer.start(s, addresses)
	s.clients = visit(s.balancer.address, s.ledger)
	t.Cleanup(s.clients.stop)
	for _, server := range s.servers {
		s.await("visitors to come", func() bool { return server.visits.Load() > 0 })
	}
	return s
}

// A Restart is how long one server was away.
type Restart struct {
	Drain  time.Duration // from the order to leave to the end of the process
	Return time.Duration // from its new start until the balancer sends visitors again
}

// Restart has server number n, counted round and round, leave, stay away for three
// seconds, and come back. It returns when visitors arrive there again.
func (s *Site) Restart(n int) Restart {
	s.t.Helper()
	server := s.servers[n%servers]
	if s.config.Sleep == 0 {
		s.await("the server to settle", func() bool { return time.Since(server.started) >= s.config.Balancer.settle })
	}
	began := time.Now()
	server.leave(s.config.Sleep)
	r := Restart{Drain: time.Since(began)}
	began = time.Now()
	s.await("the time to start again", func() bool { return time.Since(began) >= away })
	began = time.Now()
	server.start()
	s.await("visitors to come back", func() bool { return server.visits.Load() > 0 })
	s.await("the balancer to take the server back", func() bool { return s.balancer.inService(server.address) })
	s.await("the balancer to forget", func() bool { return time.Since(began) >= s.config.Balancer.grudge })
	r.Return = time.Since(began)
	return r
}

// Losses is what the clients have lost so far.
func (s *Site) Losses() []Loss { return s.clients.losses() }

// Tally is what the clients saw of a site.
type Tally struct {
	Requests int
	Losses   []Loss
}

// Finish ends the clients, each after its request, and returns what they saw.
func (s *Site) Finish() Tally {
	s.clients.stop()
	return Tally{s.clients.count(), append(s.clients.losses(), s.ledger.repeated()...)}
}

// Log is what a server's agent has written, all its processes after another.
func (s *Site) Log(n int) string {
	text, err := os.ReadFile(s.servers[n%servers].logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Site) await(what string, ready func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	for !ready() {
		select {
		case <-ctx.Done():
			s.t.Fatalf("rollout: waiting behind %s for %s: %v", s.config.Balancer.Name, what, ctx.Err())
		case <-time.After(look):
		}
	}
}

func (s *Site) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("rollout: %s: %v", what, err)
	}
}

func (s *Site) write(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	s.must("a file", os.WriteFile(path, []byte(content), 0o600))
	return path
}
