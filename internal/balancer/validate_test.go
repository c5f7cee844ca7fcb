package balancer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/balancer"
	"github.com/inservice/inservice/internal/probe"
)

func TestOpenRejects(t *testing.T) {
	web := func() balancer.Group {
		return balancer.Group{
			Name:    "web",
			Targets: []balancer.Target{{Address: "10.0.0.5:80"}},
			Probe:   probe.Probe{Protocol: probe.HTTP},
		}
	}
	listener := balancer.Listener{Address: "127.0.0.1:0", Group: "web"}
	with := func(change func(*balancer.Group)) *balancer.Balancer {
		g := web()
		change(&g)
		return &balancer.Balancer{Groups: []balancer.Group{g}, Listeners: []balancer.Listener{listener}}
	}
	tests := []struct {
		name string
		b    *balancer.Balancer
		want []string // all in the error
	}{
		{"nothing", &balancer.Balancer{}, []string{"no listener"}},
		{"unknown group", &balancer.Balancer{Groups: []balancer.Group{web()}, Listeners: []balancer.Listener{{Address: ":0", Group: "wbe"}}}, []string{`no target group "wbe"`}},
		{"listener without port", &balancer.Balancer{Groups: []balancer.Group{web()}, Listeners: []balancer.Listener{{Address: "127.0.0.1", Group: "web"}}}, []string{`"127.0.0.1"`, "host:port"}},
		{"listener port too high", &balancer.Balancer{Groups: []balancer.Group{web()}, Listeners: []balancer.Listener{{Address: ":70000", Group: "web"}}}, []string{`":70000"`, "0 to 65535"}},
		{"negative drain timeout", &balancer.Balancer{DrainTimeout: -1, Groups: []balancer.Group{web()}, Listeners: []balancer.Listener{listener}}, []string{"drain timeout"}},
		{"negative parting time", &balancer.Balancer{PartingTime: -1, Groups: []balancer.Group{web()}, Listeners: []balancer.Listener{listener}}, []string{"parting time"}},
		{"parting time too long", &balancer.Balancer{PartingTime: time.Minute, Groups: []balancer.Group{web()}, Listeners: []balancer.Listener{listener}}, []string{"parting time 1m0s", "30s"}},
		{"two groups of a name", &balancer.Balancer{Groups: []balancer.Group{web(), web()}, Listeners: []balancer.Listener{listener}}, []string{`named "web"`}},
		{"no name", with(func(g *balancer.Group) { g.Name = "" }), []string{"target group 1 has no name", `no target group "web"`}},
		{"no targets", with(func(g *balancer.Group) { g.Targets = nil }), []string{`"web"`, "no targets"}},
		{"negative interval", with(func(g *balancer.Group) { g.Interval = -time.Second }), []string{"interval -1s"}},
		{"target without port", with(func(g *balancer.Group) { g.Targets[0].Address = "10.0.0.5" }), []string{`"10.0.0.5"`, "host:port"}},
		{"target without host", with(func(g *balancer.Group) { g.Targets[0].Address = ":80" }), []string{`":80"`, "no host"}},
		{"target port 0", with(func(g *balancer.Group) { g.Targets[0].Address = "10.0.0.5:0" }), []string{`"10.0.0.5:0"`, "1 to 65535"}},
		{"target port by name", with(func(g *balancer.Group) { g.Targets[0].Address = "10.0.0.5:http" }), []string{`"10.0.0.5:http"`, "1 to 65535"}},
		{"target twice", with(func(g *balancer.Group) { g.Targets = append(g.Targets, g.Targets[0]) }), []string{"10.0.0.5:80", "twice"}},
		{"probe without protocol", with(func(g *balancer.Group) { g.Probe.Protocol = "" }), []string{"10.0.0.5:80", "protocol"}},
		{"probe address", with(func(g *balancer.Group) { g.Targets[0].ProbeAddress = "10.0.0.5" }), []string{"probe of target 10.0.0.5:80", `"10.0.0.5"`}},
		{
			"all at once",
			with(func(g *balancer.Group) {
				g.Interval = -1
				g.Targets = []balancer.Target{{Address: "x"}, {Address: "y"}}
			}),
			[]string{"interval", `"x"`, `"y"`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.b.Open()
			if err == nil {
				t.Fatal("Open succeeded")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
			if len(tt.b.Addrs()) != 0 {
				t.Errorf("bound %v all the same", tt.b.Addrs())
			}
		})
	}
}
