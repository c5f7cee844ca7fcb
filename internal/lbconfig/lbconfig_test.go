package lbconfig

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write puts a file into a directory of its own.
func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const twoBackends = "backend a\n option httpchk GET /a\n server s1 10.0.0.1:80 check\n server s2 10.0.0.2:80 check\nbackend b\n server s1 10.0.0.3:80 check\n"

func TestReadByName(t *testing.T) {
	file := write(t, "haproxy.cfg", twoBackends)
	for name, want := range map[string][]string{
		"":      {"a/s1", "a/s2", "b/s1"},
		"#a":    {"a/s1", "a/s2"},
		"#a/s2": {"a/s2"},
		"#s1":   {"a/s1", "b/s1"},
		"#b":    {"b/s1"},
	} {
		checks, err := Read(file + name)
		var got []string
		for _, c := range checks {
			got = append(got, c.Name)
			if !strings.HasPrefix(c.Where, file+":") {
				t.Errorf("%s: where is %s, want a line of %s", name, c.Where, file)
			}
		}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, d)
		}
	}
	for _, name := range []string{"#c", "#s"} {
		if checks, err := Read(file + name); err == nil || !strings.Contains(err.Error(), "there are: a/s1, a/s2, b/s1") {
			t.Errorf("%s: %v, %v; want an error with the names there are", name, checks, err)
		}
	}
	for name, want := range map[string]int{
		`#module.site.aws_lb_target_group.app["blue"]`: 2, // as Terraform writes it
		`#module.site.aws_lb_target_group.app`:         3, // all that for_each made
		`#aws_lb_target_group.tcp`:                     1,
	} {
		if checks, err := Read(filepath.Join("testdata", "terraform.tfstate") + name); err != nil || len(checks) != want {
			t.Errorf("%s: %d checks, %v; want %d", name, len(checks), err, want)
		}
	}
	hash := filepath.Join(filepath.Dir(file), "my#haproxy.cfg")
	if err := os.WriteFile(hash, []byte(twoBackends), 0o600); err != nil {
		t.Fatal(err)
	}
	if checks, err := Read(hash); err != nil || len(checks) != 3 {
		t.Errorf("a file with # in its name: %v, %v", checks, err)
	}
	if checks, err := Read(hash + "#b"); err != nil || len(checks) != 1 {
		t.Errorf("a file with # in its name, and a name: %v, %v", checks, err)
	}
	if _, err := Read(filepath.Join(filepath.Dir(file), "gone.cfg")); err == nil || !strings.Contains(err.Error(), "gone.cfg") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestRecognise(t *testing.T) {
	for _, c := range []struct{ file, content, want string }{
		{"haproxy.cfg", "", "haproxy"},
		{"lb.conf", "# ours\nglobal\n daemon\n", "haproxy"},
		{"x", "frontend f\n", "haproxy"},
		{"Dockerfile.prod", "", "dockerfile"},
		{"app.dockerfile", "", "dockerfile"},
		{"Containerfile", "", "dockerfile"},
		{"x", "ARG A=1\nFROM b\n", "dockerfile"},
		{"terraform.tfstate", "", "json"},
		{"terraform.tfstate.backup", "", "json"},
		{"plan.json", "", "json"},
		{"plan", "  {\"format_version\": 1}", "json"},
		{"compose.yaml", "", "yaml"},
		{"-", "apiVersion: v1\n", "yaml"},
		{"-", "---\napiVersion: v1\n", "yaml"},
		{"readme", "hello there\n", ""},
		{"empty", "", ""},
	} {
		if got := recognise(c.file, []byte(c.content)); got != c.want {
			t.Errorf("%s with %q is taken for %q, want %q", c.file, c.content, got, c.want)
		}
	}
}

// TestProblems: what is wrong is told with its line and what is allowed.
func TestProblems(t *testing.T) {
	const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n template:\n  spec:\n   containers:\n   - name: c\n"
	for _, c := range []struct{ name, file, content, want string }{
		{"unknown file", "x.txt", "hello", "none of the files that are understood"},
		{"no server", "haproxy.cfg", "global\n daemon\n", "no health check is configured"},
		{"no check", "haproxy.cfg", "backend b\n server s 10.0.0.1:80\n", "no server line has check"},
		{"quote", "haproxy.cfg", "backend b\n option httpchk GET \"/x\n server s 1.2.3.4:80 check\n", "haproxy.cfg:2: the quote \" is not closed"},
		{"backslash", "haproxy.cfg", "backend b\n option httpchk GET /x\\", "haproxy.cfg:2: a backslash at the end"},
		{"time", "haproxy.cfg", "backend b\n timeout check 5sec\n server s 1.2.3.4:80 check\n", `haproxy.cfg:2: timeout check: "5sec" is no time: want a number and us, ms, s, m, h or d`},
		{"inter", "haproxy.cfg", "backend b\n server s 1.2.3.4:80 check inter x\n", "haproxy.cfg:2: inter: "},
		{"rise", "haproxy.cfg", "backend b\n server s 1.2.3.4:80 check rise 0\n", `haproxy.cfg:2: rise is "0": want a whole number from 1`},
		{"port", "haproxy.cfg", "backend b\n server s 1.2.3.4:99999 check\n", `haproxy.cfg:2: port is "99999": want a whole number from 0 to 65535`},
		{"value missing", "haproxy.cfg", "backend b\n server s 1.2.3.4:80 check inter\n", "haproxy.cfg:2: inter has no value"},
		{"status", "haproxy.cfg", "backend b\n option httpchk\n http-check expect status 2xx\n server s 1.2.3.4:80 check\n", `haproxy.cfg:3: http-check expect status: "2xx": want codes and ranges`},
		{"send", "haproxy.cfg", "backend b\n option httpchk\n http-check send method GET\n server s 1.2.3.4:80 check\n", `haproxy.cfg:3: http-check send: "method" is not one of meth, uri`},
		{"send without a value", "haproxy.cfg", "backend b\n option httpchk\n http-check send hdr Host\n server s 1.2.3.4:80 check\n", "haproxy.cfg:3: http-check send: Host has no value"},
		{"unescaped blanks", "haproxy.cfg", "backend b\n option httpchk GET / HTTP/1.1 Host: x y\n server s 1.2.3.4:80 check\n", "haproxy.cfg:2: option httpchk takes"},
		{"defaults", "haproxy.cfg", "backend b from x\n server s 1.2.3.4:80 check\n", "haproxy.cfg:1: there is no defaults section of that name"},
		{"yaml", "x.yaml", "a: [1\nb: 2\n", "x.yaml:2: this is not valid YAML"},
		{"template", "x.yaml", "apiVersion: v1\nmetadata:\n  name: {{ .Release.Name }}-x: y\n", "render it first"},
		{"other yaml", "x.yaml", "a: 1\n", "neither a Compose file"},
		{"binary yaml", "x.yaml", "\xff\xfe", "not UTF-8"},
		{"deep yaml", "x.yaml", "a: " + strings.Repeat("[", 200), "nested too deeply"},
		{"json", "x.json", "{\n\"a\": 1,\n}", "x.json:3: this is not valid JSON"},
		{"other json", "x.json", "{\"a\": 1}", "neither a Terraform state"},
		{"deep json", "x.json", strings.Repeat("[", 200), "nested too deeply"},
		{"old state", "terraform.tfstate", `{"version": 3, "resources": [1]}`, "want version 4"},
		{"older state", "terraform.tfstate", `{"version": 3, "terraform_version": "0.11", "modules": []}`, "older than version 4"},
		{"classic target", "terraform.tfstate", `{"version": 4, "resources": [{"type": "aws_elb", "instances": [{"attributes": {"health_check": [{"target": "HTTP:80"}]}}]}]}`, `health_check.target is "HTTP:80": want HTTP:80/path`},
		{"terraform number", "terraform.tfstate", `{"version": 4, "resources": [{"type": "azurerm_lb_probe", "instances": [{"attributes": {"protocol": "Tcp", "port": 80000}}]}]}`, `terraform.tfstate:1: port is "80000"`},
		{"port name", "x.yaml", deployment + "     readinessProbe: {httpGet: {port: web}}\n", `x.yaml:9: port "web" is no number`},
		{"scheme", "x.yaml", deployment + "     readinessProbe: {httpGet: {port: 80, scheme: FTP}}\n", `x.yaml:9: scheme is "FTP": want HTTP or HTTPS`},
		{"seconds", "x.yaml", deployment + "     readinessProbe: {httpGet: {port: 80}, periodSeconds: 5s}\n", `x.yaml:9: periodSeconds is "5s": want a whole number`},
		{"compose test", "compose.yml", "services:\n  a:\n    healthcheck:\n      test: [curl, -f, http://localhost]\n", `compose.yml:4: test begins with "curl": want CMD, CMD-SHELL or NONE`},
		{"compose time", "compose.yml", "services:\n  a:\n    healthcheck:\n      test: curl localhost\n      interval: 10\n", `compose.yml:5: interval is "10": want a duration such as 30s`},
		{"dockerfile flag", "Dockerfile", "FROM a\nHEALTHCHECK --intervall=3s CMD x\n", "Dockerfile:2: HEALTHCHECK --intervall: want --interval"},
		{"dockerfile word", "Dockerfile", "FROM a\nHEALTHCHECK curl localhost\n", `Dockerfile:2: HEALTHCHECK "curl": want NONE, or CMD`},
		{"dockerfile order", "Dockerfile", "HEALTHCHECK CMD x\nFROM a\n", "Dockerfile:1: HEALTHCHECK stands before FROM"},
		{"dockerfile none", "Dockerfile", "FROM a\nHEALTHCHECK NONE\n", "no health check is configured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checks, err := Parse(c.file, []byte(c.content))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, error %v; want …%s…", checks, err, c.want)
			}
		})
	}
}

func TestHAProxyTime(t *testing.T) {
	for text, want := range map[string]time.Duration{"1": time.Millisecond, "1500": 1500 * time.Millisecond, "7us": 7 * time.Microsecond, "2s": 2 * time.Second, "3m": 3 * time.Minute, "1h": time.Hour, "1d": 24 * time.Hour} {
		if got, err := haproxyTime(text); got != want || err != nil {
			t.Errorf("%s is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "s", "-1", "1.5s", "1w", "99999999999", "2000000000d"} {
		if got, err := haproxyTime(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

func TestExpectations(t *testing.T) {
	for _, c := range []struct{ expect, matcher, body, note string }{
		{"status 200", "200", "", ""},
		{"status 200-399", "200-399", "", ""},
		{"status 200,600-700,500-999", "200,500-599", "", ""},
		{"! status 500-599", "100-499", "", ""},
		{"rstatus ^2", "200-299", "", ""},
		{"! rstatus ^(4|5)", "100-399", "", ""},
		{"min-recv 10 comment x status 204", "204", "", ""},
		{"string ok", "100-599", "ok", ""},
		{"string /ok/", "100-599", `/\/ok\//`, ""},
		{"rstring o+k", "100-599", "/o+k/", ""},
		{"! string down", "100-599", "", "the body must not hold it"},
		{"hdr name x value y", "100-599", "", "is not taken over"},
	} {
		checks, err := Parse("haproxy.cfg", []byte("backend b\n option httpchk\n http-check expect "+c.expect+"\n server s 1.2.3.4:80 check\n"))
		if err != nil {
			t.Errorf("%s: %v", c.expect, err)
			continue
		}
		got := checks[0]
		body := strings.ReplaceAll(c.body, `\/`, "/") // QuoteMeta leaves slashes
		if got.Matcher != c.matcher || got.Body != body || !strings.Contains(strings.Join(got.Notes, " "), c.note) {
			t.Errorf("%s: matcher %q, body %q, notes %q; want %q, %q, %q", c.expect, got.Matcher, got.Body, got.Notes, c.matcher, body, c.note)
		}
	}
}

// TestCommands: the question that a shell's command line asks.
func TestCommands(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"curl -f http://localhost:8000/h", "http GET :8000 /h host=localhost:8000 100-399"},
		{"curl --fail --silent --show-error -o /dev/null localhost/h", "http GET :80 /h host=localhost 100-399"},
		{"curl -sfL 'http://localhost:1/a b'", "http GET :1 /a%20b host=localhost:1 100-399 follow"},
		{`curl -f "http://localhost:1/?a=$X&b=2"`, "http GET :1 /?a=x&b=2 host=localhost:1 100-399"},
		{"curl -fI -H'Host: a' http://localhost", "http HEAD :80 / host=a 100-399"},
		{"curl -X POST -d '{}' -f http://localhost/p", "http POST :80 /p host=localhost 100-399 send={}"},
		{"curl -fk https://localhost/p", "https GET :443 /p host=localhost 100-399 verify=false"},
		{"curl -f --max-time=3 http://[::1]:8080", "http GET :8080 / host=[::1]:8080 100-399 wait=3s"},
		{"set -e; FOO=1 timeout 5 curl -f http://localhost || exit 1", "http GET :80 / host=localhost 100-399"},
		{"bash -lc \"curl -f http://localhost:5\"", "http GET :5 / host=localhost:5 100-399"},
		{"wget -qO- http://localhost:5/x 2>/dev/null", "http GET :5 /x host=localhost:5 100-399 follow"},
		{"wget -q --tries=1 -T2 --header 'X-A: 1' --spider localhost:5/x", "http HEAD :5 /x host=localhost:5 100-399 follow wait=2s X-A:1"},
		{"curl -f 2>/dev/null >&2 http://localhost", "http GET :80 / host=localhost 100-399"},
		{"curl -f http://localhost:${P:-7}/${X:-y}${Z-z}", "http GET :7 /xz host=localhost:7 100-399"},
		{"wget --max-redirect=0 localhost", "http GET :80 / host=localhost 100-399"},
		{"/usr/bin/curl -f http://localhost", "http GET :80 / host=localhost 100-399"},
		{"nc -zv localhost 5432", "tcp GET :5432"},
		{"nc -z -w3 db 5432", "tcp GET :5432 wait=3s"},
		{"grpc_health_probe -addr=localhost:50051 -tls -tls-no-verify -tls-server-name x", "grpcs GET :50051 verify=false"},
		{"pg_isready -U x && test -f /ok", "none"},
		{"curl", "none"},
		{"curl -f ftp://localhost/", "none"},
		{"curl -f http://localhost:99999/", "none"},
		{"", "none"},
	} {
		var check Check
		_, ok := check.ask(shellWords(c.line, func(name string) (string, bool) { return "x", name == "X" }))
		got := "none"
		if ok {
			parts := []string{check.Scheme, "GET", ":" + itoa(check.Port), check.Path}
			if check.Method != "" {
				parts[1] = check.Method
			}
			if check.Host != nil {
				parts = append(parts, "host="+*check.Host)
			}
			parts = append(parts, check.Matcher)
			if check.Redirect != nil && *check.Redirect {
				parts = append(parts, "follow")
			}
			if check.Verify != nil && !*check.Verify {
				parts = append(parts, "verify=false")
			}
			if check.Timeout != 0 {
				parts = append(parts, "wait="+check.Timeout.String())
			}
			if check.SendBody != "" {
				parts = append(parts, "send="+check.SendBody)
			}
			for _, h := range check.Headers {
				parts = append(parts, h.Name+":"+h.Value)
			}
			got = strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
		}
		if got != c.want {
			t.Errorf("%s\nasks %s\nwant %s", c.line, got, c.want)
		}
	}
}

func TestHAProxyWords(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"a  b\tc # d", []string{"a", "b", "c"}},
		{`a\ b \#c \\ d`, []string{"a b", "#c", `\`, "d"}},
		{`"a b" 'c # d' e"f"g ""`, []string{"a b", "c # d", "efg", ""}},
		{`"\"\\\$\'" '\n' \r\n\t\x41\x4 \q`, []string{`"\$'`, `\n`, "\r\n\tAx4", "q"}},
		{`"\n\q"`, []string{"\n" + `\q`}},
		{"# all", nil},
	} {
		got, err := haproxyWords(c.line)
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", c.line, err, d)
		}
	}
}

// parseOne reads a file with one check.
func parseOne(t *testing.T, file, content string) Check {
	t.Helper()
	checks, err := Parse(file, []byte(content))
	if err != nil || len(checks) != 1 {
		t.Fatalf("%v, %v; want one check", checks, err)
	}
	return checks[0]
}

func TestVerify(t *testing.T) {
	for server, want := range map[string]bool{"ssl": false, "ssl verify none": false, "ssl verify required": true} {
		c := parseOne(t, "haproxy.cfg", "global\n ssl-server-verify none\nbackend b\n server s 10.0.0.1:443 check "+server+"\n")
		if c.Verify == nil || *c.Verify != want {
			t.Errorf("%s, with ssl-server-verify none: verify %v, want %v", server, c.Verify, want)
		}
	}
	if c := parseOne(t, "haproxy.cfg", "backend b\n server s 10.0.0.1:443 check ssl\n"); c.Verify == nil || !*c.Verify {
		t.Errorf("ssl alone: verify %v, want true", c.Verify)
	}
}

func TestShortPort(t *testing.T) {
	for _, c := range []struct {
		text  string
		host  string
		port  uint16
		found bool
	}{
		{"8080:8000", "", 8080, true},
		{"127.0.0.1:8080:8000", "127.0.0.1", 8080, true},
		{"[::1]:8080:8000/tcp", "::1", 8080, true},
		{"9000-9002:7999-8001", "", 9001, true},
		{"9000-9002:9000-9002", "", 0, false},
		{"9000-9002:7999-8002", "", 0, false},
		{"8080-8090:8000", "", 0, false},
		{"8000", "", 0, false},
		{"8080:8000/udp", "", 0, false},
		{"8080:8001", "", 0, false},
		{"x:8000", "", 0, false},
	} {
		host, port, found := shortPort(c.text, 8000)
		if host != c.host || port != c.port || found != c.found {
			t.Errorf("%s publishes 8000 at %q %d, %v; want %q %d, %v", c.text, host, port, found, c.host, c.port, c.found)
		}
	}
}

// TestMerge: what is written wins over what a merge key brings, wherever it stands.
func TestMerge(t *testing.T) {
	c := parseOne(t, "compose.yml", "x: &x {interval: 10s, timeout: 2s}\nservices:\n a:\n  healthcheck:\n   interval: 3s\n   <<: *x\n   test: curl -f localhost\n")
	if c.Interval != 3*time.Second || c.Timeout != 2*time.Second {
		t.Errorf("interval %v, timeout %v; want 3s, 2s", c.Interval, c.Timeout)
	}
}

func TestIngressTargetType(t *testing.T) {
	for kind, want := range map[string]uint16{"ip": 8000, "instance": 30080} {
		c := parseOne(t, "ingress.yaml", `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, annotations: {alb.ingress.kubernetes.io/target-type: `+kind+`}}
spec: {defaultBackend: {service: {name: s, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 80, targetPort: 8000, nodePort: 30080}]}
`)
		if c.Port != want || c.Dialect != "alb" {
			t.Errorf("target-type %s: port %d as %s, want %d as alb", kind, c.Port, c.Dialect, want)
		}
	}
}

// TestSelector: only pods with all the labels that a service selects are behind it.
func TestSelector(t *testing.T) {
	for labels, want := range map[string]string{"app: s, tier: web": "/ready", "app: s, tier: db": "", "app: s": ""} {
		checks, err := Parse("ingress.yaml", []byte(`
kind: List
items:
- {kind: Ingress, metadata: {name: i}, spec: {ingressClassName: nginx, defaultBackend: {service: {name: s, port: {number: 80}}}}}
- {kind: Service, metadata: {name: s}, spec: {selector: {app: s, tier: web}, ports: [{port: 80}]}}
- {kind: Pod, metadata: {name: p, labels: {`+labels+`}}, spec: {containers: [{name: c, readinessProbe: {httpGet: {path: /ready, port: 80}}}]}}
`))
		if err != nil || checks[0].Name != "i/s" || checks[0].Path != want {
			t.Errorf("a pod labelled %s: %+v, %v; want path %q", labels, checks, err, want)
		}
	}
}

func itoa(n uint16) string { return strconv.Itoa(int(n)) }

// TestSecretsStayHidden: values that Terraform marks as sensitive are nowhere.
func TestSecretsStayHidden(t *testing.T) {
	const secret = "hunter2"
	state := `{"version": 4, "resources": [{"type": "cloudflare_load_balancer_monitor", "name": "m", "instances": [{"attributes": {"type": "http", "path": "/` + secret + `", "expected_body": "` + secret + `", "header": [{"header": "Authorization", "values": ["` + secret + `"]}]},
		"sensitive_attributes": [[{"type": "get_attr", "value": "header"}], [{"type": "get_attr", "value": "path"}], [{"type": "get_attr", "value": "expected_body"}]]}]}]}`
	checks, err := Parse("terraform.tfstate", []byte(state))
	if err != nil || len(checks) != 1 {
		t.Fatal(checks, err)
	}
	if text := describe(checks[0]); strings.Contains(text, secret) || strings.Count(text, "sensitive") != 3 {
		t.Errorf("%s\nwant three values left out", text)
	}
	_, err = Parse("x.yaml", []byte("apiVersion: v1\npassword: "+secret+": "+secret+"\n"))
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v, want one without the line it is about", err)
	}
}

// TestAliasesOfAliases: a file that would grow a thousandfold a level is read in no time.
func TestAliasesOfAliases(t *testing.T) {
	var b strings.Builder
	b.WriteString("services:\n  a: {healthcheck: {test: curl localhost}}\nx0: &x0 {k: v}\n")
	for i := 1; i < 30; i++ {
		name, before := "x"+itoa(uint16(i)), "*x"+itoa(uint16(i-1))
		b.WriteString(name + ": &" + name + " [" + strings.TrimSuffix(strings.Repeat(before+", ", 10), ", ") + "]\n")
	}
	if checks, err := Parse("compose.yml", []byte(b.String())); err != nil || len(checks) != 1 {
		t.Errorf("%v, %v", checks, err)
	}
}

// fuzz runs one parser on files like those in testdata of the pattern.
func fuzz(f *testing.F, pattern, name string, seeds ...string) {
	files, err := filepath.Glob("testdata/" + pattern)
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds: ", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checks, err := Parse(name, data)
		if err == nil && len(checks) == 0 {
			t.Error("neither a check nor an error")
		}
		for _, c := range checks {
			if c.Target == "" && c.Why == "" {
				t.Errorf("no target, and no reason: %+v", c)
			}
			if u, err := url.Parse(c.Target); c.Target != "" && (err != nil || u.Host == "" || u.Scheme != c.Scheme) {
				t.Errorf("target %q of %+v is no URL: %v", c.Target, c, err)
			}
			if c.Timeout < 0 || c.Interval < 0 || c.Healthy < 0 || c.Unhealthy < 0 {
				t.Errorf("negative: %+v", c)
			}
			for _, text := range append(c.Notes, c.Name, c.Why) {
				if strings.ContainsAny(text, "\x1b\n\r\x00") {
					t.Errorf("%q is not safe to print", text)
				}
			}
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\x00") {
			t.Errorf("error %q is not safe to print", err)
		}
	})
}

func FuzzHAProxy(f *testing.F) {
	fuzz(f, "haproxy.cfg", "haproxy.cfg", twoBackends, "backend b\n option tcp-check\n tcp-check connect ssl port 1 addr a:2 sni\n server-template s 3 \"h\\\"x\":1 check port +1\n")
}

func FuzzDockerfile(f *testing.F) {
	fuzz(f, "Dockerfile", "Dockerfile", "FROM a\nHEALTHCHECK CMD [\"curl\",\"-f\",\"http://a:1/\"]\n", "FROM a AS b\nFROM b\nENV A=$A${A:-x}\nHEALTHCHECK CMD wget \"$A\" | x\n")
}

func FuzzYAML(f *testing.F) {
	fuzz(f, "*.y*ml", "x.yaml", "services: {a: {healthcheck: {test: 'curl -f http://b/ || exit 1'}, ports: ['1-2:3-4', {target: 1}]}}",
		"kind: Pod\nspec: {containers: [{livenessProbe: {httpGet: {port: 1, host: a}}}]}", "a: &a {<<: *a}\nservices: *a")
}

func FuzzJSON(f *testing.F) {
	fuzz(f, "plan.json", "x.json", `{"version":4,"resources":[{"type":"aws_elb","name":"a","instances":[{"attributes":{"instances":["1.2.3.4"],"health_check":[{"target":"TCP:1"}]}}]}]}`,
		`{"version":4,"resources":[{"type":"aws_route53_health_check","instances":[{"attributes":{"type":"HTTP","fqdn":"a b","port":1}}]}]}`)
}

// TestDockerfileNames: a stage goes by its name or number, the one of a file that
// has no other by what people know it by.
func TestDockerfileNames(t *testing.T) {
	const check = "HEALTHCHECK CMD curl -f http://localhost/\n"
	for file, want := range map[string]string{
		"FROM a\n" + check:              "HEALTHCHECK",
		"FROM a AS web\n" + check:       "web",
		"FROM a\nFROM b\n" + check:      "1",
		"FROM a\nFROM b AS c\n" + check: "c",
	} {
		checks, err := Parse("Dockerfile", []byte(file))
		if err != nil || len(checks) != 1 || checks[0].Name != want {
			t.Errorf("%q: %+v, %v; want one of the name %s", file, checks, err, want)
		}
	}
}
