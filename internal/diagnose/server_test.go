package diagnose

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// fault is one way to be ill. Its variants are the same illness on other servers.
// when is a layer that answers so if a condition does not hold.
type fault struct {
	id       string
	variants []func(*model) layer
	request  bool // lies in the request: something else may stand behind it
	blind    bool // found without knowing the site's name, too
	machine  []sockets.Socket
	ask      func(*testing.T, bool) Question
}

func unless(ok func(ask) bool, say func(m *model, a ask) exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) {
			if !plainHTTP(a) || ok(a) {
				return exchange.Answer{}, false
			}
			return say(m, a), true
		}
	}
}

// plainHTTP: other layers answer for TLS, PROXY headers and the like.
func plainHTTP(a ask) bool {
	return a.TLS == nil && a.Proxy == "" && a.Raw == nil && a.Protocol == exchange.HTTP1
}

func always(ask) bool { return false }

func bySite(a ask) bool { return a.host() == site }

func byXFP(a ask) bool { return a.field("X-Forwarded-Proto") == "https" }

func onPath(path string) func(ask) bool {
	return func(a ask) bool { return a.path() != path }
}

func says(status int) func(*model, ask) exchange.Answer {
	return func(m *model, a ask) exchange.Answer { return m.page(status, a) }
}

func saysNginx(status int, text string) func(*model, ask) exchange.Answer {
	return func(m *model, a ask) exchange.Answer { return nginx(status, text) }
}

func fails(f exchange.Failure, s exchange.Stage) func(*model, ask) exchange.Answer {
	return func(m *model, a ask) exchange.Answer { return broken(f, s) }
}

func redirectTo(status int, where func(ask) string) func(*model, ask) exchange.Answer {
	return func(m *model, a ask) exchange.Answer { return answer(status, "moved", "Location: "+where(a)) }
}

func httpsHere(a ask) string { return "https://" + a.host() + a.Path }

// raw is a layer that sees everything.
func raw(l func(a ask) (exchange.Answer, bool)) func(*model) layer {
	return func(*model) layer { return l }
}

func bytesThat(s string) exchange.Answer {
	a := broken(exchange.Malformed, exchange.ReadingHead)
	a.Received = []byte(s)
	return a
}

func wantsTLS(plain exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) {
			if a.TLS == nil {
				return plain, true
			}
			a.TLS = nil
			inner := *m
			inner.layers = nil
			got := inner.serve(a)
			got.TLS = &exchange.TLSState{Version: tls.VersionTLS13}
			return got, true
		}
	}
}

// handshake is a TLS server that refuses some hellos.
func handshake(refuses func(*exchange.TLS) (exchange.Answer, bool)) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) {
			if a.TLS == nil {
				return answer(400, "Client sent an HTTP request to an HTTPS server.\n"), true
			}
			if got, no := refuses(a.TLS); no {
				return got, true
			}
			a.TLS = nil
			inner := *m
			inner.layers = nil
			got := inner.serve(a)
			got.TLS = &exchange.TLSState{Version: tls.VersionTLS13}
			return got, true
		}
	}
}

// renegotiates is a TLS 1.2 server that wants another handshake for what is not ok.
func renegotiates(ok func(ask) bool) func(*model) layer {
	return func(m *model) layer {
		tls13 := handshake(func(*exchange.TLS) (exchange.Answer, bool) { return exchange.Answer{}, false })(m)
		return func(a ask) (exchange.Answer, bool) {
			if a.TLS == nil || ok(a) {
				return tls13(a)
			}
			got := broken(exchange.NotTLS, exchange.Waiting)
			got.Err = errors.New("local error: tls: no renegotiation")
			got.TLS = &exchange.TLSState{Version: tls.VersionTLS12}
			return got, true
		}
	}
}

// lateByTLS answers so late, and by TLS.
func lateByTLS(late time.Duration) func(*model) layer {
	return handshake(func(*exchange.TLS) (exchange.Answer, bool) {
		a := took(late, answer(200, "fine"))
		a.TLS = &exchange.TLSState{Version: tls.VersionTLS13}
		return a, true
	})
}

// servesAlone answers what is below a path, and hangs with everything else.
func servesAlone(prefix string) func(*model) layer {
	return raw(func(a ask) (exchange.Answer, bool) {
		if plainHTTP(a) && strings.HasPrefix(a.path(), prefix) {
			return answer(404, "no such file"), true
		}
		return broken(exchange.TimedOut, exchange.Waiting), true
	})
}

func alert(n uint8, asks bool) exchange.Answer {
	a := broken(exchange.TLSRefused, exchange.Handshaking)
	a.TLS = &exchange.TLSState{Alert: n, ClientAuth: asks}
	return a
}

func tlsQuestion(t *testing.T, known bool) Question {
	host := sent
	return question(t, "alb", "https://"+target+"/health", dialect.Options{Host: &host}, known)
}

func slowTLSQuestion(t *testing.T, known bool) Question {
	host := sent
	return question(t, "alb", "https://"+target+"/health", dialect.Options{Host: &host, Timeout: 2 * time.Second}, known)
}

func haproxyQuestion(t *testing.T, known bool) Question {
	return question(t, "haproxy", "http://"+target+"/health", dialect.Options{Method: "GET"}, known)
}

func headQuestion(t *testing.T, known bool) Question {
	host := sent
	return question(t, "generic", "http://"+target+"/health", dialect.Options{Method: "HEAD", Host: &host}, known)
}

func classicQuestion(t *testing.T, known bool) Question {
	host := "10.20.30.40"
	return question(t, "elb", "http://"+target+"/health", dialect.Options{Host: &host}, known)
}

func slowQuestion(t *testing.T, known bool) Question {
	host := sent
	return question(t, "alb", "http://"+target+"/health", dialect.Options{Host: &host, Timeout: 2 * time.Second}, known)
}

// guru is Varnish's own page about what is behind it.
func guru() exchange.Answer {
	return answer(503, "<!DOCTYPE html>\n<html>\n  <head>\n    <title>503 Backend fetch failed</title>\n  </head>\n  <body>\n    <h1>Error 503 Backend fetch failed</h1>\n    <p>Backend fetch failed</p>\n    <h3>Guru Meditation:</h3>\n    <p>XID: 3</p>\n    <hr>\n    <p>Varnish cache server</p>\n  </body>\n</html>\n", "Server: Varnish", "X-Varnish: 2", "Via: 1.1 varnish (Varnish/7.1)")
}

func took(d time.Duration, a exchange.Answer) exchange.Answer {
	a.Phases.Total, a.Phases.FirstByte = d, d
	return a
}

// slashed: /health answers otherwise than /health/, which is the right one.
func slashed(say func(*model, ask) exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		m.right = "/health/"
		return unless(onPath("/health"), say)(m)
	}
}

func movedTo(path string) func(*model) layer {
	return func(m *model) layer {
		m.right = path
		return unless(func(a ask) bool { return a.path() == path }, redirectTo(302, func(ask) string { return path }))(m)
	}
}

// rationed lets so many requests of each address through; those of the first
// were used up before.
func rationed(status, free int) func(*model) layer {
	return func(m *model) layer {
		seen := map[netip.Addr]int{{}: free + 1}
		return unless(func(a ask) bool { seen[a.Source]++; return seen[a.Source] <= free+1 }, func(m *model, a ask) exchange.Answer {
			if status == 503 {
				return nginx(503, "Service Temporarily Unavailable")
			}
			return m.page(status, a)
		})(m)
	}
}

func plainOnly(refusal exchange.Answer) func(*model) layer {
	return raw(func(a ask) (exchange.Answer, bool) { return refusal, a.TLS != nil })
}

func wantsProxy(kind exchange.ProxyHeader, refusal exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) {
			if a.Proxy != kind || a.TLS != nil {
				return refusal, true
			}
			a.Proxy = ""
			inner := *m
			inner.layers = nil
			return inner.serve(a), true
		}
	}
}

func http2(refusal exchange.Answer) func(*model) layer {
	return raw(func(a ask) (exchange.Answer, bool) {
		if a.Protocol == exchange.HTTP2 && a.TLS == nil {
			return answer(200, "fine"), true
		}
		return refusal, true
	})
}

func speaksWrong(text string) func(*model) layer {
	return raw(func(a ask) (exchange.Answer, bool) {
		switch {
		case a.Raw != nil:
			return broken(exchange.TimedOut, exchange.Waiting), true
		case a.TLS != nil:
			return broken(exchange.Closed, exchange.Handshaking), true
		}
		return bytesThat(text), true
	})
}

func firstOnly(n int, say func(*model, ask) exchange.Answer) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) {
			if a.n < n {
				return say(m, a), true
			}
			return exchange.Answer{}, false
		}
	}
}

// inTurn fails and passes by the number of the request, whatever it asks.
func inTurn(pattern string) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) {
			if pattern[a.n%len(pattern)] == 'f' {
				return m.page(500, a), true
			}
			return exchange.Answer{}, false
		}
	}
}

// hangsInTurn hangs and passes by the number of the request.
func hangsInTurn(pattern string) func(*model) layer {
	return func(m *model) layer {
		return func(a ask) (exchange.Answer, bool) {
			return broken(exchange.TimedOut, exchange.Waiting), pattern[a.n%len(pattern)] == 'f'
		}
	}
}

// refuses connections but those that are let.
func refuses(lets func(ask) bool) func(*model) layer {
	return raw(func(a ask) (exchange.Answer, bool) {
		if lets != nil && lets(a) {
			return exchange.Answer{}, false
		}
		return broken(exchange.Refused, exchange.Dialling), true
	})
}

// blocks the one port; others refuse.
func blocks(how exchange.Answer) func(*model) layer {
	return raw(func(a ask) (exchange.Answer, bool) {
		if a.port == fmt.Sprint(port) {
			return how, true
		}
		return broken(exchange.Refused, exchange.Dialling), true
	})
}

func (f fault) question(t *testing.T, known bool) Question {
	ask := f.ask
	if ask == nil {
		ask = albQuestion
	}
	q := ask(t, known)
	q.Machine.Sockets = f.machine
	return q
}
