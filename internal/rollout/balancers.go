package rollout

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/realserver"
)

// A Balancer is a kind of load balancer.
type Balancer struct {
	Name  string
	Probe string // how it learns that a server goes, for people
	start func(s *Site, servers []string) balancer
	// settle is how long an agent must have run before it leaves by itself: one that
	// was never asked takes itself for one that nobody asks only after a while.
	settle time.Duration
	// grudge is how long the balancer may keep away from a server because a request
	// failed there, however well the server is by then. Nobody can ask it about that.
	grudge time.Duration
}

// A balancer is a running one.
type balancer struct {
	address   string
	inService func(server string) bool // asks the balancer; always true for one that can't be asked
}

// Balancers that sites are measured behind. Each asks once a second, and has its own
// thresholds.
var (
	// Inservice is `inservice balance`.
	Inservice = Balancer{Name: "inservice balance", Probe: "probes, 2 failures", start: startInservice}
	// HAProxy asks with httpchk. It keeps connections and uses them for others'
	// requests too (http-reuse safe), which is its default.
	HAProxy = Balancer{Name: "HAProxy", Probe: "httpchk, fall 3", start: startHAProxy}
	// Nginx asks nothing, as its open source version can't: it learns from failures,
	// which it hides from those clients whose requests may be repeated. Each of its
	// workers learns for itself, and stays away for 10 s (fail_timeout). One that
	// stays away from all servers answers 502, so restarts must not be closer.
	Nginx = Balancer{Name: "nginx", Probe: "none", start: startNginx, settle: 31 * time.Second, grudge: 11 * time.Second}
)

// Balancers are all of them.
func Balancers() []Balancer { return []Balancer{Inservice, HAProxy, Nginx} }

func startInservice(s *Site, servers []string) balancer {
	address := freeAddress(s, len(servers))
	config := s.write("balance.yaml", fmt.Sprintf(`balance:
  listeners: [{address: "%s", target_group: web}]
  target_groups:
    web:
      targets: ["%s"]
      health_check: {path: %s, interval: 1s}
`, address, strings.Join(servers, `", "`), healthPath))
	log := filepath.Join(s.dir, "balance.log")
	process := s.run(log, "balance", "--config", config, "--log-format", "json")
	s.t.Cleanup(func() {
		process.Process.Kill()
		process.Wait()
	})
	s.await("it to listen", func() bool { return listens(address) })
	return balancer{address, func(server string) bool { return lastSaid(log, server) == "in service" }}
}

func startHAProxy(s *Site, servers []string) balancer {
	var lines strings.Builder
	for _, server := range servers {
		fmt.Fprintf(&lines, "	server %s %s check inter 1s\n", server, server)
	}
	haproxy := realserver.HAProxy(s.t, fmt.Sprintf(`
frontend visitors
	bind {addr}
	default_backend web
backend web
	balance roundrobin
	option httpchk GET %s
%s`, healthPath, lines.String()))
	return balancer{haproxy.Addr(), func(server string) bool { return haproxy.Stat("web", server)["status"] == "UP" }}
}

func startNginx(s *Site, servers []string) balancer {
	nginx := realserver.Nginx(s.t, fmt.Sprintf(`
	access_log off;
	upstream web {
		server %s;
		keepalive 16;
	}
	server {
		listen {addr};
		location / {
			proxy_pass http://web;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}`, strings.Join(servers, ";\n\t\tserver ")))
	return balancer{nginx.Addr(), func(string) bool { return true }}
}
