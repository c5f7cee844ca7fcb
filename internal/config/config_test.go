package config_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/dsn"
	"github.com/inservice/inservice/internal/matcher"
)

func codes(t *testing.T, s string) matcher.Set {
	t.Helper()
	set, err := matcher.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func rules(t *testing.T, entries ...string) *allowedhosts.Rules {
	t.Helper()
	r, err := allowedhosts.Parse(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

// equal compares configurations; sets and prefixes are values compared by ==, and rules by
// their canonical form.
var equal = cmp.Options{
	cmp.Comparer(func(a, b allowedhosts.Rules) bool { return a.String() == b.String() }),
	cmp.Comparer(func(a, b matcher.Set) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

// testOptions: an environment of two variables, and DSNs judged by the real drivers.
var testOptions = config.Options{
	Getenv: func(name string) (string, bool) {
		value, found := map[string]string{
			"DATABASE_URL": "postgres://app:s3cr3t-9Zq@db.example/site",
			"HEALTH_TOKEN": "s3cr3t-9Zq",
			"EMPTY":        "",
			"TRICKY":       "a: [b\n#${HEALTH_TOKEN}",
			"FIVE":         "5s",
		}[name]
		return value, found
	},
	CheckDSN: dsn.Check,
	DriverOf: dsn.Driver,
}

func TestComplete(t *testing.T) {
	got, err := config.Load(filepath.Join("testdata", "complete.yaml"), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	want := &config.File{
		Balance: &config.Balance{
			Listeners: []config.Listener{{Address: ":8080", Protocol: "http", TargetGroup: "web"}},
			TargetGroups: []config.TargetGroup{{
				Name: "web", Targets: []string{"10.0.0.5:80", "10.0.0.6:80"}, FailOpen: true,
				HealthCheck: config.HealthCheck{
					Protocol: "http", Path: "/health_check", Host: "mysite.com",
					Interval: 5 * time.Second, Timeout: 2 * time.Second,
					HealthyThreshold: 2, UnhealthyThreshold: 2, Matcher: codes(t, "200"),
				},
			}},
			TrustedProxies: []netip.Prefix{
				netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32"),
			},
			DrainTimeout: 30 * time.Second,
		},
		Agent: &config.Agent{
			Listen: ":8086", Path: "/health_check", Token: "s3cr3t-9Zq",
			TrustedNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			App:             "http://127.0.0.1:8000",
			TrustedProxies:  []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			AllowedHosts:    []string{"self", ".mysite.com", "mysite.com", "10.0.0.0/8"},
			Hosts:           rules(t, "self", ".mysite.com", "mysite.com", "10.0.0.0/8"),
			HTTPSRedirect:   true, HSTS: 8760 * time.Hour, HSTSSubdomains: true,
			ExemptPaths:     []string{"/robots.txt"},
			ResponseTimeout: time.Minute,
			Traffic:         &config.Traffic{Window: 30 * time.Second, MinRequests: 20, Warn: 0.1, Fail: 0.5},
			AccessLog:       "combined",
			StartupGrace:    30 * time.Second,
			Kubernetes:      true,
			Admin:           "127.0.0.1:9086", GRPC: ":8087", HAProxy: ":8088", HAProxyWeights: true, TCP: ":8089",
			Control:            "/run/inservice/agent.sock",
			UnhealthyThreshold: 3,
			DrainTimeout:       15 * time.Second,
			IMDSv1:             true,
			Checks: []config.Check{
				{
					Name: "database", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 3, WarnOnly: true, Shared: true,
					SQL: &config.SQLCheck{Driver: "postgres", DSN: "postgres://app:s3cr3t-9Zq@db.example/site", Query: "select 1"},
				},
				{
					Name: "ready", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					HTTP: &config.HTTPCheck{URL: "http://127.0.0.1:8000/ready", Host: "mysite.com", Status: codes(t, "200-299")},
				},
				{
					Name: "tcp", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					TCP: &config.TCPCheck{Address: "127.0.0.1:6379"},
				},
				{
					Name: "redis", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					Redis: &config.RedisCheck{Address: "127.0.0.1:6379", Username: "app", Password: "s3cr3t-9Zq", Database: 1, TLS: true},
				},
				{
					Name: "grpc", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					GRPC: &config.GRPCCheck{Address: "127.0.0.1:50051", Service: "shop.Orders", Authority: "mysite.com", TLS: true},
				},
				{
					Name: "disk", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					Disk: &config.DiskCheck{
						Path: "/var/lib", MinFree: config.Amount{Percent: 5}, MinInodes: config.Amount{Number: 1000}, Writable: true,
					},
				},
				{
					Name: "memory", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					Memory: &config.MemoryCheck{MaxUsed: 95, MaxStalled: 60, MaxSomeStalled: 100},
				},
				{
					Name: "exec", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					Exec: &config.ExecCheck{Command: []string{"/usr/local/bin/check", "--fast"}, Dir: "/srv/site"},
				},
				{
					Name: "certificate", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					Certificate: &config.CertificateCheck{Address: "127.0.0.1:443", ServerName: "mysite.com", MinDays: 14, DatesOnly: true},
				},
				{
					Name: "renewed", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					Certificate: &config.CertificateCheck{File: "/etc/ssl/site.pem", ServerName: "mysite.com"},
				},
				{
					Name: "app", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
					App: &config.AppCheck{Path: "/?from=inservice", Host: "www.mysite.com", Status: codes(t, "200-399")},
				},
			},
		},
		Log: config.Log{Format: "text", Level: "info"},
	}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

// TestDefaults: what is left out has its documented default.
func TestDefaults(t *testing.T) {
	got, err := config.Load(filepath.Join("testdata", "balance.yaml"), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	want := &config.File{Balance: &config.Balance{
		Listeners: []config.Listener{{Address: "127.0.0.1:0", Protocol: "http", TargetGroup: "web"}},
		TargetGroups: []config.TargetGroup{{
			Name: "web", Targets: []string{"web-1.internal:8000", "[2001:db8::2]:8000"},
			HealthCheck: config.HealthCheck{
				Protocol: "tcp", Port: 8086, Path: "/", Interval: 90 * time.Second, Timeout: 2 * time.Second,
				HealthyThreshold: 2, UnhealthyThreshold: 2, Matcher: codes(t, "200"),
			},
		}},
		DrainTimeout: 30 * time.Second,
	}, Log: config.Log{Format: "text", Level: "info"}}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("balance.yaml (-want +got):\n%s", diff)
	}

	got, err = config.Load(filepath.Join("testdata", "agent.yaml"), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	want = &config.File{Agent: &config.Agent{
		Listen: ":8086", Path: "/health_check", ResponseTimeout: time.Minute, AccessLog: "off",
		StartupGrace: 30 * time.Second, Kubernetes: true, UnhealthyThreshold: 3, DrainTimeout: 15 * time.Second,
		Checks: []config.Check{{
			Name: "sql", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
			SQL: &config.SQLCheck{Driver: "sqlite", DSN: "/var/lib/site/site.db", Query: "select 1"},
		}},
	}, Log: config.Log{Format: "text", Level: "info"}}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("agent.yaml (-want +got):\n%s", diff)
	}

	got, err = config.Load(filepath.Join("testdata", "gateway.yaml"), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	want = &config.File{Agent: &config.Agent{
		Listen: ":8086", Path: "/health_check", App: "unix:/run/app.sock",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		AllowedHosts:   []string{"self", ".mysite.com"}, Hosts: rules(t, "self", ".mysite.com"),
		HTTPSRedirect: true, ResponseTimeout: time.Minute, AccessLog: "off",
		Traffic:      &config.Traffic{Window: 30 * time.Second, MinRequests: 20, Warn: 0.1, Fail: 0.5},
		StartupGrace: 30 * time.Second, UnhealthyThreshold: 3, DrainTimeout: 15 * time.Second,
		Checks: []config.Check{{
			Name: "app", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1,
			App: &config.AppCheck{Path: "/", Host: "mysite.com", Status: codes(t, "200-399"), HTTPS: true},
		}},
	}, Log: config.Log{Format: "text", Level: "info"}}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("gateway.yaml (-want +got):\n%s", diff)
	}
}

// TestNoChecks: an empty list that somebody wrote is told apart from none at all.
func TestNoChecks(t *testing.T) {
	for text, want := range map[string]bool{
		"agent: {checks: []}": true, "agent: {path: /up}": false, "agent: {checks: }": false,
		"agent: {app: \"http://h:1\", checks: []}": true,
	} {
		file, err := config.Parse("x.yaml", []byte(text), testOptions)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if written := file.Agent.Checks != nil; written != want || len(file.Agent.Checks) != 0 {
			t.Errorf("%s: checks are %#v, want them written %t", text, file.Agent.Checks, want)
		}
	}
}

// TestDefaultTimeoutFollowsAShortInterval: leaving the timeout out is never a mistake.
func TestDefaultTimeoutFollowsAShortInterval(t *testing.T) {
	for interval, want := range map[string]time.Duration{"500ms": 500 * time.Millisecond, "2s": 2 * time.Second, "1m": 2 * time.Second} {
		file, err := config.Parse("x.yaml", []byte(`balance:
  listeners: [{address: ":8080"}]
  target_groups:
    web: {targets: ["10.0.0.5:80"], health_check: {interval: `+interval+`}}
`), testOptions)
		if err != nil {
			t.Errorf("interval %s: %v", interval, err)
		} else if got := file.Balance.TargetGroups[0].HealthCheck.Timeout; got != want {
			t.Errorf("interval %s: the timeout is %v, want %v", interval, got, want)
		}
	}
}

func diskOf(f *config.File) any { return *f.Agent.Checks[0].Disk }

// TestValues: spellings that are accepted, and what they mean.
func TestValues(t *testing.T) {
	const before = "agent:\n  "
	tests := []struct {
		name, yaml string
		value      func(*config.File) any
		want       any
	}{
		{"drain at once", "drain_timeout: 0", func(f *config.File) any { return f.Agent.DrainTimeout }, time.Duration(0)},
		{"an empty section is all defaults", "", func(f *config.File) any { return f.Agent.Path }, "/health_check"},
		{"an empty list", "checks:", func(f *config.File) any { return len(f.Agent.Checks) }, 0},
		{"a number as text", "token: 010", func(f *config.File) any { return f.Agent.Token }, "010"},
		{"a folded text", "token: >-\n    abc", func(f *config.File) any { return f.Agent.Token }, "abc"},
		{"variable", "token: ${HEALTH_TOKEN}", func(f *config.File) any { return f.Agent.Token }, "s3cr3t-9Zq"},
		{"variable inside text", "token: a-${HEALTH_TOKEN}-b", func(f *config.File) any { return f.Agent.Token }, "a-s3cr3t-9Zq-b"},
		{"variable in single quotes", "token: '${HEALTH_TOKEN}'", func(f *config.File) any { return f.Agent.Token }, "s3cr3t-9Zq"},
		{"variable in a duration", "drain_timeout: ${FIVE}", func(f *config.File) any { return f.Agent.DrainTimeout }, 5 * time.Second},
		{"escaped variable", "token: $${HEALTH_TOKEN}", func(f *config.File) any { return f.Agent.Token }, "${HEALTH_TOKEN}"},
		{"a plain dollar", "token: a$b$", func(f *config.File) any { return f.Agent.Token }, "a$b$"},
		{
			"a variable's value is neither structure nor expanded again", "checks:\n    - sql: {driver: sqlite, dsn: x.db, query: \"${TRICKY}\"}",
			func(f *config.File) any { return f.Agent.Checks[0].SQL.Query }, "a: [b\n#${HEALTH_TOKEN}",
		},
		{"mapped addresses", "listen: \"[::ffff:127.0.0.1]:80\"", func(f *config.File) any { return f.Agent.Listen }, "[::ffff:127.0.0.1]:80"},
		{
			"mapped networks", "trusted_networks: [\"::ffff:10.0.0.1\", \"::ffff:10.0.0.0/104\", \"::/0\"]",
			func(f *config.File) any { return fmt.Sprint(f.Agent.TrustedNetworks) }, "[10.0.0.1/32 10.0.0.0/8 ::/0]",
		},
		{"shortest interval", "checks: [{tcp: {address: \"h:1\"}, interval: 10ms, timeout: 10ms}]", func(f *config.File) any { return f.Agent.Checks[0].Interval }, 10 * time.Millisecond},
		{"a dollar before a name, in what is no secret", "checks: [{sql: {dsn: x.db, query: $Q}}]", func(f *config.File) any { return f.Agent.Checks[0].SQL.Query }, "$Q"},
		{"the root as the agent's path", "path: /", func(f *config.File) any { return f.Agent.Path }, "/"},
		{"alias of a driver", "checks: [{sql: {driver: MariaDB, dsn: tcp(h)/}}]", func(f *config.File) any { return f.Agent.Checks[0].SQL.Driver }, "mysql"},
		{"sockets", "checks: [{redis: {address: /run/redis.sock}}, {grpc: {address: \"unix:/run/app.sock\"}}]", func(f *config.File) any { return f.Agent.Checks[1].GRPC.Address }, "unix:/run/app.sock"},
		{"the least that may be written", "checks: [{disk: {path: /, min_free: 1KiB, min_inodes: 1}}]", diskOf, config.DiskCheck{Path: "/", MinFree: config.Amount{Number: 1024}, MinInodes: config.Amount{Number: 1}}},
		{"a broken size", "checks: [{disk: {path: /, min_free: 1.5GiB, min_inodes: 0.5%}}]", diskOf, config.DiskCheck{Path: "/", MinFree: config.Amount{Number: 3 << 29}, MinInodes: config.Amount{Percent: 0.5}}},
		{"other units", "checks: [{disk: {path: /, min_free: 2TiB, min_inodes: 100%}}]", diskOf, config.DiskCheck{Path: "/", MinFree: config.Amount{Number: 2 << 40}, MinInodes: config.Amount{Percent: 100}}},
		{"a check that needs no key", "checks: [{memory: }]", func(f *config.File) any { return *f.Agent.Checks[0].Memory }, config.MemoryCheck{}},
		{"an address as a certificate's name", "checks: [{certificate: {file: a.pem, server_name: \"::1\"}}]", func(f *config.File) any { return f.Agent.Checks[0].Certificate.ServerName }, "::1"},
		{"matcher as a number", "checks: [{http: {url: \"http://h\", status: 204}}]", func(f *config.File) any { return f.Agent.Checks[0].HTTP.Status.String() }, "204"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, err := config.Parse("inservice.yaml", []byte(before+tt.yaml+"\n"), testOptions)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, tt.value(file)); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGroupsKeepTheirOrder: target groups are in the order of the file.
func TestGroupsKeepTheirOrder(t *testing.T) {
	const yaml = `
balance:
  listeners: [{address: ":1", target_group: a}]
  target_groups:
    z: {targets: ["h:1"]}
    a: {targets: ["h:1"]}
    7: {targets: ["h:1"]}
`
	file, err := config.Parse("x", []byte(yaml), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, g := range file.Balance.TargetGroups {
		names = append(names, g.Name)
	}
	if diff := cmp.Diff([]string{"z", "a", "7"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestFileForms: byte order mark, Windows line ends, document markers and the environment
// of the process.
func TestFileForms(t *testing.T) {
	t.Setenv("INSERVICE_TEST_TOKEN", "abc")
	for _, yaml := range []string{
		"\ufeffagent:\n  token: ${INSERVICE_TEST_TOKEN}\n",
		"agent:\r\n  token: ${INSERVICE_TEST_TOKEN}\r\n",
		"# hello\n---\nagent:\n  token: ${INSERVICE_TEST_TOKEN}\n...\n",
		"agent: {token: \"${INSERVICE_TEST_TOKEN}\"}",
		"agent:\n  token: ${INSERVICE_TEST_TOKEN}\n---\n",
	} {
		file, err := config.Parse("inservice.yaml", []byte(yaml), config.Options{})
		if err != nil {
			t.Errorf("%q: %v", yaml, err)
			continue
		}
		if file.Agent.Token != "abc" {
			t.Errorf("%q: token = %q, want abc", yaml, file.Agent.Token)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte("#"+strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path, want string
		is               error
	}{
		{"missing", filepath.Join(dir, "no.yaml"), ": cannot read the configuration: no such file or directory; check the path, or write the file", os.ErrNotExist},
		{"directory", dir, ": cannot read the configuration: is a directory; give the path of a file", nil},
		{"large", large, ": larger than 1 MiB; is it the right file?", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Load(tt.path, testOptions)
			if err == nil {
				t.Fatal("Load passes, want an error")
			}
			if diff := cmp.Diff(tt.path+tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("errors.Is(err, %v) = false, want true", tt.is)
			}
		})
	}
}

// TestDriversAgree: the drivers that a file may name are those that package dsn opens.
func TestDriversAgree(t *testing.T) {
	for _, driver := range []string{"postgres", "postgresql", "pgx", "mysql", "mariadb", "sqlite", "sqlite3", "oracle", "pg"} {
		yaml := "agent: {checks: [{sql: {driver: " + driver + ", dsn: x.db}}]}"
		_, fileErr := config.Parse("x", []byte(yaml), config.Options{})
		known := fileErr == nil
		_, openErr := dsn.Open(driver, "")
		opens := !strings.Contains(openErr.Error(), "unknown driver")
		if known != opens {
			t.Errorf("driver %s: known to config: %v, to dsn: %v", driver, known, opens)
		}
	}
}
