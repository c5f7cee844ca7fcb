package proof

import (
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/realserver"
)

// nginxSite is what such sites have in nginx's http block: the balancer ends
// TLS, and who did not come by https is sent there.
const nginxSite = `server {
    listen 80;
    server_name mysite.example;

    if ($http_x_forwarded_proto != "https") {
        return 301 https://$host$request_uri;
    }

    location / {
        proxy_pass http://127.0.0.1:8000;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
}
`

// besideConfig is the file for an agent beside nginx: its app is nginx, so that
// its question takes the way that visitors take.
const besideConfig = `agent:
  listen: ":8086"
  app: http://127.0.0.1:80
  trusted_proxies: [10.11.0.0/16]
  allowed_hosts: [mysite.example]
  https_redirect: true
  token: "${HEALTH_TOKEN}"
  checks:
    - app: {path: /healthz, host: mysite.example}
      interval: 1s
    - name: database
      sql: {dsn: "${DATABASE_URL}"}
      interval: 1s
`

// TestBesideNginx: nginx redirects the probe, as it is told to. It and the site
// stay as they are; the balancer asks the agent's port instead.
func TestBesideNginx(t *testing.T) {
	t.Parallel()
	database := realserver.Postgres(t)
	site := realserver.Django(t, realserver.DjangoOptions{Postgres: database})
	nginx := realserver.Nginx(t, strings.NewReplacer("listen 80", "listen {addr}", "127.0.0.1:8000", site.Addr()).Replace(nginxSite))
	c := newChapter(t, "nginx")
	c.calls(nginx.Addr(), "127.0.0.1:80")
	c.calls(token, "$HEALTH_TOKEN")
	c.show("site", nginxSite)
	redirected := mustSend(t, balancer, nginx.Addr(), probe("80", "/health_check"))
	same(t, "probe to nginx", answer{Status: 301, Location: "https://10.11.12.13/health_check"}, redirected)
	c.show("alone", redirected.shown)

	a := startAgent(t, program(t), besideConfig, database.DSN(), "http://127.0.0.1:80\n", nginx.DSN()+"\n", "10.11.0.0/16", balancer)
	c.show("config", besideConfig)
	c.show("passes", a.awaitProbe("started", 200).shown)

	// Visitors meet nginx and the site, as before.
	for _, step := range []struct {
		name string
		head []string
		want answer
	}{
		{"https", visit("https", siteHost, "/", "203.0.113.7"), answer{Status: 200, Body: welcome}},
		{"http", visit("http", siteHost, "/about?x", "203.0.113.7"), answer{Status: 301, Location: "https://mysite.example/about?x"}},
		{"foreign-host", visit("https", "evil.example", "/", "203.0.113.7"), answer{Status: 400}},
	} {
		got := mustSend(t, balancer, nginx.Addr(), step.head)
		same(t, step.name, step.want, got)
		c.show(step.name, got.shown)
	}

	nginx.Kill()
	c.show("nginx-away", a.awaitProbe("without nginx", 503).shown, brief(a.awaitDetails("why", "connection refused")))
	nginx.Restart()
	a.awaitProbe("with nginx again", 200)
	site.Kill()
	c.show("django-away", a.awaitProbe("without Django", 503).shown, brief(a.awaitDetails("why", "502")))
	site.Restart()
	c.show("heals", a.awaitProbe("with Django again", 200).shown)
}
