package tongue

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/realserver"
)

// A real HAProxy follows every word. Its server "light" has the weight that
// HAProxy gives by default, "steady" too, but asks an agent that is told so.
func TestHAProxyFollows(t *testing.T) {
	b := newBoard(starting)
	h := &Herald{Snapshot: b.snapshot}
	app := listen(t, "127.0.0.1:0")
	agent, stop := serve(t, (&AgentCheck{Herald: h}).Run)
	steady, _ := serve(t, (&AgentCheck{Herald: h, Steady: true}).Run)
	server := "check inter 100ms agent-check agent-inter 50ms agent-send \"how are you\\n\" agent-addr 127.0.0.1 agent-port"
	haproxy := realserver.HAProxy(t, fmt.Sprintf(`
frontend visitors
	bind {addr}
	default_backend web
backend web
	server one %[1]v weight 100 %[2]s %[3]s
	server light %[1]v %[2]s %[3]s
	server steady %[1]v %[2]s %[4]s
`, app.Addr(), server, portOf(t, agent), portOf(t, steady)))

	stat := func(name, column string) string {
		t.Helper()
		return haproxy.Stat("web", name)[column]
	}
	want := func(status, weight, agent string) {
		t.Helper()
		eventually(t, fmt.Sprintf("status %q, weight %s, agent %s (it is %v)", status, weight, agent, haproxy.Stat("web", "one")), func() bool {
			return stat("one", "status") == status && stat("one", "weight") == weight && stat("one", "agent_status") == agent
		})
	}

	want("DOWN (agent)", "100", "L7STS")
	b.set(pass)
	want("UP", "100", "L7OK")
	b.set(warn)
	want("UP", "50", "L7OK")
	// Why weight matters and what Steady is for: half of 1 is 0, and no new session.
	eventually(t, "the server with the default weight gets nothing", func() bool { return stat("light", "weight") == "0" })
	eventually(t, "the steady one goes on", func() bool { return stat("steady", "weight") == "1" && stat("steady", "status") == "UP" })
	b.set(fail)
	want("DOWN (agent)", "50", "L7STS")
	if got := stat("one", "last_agt"); got != "via agent : down (fail)" {
		t.Errorf("HAProxy understood %q, want that it is down, with the reason", got)
	}
	b.set(health.Snapshot{Status: health.Warn, Results: []health.Result{{Check: "disk", Status: health.Warn}}})
	want("UP", "10", "L7OK")
	b.set(draining)
	want("DRAIN (agent)", "10", "CHECKED")
	b.set(pass) // it was taken back
	want("UP", "100", "L7OK")

	// "ready" lifts what was imposed by hand, unless the agent was disabled first.
	haproxy.Command("set server web/one state maint")
	want("UP", "100", "L7OK")
	haproxy.Command("disable agent web/one")
	haproxy.Command("set server web/one state maint")
	b.set(fail)
	eventually(t, "the others are asked on", func() bool { return stat("light", "status") == "DOWN (agent)" })
	if got := stat("one", "status"); got != "MAINT" {
		t.Errorf("with its agent disabled the server is %q, want MAINT", got)
	}
	haproxy.Command("enable agent web/one")
	haproxy.Command("set server web/one state ready")
	b.set(pass)
	want("UP", "100", "L7OK")

	// HAProxy keeps "drain" over an agent that has ended, until its successor is up.
	b.set(draining)
	want("DRAIN (agent)", "100", "CHECKED")
	stop()
	b.set(starting)
	successor := listen(t, agent)
	start(t, func(ctx context.Context) error { return (&AgentCheck{Herald: h}).Run(ctx, successor) })
	eventually(t, "the successor is asked", func() bool { return stat("one", "agent_status") == "L7STS" })
	b.set(pass)
	want("UP", "100", "L7OK")
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
