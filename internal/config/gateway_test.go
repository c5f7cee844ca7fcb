package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/config"
)

// TestGatewayValues: spellings that a gateway accepts, and what they mean.
func TestGatewayValues(t *testing.T) {
	traffic := func(a *config.Agent) any { return a.Traffic }
	longest := "/" + strings.Repeat("x", 106)
	tests := []struct {
		name, yaml string
		value      func(*config.Agent) any
		want       any
	}{
		{"a slash at the end", `app: "http://web:80/"`, func(a *config.Agent) any { return a.App }, "http://web:80"},
		{"an IPv6 address", `app: "http://[::1]:80"`, func(a *config.Agent) any { return a.App }, "http://[::1]:80"},
		{"a socket", `app: "unix:/run/app.sock"`, func(a *config.Agent) any { return a.App }, "unix:/run/app.sock"},
		{"the longest socket", "app: unix:" + longest, func(a *config.Agent) any { return a.App }, "unix:" + longest},
		{"another machine's port", "app: http://10.0.0.5:8086", func(a *config.Agent) any { return a.App }, "http://10.0.0.5:8086"},
		{"another local address", `app: "http://127.0.0.2:80", listen: "127.0.0.1:80"`, func(a *config.Agent) any { return a.App }, "http://127.0.0.2:80"},
		{"another machine's port, with localhost for the agent", `app: "http://web:80", listen: "localhost:80"`, func(a *config.Agent) any { return a.App }, "http://web:80"},
		{"no allowed hosts", "app: http://h:1", func(a *config.Agent) any { return a.Hosts == nil }, true},
		{"a gateway leaves Kubernetes' paths to the app", "app: http://h:1", func(a *config.Agent) any { return a.Kubernetes }, false},
		{"unless it is told not to", "app: http://h:1, kubernetes: true", func(a *config.Agent) any { return a.Kubernetes }, true},
		{"a sidecar has them", "path: /", func(a *config.Agent) any { return a.Kubernetes }, true},
		{"unless it is told not to have them", "kubernetes: false", func(a *config.Agent) any { return a.Kubernetes }, false},
		{"traffic off", "app: http://h:1, traffic: off", traffic, (*config.Traffic)(nil)},
		{"traffic off, in quotes", `app: http://h:1, traffic: "off"`, traffic, (*config.Traffic)(nil)},
		{"a sidecar watches none", "path: /", traffic, (*config.Traffic)(nil)},
		{"traffic, an empty section", "app: http://h:1, traffic: ", traffic, &config.Traffic{Window: 30 * time.Second, MinRequests: 20, Warn: 0.1, Fail: 0.5}},
		{"traffic, one key", "app: http://h:1, traffic: {window: 5m}", traffic, &config.Traffic{Window: 5 * time.Minute, MinRequests: 20, Warn: 0.1, Fail: 0.5}},
		{"the default of fail makes room", "app: http://h:1, traffic: {warn: 60%, window: 1s}", traffic, &config.Traffic{Window: time.Second, MinRequests: 20, Warn: 0.6, Fail: 0.6}},
		{"the default of warn makes room", "app: http://h:1, traffic: {fail: 5%, min_requests: 1}", traffic, &config.Traffic{Window: 30 * time.Second, MinRequests: 1, Warn: 0.05, Fail: 0.05}},
		{"all or nothing", "app: http://h:1, traffic: {warn: 100%, fail: 100%}", traffic, &config.Traffic{Window: 30 * time.Second, MinRequests: 20, Warn: 1, Fail: 1}},
		{"everybody a trusted proxy", "app: http://h:1, trusted_proxies: [0.0.0.0/0]", func(a *config.Agent) any { return fmt.Sprint(a.TrustedProxies) }, "[0.0.0.0/0]"},
		{"HSTS switched off", "app: http://h:1, hsts: 0s", func(a *config.Agent) any { return a.HSTS }, time.Duration(0)},
		{"no control", "control: off", func(a *config.Agent) any { return a.Control }, "off"},
		{"no grace", "startup_grace: 0s", func(a *config.Agent) any { return a.StartupGrace }, time.Duration(0)},
		{"free ports", `listen: ":0", admin: ":0", grpc: "127.0.0.1:0"`, func(a *config.Agent) any { return a.GRPC }, "127.0.0.1:0"},
		{"one port on two addresses", `admin: "127.0.0.1:1", grpc: "127.0.0.2:1"`, func(a *config.Agent) any { return a.GRPC }, "127.0.0.2:1"},
		{"the trusted side on every address", `admin: ":9086"`, func(a *config.Agent) any { return a.Admin }, ":9086"},
		{"critical as by default", `checks: [{tcp: {address: "h:1"}, critical: true}]`, func(a *config.Agent) any { return a.Checks[0].WarnOnly }, false},
		{"a check called traffic where none is watched", `app: http://h:1, traffic: off, checks: [{name: traffic, app: }]`, func(a *config.Agent) any { return a.Checks[0].Name }, "traffic"},
		{"a section of checks with nothing in it", "app: http://h:1, checks: ", func(a *config.Agent) any { return a.Checks[0].Name }, "app"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, err := config.Parse("inservice.yaml", []byte("agent: {"+tt.yaml+"}\n"), testOptions)
			if err != nil {
				t.Fatal(err)
			}
			checkAccepted(t, file)
			if diff := cmp.Diff(tt.want, tt.value(file.Agent)); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAppCheckHost: unless it is told otherwise, an app check names a host that the site's
// visitors name.
func TestAppCheckHost(t *testing.T) {
	for _, tt := range []struct{ yaml, want string }{
		{"app: http://web:8000", "web:8000"},
		{`app: "http://[::1]:8000/"`, "[::1]:8000"},
		{"app: unix:/run/app.sock", "localhost"},
		{"app: http://web:8000, allowed_hosts: [self, 10.0.0.0/8, 192.0.2.7, '::1']", "web:8000"},
		{"app: http://web:8000, allowed_hosts: [Self., .b.example, ' A.example. ', c.example]", "a.example"},
		{"app: http://web:8000, allowed_hosts: [self, 192.0.2.7, .b.example, .c.example]", "b.example"},
	} {
		for checks, want := range map[string]string{"": tt.want, ", checks: [{app: }]": tt.want, ", checks: [{app: {host: own.example}}]": "own.example"} {
			file, err := config.Parse("x", []byte("agent: {"+tt.yaml+checks+"}"), testOptions)
			if err != nil {
				t.Errorf("%s%s: %v", tt.yaml, checks, err)
			} else if got := file.Agent.Checks[0].App.Host; got != want {
				t.Errorf("%s%s: the host is %q, want %q", tt.yaml, checks, got, want)
			}
		}
	}
}

// TestCompleteHasEveryKey: complete.yaml is where people look for what there is.
func TestCompleteHasEveryKey(t *testing.T) {
	read := func(name string) (content any) {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, &content); err != nil {
			t.Fatal(err)
		}
		return content
	}
	missing := missingKeys(reflect.TypeFor[config.File](), "", []any{read("complete.yaml")})
	if len(missing) > 0 {
		t.Errorf("complete.yaml has no %s", strings.Join(missing, ", "))
	}
	missing = missingKeys(reflect.TypeFor[config.File](), "", []any{read("gateway.yaml"), read("agent.yaml")})
	for _, key := range []string{"balance", "agent.admin", "agent.traffic", "agent.checks.sql.query", "agent.checks.app", "log"} {
		if !slices.Contains(missing, key) {
			t.Errorf("gateway.yaml and agent.yaml have no %s, and the test does not see it: %s", key, strings.Join(missing, ", "))
		}
	}
}

// missingKeys gives the keys of a section that none of its instances in a file has.
func missingKeys(section reflect.Type, path string, instances []any) (missing []string) {
	for field := range section.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name == "" {
			continue
		}
		key := strings.TrimPrefix(path+"."+name, ".")
		var values []any
		for _, instance := range instances {
			keys, _ := instance.(map[string]any) // or a word that stands in its place
			if value, found := keys[name]; found {
				values = append(values, value)
			}
		}
		if len(values) == 0 {
			missing = append(missing, key)
			continue
		}
		inner := field.Type
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			if inner.Kind() == reflect.Slice {
				values = elements(values)
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			missing = append(missing, missingKeys(inner, key, values)...)
		}
	}
	return missing
}

// elements gives what is in lists, or in mappings whose keys are names.
func elements(lists []any) (all []any) {
	for _, list := range lists {
		switch list := list.(type) {
		case []any:
			all = append(all, list...)
		case map[string]any:
			for _, value := range list {
				all = append(all, value)
			}
		}
	}
	return all
}
