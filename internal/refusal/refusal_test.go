package refusal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/realserver"
)

func ask(head string) Request {
	return Request{Request: fingerprint.ParseHead([]byte(head), netip.Addr{})}
}

// allows is what Of says of head: each rule, and the value to allow.
func allows(r Request) map[string]string {
	found := map[string]string{}
	for _, f := range Of(r) {
		found[f.Rule] = f.Allow
	}
	return found
}

func TestOf(t *testing.T) {
	const agent = "User-Agent: ELB-HealthChecker/2.0\r\n\r\n"
	all := func(host string) map[string]string {
		return map[string]string{
			"django-allowed-hosts": host, "rails-hosts": host, "https-redirect": "/up", "nginx-server-name": host,
			"aspnet-allowed-hosts": host,
		}
	}
	with := func(m map[string]string, pairs ...string) map[string]string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == "-" {
				delete(m, pairs[i])
			} else {
				m[pairs[i]] = pairs[i+1]
			}
		}
		return m
	}
	for name, test := range map[string]struct {
		head string
		want map[string]string
	}{
		"address":          {"GET /up HTTP/1.1\r\nHost: 10.0.3.7\r\n" + agent, all("10.0.3.7")},
		"address and port": {"GET /up HTTP/1.1\r\nHost: 10.0.3.7:8080\r\n" + agent, all("10.0.3.7")},
		"query":            {"GET /up?x=/y HTTP/1.1\r\nHost: 10.0.3.7\r\n" + agent, all("10.0.3.7")},
		"absolute target":  {"GET http://a/up HTTP/1.1\r\nHost: 10.0.3.7\r\n" + agent, all("10.0.3.7")},
		"IPv6": {"GET /up HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n" + agent,
			with(all("[2001:db8::1]"), "rails-hosts", "2001:db8::1")},
		"name": {"GET /up HTTP/1.1\r\nHost: App.Internal.\r\n" + agent,
			with(all("app.internal"), "rails-hosts", "App.Internal.", "aspnet-allowed-hosts", "App.Internal.", "vite-allowed-hosts", "App.Internal.")},
		"localhost passes at Vite": {"GET /up HTTP/1.1\r\nHost: localhost:1\r\n" + agent, all("localhost")},
		"behind a proxy with TLS":  {"GET /up HTTP/1.1\r\nHost: 10.0.3.7\r\nX-Forwarded-Proto: https\r\n\r\n", with(all("10.0.3.7"), "https-redirect", "-")},
		"no Host":                  {"GET /up HTTP/1.1\r\n\r\n", map[string]string{"host-missing": "", "https-redirect": "/up"}},
		"no Host, 1.0": {"OPTIONS / HTTP/1.0\r\n\r\n", map[string]string{
			"django-allowed-hosts": "", "rails-hosts": "", "nginx-server-name": `""`, "https-redirect": "/"}},
		"two Hosts": {"GET /up HTTP/1.1\r\nHost: 10.0.3.7\r\nHost: b\r\n\r\n", with(all("10.0.3.7"), "host-twice", "")},
		"no version": {"GET /up\r\n", map[string]string{"no-version": "", "https-redirect": "/up",
			"django-allowed-hosts": "", "rails-hosts": "", "nginx-server-name": `""`}},
		"underscore": {"GET /up HTTP/1.1\r\nHost: web_1:80\r\n\r\n",
			with(all("web_1"), "host-characters", "", "django-allowed-hosts", "", "vite-allowed-hosts", "web_1")},
		"no host at all": {"GET /up HTTP/1.1\r\nHost: a b\x1b[m\r\n\r\n", map[string]string{
			"host-characters": "", "django-allowed-hosts": "", "rails-hosts": `"a b\x1b[m"`, "https-redirect": "/up", "vite-allowed-hosts": `"a b\x1b[m"`}},
		"empty Host": {"GET /up HTTP/1.1\r\nHost:\r\n\r\n", map[string]string{"django-allowed-hosts": "", "rails-hosts": "", "https-redirect": "/up"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, allows(ask(test.head))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	inside := ask("GET /up HTTP/1.1\r\nHost: a.example\r\n\r\n")
	inside.TLS = true
	if _, redirected := allows(inside)["https-redirect"]; redirected {
		t.Error("a request inside TLS is said to be redirected to https")
	}
	if got := Of(Request{}); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
}

// TestFixes shows the lines that people are to paste.
func TestFixes(t *testing.T) {
	got := map[string]string{}
	for _, f := range Of(ask("GET /a.b/#{x}\"? HTTP/1.1\r\nHost: app.internal:80\r\n\r\n")) {
		got[f.Rule] = f.Fix
	}
	want := map[string]string{
		"django-allowed-hosts": `ALLOWED_HOSTS = [..., "app.internal"]`,
		"rails-hosts":          `config.hosts << "app.internal"   # or for this path alone: config.host_authorization = { exclude: ->(request) { request.path == "/a.b/\#{x}\"" } }`,
		"https-redirect": `SECURE_REDIRECT_EXEMPT = [r"^a\.b/#\{x\}\"$"] (Django), config.ssl_options = { redirect: { exclude: ->(request) { request.path == "/a.b/\#{x}\"" } } } (Rails), ` +
			`a location of its own before the redirect (nginx)`,
		"nginx-server-name":    `server_name mysite.example app.internal;`,
		"aspnet-allowed-hosts": `"AllowedHosts": "mysite.example;app.internal"`,
		"vite-allowed-hosts":   `server: { allowedHosts: ["app.internal"] }`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules {
		if seen[r.id] || r.server == "" || r.setting == "" || r.answers == "" || r.source == "" || r.always != (r.verb == "") {
			t.Errorf("rule %q is not whole, or not the only one", r.id)
		}
		seen[r.id] = true
	}
}

// hosts are what probers and hostile people send.
var hosts = []string{
	"10.0.3.7", "10.0.3.7:8080", "10.0.3.7:", "localhost", "LOCALHOST:80", "app.example", "app.example.", "app.example.:80", "a_b", "a_b:80",
	"[::1]", "[::1]:80", "[2001:DB8::1]:8080", "::1", "2001:db8::1", "[::1", "[]", "[abc]", "[::1]x", "", " ", "a b", "a:b", "a:80:80", ":80", ".", "..", "-", "-a",
	"a-", "a-.b", "a..b", "é.example", "xn--9ca.example", "a/b", "a@b", "a\x1b[31m", "*", ".example", "127.1", "999.1.1.1", "010.0.0.1",
}

// TestRealDjango compares with Django's own code, which must take the Host if the
// value to allow is allowed, and refuse it if only another is.
func TestRealDjango(t *testing.T) {
	const program = `
import json, sys
from django.conf import settings
settings.configure()
from django.http import HttpRequest
from django.core.exceptions import DisallowedHost
def takes(host, allowed):
    settings.ALLOWED_HOSTS = allowed
    r = HttpRequest()
    r.META = {"HTTP_HOST": host, "SERVER_NAME": "x", "SERVER_PORT": "80"}
    try:
        r.get_host()
        return True
    except DisallowedHost:
        return False
print(json.dumps([[takes(h, [v] if v else ["*"]), takes(h, ["other.test"])] for h, v in json.load(sys.stdin)]))
`
	python := ""
	for _, candidate := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), candidate, "-c", "import django").Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		t.Skip("Django is not installed: package python3-django")
	}
	var questions [][2]string
	for _, host := range hosts {
		questions = append(questions, [2]string{host, splitDjango(host)})
	}
	in, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", program)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers [][2]bool
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	for i, q := range questions {
		if want := q[1] != ""; answers[i][0] != want {
			t.Errorf("Host %q with %q allowed: Django takes it: %t", q[0], q[1], answers[i][0])
		}
		if answers[i][1] {
			t.Errorf("Host %q passes with another allowed", q[0])
		}
	}
}

// status sends head, and returns the code of the answer.
func status(t *testing.T, address, head string) int {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	code := 0
	_, _ = fmt.Sscanf(line, "HTTP/1.1 %d", &code)
	return code
}

// protocolRules are those that must hold at every server that they name.
func refusedAlways(r Request) bool {
	return slices.ContainsFunc(Of(r), func(f Refusal) bool { return f.Always })
}

var forms = []string{
	"GET / HTTP/1.1\r\nHost: 10.0.3.7\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
	"OPTIONS / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: 10.0.3.7\r\n\r\n",
}

func TestRealGo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	for _, form := range append(forms, "GET /\r\n") {
		if got, want := status(t, l.Addr().String(), form) == http.StatusBadRequest, refusedAlways(ask(form)); got != want {
			t.Errorf("%q: net/http refuses it: %t, and the table says %t", form, got, want)
		}
	}
}

// TestRealNginx: what is refused, and which site a Host leads to.
func TestRealNginx(t *testing.T) {
	for _, host := range []string{"10.0.3.7:8080", "App.Internal.", "[2001:db8::1]:80", "localhost"} {
		form := "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
		value := allows(ask(form))["nginx-server-name"]
		server := realserver.Nginx(t, `
server { listen {addr} default_server; return 418; }
server { listen {addr}; server_name mysite.example; return 404; }
server { listen {addr}; server_name `+value+`; return 204; }
`)
		if got := status(t, server.Addr(), form); got != 204 {
			t.Errorf("Host %s with server_name %s: %d", host, value, got)
		}
		other := strings.ReplaceAll(form, host, "other.example")
		if got := status(t, server.Addr(), other); got != 418 {
			t.Errorf("Host other.example: %d", got)
		}
		for _, form := range forms {
			if got, want := status(t, server.Addr(), form) == 400, refusedAlways(ask(form)); got != want {
				t.Errorf("%q: nginx refuses it: %t, and the table says %t", form, got, want)
			}
		}
	}
}

func FuzzOf(f *testing.F) {
	for _, host := range hosts {
		f.Add("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	}
	for _, form := range forms {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, head string) {
		for _, r := range Of(ask(head)) {
			for _, text := range []string{r.Why, r.Fix, r.Allow} {
				if strings.ContainsFunc(strings.ReplaceAll(text, "…", ""), func(c rune) bool { return c < ' ' || c > '~' }) {
					t.Errorf("%s: %q can't be printed", r.Rule, text)
				}
			}
		}
	})
}

// TestNothingWideIsAllowed: the sender chose the Host. What a setting would take
// for more than that one host is not offered as a value to allow.
func TestNothingWideIsAllowed(t *testing.T) {
	for _, host := range []string{".com", "*", "*.example.com", "a;*", "a;internal", "~a", "a$host"} {
		for _, f := range Of(ask("GET /up HTTP/1.1\r\nHost: " + host + "\r\n\r\n")) {
			if f.Rule == "https-redirect" {
				continue // it is about the path
			}
			if f.Allow != "" || strings.Contains(f.Fix, host) {
				t.Errorf("Host %s, %s: allow %q: %s", host, f.Rule, f.Allow, f.Fix)
			}
		}
	}
}
