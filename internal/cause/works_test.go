package cause

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/inservice/inservice/internal/realserver"
)

// TestWorks starts real servers with the lines that the table has for them, and
// asks as a load balancer asks: the health path must be the app's, and every
// other path as strict as before.
func TestWorks(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "from the app") }))
	t.Cleanup(app.Close)
	address := app.Listener.Addr().String()

	for _, c := range []struct {
		id       ID
		software string
		frame    string // of the configuration; LINES are the fix
		other    int    // what another path gets
	}{
		{"https_redirect", "nginx", "server { listen {addr}; LINES }", 301},
		{"canonical_host_redirect", "nginx", "server { listen {addr}; LINES }", 301},
		{"auth_required", "nginx", "server { listen {addr}; auth_basic site; auth_basic_user_file {dir}/htpasswd; LINES location / { proxy_pass http://APP; } }", 401},
		{"forbidden_path", "nginx", "server { listen {addr}; root {dir}; LINES }", 403},

		{"https_redirect", "apache", "LINES", 301},
		{"canonical_host_redirect", "apache", "LINES\nProxyPass / http://APP/", 301},
		{"host_not_allowed", "apache", "LINES\nProxyPass / http://APP/", 403},
		{"auth_required", "apache", "<Location />\nAuthType Basic\nAuthName x\nAuthUserFile {dir}/htpasswd\nRequire valid-user\n</Location>\nLINES\nProxyPass / http://APP/", 401},
		{"forbidden_client", "apache", "LINES\nProxyPass / http://APP/", 403},

		{"https_redirect", "haproxy", "LINES", 301},
		{"canonical_host_redirect", "haproxy", "LINES", 301},
		{"host_not_allowed", "haproxy", "LINES", 403},
		{"auth_required", "haproxy", "LINES", 401},

		{"https_redirect", "caddy", "LINES", 301},
		{"canonical_host_redirect", "caddy", "LINES", 301},
		{"auth_required", "caddy", "http://:{port} {\nLINES\n}", 401},

		{"https_redirect", "lighttpd", "LINES", 301},
		{"canonical_host_redirect", "lighttpd", "LINES", 301},
		{"auth_required", "lighttpd", "LINES", 401},
		{"host_not_allowed", "lighttpd", "LINES", 403},
	} {
		t.Run(fmt.Sprintf("%s/%s", c.id, c.software), func(t *testing.T) {
			row, _ := Lookup(c.id)
			fix, own := row.FixFor([]string{c.software})
			if !own {
				t.Fatalf("no fix for %s", c.software)
			}
			v := values()
			v["app"], v["port"] = address, "PORT"
			lines := strings.ReplaceAll(Fill(fix.Lines, v), "/etc/lighttpd/htpasswd", "{dir}/htpasswd")
			config := strings.NewReplacer("LINES", lines, "APP", address).Replace(c.frame)
			s := realserver.Start(t, recipe(c.software, strings.ReplaceAll(config, "PORT", "{port}"), address))
			if status, body := ask(t, s, "/health_check"); status != 200 || body != "from the app" {
				t.Errorf("the health path: %d %q\n%s\n%s", status, body, config, s.Log())
			}
			if status, body := ask(t, s, "/other"); status != c.other {
				if c.id != "forbidden_path" || status != 404 {
					t.Errorf("another path: %d %q, want %d\n%s", status, body, c.other, config)
				}
			}
		})
	}
}

// TestLimits: the health path is asked as often as anybody likes, and the limit
// stands for the rest.
func TestLimits(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			held <- struct{}{}
			<-release
		}
	}))
	t.Cleanup(app.Close)
	for id, limit := range map[ID]string{"rate_limited": "limit_req zone=visitors", "connection_limit": "limit_conn connections 1"} {
		t.Run(string(id), func(t *testing.T) {
			row, _ := Lookup(id)
			fix, _ := row.FixFor([]string{"nginx"})
			s := realserver.Start(t, recipe("nginx", Fill(fix.Lines, values())+"\nserver { listen {addr}; "+limit+"; location / { proxy_pass "+app.URL+"; } }", ""))
			if id == "connection_limit" {
				var waiting sync.WaitGroup
				waiting.Go(func() { ask(t, s, "/long") })
				defer waiting.Wait()
				defer close(release)
				<-held
			}
			other := 0
			for range 5 {
				if status, _ := ask(t, s, "/health_check"); status != 200 {
					t.Errorf("the health path: %d", status)
				}
				if status, _ := ask(t, s, "/other"); status == 503 {
					other++
				}
			}
			if other == 0 {
				t.Error("another path is not limited any more")
			}
		})
	}
}

// TestNginxTellsTheSite: nginx by itself tells an app its own address as Host,
// which the app may refuse in turn.
func TestNginxTellsTheSite(t *testing.T) {
	exact := regexp.MustCompile(`(?s)location = <path> \{.*?\n *\}`)
	for _, c := range All() {
		for _, f := range c.Fixes {
			for _, block := range exact.FindAllString(f.Lines, -1) {
				if f.Syntax == "nginx" && strings.Contains(block, "proxy_pass") && !strings.Contains(block, "proxy_set_header Host <site>;") {
					t.Errorf("%s: the app is not told which site is meant:\n%s", c.ID, block)
				}
			}
		}
	}
}

// ask asks as an Application Load Balancer does.
func ask(t *testing.T, s *realserver.Server, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "10.0.0.10:80"
	req.Header.Set("User-Agent", "curl") // forbidden_client's rule is about it
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// recipe runs one of the servers with a configuration of the place that the frame
// has made.
func recipe(software, config, app string) realserver.Recipe {
	files := map[string]string{"htpasswd": "a:b\n"}
	switch software {
	case "nginx":
		files["nginx.conf"] = "daemon off; pid pid; error_log stderr; events {}\nhttp { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n" + config + "\n}\n"
		return realserver.Recipe{Name: "nginx", Debian: "nginx", Program: "nginx", Args: []string{"-p", "{dir}", "-e", "stderr", "-c", "{dir}/nginx.conf"}, Files: files}
	case "apache":
		var modules strings.Builder
		for _, m := range strings.Fields("mpm_event authz_core authz_host authz_user authn_core authn_file auth_basic alias rewrite proxy proxy_http") {
			fmt.Fprintf(&modules, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
		}
		files["apache.conf"] = "ServerRoot {dir}\nServerName x\nPidFile {dir}/pid\nDefaultRuntimeDir {dir}\nErrorLog {dir}/error\nListen {addr}\n" + modules.String() + "<VirtualHost *:{port}>\nServerName y\n" + config + "\n</VirtualHost>\n"
		return realserver.Recipe{Name: "Apache", Debian: "apache2", Program: "apache2", Args: []string{"-f", "{dir}/apache.conf", "-DFOREGROUND"}, Files: files}
	case "haproxy":
		files["haproxy.cfg"] = "defaults\n\tmode http\n\ttimeout connect 5s\n\ttimeout client 5s\n\ttimeout server 5s\nuserlist users\n\tuser alice insecure-password x\nfrontend web\n\tbind {addr}\n\t" + config + "\n\tdefault_backend app\nbackend app\n\tserver app " + app + "\n"
		return realserver.Recipe{Name: "HAProxy", Debian: "haproxy", Program: "haproxy", Args: []string{"-db", "-f", "{dir}/haproxy.cfg"}, Files: files}
	case "caddy":
		files["Caddyfile"] = "{\n\tadmin off\n}\n" + config + "\n"
		return realserver.Recipe{Name: "Caddy", Debian: "caddy", Program: "caddy", Args: []string{"run", "--adapter", "caddyfile", "--config", "{dir}/Caddyfile"}, Files: files, Listens: []string{"{addr}"}}
	default:
		host, port, _ := strings.Cut(app, ":")
		files["lighttpd.conf"] = "server.modules = ( \"mod_proxy\" )\nserver.document-root = \"{dir}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\nproxy.server = ( \"\" => ( ( \"host\" => \"" + host + "\", \"port\" => " + port + " ) ) )\n" + config + "\n"
		return realserver.Recipe{Name: "lighttpd", Debian: "lighttpd", Program: "lighttpd", Args: []string{"-D", "-f", "{dir}/lighttpd.conf"}, Files: files}
	}
}
