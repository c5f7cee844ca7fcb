package rollout

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/inservice/inservice/internal/agent"
)

// healthPath is what the balancers ask for.
const healthPath = "/health_check"

// A server is an app and the agent in front of it.
type server struct {
	site    *Site
	name    string
	app     *httptest.Server
	address string // of the agent; the same after each start
	visits  atomic.Int64
	started time.Time
	process *exec.Cmd // nil when it does not run
}

func newServer(s *Site, n int) *server {
	v := &server{site: s, name: "server" + strconv.Itoa(n+1), address: freeAddress(s, n)}
	v.app = httptest.NewServer(http.HandlerFunc(v.serve))
	s.t.Cleanup(v.app.Close)
	s.t.Cleanup(v.kill)
	return v
}

// freeAddress finds a port on a loopback address that nobody else has a reason to
// use: on 127.0.0.1 the port of a server that is away can become that of anybody's
// outgoing connection.
func freeAddress(s *Site, n int) string {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:0", 2+n))
	s.must("a free port", err)
	defer l.Close()
	return l.Addr().String()
}

// serve is the app. Its answers take their time, so that some are under way
// whenever something is closed.
func (v *server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(visitHeader) == "" {
		io.WriteString(w, "ok") // the agent's check
		return
	}
	v.visits.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the balancer or the agent has broken off; its client will tell
	}
	id := r.Header.Get(visitHeader)
	v.site.ledger.note(r.Method, id)
	time.Sleep(effort())
	io.WriteString(w, answerTo(id, len(body)))
}

func (v *server) logFile() string { return filepath.Join(v.site.dir, v.name+".log") }
func (v *server) control() string { return filepath.Join(v.site.dir, v.name+".sock") }

// start starts the agent. It does not wait for it: that is what the balancer is for.
func (v *server) start() {
	s := v.site
	drain := ""
	if s.config.Sleep > 0 {
		drain = "  drain_timeout: 0s\n" // red, sleep and close are ordered one by one, see leave
	}
	config := s.write(v.name+".yaml", fmt.Sprintf(`agent:
  listen: %s
  app: %s
  control: %s
%s  checks:
    - app: {path: /}
      interval: 1s
`, v.address, v.app.URL, v.control(), drain))
	v.process = s.run(v.logFile(), "agent", "--config", config)
	v.started = time.Now()
	v.visits.Store(0)
}

// leave ends the agent: by itself, or with a fixed sleep.
func (v *server) leave(sleep time.Duration) {
	s := v.site
	s.t.Helper()
	if sleep > 0 {
		_, err := agent.Client{Control: v.control()}.Drain(s.ctx)
		s.must("turning the answer red", err)
		time.Sleep(sleep)
	}
	s.must("telling the agent to end", v.process.Process.Signal(syscall.SIGTERM))
	err := v.process.Wait()
	v.process = nil
	s.must("the agent's end", err)
}

func (v *server) kill() {
	if v.process != nil {
		v.process.Process.Kill()
		v.process.Wait()
	}
}

// run starts the program, with its output going to the end of a log.
func (s *Site) run(logFile string, args ...string) *exec.Cmd {
	s.t.Helper()
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must("a log", err)
	defer log.Close() // the process has its own
	cmd := exec.CommandContext(s.ctx, s.config.Program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	endWithParent(cmd)
	s.must("starting inservice "+args[0], cmd.Start())
	return cmd
}
