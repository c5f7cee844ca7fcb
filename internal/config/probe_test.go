package config_test

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/traffic"
)

// probesOf are the probes that a configuration describes, and the requests of app checks,
// which are alike.
func probesOf(f *config.File) []probe.Probe {
	var list []probe.Probe
	if f.Agent != nil {
		for _, c := range f.Agent.Checks {
			if c.App != nil {
				list = append(list, probe.Probe{
					Protocol: probe.HTTP, Address: "127.0.0.1:8000", Host: c.App.Host, Path: c.App.Path,
					Timeout: c.Timeout, Matcher: c.App.Status,
				})
			}
		}
	}
	if f.Balance == nil {
		return list
	}
	for _, g := range f.Balance.TargetGroups {
		h := g.HealthCheck
		for _, address := range g.Targets {
			if host, _, err := net.SplitHostPort(address); err == nil && h.Port != 0 {
				address = net.JoinHostPort(host, strconv.Itoa(h.Port))
			}
			list = append(list, probe.Probe{
				Protocol: probe.Protocol(h.Protocol), Address: address, Host: h.Host, Path: h.Path,
				Timeout: h.Timeout, Matcher: h.Matcher,
			})
		}
	}
	return list
}

// checkAccepted checks what must hold for any configuration that is called valid: its
// probes can be sent, and its networks can match a peer.
func checkAccepted(t *testing.T, f *config.File) {
	t.Helper()
	for _, p := range probesOf(f) {
		if err := p.Validate(); err != nil {
			t.Errorf("the configuration is valid, but not its probe %+v: %v", p, err)
		}
	}
	var networks []netip.Prefix
	if f.Balance != nil {
		networks = append(networks, f.Balance.TrustedProxies...)
	}
	if f.Agent != nil {
		networks = append(networks, f.Agent.TrustedNetworks...)
		networks = append(networks, f.Agent.TrustedProxies...)
		checkGateway(t, f.Agent)
	}
	for _, n := range networks {
		if n.Addr().Is4In6() {
			t.Errorf("the network %v is accepted as it stands and matches nobody", n)
		}
	}
}

// checkGateway checks what the gateway relies on.
func checkGateway(t *testing.T, a *config.Agent) {
	t.Helper()
	if a.App == "" {
		for _, c := range a.Checks {
			if c.App != nil {
				t.Errorf("the check %s is of an app that a sidecar does not know", c.Name)
			}
		}
		if a.HTTPSRedirect || a.Traffic != nil || a.Hosts != nil {
			t.Error("a sidecar redirects, watches traffic or knows hosts")
		}
		return
	}
	if socket, isSocket := strings.CutPrefix(a.App, "unix:"); isSocket {
		if !filepath.IsAbs(socket) || filepath.Clean(socket) != socket {
			t.Errorf("app %q is no path of a socket", a.App)
		}
	} else if u, err := url.Parse(a.App); err != nil || u.Scheme != "http" || u.User != nil || u.Host != strings.TrimPrefix(a.App, "http://") || u.Port() == "" {
		t.Errorf("app %q is not http, a host and a port: %+v, %v", a.App, u, err)
	}
	if a.HTTPSRedirect && (a.Hosts == nil || a.Hosts.String() == "" || len(a.TrustedProxies) == 0) {
		t.Error("visitors are redirected without hosts or proxies")
	}
	if w := a.Traffic; w != nil {
		policy := traffic.Policy{Window: w.Window, MinRequests: w.MinRequests, Warn: w.Warn, Fail: w.Fail}
		if err := policy.Validate(); err != nil {
			t.Errorf("the configuration is valid, but not its traffic: %v", err)
		}
	}
}

// FuzzProbe: whatever target, host and path a file may have, probes and app checks with them can be sent.
func FuzzProbe(f *testing.F) {
	targets := []string{"10.0.0.5:80", "web-1:80", "[::1]:80", "[fe80::1%eth0]:80", "[fe80::1%a b]:80", "[fe80::1%a/b]:80", "[fe80::1%25eth0]:80", "we?b:80", "u@web:80", "wéb:80"}
	hosts := []string{"", "mysite.com", "mysite.com:8080", "10.0.0.5", "[::1]:80", "fe80::1%a b", "[fe80::1%a b]", "[[10.0.0.5", "a@b", "a b", "mü.example", "a?b", "a\\b"}
	paths := []string{"/", "/a?b=c", "/a%20b", "/ges\u00fcnd", "/a b", "/a#b", "/a\u007f", "/\u0085", "a", "//"}
	for _, target := range targets {
		f.Add(target, "", "/")
	}
	for _, host := range hosts {
		f.Add("web-1:80", host, "/")
	}
	for _, path := range paths {
		f.Add("web-1:80", "", path)
	}
	f.Fuzz(func(t *testing.T, target, host, path string) {
		yaml := "balance:\n  listeners: [{address: \":80\"}]\n  target_groups:\n    web:\n      targets: [" + strconv.Quote(target) + "]\n" +
			"      health_check: {path: " + strconv.Quote(path) + "}\n"
		if host != "" {
			yaml = strings.TrimSuffix(yaml, "}\n") + ", host: " + strconv.Quote(host) + "}\n"
		}
		yaml += "agent:\n  app: http://127.0.0.1:8000\n  checks: [{app: {path: " + strconv.Quote(path) + "}}]\n"
		if host != "" {
			yaml = strings.TrimSuffix(yaml, "}}]\n") + ", host: " + strconv.Quote(host) + "}}]\n"
		}
		if file, err := config.Parse("x", []byte(yaml), testOptions); err == nil {
			checkAccepted(t, file)
		}
	})
}
