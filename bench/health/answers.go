package main

import (
	"fmt"
	"strings"

	"github.com/inservice/inservice/bench/internal/rig"
	"github.com/inservice/inservice/internal/realserver"
)

// measureAnswers prints a table for each way of asking.
func measureAnswers(r *rig.Rig, program string, rounds rig.Rounds) {
	database := realserver.Postgres(r)
	nginx := realserver.Nginx(r, `
		access_log off;
		keepalive_requests 1000000000;
		server { listen {addr}; location = `+rig.HealthPath+` { default_type text/plain; return 200 ok; } }`)
	page := nginx.DSN() + rig.HealthPath
	checks := []string{
		sqlCheck(database),
		fmt.Sprintf("{name: page, http: {url: %q}}", page),
		fmt.Sprintf("{name: other-page, http: {url: %q}}", page+"?other"),
		fmt.Sprintf("{name: web, tcp: {address: %q}}", nginx.Addr()),
		fmt.Sprintf("{name: socket, tcp: {address: %q}}", database.Addr()),
	}
	servers := []rig.Server{
		{Name: "nginx return 200 ok", URL: nginx.DSN(), CPU: nginx.CPUTime},
		r.Agent(program, "sidecar, 0 checks", sidecar()),
		r.Agent(program, "sidecar, 1 check", sidecar(checks[:1]...)),
		r.Agent(program, "sidecar, 5 checks", sidecar(checks...)),
		r.Agent(program, "gateway, its app check", fmt.Sprintf("agent: {listen: '{addr}', app: %q, control: off, drain_timeout: 0s, checks: [{app: {path: /health_check}}]}\n", nginx.DSN())),
	}
	r.Compare(rig.Comparison{Title: "kept connections", Path: rig.HealthPath, Servers: servers}, rounds)
	r.Compare(rig.Comparison{
		Title: "a new connection for each answer", Path: rig.HealthPath, Header: []string{"Connection: close"}, Servers: servers,
	}, rounds)
}

// sidecar is the configuration of an agent without an app.
func sidecar(checks ...string) string {
	return fmt.Sprintf("agent: {listen: '{addr}', control: off, drain_timeout: 0s, checks: [%s]}\n", strings.Join(checks, ", "))
}

func sqlCheck(database *realserver.Server) string {
	return fmt.Sprintf("{name: database, sql: {dsn: %q}}", database.DSN())
}
