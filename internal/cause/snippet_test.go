package cause

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/inservice/inservice/internal/realserver"
)

// values are put in where a program reads the lines: ports that everybody may
// bind, and none of them 80.
func values() map[string]string {
	v := map[string]string{"port": "18080", "otherport": "18081", "host": "10.0.0.10"}
	for name, example := range Placeholders {
		if _, given := v[name]; !given && name != "bare" && !strings.HasSuffix(name, "pat") && name != "pattern" {
			v[name] = example
		}
	}
	return v
}

// snippet is what is pasted of one fix.
type snippet struct {
	name  string
	fix   Fix
	lines string
}

// snippets returns the lines of one language, with values filled in, what stands
// in several fixes once.
func snippets(t *testing.T, syntax string) []snippet {
	t.Helper()
	var all []snippet
	seen := map[[2]string]bool{}
	add := func(name string, f Fix) {
		if f.Syntax == syntax && f.Lines != "" && !seen[[2]string{f.Place, f.Lines}] {
			seen[[2]string{f.Place, f.Lines}] = true
			all = append(all, snippet{name, f, Fill(f.Lines, values())})
		}
	}
	for _, c := range All() {
		for _, f := range c.Fixes {
			add(string(c.ID)+"/"+f.Software, f)
		}
	}
	for _, k := range Knobs() {
		for _, s := range Settings(k) {
			add(string(k)+"/"+s.Balancers[0], Fix{Place: "backend", Syntax: s.Syntax, Lines: s.Lines})
		}
	}
	if len(all) == 0 {
		t.Fatalf("the table has nothing in %s", syntax)
	}
	return all
}

// place is a directory with what configurations name: certificates and logs.
type place struct{ dir string }

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t.TempDir()}
	for _, dir := range []string{p.dir, filepath.Dir(p.dir)} { // Varnish reads as another user
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{Placeholders["site"]}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, content := range map[string][]byte{
		"site.pem": public, "site.key": private, "clients.pem": public, "site-with-key.pem": append(public, private...), "htpasswd": []byte("a:b\n"),
	} {
		p.write(t, name, string(content))
	}
	return p
}

func (p place) write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// here puts the directory in place of those that the lines name.
func (p place) here(lines string) string {
	return strings.NewReplacer("/etc/ssl/", p.dir+"/", "/etc/lighttpd/htpasswd", p.dir+"/htpasswd", "/var/log/nginx/", p.dir+"/", "/var/log/apache2/", p.dir+"/").Replace(lines)
}

// run runs a program that reads a configuration and says whether it is right.
func (p place) run(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", filepath.Base(program), err, out)
	}
	if strings.Contains(string(out), "[WARNING]") || strings.Contains(string(out), "[warn]") {
		t.Errorf("%s warns:\n%s", filepath.Base(program), out)
	}
}

// each runs check for every snippet of a language, and each of their places must
// be one that it knows.
func each(t *testing.T, syntax string, check func(t *testing.T, s snippet)) {
	for _, s := range snippets(t, syntax) {
		t.Run(s.name, func(t *testing.T) {
			check(t, s)
			if t.Failed() {
				t.Logf("lines:\n%s", s.lines)
			}
		})
	}
}

// within puts the lines into the frame of their place.
func within(t *testing.T, s snippet, frames map[string]string) string {
	t.Helper()
	frame, known := frames[s.fix.Place]
	if !known {
		t.Fatalf("nobody knows the place %q", s.fix.Place)
	}
	return strings.ReplaceAll(frame, "LINES", s.lines)
}

func TestNginx(t *testing.T) {
	program := realserver.Program(t, "nginx", "nginx")
	const head = "pid nginx.pid; error_log stderr;\n"
	const http = `http {
	access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
	limit_conn_zone $binary_remote_addr zone=c:1m;
	proxy_cache_path cache keys_zone=k:1m;
`
	const server = head + "events {}\n" + http + `server {
		listen 127.0.0.1:18099 ssl; server_name other.example.com; proxy_cache k; limit_conn c 10;
		ssl_certificate /etc/ssl/site.pem; ssl_certificate_key /etc/ssl/site.key; ssl_client_certificate /etc/ssl/clients.pem;
		`
	frames := map[string]string{
		"main":     head + "LINES\nhttp {}\n",
		"http":     head + "events {}\n" + http + "LINES\n}\n",
		"server":   server + "LINES\n}\n}\n",
		"location": server + "location / {\nproxy_pass http://127.0.0.1:8000;\nLINES\n}\n}\n}\n",
	}
	each(t, "nginx", func(t *testing.T, s snippet) {
		p := newPlace(t)
		config := within(t, s, frames)
		// The lines name the site's certificate themselves.
		if strings.Contains(s.lines, "ssl_certificate ") && s.fix.Place == "server" {
			config = strings.Replace(config, "ssl_certificate /etc/ssl/site.pem; ssl_certificate_key /etc/ssl/site.key; ", "", 1)
		}
		p.run(t, program, "-t", "-q", "-p", p.dir, "-e", "stderr", "-c", p.write(t, "nginx.conf", p.here(config)))
	})
}

func TestApache(t *testing.T) {
	program := realserver.Program(t, "apache2", "apache2")
	var head strings.Builder
	fmt.Fprintf(&head, "ServerName x.example.com\nPidFile apache.pid\nErrorLog stderr.log\nListen 127.0.0.1:18090\n")
	for _, m := range strings.Fields("mpm_event authz_core authz_host authz_user authn_core authn_file auth_basic alias dir rewrite headers proxy proxy_http setenvif ssl " +
		"socache_shmcb remoteip cache reqtimeout allowmethods http2 slotmem_shm proxy_balancer watchdog proxy_hcheck lbmethod_byrequests") {
		if m != "watchdog" { // built in
			fmt.Fprintf(&head, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
		}
	}
	frames := map[string]string{
		"server":       "LINES\n",
		"virtual host": "<VirtualHost *:18090>\nServerName y.example.com\nLINES\n</VirtualHost>\n",
	}
	each(t, "apache", func(t *testing.T, s snippet) {
		p := newPlace(t)
		config := "ServerRoot " + p.dir + "\n" + head.String() + within(t, s, frames)
		p.run(t, program, "-t", "-f", p.write(t, "apache.conf", p.here(config)))
	})
}

func TestHAProxy(t *testing.T) {
	program := realserver.Program(t, "haproxy", "haproxy")
	const frame = `global
	LINES_GLOBAL
	tune.ssl.default-dh-param 2048
defaults
	mode http
	timeout connect 5s
	timeout client 5s
	timeout server 5s
	timeout check 2s
userlist users
	user alice insecure-password x
cache small
	total-max-size 4
	max-age 60
backend st
	stick-table type ip size 1m expire 1m store http_req_rate(1m)
frontend web
	bind 127.0.0.1:18091
	LINES_FRONTEND
	default_backend app
backend app
	LINES_BACKEND
	server other 127.0.0.1:8001 check
LINES_SECTION
`
	frames := map[string]string{}
	for _, place := range []string{"global", "frontend", "backend", "section"} {
		config := strings.Replace(frame, "LINES_"+strings.ToUpper(place), "LINES", 1)
		for _, other := range []string{"GLOBAL", "FRONTEND", "BACKEND", "SECTION"} {
			config = strings.Replace(config, "LINES_"+other, "", 1)
		}
		frames[place] = config
	}
	each(t, "haproxy", func(t *testing.T, s snippet) {
		p := newPlace(t)
		config := within(t, s, frames)
		p.run(t, program, "-c", "-q", "-f", p.write(t, "haproxy.cfg", p.here(config)))
	})
}

func TestCaddy(t *testing.T) {
	program := realserver.Program(t, "caddy", "caddy")
	frames := map[string]string{
		"site":   "http://:18095 {\nLINES\n}\n",
		"file":   "LINES\n",
		"global": "LINES\nhttp://:18095 {\n\trespond ok\n}\n",
	}
	each(t, "caddy", func(t *testing.T, s snippet) {
		p := newPlace(t)
		p.run(t, program, "validate", "--adapter", "caddyfile", "--config", p.write(t, "Caddyfile", p.here(within(t, s, frames))))
	})
}

func TestLighttpd(t *testing.T) {
	program := realserver.Program(t, "lighttpd", "lighttpd")
	each(t, "lighttpd", func(t *testing.T, s snippet) {
		p := newPlace(t)
		config := "server.modules = ()\nserver.document-root = \"" + p.dir + "\"\n" + s.lines + "\n"
		if !strings.Contains(s.lines, "server.port") {
			config += "server.port = 18096\n"
		}
		test := "-tt"
		if strings.Contains(s.lines, "mod_openssl") { // another package, lighttpd-mod-openssl
			test = "-t"
		}
		p.run(t, program, test, "-f", p.write(t, "lighttpd.conf", p.here(config)))
	})
}

func TestVarnish(t *testing.T) {
	program := realserver.Program(t, "varnishd", "varnish")
	each(t, "vcl", func(t *testing.T, s snippet) {
		p := newPlace(t)
		config := "vcl 4.1;\n" + s.lines + "\n"
		if !strings.Contains(s.lines, "backend default") {
			config += "backend default { .host = \"127.0.0.1\"; .port = \"8000\"; }\n"
		}
		cmd := exec.CommandContext(t.Context(), program, "-C", "-n", filepath.Join(p.dir, "n"), "-f", p.write(t, "default.vcl", config))
		if out, err := cmd.CombinedOutput(); err != nil {
			text := string(out)
			t.Errorf("varnishd: %v\n%s", err, text[max(0, len(text)-2000):])
		}
	})
}

// TestPython, TestRuby, TestPHP and TestNode let the language's own parser read
// the lines.

func TestPython(t *testing.T) {
	program := realserver.Program(t, "python3", "python3")
	p := place{t.TempDir()}
	args := []string{"-m", "py_compile"} // names the file of each mistake
	for _, s := range snippets(t, "python") {
		args = append(args, p.write(t, strings.ReplaceAll(s.name, "/", "-")+".py", s.lines+"\n"))
	}
	p.run(t, program, args...)
}

func TestRuby(t *testing.T) {
	program := realserver.Program(t, "ruby", "ruby")
	each(t, "ruby", func(t *testing.T, s snippet) {
		p := place{t.TempDir()}
		p.run(t, program, "-c", p.write(t, "lines.rb", s.lines+"\n"))
	})
}

func TestPHP(t *testing.T) {
	program := realserver.Program(t, "php", "php-cli")
	frames := map[string]string{
		"":               "LINES\n",
		"withRouting":    "return Application::configure()->withRouting(\nLINES\n)->create();\n",
		"withMiddleware": "return Application::configure()->withMiddleware(function (Middleware $middleware) {\nLINES\n})->create();\n",
	}
	each(t, "php", func(t *testing.T, s snippet) {
		text := within(t, s, frames)
		switch s.fix.File {
		case "routes/web.php", "bootstrap/app.php", "public/index.php", "wp-config.php":
			if regexp.MustCompile(`(?m)^(<\?php|use |namespace |declare)`).MatchString(s.lines) {
				t.Error("the file is there already, and PHP ends at what must stand at its top only once")
			}
			for _, used := range regexp.MustCompile(`\b(Route|DB|Cache)::`).FindAllStringSubmatch(s.lines, -1) {
				if use := "`use Illuminate\\Support\\Facades\\" + used[1] + ";`"; !strings.Contains(s.fix.Text, use) {
					t.Errorf("nobody is told to add %s", use)
				}
			}
			text = "<?php\n" + text
		default:
			if !strings.HasPrefix(s.lines, "<?php\n") {
				t.Error("no <?php before it: PHP would print the lines")
			}
		}
		p := place{t.TempDir()}
		p.run(t, program, "-l", p.write(t, "lines.php", text))
	})
}

func TestNode(t *testing.T) {
	program := realserver.Program(t, "node", "nodejs")
	p := place{t.TempDir()}
	// One process reads them all; --check would need one for each.
	args := []string{"--no-warnings", "--experimental-vm-modules", p.write(t, "check.cjs", `
const fs = require("node:fs"), vm = require("node:vm");
for (const file of process.argv.slice(2)) {
  const text = fs.readFileSync(file, "utf8");
  try {
    if (file.endsWith(".mjs")) new vm.SourceTextModule(text);
    else new vm.Script("(function (exports, require, module) {" + text + "\n})");
  } catch (error) {
    console.error(file, error.message, "\n" + text);
    process.exitCode = 1;
  }
}
`)}
	for _, s := range snippets(t, "js") {
		end := ".cjs"
		if strings.Contains(s.lines, "export ") || strings.Contains(s.lines, "import ") {
			end = ".mjs"
		}
		args = append(args, p.write(t, strings.ReplaceAll(s.name, "/", "-")+end, s.lines+"\n"))
	}
	p.run(t, program, args...)
}

func TestShell(t *testing.T) {
	program := realserver.Program(t, "sh", "dash")
	each(t, "sh", func(t *testing.T, s snippet) {
		p := place{t.TempDir()}
		p.run(t, program, "-n", p.write(t, "lines.sh", s.lines+"\n"))
	})
}

// TestFormats reads what needs no other program.
func TestFormats(t *testing.T) {
	for syntax, check := range map[string]func(lines string) error{
		"go": func(lines string) error {
			_, err := parser.ParseFile(token.NewFileSet(), "", "package main\nfunc _() {\n"+lines+"\n}\n", parser.AllErrors)
			return err
		},
		"json": func(lines string) error {
			var v any
			return json.Unmarshal([]byte(lines), &v)
		},
		"yaml": func(lines string) error {
			var v any
			return yaml.Unmarshal([]byte(lines), &v)
		},
		"xml": func(lines string) error {
			d := xml.NewDecoder(strings.NewReader("<all>" + lines + "</all>"))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
			}
		},
		"properties": func(lines string) error {
			for line := range strings.SplitSeq(lines, "\n") {
				if key, value, ok := strings.Cut(line, "="); !ok || key == "" || value == "" || strings.ContainsAny(key, " \t") {
					return fmt.Errorf("%q is no property", line)
				}
			}
			return nil
		},
		"ini": func(lines string) error {
			for line := range strings.SplitSeq(lines, "\n") {
				if key, _, ok := strings.Cut(line, "="); !(ok && key != "") && !(strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]")) {
					return fmt.Errorf("%q is no setting", line)
				}
			}
			return nil
		},
		"java": balanced, "csharp": balanced, "ts": balanced, "elixir": balanced,
	} {
		t.Run(syntax, func(t *testing.T) {
			each(t, syntax, func(t *testing.T, s snippet) {
				if err := check(s.lines); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// balanced reports brackets and quotes that do not close: all that can be said
// of languages whose programs are not here.
func balanced(lines string) error {
	var open []byte
	for i := 0; i < len(lines); i++ {
		switch c := lines[i]; c {
		case '"', '\'':
			end := strings.IndexByte(lines[i+1:], c)
			if end < 0 || bytes.ContainsRune([]byte(lines[i+1:i+1+end]), '\n') {
				return fmt.Errorf("a quote is not closed: %s", lines[i:])
			}
			i += end + 1
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != map[byte]byte{')': '(', ']': '[', '}': '{'}[c] {
				return fmt.Errorf("%c closes nothing", c)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%q is not closed", open)
	}
	return nil
}
