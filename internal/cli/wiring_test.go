package cli

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/balancer"
	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/dsn"
	"github.com/inservice/inservice/internal/matcher"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/threshold"
)

func parse(t *testing.T, text string) *config.File {
	t.Helper()
	file, err := config.Parse("test.yaml", []byte(text), config.Options{CheckDSN: dsn.Check, DriverOf: dsn.Driver})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// Every key of a target group reaches the balancer, and none another's place.
func TestMakeGroup(t *testing.T) {
	codes, err := matcher.Parse("200-299,301")
	if err != nil {
		t.Fatal(err)
	}
	ok, err := matcher.Parse("200")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, group string
		want        balancer.Group
	}{
		{"defaults", `{targets: ["a:1"]}`, balancer.Group{
			Name: "web", Targets: []balancer.Target{{Address: "a:1"}},
			Probe:    probe.Probe{Protocol: probe.HTTP, Path: "/", Timeout: 2 * time.Second, Matcher: ok},
			Interval: 5 * time.Second, Threshold: threshold.Policy{Healthy: 2, Unhealthy: 2},
		}},
		{"everything", `{targets: ["a:1", "[::1]:2"], fail_open: false, health_check: {protocol: https, port: 8086, path: /up, host: shop.example,
			interval: 7s, timeout: 3s, healthy_threshold: 4, unhealthy_threshold: 5, matcher: "200-299,301"}}`, balancer.Group{
			Name: "web", Closed: true,
			Targets:  []balancer.Target{{Address: "a:1", ProbeAddress: "a:8086"}, {Address: "[::1]:2", ProbeAddress: "[::1]:8086"}},
			Probe:    probe.Probe{Protocol: probe.HTTPS, Host: "shop.example", Path: "/up", Timeout: 3 * time.Second, Matcher: codes},
			Interval: 7 * time.Second, Threshold: threshold.Policy{Healthy: 4, Unhealthy: 5},
		}},
		{"tcp", `{targets: ["a:1"], health_check: {protocol: tcp}}`, balancer.Group{
			Name: "web", Targets: []balancer.Target{{Address: "a:1"}},
			Probe:    probe.Probe{Protocol: probe.TCP, Path: "/", Timeout: 2 * time.Second, Matcher: ok},
			Interval: 5 * time.Second, Threshold: threshold.Policy{Healthy: 2, Unhealthy: 2},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := parse(t, "balance: {listeners: [{address: \":1\"}], target_groups: {web: "+test.group+"}}")
			if got := makeGroup(file.Balance.TargetGroups[0]); !reflect.DeepEqual(got, test.want) {
				t.Errorf("group is %+v\nwant     %+v", got, test.want)
			}
		})
	}
}

// runCheck runs the check of a file once. Its error must hold fails; empty
// means that it must pass.
func runCheck(t *testing.T, check, fails string) health.Check {
	t.Helper()
	file := parse(t, "agent: {checks: ["+check+"]}")
	made, db, err := makeCheck(file.Agent.Checks[0], file.Agent.App, nil)
	if err != nil {
		t.Fatal(err)
	}
	if db != nil {
		defer db.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = made.Run(ctx)
	if fails == "" && err != nil || fails != "" && (err == nil || !strings.Contains(err.Error(), fails)) {
		t.Errorf("a run gave %v, want %q", err, fails)
	}
	return made
}

// Every key of a check reaches it, shown by what the check then does.
func TestMakeCheck(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "shop.example" {
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer site.Close()
	missing := filepath.Join(t.TempDir(), "s3cret.db")
	tests := []struct {
		name, check string
		want        health.Check
		fails       string // in the error of a run; empty for a pass
	}{
		{"http", `{http: {url: "` + site.URL + `", host: shop.example, status: "418"}, interval: 7s, timeout: 3s}`,
			health.Check{Name: "http", Interval: 7 * time.Second, Timeout: 3 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1, ComponentType: "component"}, ""},
		{"http with another host", `{name: app, http: {url: "` + site.URL + `", status: "418"}, scope: shared}`,
			health.Check{Name: "app", Interval: 5 * time.Second, Timeout: 2 * time.Second, Scope: health.Shared, HealthyThreshold: 1, UnhealthyThreshold: 1, ComponentType: "component"}, "answered 421"},
		{"http with the usual status", `{http: {url: "` + site.URL + `", host: shop.example}}`,
			health.Check{Name: "http", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1, ComponentType: "component"}, "answered 418"},
		{"thresholds, and not critical", `{name: t, tcp: {address: "` + strings.TrimPrefix(site.URL, "http://") + `"}, healthy_threshold: 2, unhealthy_threshold: 3, critical: false}`,
			health.Check{Name: "t", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 2, UnhealthyThreshold: 3, WarnOnly: true, ComponentType: "component"}, ""},
		{"tcp", `{tcp: {address: "` + strings.TrimPrefix(site.URL, "http://") + `"}}`,
			health.Check{Name: "tcp", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1, ComponentType: "component"}, ""},
		{"sql", `{sql: {dsn: "sqlite:` + missing + `"}}`,
			health.Check{Name: "sql", Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1, ComponentType: "datastore"}, "unable to open database file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := runCheck(t, test.check, test.fails)
			got.Run = nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("check (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProbeAddress(t *testing.T) {
	for _, test := range []struct {
		target string
		port   int
		want   string
	}{
		{"10.0.0.5:80", 0, ""},
		{"10.0.0.5:80", 8086, "10.0.0.5:8086"},
		{"[2001:db8::1]:80", 8086, "[2001:db8::1]:8086"},
		{"web.internal:80", 1, "web.internal:1"},
	} {
		if got := probeAddress(test.target, test.port); got != test.want {
			t.Errorf("probeAddress(%q, %d) is %q, want %q", test.target, test.port, got, test.want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	var errors2 = errors.New("went wrong")
	for _, test := range []struct {
		name string
		err  error
		want int
		text string
	}{
		{"none", nil, 0, ""},
		{"failure", errors2, 1, "error: went wrong\n"},
		{"with advice", &hintError{errors2, "try again"}, 1, "error: went wrong\nhint: try again\n"},
		{"usage", &usageError{err: errors2}, 2, "error: went wrong\n"},
		{"usage with advice", &usageError{errors2, "read this"}, 2, "error: went wrong\nhint: read this\n"},
		{"words that look like usage", errors.New("accepts nothing"), 1, "error: accepts nothing\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			if got := (&program{stderr: &out}).report(test.err); got != test.want || out.String() != test.text {
				t.Errorf("status %d and %q, want %d and %q", got, out.String(), test.want, test.text)
			}
		})
	}
}

func TestGoRunIsRecognised(t *testing.T) {
	for path, want := range map[string]bool{
		"/tmp/go-build1234/b001/exe/inservice": true,
		"/root/.cache/go-build/3a/3a5f1c0de3a5f1c0de3a5f1c0de3a5f1c0de3a5f1c0de3a5f1c0de3a5f1c0de3-d/inservice": true,
		"/data/gocache/3a/" + strings.Repeat("3a", 32) + "-d/inservice":                                         true,
		"/usr/local/bin/inservice": false,
		"./bin/inservice":          false,
		"inservice":                false,
	} {
		if got := goRun.MatchString(path); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
}

func TestDemoCommandName(t *testing.T) {
	if got := demoCommandName("inservice", ""); got != "inservice demo" {
		t.Errorf("got %q", got)
	}
	if got := demoCommandName("./inservice", "/tmp/d.sock"); got != "./inservice demo --control /tmp/d.sock" {
		t.Errorf("got %q", got)
	}
}

// An app check that asks wrongly says what to look at, and one whose app is
// broken says no more than that.
func TestAppCheckAdvice(t *testing.T) {
	const host = "; does the app allow this host? set host in the check"
	const path = "; set path in the check, or --app-path, to a page that is there"
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.WriteHeader(code)
	}))
	defer site.Close()
	for _, test := range []struct{ check, want string }{
		{"path: /200", ""},
		{"path: /302", ""},
		{"path: /404, status: 200-499", ""},
		{"path: /400", "/400 as mysite.example answered 400 Bad Request" + host},
		{"path: /404", "/404 as mysite.example answered 404 Not Found" + path},
		{"path: /403", "/403 as mysite.example answered 403 Forbidden"},
		{"path: /500", "/500 as mysite.example answered 500 Internal Server Error"},
	} {
		t.Run(test.check, func(t *testing.T) {
			file := parse(t, "agent: {app: \""+site.URL+"\", allowed_hosts: [mysite.example], checks: [{app: {"+test.check+"}}]}")
			made, _, err := makeCheck(file.Agent.Checks[0], file.Agent.App, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want != "" {
				want = "GET " + site.URL + want
			}
			for range 2 { // nothing is left of a run
				got := ""
				if err := made.Run(t.Context()); err != nil {
					got = err.Error()
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
			}
		})
	}
}
