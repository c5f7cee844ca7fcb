package cli

import (
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/accesslog"
	"github.com/inservice/inservice/internal/agent"
	"github.com/inservice/inservice/internal/control"
	"github.com/inservice/inservice/internal/gateway"
	"github.com/inservice/inservice/internal/tongue"
	"github.com/inservice/inservice/internal/traffic"
)

// sameExported compares the exported fields of two structs.
func sameExported(t *testing.T, got, want any, leaveOut ...string) {
	t.Helper()
	g, w := reflect.ValueOf(got).Elem(), reflect.ValueOf(want).Elem()
fields:
	for i := range g.NumField() {
		field := g.Type().Field(i)
		for _, name := range leaveOut {
			if field.Name == name {
				continue fields
			}
		}
		if field.IsExported() && !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			t.Errorf("%s is %v, want %v", field.Name, g.Field(i), w.Field(i))
		}
	}
}

// Every key of the agent reaches what runs, and none another's place: each has
// another value than by default, and another than its neighbours.
func TestMakeAgent(t *testing.T) {
	file := parse(t, `
agent:
  listen: "127.0.0.1:7001"
  path: /up
  token: t0ken
  trusted_networks: [192.0.2.0/24]
  app: http://127.0.0.1:7002
  trusted_proxies: [198.51.100.0/24]
  allowed_hosts: [mysite.example, self]
  https_redirect: true
  hsts: 3h
  hsts_subdomains: true
  exempt_paths: [/robots.txt]
  response_timeout: 7s
  traffic: {window: 11s, min_requests: 12, warn: 13%, fail: 14%}
  access_log: json
  startup_grace: 15s
  kubernetes: true
  admin: "127.0.0.1:7003"
  grpc: "127.0.0.1:7004"
  haproxy: "127.0.0.1:7005"
  haproxy_weights: true
  tcp: "127.0.0.1:7006"
  control: /run/mysite/agent.sock
  unhealthy_threshold: 16
  drain_timeout: 17s
  imdsv1: true
`)
	log := slog.New(slog.DiscardHandler)
	checks := []health.Check{{Name: "c"}}
	visitors := &accesslog.Log{Format: accesslog.JSON, Writer: io.Discard}
	hosts, err := allowedhosts.Parse("mysite.example", "self")
	if err != nil {
		t.Fatal(err)
	}
	got := makeAgent(file.Agent, checks, visitors, log)
	sameExported(t, got, &agent.Agent{
		Listen: "127.0.0.1:7001", Path: "/up", Token: "t0ken", TrustedNetworks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Checks: checks, StartupGrace: 15 * time.Second, Kubernetes: true,
		Admin: "127.0.0.1:7003", GRPC: "127.0.0.1:7004", Words: "127.0.0.1:7005", Weights: true, Port: "127.0.0.1:7006",
		Control: "/run/mysite/agent.sock", UnhealthyThreshold: 16, DrainTimeout: 17 * time.Second,
		Systemd: &tongue.Systemd{Log: log}, Version: version(), Log: log,
	}, "Gateway", "Own")
	sameExported(t, got.Gateway, &gateway.Gateway{
		App: "http://127.0.0.1:7002", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
		Hosts: &hosts, Own: got.Own, Redirect: true, HSTS: 3 * time.Hour, HSTSSubdomains: true, ExemptPaths: []string{"/robots.txt"},
		Traffic: &traffic.Policy{Window: 11 * time.Second, MinRequests: 12, Warn: 0.13, Fail: 0.14}, AccessLog: visitors,
		ResponseTimeout: 7 * time.Second, Log: log,
	})
	if got.Own == nil || !got.Own.AllowIMDSv1 {
		t.Errorf("self is looked for by %+v, want a finder that may ask by version 1", got.Own)
	}
}

// What is not configured is not there.
func TestMakeAgentOfLittle(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	sidecar := makeAgent(parse(t, "agent: {checks: []}").Agent, nil, nil, log)
	if sidecar.Gateway != nil || sidecar.Own != nil || !sidecar.Kubernetes {
		t.Errorf("a sidecar has gateway %v, own addresses %v, Kubernetes' paths %t; want none, none, and them", sidecar.Gateway, sidecar.Own, sidecar.Kubernetes)
	}
	front := makeAgent(parse(t, `agent: {app: "http://127.0.0.1:1", allowed_hosts: [mysite.example], traffic: "off", control: "off"}`).Agent, nil, nil, log)
	if front.Own != nil || front.Gateway.Own != nil || front.Gateway.Traffic != nil || front.Control != "" || front.Kubernetes {
		t.Errorf("a gateway without self, traffic and control has %v, %v, %v, %q; Kubernetes' paths %t",
			front.Own, front.Gateway.Own, front.Gateway.Traffic, front.Control, front.Kubernetes)
	}
}

func TestControlSocket(t *testing.T) {
	for listen, want := range map[string]string{
		":8086":          "agent-8086.sock",
		"127.0.0.2:8086": "agent-127.0.0.2-8086.sock",
	} {
		a := makeAgent(parse(t, `agent: {checks: [], listen: "`+listen+`"}`).Agent, nil, nil, slog.New(slog.DiscardHandler))
		if want = filepath.Join(control.Dir(), want); a.Control != want || !a.ControlOptional {
			t.Errorf("listening on %s the socket is %s, optional %t; want %s, optional", listen, a.Control, a.ControlOptional, want)
		}
	}
}
