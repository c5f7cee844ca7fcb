package diagnose

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/dialect"
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

// socket is somebody else's connection that was answered, and has been silent since
// more came over it: a WebSocket.
func socket(silent time.Duration) *sockets.Traffic {
	t := client(silent)
	t.Clients[0].Answered = true
	return t
}

// hap502 is HAProxy's own page for an app that breaks off.
func hap502() exchange.Answer {
	return answer(502, "<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response.\n</body></html>\n", "content-type: text/html", "cache-control: no-cache")
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
		{"at once, while a WebSocket is open", always, gives(0, hap()), nil, socket(9 * second), "upstream_down"},
		{"one part of the site, while others are served", part, gives(0, hap()), nil, client(9 * second), "upstream_down"},
		{"an app's, while a WebSocket is open", always, gives(0, answer(503, "the shop is shut")), nil, socket(9 * second), "maintenance_mode"},
		{"429, while a WebSocket is open", always, says(429), nil, socket(9 * second), "rate_limited"},
		{"an app's on all but /, while others are served", func(a ask) bool { return a.path() == "/" }, gives(0, bare), nil, client(2 * second), "connection_limit"},
		{"an app's on all but /", func(a ask) bool { return a.path() == "/" }, gives(0, bare), nil, nobody, "dependency_down"},
		{"502 of one that says 503 of a dead app", always, gives(0, hap502()), nil, nobody, "upstream_bad_response"},
		{"502 of such for one part of the site", part, gives(0, hap502()), nil, nil, "upstream_bad_response"},
		{"502 of such for a name without address", always, gives(0, apacheUnnamed()), nil, nil, "upstream_down"},
		{"Varnish's with another page", always, gives(0, answer(503, "<h1>Dienst nicht da</h1>", "Server: Varnish", "X-Varnish: 32770", "Retry-After: 5", "Date: Mon, 02 Jan 2006 15:04:05 GMT", "Content-Type: text/html")), nil, nobody, "upstream_down"},
		{"an app's through Varnish", always, gives(0, answer(503, "no", "Server: gunicorn", "X-Varnish: 32770", "Via: 1.1 varnish (Varnish/7.1)")), nil, nobody, "maintenance_mode"},
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

// apacheUnnamed is Apache's own page for an app whose name has no address.
func apacheUnnamed() exchange.Answer {
	a := apache502()
	a.Body = bytes.Replace(a.Body, []byte("Error reading from remote server"), []byte("DNS lookup failure for: app"), 1)
	return a
}

// TestUnsigned: a 503 on every path on a page of somebody's own, of a server that
// tells who it is by its answer to what can't be read.
func TestUnsigned(t *testing.T) {
	unread := answer(400, "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>\n", "content-type: text/html", "cache-control: no-cache")
	for _, test := range []struct {
		name   string
		page   exchange.Answer
		unread exchange.Answer
		want   string
	}{
		{"HAProxy's", answer(503, "<h1>Sorry</h1>", "Content-Type: text/html"), unread, "upstream_down"},
		{"an app's through HAProxy", answer(503, "<h1>Sorry</h1>", "Date: Sun, 22 Nov 2026 21:40:34 GMT"), unread, "maintenance_mode"},
		{"HAProxy's, and it says so", answer(503, "<h1>Down for maintenance</h1>", "Content-Type: text/html"), unread, "maintenance_mode"},
		{"nginx's", answer(503, "<h1>Sorry</h1>"), nginx(400, "Bad Request"), "maintenance_mode"},
		{"nobody's", answer(503, "<h1>Sorry</h1>"), answer(400, "no"), "maintenance_mode"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{layers: []layer{func(a ask) (exchange.Answer, bool) {
				if a.Raw != nil {
					return test.unread, true
				}
				return test.page, true
			}}}
			if r := m.diagnosed(t, albQuestion(t, true)); len(r.Causes) == 0 || string(r.Causes[0].Cause) != test.want {
				t.Errorf("want %s first\n%s", test.want, summary(r))
			}
		})
	}
}

// TestOneKindOfFile: what is behind a front server for names that end alike is down;
// its home page is a file of the front server's own.
func TestOneKindOfFile(t *testing.T) {
	home := answer(200, "<h1>Home</h1>", "Server: nginx/1.22.1", "Content-Type: text/html",
		"Content-Length: 13", "Last-Modified: Sun, 22 Nov 2026 21:40:34 GMT", `ETag: "6b036152-d"`)
	app := answer(200, "<h1>Home</h1>", "Server: nginx/1.22.1", "Content-Type: text/html")
	host := sent
	q := question(t, "alb", "http://"+target+"/status.php", dialect.Options{Host: &host}, true)
	for _, test := range []struct {
		name string
		home exchange.Answer
		dead func(ask) bool
		want string
	}{
		{"all of the kind, and a file", home, func(a ask) bool { return strings.HasSuffix(a.path(), ".php") }, "upstream_down"},
		{"all of the kind, and another app", app, func(a ask) bool { return strings.HasSuffix(a.path(), ".php") }, "upstream_down"},
		{"one alone, and a file", home, onlyPath("/status.php"), "upstream_down"},
		{"one alone, and the app", app, onlyPath("/status.php"), "upstream_bad_response"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{layers: []layer{func(a ask) (exchange.Answer, bool) {
				switch {
				case test.dead(a):
					return nginx(502, "Bad Gateway"), true
				case a.path() == "/":
					return test.home, true
				}
				return nginx(404, "Not Found"), true
			}}}
			if r := m.diagnosed(t, q); len(r.Causes) == 0 || string(r.Causes[0].Cause) != test.want {
				t.Errorf("want %s first\n%s", test.want, summary(r))
			}
		})
	}
}

func onlyPath(path string) func(ask) bool { return func(a ask) bool { return a.path() == path } }

// TestOwnFile: nginx, Apache and Caddy make an ETag of a file's time and length; an
// app makes its own.
func TestOwnFile(t *testing.T) {
	const at = "Last-Modified: Sun, 22 Nov 2026 21:40:34 GMT" // 1795383634
	for tag, want := range map[string]bool{
		`"6b036152-d"`: true, `"d-660e453bf5ac0"`: true, `"toxavmd"`: true, `"d-660d1c5f41880"`: false,
		`W/"d-19e3d9f5b10"`: false, `"6b036152-e"`: false, `"1795383634.0-13-1234"`: false, "": false,
	} {
		got := ownFile(answer(200, "<h1>Home</h1>", at, "ETag: "+tag))
		if got != want {
			t.Errorf("%s: %v", tag, got)
		}
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
