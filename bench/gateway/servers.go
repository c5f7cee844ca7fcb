package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/inservice/inservice/bench/internal/rig"
	"github.com/inservice/inservice/internal/realserver"
)

// Paths of the app's pages.
const (
	small = "/small"
	large = "/large"
)

// start starts the app and all that is to be measured in front of it.
func start(r *rig.Rig) []rig.Server {
	app := startApp(r)
	proxying := realserver.Nginx(r, fmt.Sprintf(`
		access_log off;
		keepalive_requests 1000000000;
		upstream app { server %s; keepalive 256; keepalive_requests 1000000000; }
		server {
			listen {addr};
			location / {
				proxy_pass http://app;
				proxy_http_version 1.1;
				proxy_set_header Connection "";
				proxy_set_header Host $http_host;
				proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
				proxy_set_header X-Forwarded-Host $http_host;
			}
		}`, app.Addr()))
	program := r.Build()
	return []rig.Server{
		{Name: "nginx proxy_pass", URL: proxying.DSN(), CPU: proxying.CPUTime},
		r.Agent(program, "gateway, bare", gateway(app)+"  traffic: off\n"),
		r.Agent(program, "gateway, strict", gateway(app)+strict),
		// Its standard output is the null device.
		r.Agent(program, "gateway, strict, access log", gateway(app)+strict+"  access_log: combined\n"),
	}
}

// gateway is the configuration of an agent in front of the app, to be continued.
func gateway(app *realserver.Server) string {
	return fmt.Sprintf(`agent:
  listen: "{addr}"
  app: %s
  checks: [{app: {path: %s}}]
  control: off
  drain_timeout: 0s
`, app.DSN(), small)
}

// strict is what a site that faces the world adds.
const strict = `  trusted_proxies: [127.0.0.0/8]
  allowed_hosts: [127.0.0.0/8]
  https_redirect: true
  hsts: 8760h
  traffic: {}
`

// startApp starts an nginx with two pages.
func startApp(r *rig.Rig) *realserver.Server {
	pages := r.Dir()
	r.Must("letting nginx's user in", os.Chmod(pages, 0o755))
	for path, content := range map[string]string{small: "hello\n", large: strings.Repeat("0123456789abcde\n", 4096)} {
		r.Must("a page", os.WriteFile(filepath.Join(pages, path), []byte(content), 0o644))
	}
	return realserver.Nginx(r, fmt.Sprintf(`
		access_log off;
		keepalive_requests 1000000000;
		open_file_cache max=10;
		server { listen {addr}; root %s; }`, pages))
}
