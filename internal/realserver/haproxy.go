package realserver

import (
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// haproxyConfig is the configuration above the caller's: its defaults hold for
// the caller's sections unless those bring their own.
const haproxyConfig = `global
	maxconn 1000
	stats socket %s mode 600 level admin
	log stdout format raw daemon

defaults
	mode http
	log global
	option httplog
	timeout connect 5s
	timeout client 30s
	timeout server 30s

%s
`

// HAProxyServer is a running HAProxy: a Server that can also be asked what it
// thinks of the servers behind it. Command and Stat must be called from the
// goroutine of the test.
type HAProxyServer struct{ *Server }

// HAProxy starts HAProxy with the given sections of its configuration:
// frontends, backends and what belongs to them. In them {addr} stands for
// Addr, and must be where one of the frontends listens:
//
//	realserver.HAProxy(t, `
//	frontend visitors
//		bind {addr}
//		default_backend web
//	backend web
//		option httpchk
//		server one 127.0.0.1:8080 check inter 200ms`)
//
// It answers when HAProxy returns, its servers may not have been checked yet.
// It logs requests for Queries, unless a section says no log.
func HAProxy(t TB, config string) *HAProxyServer {
	t.Helper()
	haproxy := programs(t, "HAProxy", "haproxy", "haproxy")[0]
	if !strings.Contains(config, "{addr}") {
		t.Fatalf("realserver: start HAProxy: the configuration has no {addr} to listen on:\n%s", config)
	}
	return &HAProxyServer{start(t, kind{
		name:    "HAProxy",
		debian:  "haproxy",
		users:   []string{"haproxy"},
		prepare: func(*Server) error { return nil },
		command: func(s *Server) (*exec.Cmd, error) {
			sections := strings.ReplaceAll(config, "{addr}", s.Addr())
			if err := s.writeFile("haproxy.cfg", fmt.Sprintf(haproxyConfig, haproxySocket(s), sections)); err != nil {
				return nil, err
			}
			return exec.Command(haproxy, "-db", "-f", "haproxy.cfg"), nil
		},
		ready: func(s *Server) error {
			// All addresses are bound before the first of them is served.
			_, err := haproxyAsk(s, "show info")
			return err
		},
		dsn:       func(s *Server) string { return "http://" + s.Addr() },
		queryLog:  logName,
		statement: haproxyRequest,
	})}
}

// Command sends one command to HAProxy's stats socket, at the level admin, and
// returns the answer: "show servers state" or "set server web/one state drain",
// see "Unix Socket commands" in its management guide.
func (h *HAProxyServer) Command(command string) string {
	h.t.Helper()
	answer, err := haproxyAsk(h.Server, command)
	if err != nil {
		h.t.Fatalf("realserver: tell HAProxy %q: %v", command, err)
	}
	return answer
}

// Stat returns what "show stat" says of a server in a backend, by the names of
// its columns: "status" is UP, DOWN, DRAIN and the like, "stot" counts
// connections. BACKEND in place of the server stands for the backend itself,
// FRONTEND for a frontend.
func (h *HAProxyServer) Stat(proxy, server string) map[string]string {
	h.t.Helper()
	answer := h.Command("show stat")
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# "))).ReadAll()
	if err != nil || len(lines) == 0 {
		h.t.Fatalf("realserver: HAProxy's statistics: cannot read %q: %v", answer, err)
	}
	for _, line := range lines[1:] {
		if line[0] != proxy || line[1] != server {
			continue
		}
		columns := make(map[string]string, len(line))
		for i, column := range lines[0] {
			columns[column] = line[i]
		}
		return columns
	}
	h.t.Fatalf("realserver: HAProxy knows no %s/%s:\n%s", proxy, server, answer)
	return nil
}

func haproxySocket(s *Server) string { return filepath.Join(s.dir, "stats") }

// haproxyAsk sends a command to the stats socket, which answers and closes.
func haproxyAsk(s *Server, command string) (string, error) {
	const limit = 2 * time.Second
	conn, err := net.DialTimeout("unix", haproxySocket(s), limit)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// haproxyRequest finds the request line in a line of the log, whose format is
// HAProxy's HTTP log: the last field, in quotes.
var haproxyRequest = regexp.MustCompile(`(?m)"([^"]*)"$`)
