package diagnose

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// hap is HAProxy's own 503.
func hap(fields ...string) exchange.Answer {
	return answer(503, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n", append(fields, "content-type: text/html", "cache-control: no-cache")...)
}

// apache502 is Apache's own page for an app whose answer does not come.
func apache502() exchange.Answer {
	return answer(502, `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head>
<title>502 Proxy Error</title>
</head><body>
<h1>Proxy Error</h1>
<p>The proxy server received an invalid
response from an upstream server.<br />
The proxy server could not handle the request<p>Reason: <strong>Error reading from remote server</strong></p></p>
<hr>
<address>Apache/2.4.57 (Debian) Server at 10.20.30.40 Port 8443</address>
</body></html>
`, "Server: Apache/2.4.57 (Debian)", "Content-Type: text/html; charset=iso-8859-1")
}

// client is somebody else's connection, whose request waits so long for its
// answer.
func client(waits time.Duration) *sockets.Traffic {
	return &sockets.Traffic{Clients: []sockets.Conn{{Peer: netip.MustParseAddrPort("192.0.2.4:40100"), Unanswered: waits}}, Seen: true}
}

// upstream is a connection that the target's own program made.
func upstream(waits time.Duration) *sockets.Traffic {
	return &sockets.Traffic{Upstreams: []sockets.Conn{{Peer: netip.MustParseAddrPort("127.0.0.1:9000"), Unanswered: waits}}, Seen: true}
}

// TestGateway: what 502 and 503 mean hangs on who says it, when, where else, and
// what is seen on the machine meanwhile.
func TestGateway(t *testing.T) {
	const second = time.Second
	gives := func(after time.Duration, a exchange.Answer) func(*model, ask) exchange.Answer {
		return func(*model, ask) exchange.Answer { return took(after, a) }
	}
	bare := answer(503, "Service Unavailable", "Content-Type: text/plain", "Server: hypercorn")
	caddy := answer(502, "", "Server: Caddy")
	unknown := answer(502, "upstream trouble", "Content-Type: text/plain")
	nobody := &sockets.Traffic{Seen: true}
	health := onPath("/health")
	part := func(a ask) bool { return a.path() != "/health" && a.path() != below("/health") }
	for _, test := range []struct {
		name          string
		where         func(ask) bool // what is not ill
		say           func(*model, ask) exchange.Answer
		during, after *sockets.Traffic
		want          string
	}{
		{"late, of one that has another status for a hang", always, gives(3*second, hap()), nil, nil, "upstream_down"},
		{"late, and it waits for nothing", always, gives(3*second, hap()), nobody, nobody, "upstream_down"},
		{"late, and it waits for the app", always, gives(2*second, caddy), upstream(550 * time.Millisecond), nobody, "upstream_timeout"},
		{"late, and it waits for somebody else's answer", always, gives(2*second, caddy), upstream(9 * second), nobody, "upstream_down"},
		{"late, while others are served", always, gives(3*second, hap()), nil, client(9 * second), "connection_limit"},
		{"late, while others wait as long", always, gives(3*second, hap()), nil, client(3 * second), "upstream_down"},
		{"late, of one that says it of everything", always, gives(2*second, guru()), nil, nil, "upstream_timeout"},
		{"late 502", always, gives(2*second, caddy), nil, nil, "upstream_down"},
		{"late 502 of nobody known", always, gives(2*second, unknown), nil, nil, "upstream_timeout"},
		{"late 502 of nobody known, who waits for nothing", always, gives(2*second, unknown), nobody, nobody, "upstream_down"},
		{"late 502 of nobody known, who waits", always, gives(2*second, unknown), upstream(550 * time.Millisecond), nobody, "upstream_timeout"},
		{"late 502 of one that says it of a hang", always, gives(2*second, apache502()), nil, nil, "upstream_timeout"},
		{"at once, while others are served", always, gives(0, hap()), nil, client(2 * second), "connection_limit"},
		{"at once, nobody else there", always, gives(0, hap()), nil, nobody, "upstream_down"},
		{"one path, of one that says it of everything", health, gives(0, guru()), nil, nil, "upstream_bad_response"},
		{"one part of the site", part, gives(0, guru()), nil, nil, "upstream_down"},
		{"one path, of one that has another status for it", health, gives(0, hap()), nil, nil, "upstream_down"},
		{"a front server's, and when to come back", always, gives(0, hap("Retry-After: 600")), nil, nobody, "maintenance_mode"},
		{"nginx's own, nobody else there", always, saysNginx(503, "Service Temporarily Unavailable"), nil, nobody, "maintenance_mode"},
		{"nginx's own, while others are served", always, saysNginx(503, "Service Temporarily Unavailable"), nil, client(2 * second), "connection_limit"},
		{"an app's", always, gives(0, bare), nil, nil, "maintenance_mode"},
		{"an app's, nobody else there", always, gives(0, bare), nil, nobody, "maintenance_mode"},
		{"an app's, while others are served", always, gives(0, bare), nil, client(2 * second), "connection_limit"},
		{"an app's, while others are idle", always, says(503), nil, client(0), "maintenance_mode"},
		{"an app's bare phrase, while others are idle", always, gives(0, bare), nil, client(0), "connection_limit"},
		{"504 at once", always, says(504), nil, nil, "upstream_down"},
		{"504 after a while", always, gives(second, nginx(504, "Gateway Time-out")), nil, nil, "upstream_timeout"},
		{"429, while others are served", always, says(429), nil, client(2 * second), "connection_limit"},
		{"429, nobody else there", always, says(429), nil, nobody, "rate_limited"},
		{"an app's, in so many words", always, gives(0, answer(503, "down for maintenance")), nil, client(2 * second), "maintenance_mode"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{}
			m.layers = []layer{unless(test.where, test.say)(m)}
			q := albQuestion(t, true)
			q.during, q.after = test.during, test.after
			r := m.diagnosed(t, q)
			if got := ids(r.Causes); len(got) == 0 || got[0] != test.want {
				t.Errorf("got %v, want %s first\n%s", got, test.want, summary(r))
			}
		})
	}
}

// TestHeadBorrowsThePage: a checker that asks with HEAD gets no page to recognise;
// what GET brings with the same status is it.
func TestHeadBorrowsThePage(t *testing.T) {
	for _, test := range []struct {
		name string
		when func(ask) bool // is not ill
		page exchange.Answer
		want string
	}{
		{"a front server's 503", always, hap(), "upstream_down"},
		{"a front server's 404 for a Host", bySite, nginx(404, "Not Found"), "vhost_mismatch"},
		{"a health answer that names what is down", onPath("/health"), answer(503, `{"status":"error","redis":"down"}`, "Content-Type: application/json"), "dependency_down"},
		{"a page of maintenance", always, answer(503, "<h1>Down for maintenance</h1>", "Content-Type: text/html"), "maintenance_mode"},
		{"one path of a front server", onPath("/health"), guru(), "upstream_bad_response"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{}
			m.layers = []layer{withoutBodies(unless(test.when, func(*model, ask) exchange.Answer { return test.page })(m))}
			r := m.diagnosed(t, headQuestion(t, true))
			if got := ids(r.Causes); len(got) == 0 || got[0] != test.want || r.Causes[0].Confidence < 0.9 {
				t.Errorf("got %v, want %s first and sure\n%s", got, test.want, summary(r))
			}
		})
	}
}

// withoutBodies answers HEAD as a server does.
func withoutBodies(l layer) layer {
	return func(a ask) (exchange.Answer, bool) {
		got, ok := l(a)
		if a.method() == "HEAD" {
			got.Body, got.BodySize = nil, 0
		}
		return got, ok
	}
}

// TestHeadBesideIsAskedByGet: who answers another path is told by its body, too.
func TestHeadBesideIsAskedByGet(t *testing.T) {
	m := &model{}
	m.layers = []layer{withoutBodies(func(a ask) (exchange.Answer, bool) {
		if a.path() == "/health" {
			return nginx(502, "Bad Gateway"), true
		}
		return nginx(404, "Not Found"), true
	})}
	r := m.diagnosed(t, headQuestion(t, true))
	if got := ids(r.Causes); len(got) == 0 || got[0] != "upstream_down" {
		t.Errorf("pages of the front server are taken for an app's: %v\n%s", got, summary(r))
	}
}

// TestRunWatches: what goes through the port is looked at while the load balancer's
// question waits, and after an answer that blames the server; on this machine alone.
func TestRunWatches(t *testing.T) {
	for _, test := range []struct {
		name    string
		took    time.Duration
		say     exchange.Answer
		traffic *sockets.Traffic
		here    bool
		want    string
	}{
		{"it waits", 2 * time.Second, answer(502, "", "Server: Caddy"), upstream(550 * time.Millisecond), true, "upstream_timeout"},
		{"elsewhere", 2 * time.Second, answer(502, "", "Server: Caddy"), upstream(550 * time.Millisecond), false, "upstream_down"},
		{"others are served", time.Millisecond, answer(503, "no"), client(time.Second), true, "connection_limit"},
		{"others elsewhere", time.Millisecond, answer(503, "no"), client(time.Second), false, "maintenance_mode"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{serve: func(exchange.Request, int) exchange.Answer { return took(test.took, test.say) }, traffic: *test.traffic}
				q := albQuestion(t, true)
				if test.here {
					q.Machine.Sockets = []sockets.Socket{listening("0.0.0.0:8443")}
				}
				if r := run(t.Context(), q, w.world()); len(r.Causes) == 0 || string(r.Causes[0].Cause) != test.want {
					t.Errorf("want %s first\n%s", test.want, summary(r))
				}
			})
		})
	}
}

// TestSlowFailureThatPasses: a failure that took its time, and then a pass, is no
// failure for good.
func TestSlowFailureThatPasses(t *testing.T) {
	m := &model{}
	m.layers = []layer{firstOnly(2, func(*model, ask) exchange.Answer { return took(2*time.Second, hap()) })(m)}
	if r := m.diagnosed(t, albQuestion(t, true)); r.Verdict != Flap || len(r.Causes) != 1 || r.Causes[0].Cause != "cold_start" {
		t.Error(summary(r))
	}
}

// TestEitherHost: over HTTP a front server's rule about the Host and a default server
// that denies all are the same; both are named.
func TestEitherHost(t *testing.T) {
	m := &model{}
	m.layers = []layer{unless(bySite, saysNginx(403, "Forbidden"))(m)}
	r := m.diagnosed(t, albQuestion(t, true))
	if got := ids(r.Causes); len(got) != 2 || got[0] != "vhost_mismatch" || got[1] != "host_not_allowed" {
		t.Errorf("got %v\n%s", got, summary(r))
	}
}
