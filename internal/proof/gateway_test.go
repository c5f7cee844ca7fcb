package proof

import (
	"fmt"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/realserver"
)

// gatewayConfig is the file that the page shows.
const gatewayConfig = `agent:
  listen: ":8086"
  app: http://127.0.0.1:8000
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

const welcome = "Welcome. This line is a row in PostgreSQL.\n"

// enough visitors to turn red, and not one more: of 12 clients the worst has come
// twice, and 20 requests must be left without it.
const enough = 22

// visitorAddress is where the n-th visitor comes from.
func visitorAddress(n int) string { return fmt.Sprintf("203.0.113.%d", 1+n%12) }

// gateway is the agent in front of a site, with all that belongs to it.
type gateway struct {
	*chapter
	*agent
	database *realserver.Server
	site     *realserver.DjangoServer
	passed   answer // to the first probe that passed
}

// startGateway starts the site as it is, without any exception for a balancer,
// and the agent in front of it, and waits until the balancer's probe passes.
func startGateway(t *testing.T, name, config string) gateway {
	t.Helper()
	database := realserver.Postgres(t)
	site := realserver.Django(t, realserver.DjangoOptions{Postgres: database})
	g := gateway{chapter: newChapter(t, name), database: database, site: site}
	g.calls(database.Addr(), "127.0.0.1:5432")
	g.calls(site.Addr(), "127.0.0.1:8000")
	g.calls(token, "$HEALTH_TOKEN")
	g.show("config", config)
	g.agent = startAgent(t, program(t), config, database.DSN(), "http://127.0.0.1:8000", site.DSN(), "10.11.0.0/16", balancer)
	g.passed = g.awaitProbe("started", 200)
	return g
}

// TestGateway shows that with the agent in front the balancer's probe passes
// and tells the truth, and that nobody else gets more than before.
func TestGateway(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "gateway", gatewayConfig)
	g.show("passes", g.passed.shown)

	// The database is away, and comes back.
	g.database.Kill()
	red := g.awaitProbe("without the database", 503)
	same(t, "without the database", answer{Status: 503, Body: "fail"}, red)
	g.show("database-away", red.shown, g.awaitDetails("why", "connection refused").shown)
	g.database.Restart()
	g.show("database-back", g.awaitProbe("with the database again", 200).shown)

	// gunicorn hangs: the kernel accepts connections for it, nobody answers.
	g.site.Freeze()
	red = g.awaitProbe("frozen", 503)
	g.show("frozen", red.shown, brief(g.awaitDetails("why", `"output": "app: no result in time`)))
	g.site.Thaw()
	g.show("thawed", g.awaitProbe("thawed", 200).shown)

	// Each page fails while the site's own health view says ok. Nobody but its
	// visitors can tell.
	g.site.Break()
	var visited answer
	for n := range enough {
		visited = g.visit("https", siteHost, "/", visitorAddress(n))
		same(t, "a visitor of the broken site", answer{Status: 500}, visited)
	}
	red = g.awaitProbe("broken", 503)
	why := g.awaitDetails("why", fmt.Sprintf(`"output": "traffic: %d of %[1]d requests`, enough))
	view := mustSend(t, balancer, g.site.Addr(), visit("https", siteHost, "/healthz", "203.0.113.7"))
	same(t, "the site's own health view", answer{Status: 200, Body: "ok\n"}, view)
	g.show("broken", view.shown, visited.shown, red.shown, brief(why))
	g.site.Mend()
	g.show("mended", g.awaitProbe("mended", 200).shown)

	visitors(t, g)
}

// visitors shows what visitors get through the gateway, and that the site never
// meets those who get less.
func visitors(t *testing.T, g gateway) {
	t.Helper()
	for _, step := range []struct {
		name string
		from string
		head []string
		want answer
	}{
		{"foreign-host", balancer, visit("https", "evil.example", "/foreign", "203.0.113.7"), answer{Status: 400}},
		{
			"http", balancer, visit("http", siteHost, "/about?who=a%20b&x", "203.0.113.7"),
			answer{Status: 301, Location: "https://mysite.example/about?who=a%20b&x"},
		},
		{
			"direct", stranger, []string{"GET /direct HTTP/1.1", "Host: mysite.example", "Connection: close"},
			answer{Status: 301, Location: "https://mysite.example/direct"},
		},
		{
			"forged", stranger, visit("https", siteHost, "/forged", "203.0.113.7"),
			answer{Status: 301, Location: "https://mysite.example/forged"},
		},
		{"https", balancer, visit("https", siteHost, "/", "203.0.113.7"), answer{Status: 200, Body: welcome}},
	} {
		got := mustSend(t, step.from, g.Addr, step.head)
		same(t, step.name, step.want, got)
		g.show(step.name, got.shown)
	}
	// gunicorn notes a request a moment after it has answered. With the last visit
	// in its log, any that came before would be there too.
	await(t, "each visit to / is in Django's log", func() (answer, error) { return answer{}, nil }, func(answer) bool {
		return g.site.Queries("GET / HTTP") == enough+1
	})
	for _, path := range []string{"/foreign", "/about?who", "/direct", "/forged", "/health_check"} {
		if n := g.site.Queries(path); n != 0 {
			t.Errorf("Django got %d requests for %s, which are not for it", n, path)
		}
	}
}

// TestGatewaySharedDatabase: a database that all servers share, and which is
// away, takes none of them out of service. The operator is told.
func TestGatewaySharedDatabase(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "shared", strings.Replace(gatewayConfig, `{dsn: "${DATABASE_URL}"}`, `{dsn: "${DATABASE_URL}"}
      scope: shared`, 1))
	g.database.Kill()
	// Its visitors meet the failure before any check has. Their errors alone would
	// turn the answer red.
	for n := range enough {
		same(t, "a visitor without the database", answer{Status: 500}, g.visit("https", siteHost, "/", visitorAddress(n)))
		g.staysInService("while visitors get errors")
	}
	why := g.awaitDetails("without the database", "connection refused", fmt.Sprintf("%d of %[1]d requests", enough))
	same(t, "details", answer{Status: 200, Body: why.Body}, why)
	if !strings.Contains(why.Body, `"status": "warn"`) || strings.Contains(why.Body, `"status": "fail"`) {
		t.Errorf("the details don't warn:\n%s", why.Body)
	}
	still := g.staysInService("without the database")
	g.show("database-away", still.shown, why.shown)
	g.database.Restart()
	// The traffic's verdict outlasts the failure. It must not be believed then either.
	await(t, "with the database again", g.details, func(a answer) bool {
		g.staysInService("with the database again")
		return !strings.Contains(a.Body, `"warn"`)
	})
}

// staysInService asks as the balancer does, and must be told 200.
func (g gateway) staysInService(when string) answer {
	g.agent.t.Helper()
	got, err := g.probe()
	if err != nil {
		g.agent.t.Fatal(err)
	}
	same(g.agent.t, when, answer{Status: 200, Body: "ok"}, got)
	return got
}
