package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/prove"
	"github.com/inservice/inservice/internal/realserver"
)

// Everything that a check connects to is dialled through the seam, as it is written.
func TestChecksAreMadeThrough(t *testing.T) {
	t.Setenv("PGHOST", "")
	for _, test := range []struct{ app, check, dials string }{
		{"", `{name: c, sql: {dsn: "postgres://u:p@db.invalid/site?sslmode=disable"}}`, "tcp db.invalid:5432"},
		{"", `{name: c, sql: {dsn: "mysql://u:p@db.invalid/site"}}`, "tcp db.invalid:3306"},
		{"", `{name: c, sql: {dsn: "sqlite:missing.db"}}`, ""},
		{"", `{name: c, http: {url: "http://site.invalid/"}}`, "tcp site.invalid:80"},
		{"", `{name: c, http: {url: "https://site.invalid/"}}`, "tcp site.invalid:443"},
		{"", `{name: c, tcp: {address: "mail.invalid:25"}}`, "tcp mail.invalid:25"},
		{"", `{name: c, redis: {address: "cache.invalid:6379"}}`, "tcp cache.invalid:6379"},
		{"", `{name: c, redis: {address: "cache.invalid:6379", tls: true}}`, "tcp cache.invalid:6379"},
		{"", `{name: c, redis: {address: /run/redis.sock}}`, "unix /run/redis.sock"},
		{"", `{name: c, grpc: {address: "api.invalid:50051"}}`, "tcp api.invalid:50051"},
		{"", `{name: c, grpc: {address: "unix:/run/api.sock"}}`, "unix /run/api.sock"},
		{"", `{name: c, certificate: {address: "site.invalid:443"}}`, "tcp site.invalid:443"},
		{"", `{name: c, certificate: {file: missing.pem}}`, ""},
		{"", `{name: c, disk: {path: /}}`, ""},
		{"", `{name: c, memory: {}}`, ""},
		{"", `{name: c, exec: {command: ["true"]}}`, ""},
		{`app: "http://app.invalid:8000", `, `{name: c, app: {path: /}}`, "tcp app.invalid:8000"},
		{`app: "unix:/run/app.sock", `, `{name: c, app: {path: /}}`, "unix /run/app.sock"},
	} {
		file := parse(t, "agent: {"+test.app+"checks: ["+test.check+"]}")
		var mu sync.Mutex
		dialled := ""
		checks, end, err := makeChecks(file.Agent, func(check string) dialFunc {
			return func(_ context.Context, network, address string) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				dialled = network + " " + address
				if check != "c" {
					t.Errorf("dialled for %q", check)
				}
				return nil, errors.New("out of reach")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		err = checks[0].Run(t.Context())
		if test.dials != "" && (err == nil || !strings.Contains(err.Error(), "out of reach")) {
			t.Errorf("%s gave %v, want what dialling gave", test.check, err)
		}
		if dialled != test.dials {
			t.Errorf("%s dialled %q, want %q", test.check, dialled, test.dials)
		}
		// What prove knows of kinds agrees with what they do.
		kind := checkKinds(file.Agent)["c"]
		if apart := slices.Contains([]string{"sqlite", "certificate-file", "disk", "memory", "exec"}, kind); kind == "" || apart != (test.dials == "") {
			t.Errorf("%s is of kind %q", test.check, kind)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	}
}

// proves runs the command and returns its exit status and what it printed.
func proves(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	p := &program{stdout: &out, stderr: &problems, command: "inservice"}
	root := p.root()
	root.SetArgs(append([]string{"prove"}, args...))
	status = p.report(root.ExecuteContext(t.Context()))
	return status, out.String(), problems.String()
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inservice.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// password is that of a server's URL.
func password(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := u.User.Password()
	return secret
}

// A good configuration of real servers is proven, each fault within its bound, and
// the servers are asked nothing but what the checks ask.
func TestProveRealServers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	postgres, mariadb, redis := realserver.Postgres(t), realserver.MariaDB(t), realserver.Redis(t)
	nginx := realserver.Nginx(t, `server { listen {addr}; location / { return 200 ok; } }`)
	pg, cache := postgres.DSN(), redis.DSN()
	file := writeConfig(t, fmt.Sprintf(`
agent:
  checks:
    - {name: database, sql: {dsn: %q}, timeout: 500ms}
    - {name: orders, sql: {driver: mysql, dsn: %q, query: "select 2"}, timeout: 500ms}
    - {name: cache, redis: {address: %q, username: inservice, password: %q}, timeout: 500ms, critical: false}
    - {name: page, http: {url: "http://%s/"}, timeout: 500ms}
    - {name: disk, disk: {path: /, min_free: 1KiB, min_inodes: 1}}
`, pg, mariadb.DSN(), redis.Addr(), password(t, cache), nginx.Addr()))
	junit := filepath.Join(t.TempDir(), "report.xml")
	status, out, problems := proves(t, "--config", file, "--interval", "100ms", "--json", "--junit", junit)
	if status != exitOK {
		t.Fatalf("exit status %d\n%s\n%s", status, problems, out)
	}
	var report struct {
		Verdict      string
		Dependencies []struct {
			Addresses, Checks []string
			Expect            string
			Trials            []struct {
				Fault    string
				Proven   bool
				AfterMS  float64 `json:"after_ms"`
				HealedMS float64 `json:"healed_ms"`
				Answer   string
				Slowness []struct {
					FailsMS *float64 `json:"fails_ms"`
				}
			}
		}
		Unprovable []struct{ Check, Kind, Why string }
		Notes      []string
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []string
	for _, d := range report.Dependencies {
		line := strings.Join(d.Checks, ",") + " " + strings.Join(d.Addresses, ",") + " " + d.Expect
		for _, x := range d.Trials {
			line += fmt.Sprintf(" %s=%v/%s", x.Fault, x.Proven, x.Answer)
			if x.AfterMS <= 0 || x.HealedMS <= 0 {
				t.Errorf("%s, %s: turned after %v ms and back after %v ms", d.Checks, x.Fault, x.AfterMS, x.HealedMS)
			}
			if x.Fault == "slow" && (len(x.Slowness) != 1 || x.Slowness[0].FailsMS == nil) {
				t.Errorf("%s: it is not told from which delay on it fails: %v", d.Checks, x.Slowness)
			}
		}
		got = append(got, line)
	}
	red := " refuse=true/503 fail reset=true/503 fail hang=true/503 fail slow=true/503 fail"
	told := strings.ReplaceAll(red, "503 fail", "200 ok, degraded")
	if diff := cmp.Diff([]string{
		"database " + postgres.Addr() + " red" + red, "orders " + mariadb.Addr() + " red" + red,
		"cache " + redis.Addr() + " degraded" + told, "page " + nginx.Addr() + " red" + red,
	}, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if report.Verdict != "proven" || len(report.Unprovable) != 1 || report.Unprovable[0].Check != "disk" || len(report.Notes) != 1 {
		t.Errorf("verdict %s, unprovable %v, notes %q", report.Verdict, report.Unprovable, report.Notes)
	}

	var suites struct {
		Suite []struct {
			Name  string `xml:"name,attr"`
			Tests int    `xml:"tests,attr"`
		} `xml:"testsuite"`
	}
	text, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, &suites); err != nil || len(suites.Suite) != 5 || suites.Suite[0].Name != "database" || suites.Suite[0].Tests != 4 {
		t.Errorf("the JUnit report holds %+v, %v", suites, err)
	}
	for _, secret := range []string{password(t, pg), password(t, cache)} {
		if strings.Contains(out+problems+string(text), secret) {
			t.Error("a password is printed")
		}
	}
	// "select 1" is all that PostgreSQL was asked, but for what its driver asks of a
	// connection that it has kept.
	if all, asked, kept := postgres.Queries(""), postgres.Queries("select 1"), postgres.Queries("-- ping"); all != asked+kept || asked == 0 {
		t.Errorf("PostgreSQL was asked %d statements, of which %d are the check's", all, asked)
	}
	for line := range strings.Lines(postgres.Log()) {
		if strings.Contains(line, "FATAL") && !strings.Contains(line, "starting up") { // as it tells whoever waits for it
			t.Errorf("PostgreSQL complains: %s", line)
		}
	}
}

// A TCP check in front of PostgreSQL can't see it hang; a shared one is told.
func TestProveFindsDefects(t *testing.T) {
	t.Parallel()
	postgres := realserver.Postgres(t)
	file := writeConfig(t, fmt.Sprintf(`
agent:
  checks:
    - {name: port, tcp: {address: "%s"}, interval: 100ms, timeout: 500ms}
`, postgres.Addr()))
	status, out, problems := proves(t, "--config", file, "--fault", "hang,refuse")
	if status != exitFailed || !strings.Contains(problems, "error: the health answer does not tell the truth: 1 defect") {
		t.Errorf("exit status %d\n%s", status, problems)
	}
	for _, part := range []string{
		`(?m)^  ok      refuse +red after`, `(?m)^  DEFECT  hang +200 ok$`, "stays-green: port stays green for 3.2s: a check that cannot fail",
		"hint: a TCP check passes as soon as the kernel accepts", `(?m)^1 defect: 1 of 2 faults turned`,
	} {
		if !regexp.MustCompile(part).MatchString(out) {
			t.Errorf("nothing matches %s in\n%s", part, out)
		}
	}

	file = writeConfig(t, fmt.Sprintf(`
agent:
  checks:
    - {name: database, sql: {dsn: %q}, interval: 100ms, timeout: 500ms, scope: shared}
`, postgres.DSN()))
	status, out, problems = proves(t, "--config", file, "--fault", "hang")
	if status != exitOK || !strings.Contains(out, "leave the server in service") || !strings.Contains(out, "degraded after") || strings.Contains(out, password(t, postgres.DSN())) {
		t.Errorf("exit status %d\n%s%s", status, problems, out)
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("colours for what is no terminal:\n%q", out)
	}
}

// A server that answers 200 whatever happens behind it.
func TestProveStaticView(t *testing.T) {
	t.Parallel()
	nginx := realserver.Nginx(t, `server { listen {addr}; location / { return 200 ok; } }`)
	database := realserver.Redis(t)
	here := freeAddress(t)
	status, out, problems := proves(t, "--health", nginx.DSN()+"/health", "--between", here+"="+database.Addr(),
		"--bound", "1500ms", "--timeout", "300ms", "--interval", "100ms", "--fault", "hang")
	if status != exitFailed {
		t.Errorf("exit status %d\n%s", status, problems)
	}
	for _, part := range []string{"stays-green: the answer stays green", "hint: nobody ever connected to " + here} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
}

// nginx in front of an app that is gone answers 502: with the app behind the
// forwarder, its view is an honest one.
func TestProveProxiedView(t *testing.T) {
	t.Parallel()
	here := freeAddress(t)
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer app.Close()
	nginx := realserver.Nginx(t, `server { listen {addr}; location / { proxy_pass http://`+here+`; } }`)
	status, out, problems := proves(t, "--health", nginx.DSN(), "--between", here+"="+app.Listener.Addr().String(),
		"--bound", "2s", "--timeout", "400ms", "--interval", "100ms")
	if status != exitOK || strings.Count(out, "  ok  ") != 4 {
		t.Errorf("exit status %d\n%s%s", status, problems, out)
	}
	for _, part := range []string{"502 ", "Target.Timeout"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestProveMistakes(t *testing.T) {
	sidecar := writeConfig(t, `agent: {checks: [{tcp: {address: "127.0.0.1:1"}}]}`)
	health := []string{"--health", "http://127.0.0.1:1/", "--between", "127.0.0.1:2=db:1"}
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "nothing to prove"},
		{[]string{"--config", sidecar, "--health", "http://a/"}, "give one of them"},
		{[]string{"--health", "http://a/"}, "--health needs --between"},
		{[]string{"--config", sidecar, "--between", "127.0.0.1:2=db:1"}, "--between goes with --health"},
		{[]string{"--config", sidecar, "--matcher", "200"}, "--matcher goes with --health"},
		{[]string{"--config", sidecar, "--fault", "burn"}, `"burn" is no fault`},
		{[]string{"--config", sidecar, "--only", "tpc"}, "did you mean tcp?"},
		{[]string{"--config", sidecar, "--interval", "1ms"}, "--interval: 1ms is less than 10ms"},
		{[]string{"--config", writeConfig(t, `agent: {}`)}, "nothing to check"},
		{[]string{"--config", writeConfig(t, `balance: {listeners: [{address: ":1"}], target_groups: {web: {targets: ["a:1"]}}}`)}, "has no section agent"},
		{append(health, "--bound", "5s"), "--bound: 5s is less than"},
		{append(health, "--only", "other:1"), `--only: there is no "other:1"; there are db:1`},
		{append(health, "--matcher", "2xx"), "--matcher: "},
		{[]string{"--health", "ftp://a/", "--between", "127.0.0.1:2=db:1"}, `"ftp" is no scheme`},
		{[]string{"--health", "/up", "--between", "127.0.0.1:2=db:1"}, "write an absolute URL"},
		{[]string{"--health", "http://u:p@a/", "--between", "127.0.0.1:2=db:1"}, "write an absolute URL"},
		{[]string{"--health", "http://a/", "--between", "db:1"}, "is not LISTEN=TARGET"},
		{[]string{"--health", "http://a/", "--between", "127.0.0.1:0=db:1"}, "is no address to listen on"},
		{[]string{"--health", "http://a/", "--between", ":2=db:1"}, "is no address to listen on"},
		{[]string{"--health", "http://a/", "--between", "127.0.0.1:2=db"}, "is no address to forward to"},
		{[]string{"--health", "http://a/", "--between", "127.0.0.1:2=127.0.0.1:2"}, "forwards to itself"},
		{[]string{"--health", "http://a/", "--between", "127.0.0.1:2=db:1,shared"}, "allowed: degraded"},
	} {
		status, out, problems := proves(t, test.args...)
		if status != exitUsage || out != "" || !strings.Contains(problems, test.want) {
			t.Errorf("%q: exit status %d\n%s\nwant %q", test.args, status, problems, test.want)
		}
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	status, _, problems := proves(t, "--health", "http://127.0.0.1:1/", "--between", busy.Addr().String()+"=db:1")
	if status != exitFailed || !strings.Contains(problems, "address already in use") || !strings.Contains(problems, "with --between") {
		t.Errorf("a busy address: exit status %d\n%s", status, problems)
	}
}

func TestParseRoute(t *testing.T) {
	for text, want := range map[string]prove.Route{
		"127.0.0.1:6432=db.internal:5432":     {Listen: "127.0.0.1:6432", Address: "db.internal:5432"},
		"localhost:6380=cache:6379,degraded":  {Listen: "localhost:6380", Address: "cache:6379", Degraded: true},
		"[::1]:6432=[fd00::1]:5432":           {Listen: "[::1]:6432", Address: "[fd00::1]:5432"},
		"unix:/tmp/here=unix:/run/redis.sock": {Listen: "unix:/tmp/here", Network: "unix", Address: "/run/redis.sock"},
	} {
		got, err := parseRoute(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
}

// Whoever forwards for more than this machine is told.
func TestWarnsOfOpenForwarders(t *testing.T) {
	for listen, warned := range map[string]bool{"127.0.0.1:2": false, "localhost:2": false, "[::1]:2": false, "0.0.0.0:2": true, "10.0.0.5:2": true} {
		var warn bytes.Buffer
		o := proving{health: "https://site.example/up?deep=1", matcher: "200-299", host: "", between: []string{listen + "=db:1"}}
		app, err := o.app(&warn)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(warn.String(), "whoever reaches "+listen); got != warned {
			t.Errorf("%s: warned is %v", listen, got)
		}
		if p := app.Probe; p.Address != "site.example:443" || p.Path != "/up?deep=1" || p.Host != "site.example" || !p.Matcher.Match(204) {
			t.Errorf("the probe is %+v", p)
		}
	}
}
