package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/config"
)

func Example() {
	// What --listen, --check-tcp and --check-http give, on top of a file.
	const yaml = `
agent:
  listen: ":8086"
  checks:
    - name: app
      http: {url: "http://127.0.0.1:8000/ready"}
`
	file, err := config.Parse("inservice.yaml", []byte(yaml), config.Options{},
		config.Override{Flag: "--listen", Key: "agent.listen", Value: "127.0.0.1:9000"},
		config.Override{Flag: "--check-tcp", Key: "agent.checks[]", Value: config.Check{
			TCP: &config.TCPCheck{Address: "127.0.0.1:6379"},
		}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(file.Agent.Listen)
	for _, c := range file.Agent.Checks {
		fmt.Println(c.Name, c.Interval, c.Timeout)
	}
	// Output:
	// 127.0.0.1:9000
	// app 5s 2s
	// tcp 5s 2s
}

func ExampleError() {
	const yaml = `balance:
  listeners: [{address: ":8080"}]
  target_groups:
    web:
      targets: ["10.0.0.5"]
      health_check: {intervall: 5s, timeout: 2}
`
	_, err := config.Parse("inservice.yaml", []byte(yaml), config.Options{})
	fmt.Println(err)
	// Output:
	// inservice.yaml:5:17: balance.target_groups.web.targets[0]: "10.0.0.5" has no port; add the port: 10.0.0.5:PORT
	// inservice.yaml:6:22: balance.target_groups.web.health_check.intervall: unknown key; did you mean interval?
	// inservice.yaml:6:46: balance.target_groups.web.health_check.timeout: 2 has no unit; write 2s
}

// TestFlagsOnly: without a file, flags alone make a whole configuration.
func TestFlagsOnly(t *testing.T) {
	sql := &config.SQLCheck{Driver: "sqlite3", DSN: "site.db"}
	check := func(flag string, c config.Check) config.Override {
		return config.Override{Flag: flag, Key: "agent.checks[]", Value: c}
	}
	file, err := config.Load("", testOptions,
		config.Override{Flag: "--listen", Key: "agent.listen", Value: ":0"},
		config.Override{Flag: "--drain-timeout", Key: "agent.drain_timeout", Value: time.Second},
		config.Override{Flag: "--trusted-network", Key: "agent.trusted_networks", Value: []string{"10.0.0.0/8", "::1"}},
		check("--check-sql", config.Check{SQL: sql}),
		check("--check-sql", config.Check{SQL: &config.SQLCheck{Driver: "sqlite", DSN: "other.db"}}),
		check("--check-http", config.Check{HTTP: &config.HTTPCheck{URL: "http://127.0.0.1/"}, Timeout: time.Minute}),
	)
	if err != nil {
		t.Fatal(err)
	}
	a := file.Agent
	if a.Listen != ":0" || a.Path != "/health_check" || a.DrainTimeout != time.Second {
		t.Errorf("listen %q, path %q, drain timeout %v; want :0, the default path, 1s", a.Listen, a.Path, a.DrainTimeout)
	}
	if diff := cmp.Diff("[10.0.0.0/8 ::1/128]", fmt.Sprint(a.TrustedNetworks)); diff != "" {
		t.Errorf("trusted networks (-want +got):\n%s", diff)
	}
	want := []config.Check{
		{Name: "sql", SQL: &config.SQLCheck{Driver: "sqlite", DSN: "site.db", Query: "select 1"}, Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1},
		{Name: "sql-2", SQL: &config.SQLCheck{Driver: "sqlite", DSN: "other.db", Query: "select 1"}, Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1},
		{Name: "http", HTTP: &config.HTTPCheck{URL: "http://127.0.0.1/", Status: codes(t, "200-299")}, Interval: 5 * time.Second, Timeout: time.Minute, HealthyThreshold: 1, UnhealthyThreshold: 1},
	}
	if diff := cmp.Diff(want, a.Checks, equal); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if sql.Query != "" || sql.Driver != "sqlite3" {
		t.Errorf("the caller's check was changed: %+v", sql)
	}
}

// TestFlagWins: a flag replaces what the file says, wrong or right.
func TestFlagWins(t *testing.T) {
	const yaml = "agent:\n  listen: nonsense\n  trusted_networks: [10.0.0.0/8, 192.0.2.0/24]\n  checks: [{name: tcp, http: {url: \"http://h\"}}]\n"
	file, err := config.Parse("x", []byte(yaml), testOptions,
		config.Override{Flag: "--listen", Key: "agent.listen", Value: ":1"},
		config.Override{Flag: "--trusted-network", Key: "agent.trusted_networks", Value: []string{"::1"}},
		config.Override{Flag: "--check-tcp", Key: "agent.checks[]", Value: config.Check{TCP: &config.TCPCheck{Address: "h:1"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	if file.Agent.Listen != ":1" || fmt.Sprint(file.Agent.TrustedNetworks) != "[::1/128]" {
		t.Errorf("listen %q, networks %v; want those of the flags", file.Agent.Listen, file.Agent.TrustedNetworks)
	}
	if got := file.Agent.Checks[1].Name; got != "tcp-2" {
		t.Errorf("name of the flag's check = %q, want tcp-2, as the file has a tcp", got)
	}
}

// TestGatewayFlags: flags append to lists, their own and the file's, and set switches.
func TestGatewayFlags(t *testing.T) {
	flags := []config.Override{
		{Flag: "--app", Key: "agent.app", Value: "http://127.0.0.1:8000"},
		{Flag: "--allowed-host", Key: "agent.allowed_hosts[]", Value: "mysite.com"},
		{Flag: "--allowed-host", Key: "agent.allowed_hosts[]", Value: "self"},
		{Flag: "--trusted-proxy", Key: "agent.trusted_proxies[]", Value: "10.0.0.0/8"},
		{Flag: "--https-redirect", Key: "agent.https_redirect", Value: true},
		{Flag: "--check-tcp", Key: "agent.checks[]", Value: config.Check{TCP: &config.TCPCheck{Address: "h:1"}}},
	}
	for _, tt := range []struct{ yaml, hosts, proxies, checks string }{
		{"", "mysite.com, self", "[10.0.0.0/8]", "tcp app"},
		{"agent:\n  app: unix:/run/a.sock\n  allowed_hosts: [b.example]\n  trusted_proxies: [\"::1\"]\n  https_redirect: false\n", "b.example, mysite.com, self", "[::1/128 10.0.0.0/8]", "tcp app"},
		{"agent:\n  checks: []\n", "mysite.com, self", "[10.0.0.0/8]", "tcp"},
		{"agent:\n  checks: [{name: web, app: }]\n", "mysite.com, self", "[10.0.0.0/8]", "web tcp"},
	} {
		name := "x.yaml"
		if tt.yaml == "" {
			name = ""
		}
		file, err := config.Parse(name, []byte(tt.yaml), testOptions, flags...)
		if err != nil {
			t.Errorf("%q: %v", tt.yaml, err)
			continue
		}
		a := file.Agent
		var checks []string
		for _, c := range a.Checks {
			checks = append(checks, c.Name)
		}
		got := []string{a.App, a.Hosts.String(), fmt.Sprint(a.TrustedProxies), strings.Join(checks, " "), fmt.Sprint(a.HTTPSRedirect)}
		want := []string{"http://127.0.0.1:8000", tt.hosts, tt.proxies, tt.checks, "true"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.yaml, diff)
		}
	}
}

// TestAppCheckFlag: a check of kind app that came from a flag stands for the default one.
func TestAppCheckFlag(t *testing.T) {
	page := config.Override{Flag: "--app-path", Key: "agent.checks[]", Value: config.Check{App: &config.AppCheck{Path: "/up"}}}
	port := config.Override{Flag: "--check-tcp", Key: "agent.checks[]", Value: config.Check{TCP: &config.TCPCheck{Address: "h:1"}}}
	for _, tt := range []struct {
		name, checks string
		flags        []config.Override
		want         string
	}{
		{"alone", "", []config.Override{page}, "app /up mysite.com 200-399 true"},
		{"with another", "", []config.Override{page, port}, "app /up mysite.com 200-399 true, tcp"},
		{"another alone", "", []config.Override{port}, "tcp, app / mysite.com 200-399 true"},
		{"beside the file's", ", checks: [{app: {status: 200-499}}]", []config.Override{page}, "app / mysite.com 200-499 true, app-2 /up mysite.com 200-399 true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			yaml := "agent: {app: \"http://h:1\", allowed_hosts: [mysite.com]" + tt.checks + "}"
			file, err := config.Parse("x", []byte(yaml), testOptions, tt.flags...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range file.Agent.Checks {
				line := c.Name
				if a := c.App; a != nil {
					line += fmt.Sprintf(" %s %s %v %t", a.Path, a.Host, a.Status, a.HTTPS)
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSwitchFlags: a switch takes a bool or its text, and wins over the file either way.
func TestSwitchFlags(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  bool
	}{{true, true}, {"true", true}, {false, false}, {"false", false}} {
		yaml := fmt.Sprintf("agent:\n  kubernetes: %t\n", !tt.want)
		file, err := config.Parse("x", []byte(yaml), testOptions, config.Override{Flag: "--kubernetes", Key: "agent.kubernetes", Value: tt.value})
		if err != nil {
			t.Errorf("%#v: %v", tt.value, err)
		} else if file.Agent.Kubernetes != tt.want {
			t.Errorf("%#v: kubernetes is %t, want %t", tt.value, file.Agent.Kubernetes, tt.want)
		}
	}
}

// TestGatewayFlagProblems: each names its flag, and what a sidecar does not do is told once.
func TestGatewayFlagProblems(t *testing.T) {
	app := config.Override{Flag: "--app", Key: "agent.app", Value: "http://u:" + secret + "@h:1"}
	host := config.Override{Flag: "--allowed-host", Key: "agent.allowed_hosts[]", Value: "mysite.com"}
	star := config.Override{Flag: "--allowed-host", Key: "agent.allowed_hosts[]", Value: "*.mysite.com"}
	proxy := config.Override{Flag: "--trusted-proxy", Key: "agent.trusted_proxies[]", Value: "x"}
	redirect := config.Override{Flag: "--https-redirect", Key: "agent.https_redirect", Value: "yes"}
	window := config.Override{Flag: "--window", Key: "agent.traffic.window", Value: "5s"}
	on := config.Override{Flag: "--https-redirect", Key: "agent.https_redirect", Value: true}
	goodApp := config.Override{Flag: "--app", Key: "agent.app", Value: "http://h:1"}
	appPath := func(path string) config.Override {
		return config.Override{Flag: "--app-path", Key: "agent.checks[]", Value: config.Check{App: &config.AppCheck{Path: path}}}
	}
	const needsApp = "needs agent.app; add --app http://127.0.0.1:8000"
	for _, tt := range []struct {
		name  string
		flags []config.Override
		want  []string
	}{
		{"gateway", []config.Override{app, host, star, proxy, redirect}, []string{
			`--trusted-proxy: "x" is not a network; write one such as 10.0.0.0/8, or an address`,
			`--https-redirect: "yes" is neither true nor false; write true or false`,
			"--app: the value holds a user name or a password; leave it out: the app gets what visitors send",
			`--allowed-host: "*.mysite.com": write .mysite.com, which stands for mysite.com and every name below it`,
		}},
		{"sidecar", []config.Override{host, star, window, appPath("/up")}, []string{
			"--allowed-host: " + needsApp, "--window: " + needsApp, "--app-path: " + needsApp,
		}},
		{"redirect alone", []config.Override{goodApp, on}, []string{
			"--https-redirect: needs agent.allowed_hosts: without it, a forged Host decides where visitors are sent; add --allowed-host mysite.com",
			"--https-redirect: needs agent.trusted_proxies: without it, all visitors seem to come by http, and are redirected for ever; add --trusted-proxy 10.0.0.0/8",
		}},
		{"a path that is none", []config.Override{goodApp, appPath("up")}, []string{
			`--app-path: "up" does not start with /; write a path such as /health_check`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Load("", testOptions, tt.flags...)
			if diff := cmp.Diff(tt.want, problemLines(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFlagProblems: problems of flags name the flag, come after those of the file, and
// never hold a DSN.
func TestFlagProblems(t *testing.T) {
	const yaml = "agent:\n  path: x\n"
	_, err := config.Parse("x", []byte(yaml), testOptions,
		config.Override{Flag: "--check-sql", Key: "agent.checks[]", Value: config.Check{SQL: &config.SQLCheck{Driver: "mysql", DSN: "u:" + secret + "@tcp(h)"}}},
		config.Override{Flag: "--listen", Key: "agent.listen", Value: "8086"},
		config.Override{Flag: "--token", Key: "agent.token", Value: secret + " x"},
		config.Override{Flag: "--drain-timeout", Key: "agent.drain_timeout", Value: "5"},
		config.Override{Flag: "--trusted-network", Key: "agent.trusted_networks[]", Value: "10.0.0.5/8"},
		config.Override{Flag: "--check-http", Key: "agent.checks[]", Value: config.Check{HTTP: &config.HTTPCheck{URL: "ftp://u:" + secret + "@h"}}},
		config.Override{Flag: "--check", Key: "agent.checks[]", Value: config.Check{}},
	)
	problems, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("error %v is no *config.Error", err)
	}
	var got []string
	for _, p := range problems.Problems {
		got = append(got, p.Key+" | "+p.String())
	}
	want := []string{
		`agent.path | 2:9: agent.path: "x" does not start with /; write a path such as /health_check`,
		`agent.drain_timeout | --drain-timeout: 5 has no unit; write 5s`,
		`agent.trusted_networks[0] | --trusted-network: 10.0.0.5/8 has bits beyond its length; write 10.0.0.0/8`,
		`agent.listen | --listen: "8086" has no port; write :8086`,
		`agent.token | --token: the token holds a space or a character beyond ASCII; a bearer token is letters, digits and signs`,
		`agent.checks[0].sql.dsn | --check-sql: the mysql DSN cannot be used: the / before the database name is missing; write mysql://user:password@host:3306/database or user:password@tcp(host:3306)/database`,
		`agent.checks[1].http.url | --check-http: does not start with http:// or https://; write an absolute URL such as http://127.0.0.1:8000/health`,
		`agent.checks[2] | --check: the check has nothing to ask; write one of sql, http, tcp, redis, grpc, disk, memory, exec, certificate, app`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error holds a secret: %v", err)
	}
}

func TestNothingAtAll(t *testing.T) {
	_, err := config.Load("", testOptions)
	if err == nil || err.Error() != "flags: there is neither a balance nor an agent section; write at least one of them" {
		t.Errorf("Load of nothing: %v", err)
	}
}

// TestOverrideMistakes: an override that does not fit is the program's mistake, not a
// problem of the configuration, and not a panic.
func TestOverrideMistakes(t *testing.T) {
	for _, o := range []config.Override{
		{Key: ""},
		{Key: "agent"},
		{Key: "agent.nope", Value: "x"},
		{Key: "agent.listen.deeper", Value: "x"},
		{Key: "agent.checks.name", Value: "x"},
		{Key: "agent.listen[]", Value: "x"},
		{Key: "agent.listen", Value: 5},
		{Key: "agent.listen", Value: nil},
		{Key: "agent.checks[]", Value: "x"},
		{Key: "agent.checks", Value: config.Check{}},
		{Key: "agent.trusted_networks", Value: "::1"},
		{Key: "agent.trusted_networks", Value: []int{1}},
	} {
		o.Flag = "--flag"
		_, err := config.Load("", testOptions, o)
		if err == nil || !strings.HasPrefix(err.Error(), "flag --flag: ") {
			t.Errorf("override %+v: error %v, want one of the flag", o, err)
		}
		if _, ok := errors.AsType[*config.Error](err); ok {
			t.Errorf("override %+v: a problem of the configuration, want a plain error", o)
		}
	}
}
