package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
)

// untrue is a way to pass without being well.
type untrue struct {
	id       string
	variants []func(*model) layer
	blind    bool
	ask      func(*testing.T, bool) Question
}

func body(status int, text string, fields ...string) func(*model, ask) exchange.Answer {
	return func(*model, ask) exchange.Answer { return answer(status, text, fields...) }
}

const spa = `<!doctype html><html><head><title>Shop</title><script src="/assets/app.9f8e7d6c5b.js"></script></head><body><div id="app"></div></body></html>`

func tcpQuestion(t *testing.T, known bool) Question {
	return question(t, "nlb-tcp", "tcp://"+target, dialect.Options{}, known)
}

// health lets the health path through to the app, whatever Host it is asked by.
func health(next func(*model) layer) func(*model) layer {
	return func(m *model) layer {
		inner := next(m)
		return func(a ask) (exchange.Answer, bool) {
			if a.path() == "/health" && a.Path == "/health" {
				return exchange.Answer{}, false
			}
			return inner(a)
		}
	}
}

var untrues = []untrue{
	{id: "error_in_body_ok", blind: true, variants: []func(*model) layer{
		unless(onPath("/health"), body(200, `{"status":"error","db":"down"}`)),
		unless(onPath("/health"), body(200, `{"status":"ok","checks":{"database":{"status":"DOWN"}}}`)),
		unless(onPath("/health"), body(200, `{"healthy":false}`)),
		unless(onPath("/health"), body(200, "ERROR: database unreachable\n")),
		unless(onPath("/health"), body(200, "<html><head><title>Application Error</title></head></html>", "Content-Type: text/html")),
		unless(onPath("/health"), body(200, "<br />\n<b>Fatal error</b>: Uncaught PDOException", "Content-Type: text/html")),
		unless(onPath("/health"), body(200, "Warning: could not connect to the database server")),
		unless(onPath("/health"), body(200, "web: OK\ndatabase: FAILED", "Content-Type: text/html")),
		unless(onPath("/health"), body(200, "<table><tr><td>web</td><td>OK</td></tr><tr><td>database</td><td>FAILED</td></tr></table>", "Content-Type: text/html")),
	}},
	{id: "cached_ok", blind: true, variants: []func(*model) layer{
		func(m *model) layer {
			return func(a ask) (exchange.Answer, bool) {
				if a.Path == "/health" {
					return answer(200, "fine", "Age: 12", "Via: 1.1 cache"), true
				}
				return nginx(502, "Bad Gateway"), true
			}
		},
		func(m *model) layer {
			return func(a ask) (exchange.Answer, bool) {
				if a.Path == "/health" {
					return answer(200, "fine", "X-Cache-Status: HIT"), true
				}
				return nginx(504, "Gateway Time-out"), true
			}
		},
		func(m *model) layer {
			return func(a ask) (exchange.Answer, bool) {
				if a.Path == "/health" {
					return answer(200, "fine", "Server: nginx/1.22.1"), true
				}
				return nginx(502, "Bad Gateway"), true
			}
		},
	}},
	{id: "default_page_ok", variants: []func(*model) layer{
		unless(bySite, body(200, "", "Server: Caddy")),
		func(m *model) layer {
			return unless(always, func(m *model, a ask) exchange.Answer {
				if bySite(a) {
					return nginx(502, "Bad Gateway")
				}
				return answer(200, "it works", "Content-Type: text/plain")
			})(m)
		},
		// Somebody else's page, with paths that it has not; the site is dead or ill.
		unless(func(a ask) bool { return !bySite(a) }, saysNginx(502, "Bad Gateway")),
		unless(func(a ask) bool { return !bySite(a) }, says(500)),
		unless(func(a ask) bool { return !bySite(a) }, func(m *model, a ask) exchange.Answer { return took(3*time.Second, nginx(503, "Service Unavailable")) }),
		unless(func(a ask) bool { return !bySite(a) }, fails(exchange.TimedOut, exchange.Waiting)),
	}},
	{id: "catch_all_ok", blind: true, variants: []func(*model) layer{
		unless(always, body(200, spa, "Content-Type: text/html")),
		unless(always, body(200, "ok", "Content-Type: text/plain")),
		unless(always, func(m *model, a ask) exchange.Answer {
			return answer(200, fmt.Sprintf("<html><body><h1>Page not found</h1><p>%s is not here. Request 7%d93.</p></body></html>", a.Path, a.n), "Content-Type: text/html")
		}),
		unless(always, func(m *model, a ask) exchange.Answer { // a token that is always another, of 22 letters
			nonce := fmt.Sprintf("%s/x+Q%s==", strings.Repeat(string(rune('a'+a.n%26)), 9), strings.Repeat(string(rune('K'+a.n%7)), 9))
			return answer(200, fmt.Sprintf(`<title>Panel</title><div data-path=%q></div><script nonce="%s" src=/x.js></script>`, a.Path, nonce), "Content-Type: text/html")
		}),
		unless(always, func(m *model, a ask) exchange.Answer { // a short one with a random word and the time
			return answer(200, fmt.Sprintf("<p>Oops! %s is not here. Ref %c7f%ck, %s</p>", a.Path, 'g'+a.n%19, 'm'+a.n%13, m.clock.Format(time.RFC1123)), "Content-Type: text/html")
		}),
		unless(always, body(200, `<html><form><input name=u><input type="password" name=p></form></html>`, "Content-Type: text/html")),
	}},
	{id: "front_answers_for_dead_app", blind: true, variants: []func(*model) layer{
		health(unless(func(a ask) bool { return a.path() == "/health" }, saysNginx(502, "Bad Gateway"))),
		health(unless(func(a ask) bool { return a.path() == "/health" }, saysNginx(504, "Gateway Time-out"))),
		unless(func(a ask) bool { return a.path() != "/" }, saysNginx(502, "Bad Gateway")),
		health(unless(always, body(503, "Momentan nicht da", "Server: Apache", "Content-Type: text/html"))), // a page of its owner's making
		unless(always, func(m *model, a ask) exchange.Answer { // a front's page that heads itself with its status
			if a.path() == "/health" {
				return answer(200, "<html><title>200 OK</title><h1>Error 200 OK</h1><p>OK</p></html>", "Content-Type: text/html")
			}
			return guru()
		}),
	}},
	{id: "shallow_check_ok", blind: true, variants: []func(*model) layer{
		unless(func(a ask) bool { return a.path() != "/" }, says(500)),
	}},
	{id: "shallow_check_ok", blind: true, ask: headQuestion, variants: []func(*model) layer{
		unless(func(a ask) bool { return a.method() == "HEAD" || a.path() != "/health" }, says(500)),
		unless(func(a ask) bool { return a.method() == "HEAD" || a.path() != "/health" }, says(404)),
	}},
	{id: "shallow_check_ok", blind: true, ask: tcpQuestion, variants: []func(*model) layer{connects(says(500)), connects(says(503)), connects(saysNginx(502, "Bad Gateway"))}},
	{id: "site_host_refused_ok", variants: []func(*model) layer{
		unless(func(a ask) bool { return !bySite(a) }, says(400)), unless(func(a ask) bool { return !bySite(a) }, says(403)),
		unless(func(a ask) bool { return !bySite(a) }, fails(exchange.Closed, exchange.Waiting)),
	}},
}

// connects answers a bare connection, and requests so.
func connects(say func(*model, ask) exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) {
			if a.Protocol == exchange.Bare {
				return exchange.Answer{Stage: exchange.Done, GRPCCode: -1}, true
			}
			return say(m, a), true
		}
	}
}

func TestEveryGreenThatIsNotTrue(t *testing.T) {
	for _, u := range untrues {
		for i, variant := range u.variants {
			for _, known := range []bool{true, false} {
				if !known && !u.blind {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d/%v", u.id, i, known), func(t *testing.T) {
					m := &model{}
					m.layers = []layer{variant(m)}
					ask := u.ask
					if ask == nil {
						ask = albQuestion
					}
					r := m.diagnosed(t, ask(t, known))
					got := ids(r.Warnings)
					if r.Verdict != Pass || len(got) == 0 || got[0] != u.id {
						t.Errorf("got %v\n%s", got, summary(r))
					}
					if len(r.Causes) > 0 {
						t.Errorf("causes for a probe that passes: %v", ids(r.Causes))
					}
				})
			}
		}
	}
}

// TestHealthy: what is well draws no warning, whatever else the server does.
func TestHealthy(t *testing.T) {
	others := func(say func(*model, ask) exchange.Answer) func(*model) layer {
		return unless(func(a ask) bool { return a.path() == "/health" }, say)
	}
	well := map[string]func(*model) layer{
		"plain":                 nil,
		"login elsewhere":       others(says(401)),
		"forbidden elsewhere":   others(says(403)),
		"nothing elsewhere":     others(says(404)),
		"https elsewhere":       others(redirectTo(301, httpsHere)),
		"login page elsewhere":  others(redirectTo(302, func(a ask) string { return "/login?next=" + a.Path })),
		"a site of one page":    others(body(200, spa, "Content-Type: text/html")),
		"json that says ok":     unless(onPath("/health"), body(200, `{"status":"ok","errors":0,"failed":[],"error":null,"db":"up","cache":"disabled","uptime":500}`)),
		"json with a warning":   unless(onPath("/health"), body(200, `{"status":"pass","checks":{"disk":{"status":"warn"},"mail":{"status":"down","critical":false}}}`)),
		"text sent as HTML":     unless(onPath("/health"), body(200, "OK - error reporting enabled, failover ready, 0 errors", "Content-Type: text/html")),
		"page without errors":   unless(onPath("/health"), body(200, "<table><tr><td>Errors</td><td>0</td></tr><tr><td>database</td><td>OK</td></tr></table>", "Content-Type: text/html")),
		"no errors":             unless(onPath("/health"), body(200, "OK - 0 errors, no failures\n")),
		"empty":                 unless(onPath("/health"), body(200, "")),
		"page about errors":     unless(onPath("/health"), body(200, "<html><title>Shop</title><body><p>Report an error</p></body></html>", "Content-Type: text/html")),
		"site goes to https":    unless(func(a ask) bool { return !bySite(a) }, redirectTo(301, httpsHere)),
		"public may not see it": unless(func(a ask) bool { return !bySite(a) || a.path() != "/health" }, says(403)),
		"site without the path": unless(func(a ask) bool { return !bySite(a) || a.path() != "/health" }, says(404)),
		"kept and alive":        unless(onPath("/health"), body(200, "fine", "Age: 3")),
		"an answer of its own": unless(always, func(m *model, a ask) exchange.Answer {
			return answer(200, fmt.Sprintf("%c%s", 'a'+a.n%26, strings.TrimPrefix(a.Path, "/health")))
		}),
		"words that change": unless(always, func(m *model, a ask) exchange.Answer {
			if a.path() == "/health" {
				return answer(200, fmt.Sprintf("well %c", 'a'+a.n%26))
			}
			return answer(200, fmt.Sprintf("page %c", 'a'+a.n%26))
		}),
		"methods":          unless(func(a ask) bool { return a.method() == "GET" }, says(405)),
		"a browser's only": unless(func(a ask) bool { return a.path() == "/health" || a.field("Accept-Language") != "" }, says(403)),
	}
	for name, layers := range well {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", name, known), func(t *testing.T) {
				m := &model{}
				if layers != nil {
					m.layers = []layer{layers(m)}
				}
				r := m.diagnosed(t, albQuestion(t, known))
				if r.Verdict != Pass || len(r.Warnings) > 0 || len(r.Causes) > 0 {
					t.Error(summary(r))
				}
			})
		}
	}
}

func TestNotes(t *testing.T) {
	m := &model{}
	m.layers = []layer{unless(func(a ask) bool { return a.Path != "/health" }, func(*model, ask) exchange.Answer {
		return took(3*time.Second, answer(200, "fine", "Set-Cookie: session=secret; Path=/", "Age: 9"))
	})(m)}
	r := m.diagnosed(t, albQuestion(t, true))
	var got []string
	for _, n := range r.Notes {
		got = append(got, n.ID)
		for _, e := range n.Evidence {
			if n.ID == "cookie" && e != "Set-Cookie: session=…" {
				t.Errorf("a cookie's value is told: %q", e)
			}
		}
	}
	if want := []string{"cached", "cookie", "slow"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v\n%s", got, want, summary(r))
	}
}
