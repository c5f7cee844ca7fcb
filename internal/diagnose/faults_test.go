package diagnose

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

var faults = []fault{
	{id: "host_not_allowed", request: true, variants: []func(*model) layer{
		unless(bySite, says(400)), unless(bySite, says(403)), unless(bySite, says(404)), unless(bySite, says(421)),
	}},
	{id: "vhost_mismatch", request: true, variants: []func(*model) layer{
		unless(bySite, fails(exchange.Closed, exchange.Waiting)), unless(bySite, fails(exchange.Reset, exchange.Waiting)),
		unless(bySite, saysNginx(404, "Not Found")), unless(bySite, saysNginx(403, "Forbidden")), unless(bySite, saysNginx(502, "Bad Gateway")),
		unless(bySite, saysNginx(421, "Misdirected Request")),
	}},
	{id: "canonical_host_redirect", request: true, blind: true, variants: []func(*model) layer{
		unless(bySite, redirectTo(301, func(a ask) string { return "http://" + site + a.Path })),
		unless(bySite, redirectTo(308, func(a ask) string { return "//" + site + a.Path })),
	}},
	{id: "https_redirect", request: true, blind: true, variants: []func(*model) layer{
		unless(byXFP, redirectTo(301, httpsHere)),
		unless(byXFP, redirectTo(307, func(a ask) string { return "https://" + hostOf(a.Request) + a.Path })),
		unless(func(a ask) bool { return a.field("X-Forwarded-Ssl") == "on" }, redirectTo(302, httpsHere)),
		unless(func(a ask) bool { return a.field("Front-End-Https") == "on" }, redirectTo(302, httpsHere)),
		unless(func(a ask) bool { return a.field("Forwarded") == "proto=https" }, redirectTo(301, httpsHere)),
	}},
	{id: "https_redirect_xfp_ignored", blind: true, variants: []func(*model) layer{
		unless(always, redirectTo(301, httpsHere)),
		unless(always, redirectTo(301, func(a ask) string { return "https://" + site + a.Path })),
		unless(always, redirectTo(302, func(a ask) string { return "https://" + site + "/" })),
		unless(always, redirectTo(302, func(a ask) string { // what it repeats of the request is no progress
			scheme := "http"
			if byXFP(a) {
				scheme = "https"
			}
			return "https://away.example.test/maintenance?from=" + scheme + "://" + a.host() + a.Path
		})),
	}},
	{id: "trailing_slash", request: true, blind: true, variants: []func(*model) layer{
		slashed(redirectTo(301, func(a ask) string { return "/health/" })),
		slashed(redirectTo(307, func(a ask) string { return "http://" + hostOf(a.Request) + "/health/" })),
		slashed(says(404)),
		slashed(redirectTo(301, func(ask) string { return "http://own.example.test/health/" })), // its own name in every URL
		slashed(redirectTo(301, func(ask) string { return "http://" + site + "/health/" })),
	}},
	{id: "path_redirect", request: true, blind: true, variants: []func(*model) layer{
		movedTo("/en/health"), movedTo("/app/"),
	}},
	{id: "login_redirect", blind: true, variants: []func(*model) layer{
		unless(onPath("/health"), redirectTo(302, func(a ask) string { return "/accounts/login/?next=" + a.Path })),
		unless(always, redirectTo(302, func(a ask) string {
			return "https://sso.example.test/auth?client_id=shop&redirect_uri=http%3A%2F%2Fshop"
		})),
		unless(always, redirectTo(303, func(a ask) string { return "/users/sign_in" })),
		unless(always, redirectTo(302, func(a ask) string {
			return "https://portal.example.test/start?rd=http://" + hostOf(a.Request) + a.Path
		})),
		unless(onPath("/health"), redirectTo(302, func(a ask) string { return "/start?then=" + a.Path })),
	}},
	{id: "redirect_loop", blind: true, variants: []func(*model) layer{
		unless(always, redirectTo(302, func(a ask) string { return a.Path })),
		unless(always, redirectTo(301, func(a ask) string { return "http://" + hostOf(a.Request) + a.Path })),
		unless(always, redirectTo(302, func(a ask) string {
			if a.path() == "/health" {
				return "/welcome"
			}
			return "/health"
		})),
	}},
	{id: "auth_required", blind: true, variants: []func(*model) layer{
		unless(always, func(m *model, a ask) exchange.Answer {
			return nginx(401, "Authorization Required", `WWW-Authenticate: Basic realm="x"`)
		}),
		unless(onPath("/health"), says(401)),
		unless(onPath("/health"), func(*model, ask) exchange.Answer {
			return answer(403, `{"detail":"Not authenticated"}`, "Content-Type: application/json")
		}),
		unless(always, func(*model, ask) exchange.Answer { return answer(403, "missing API key") }),
	}},
	{id: "forbidden_source", request: true, blind: true, variants: []func(*model) layer{
		unless(func(a ask) bool { return a.Source == netip.MustParseAddr("127.0.0.9") }, saysNginx(403, "Forbidden")),
		unless(func(a ask) bool { return a.Source.IsValid() }, says(403)),
		unless(func(a ask) bool { return a.Source.IsValid() || a.path() == "/" }, says(403)),
	}},
	{id: "forbidden_client", request: true, blind: true, variants: []func(*model) layer{
		unless(func(a ask) bool { return strings.HasPrefix(a.field("User-Agent"), "Mozilla") }, says(403)),
		unless(func(a ask) bool { return strings.HasPrefix(a.field("User-Agent"), "Mozilla") }, saysNginx(403, "Forbidden")),
		unless(func(a ask) bool { return a.field("Accept-Language") != "" }, says(403)),
		unless(func(a ask) bool { return strings.Contains(a.field("User-Agent"), "Mozilla") }, fails(exchange.Closed, exchange.Waiting)),
		unless(func(a ask) bool { return strings.Contains(a.field("Accept"), "html") }, says(406)),
	}},
	{id: "forbidden_path", blind: true, variants: []func(*model) layer{
		unless(onPath("/health"), saysNginx(403, "Forbidden")),
		unless(onPath("/health"), says(403)),
	}},
	{id: "not_found", blind: true, variants: []func(*model) layer{
		unless(onPath("/health"), says(404)),
		unless(onPath("/health"), says(410)),
	}},
	{id: "method_not_allowed", blind: true, variants: []func(*model) layer{
		unless(func(a ask) bool { return a.method() == "HEAD" || a.path() != "/health" }, func(m *model, a ask) exchange.Answer { return answer(405, "", "Allow: HEAD, OPTIONS") }),
		unless(onPath("/health"), func(m *model, a ask) exchange.Answer { return answer(405, "no", "Allow: POST") }),
	}},
	{id: "method_not_allowed", request: true, blind: true, ask: headQuestion, variants: []func(*model) layer{
		unless(func(a ask) bool { return a.method() == "GET" }, says(405)),
		unless(func(a ask) bool { return a.method() == "GET" }, says(501)),
		unless(func(a ask) bool { return a.method() == "GET" }, says(403)),
		unless(func(a ask) bool { return a.method() == "GET" }, says(404)),
		unless(func(a ask) bool { return a.method() == "GET" }, says(500)),
		unless(func(a ask) bool { return a.method() == "GET" }, fails(exchange.Closed, exchange.Waiting)),
	}},
	{id: "http_version_rejected", blind: true, ask: haproxyQuestion, variants: []func(*model) layer{
		unless(func(a ask) bool { return a.Version == "HTTP/1.1" || a.Version == "" }, says(505)),
		unless(func(a ask) bool { return a.Version == "HTTP/1.1" || a.Version == "" }, says(426)),
		unless(func(a ask) bool { return a.Version == "HTTP/1.1" || a.Version == "" }, fails(exchange.Closed, exchange.Waiting)),
		unless(func(a ask) bool { return hostOf(a.Request) != "" }, says(400)),
	}},
	{id: "needs_forwarded_header", request: true, blind: true, variants: []func(*model) layer{
		unless(func(a ask) bool { return a.field("X-Forwarded-For") != "" }, says(500)),
		unless(func(a ask) bool { return a.field("X-Forwarded-For") != "" }, says(400)),
		unless(byXFP, says(500)),
		unless(func(a ask) bool { return a.field("X-Real-IP") != "" }, says(500)),
	}},
	{id: "success_code_mismatch", blind: true, variants: []func(*model) layer{
		unless(onPath("/health"), says(201)), unless(onPath("/health"), says(204)),
	}},
	{id: "success_code_mismatch", blind: true, ask: classicQuestion, variants: []func(*model) layer{unless(onPath("/health"), says(202))}},
	{id: "app_error", blind: true, variants: []func(*model) layer{unless(onPath("/health"), says(500)), unless(always, says(500))}},
	{id: "dependency_down", blind: true, variants: []func(*model) layer{
		unless(onPath("/health"), func(*model, ask) exchange.Answer {
			return answer(503, `{"status":"down","checks":{"redis":"connection refused"}}`, "Content-Type: application/json")
		}),
		unless(onPath("/health"), func(*model, ask) exchange.Answer { return answer(503, "database: connection refused") }),
		unless(onPath("/health"), func(*model, ask) exchange.Answer {
			return answer(503, `{"status":"DOWN","components":{"db":{"status":"DOWN"},"ping":{"status":"UP"}}}`)
		}),
		unless(onPath("/health"), says(503)),
	}},
	{id: "maintenance_mode", blind: true, variants: []func(*model) layer{
		unless(always, func(*model, ask) exchange.Answer { return answer(503, "Service Unavailable", "Retry-After: 60") }),
		unless(always, func(*model, ask) exchange.Answer {
			return answer(503, "<h1>Down for maintenance</h1>", "Content-Type: text/html")
		}),
		unless(always, says(503)),
	}},
	{id: "rate_limited", blind: true, variants: []func(*model) layer{
		unless(always, says(429)), rationed(429, 0), rationed(503, 0), rationed(503, 2),
	}},
	{id: "connection_limit", blind: true, variants: []func(*model) layer{
		unless(onPath("/health"), saysNginx(503, "Service Temporarily Unavailable")),
		unless(func(a ask) bool { return a.Source.IsValid() }, saysNginx(503, "Service Temporarily Unavailable")),
	}},
	{id: "upstream_down", blind: true, variants: []func(*model) layer{
		unless(always, saysNginx(502, "Bad Gateway")),
		unless(always, func(*model, ask) exchange.Answer {
			return answer(503, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n", "content-type: text/html")
		}),
		unless(always, func(*model, ask) exchange.Answer { return answer(502, "", "Server: Caddy") }),
	}},
	{id: "upstream_timeout", blind: true, variants: []func(*model) layer{
		unless(always, func(*model, ask) exchange.Answer { return took(1500*time.Millisecond, nginx(504, "Gateway Time-out")) }),
		unless(onPath("/health"), func(*model, ask) exchange.Answer { return took(2*time.Second, nginx(504, "Gateway Time-out")) }),
		unless(always, func(*model, ask) exchange.Answer { return took(1200*time.Millisecond, nginx(502, "Bad Gateway")) }),
		unless(always, func(*model, ask) exchange.Answer { return took(2*time.Second, guru()) }),
	}},
	{id: "upstream_timeout", blind: true, ask: slowQuestion, variants: []func(*model) layer{
		unless(always, func(m *model, a ask) exchange.Answer {
			if a.path() == randomPath {
				return nginx(404, "Not Found") // a file that is not there
			}
			return broken(exchange.TimedOut, exchange.Waiting)
		}),
		unless(always, func(m *model, a ask) exchange.Answer {
			if hostOf(a.Request) == "" {
				return nginx(400, "Bad Request")
			}
			return broken(exchange.TimedOut, exchange.Waiting)
		}),
		unless(always, func(*model, ask) exchange.Answer { return took(3*time.Second, nginx(504, "Gateway Time-out")) }),
		servesAlone("/static/"), servesAlone("/favicon.ico"), servesAlone("/robots.txt"),
	}},
	{id: "upstream_bad_response", blind: true, variants: []func(*model) layer{
		unless(onPath("/health"), saysNginx(502, "Bad Gateway")),
		unless(func(a ask) bool { return a.path() == "/health/"+randomPath[1:] }, saysNginx(502, "Bad Gateway")),
	}},
	{id: "wrong_protocol_tls", blind: true, variants: []func(*model) layer{
		wantsTLS(nginx(400, "The plain HTTP request was sent to HTTPS port")),
		wantsTLS(answer(400, "Client sent an HTTP request to an HTTPS server.\n")),
		wantsTLS(answer(400, "")),
		wantsTLS(bytesThat("\x15\x03\x01\x00\x02\x02\x46")),
		wantsTLS(broken(exchange.Closed, exchange.Waiting)),
		wantsTLS(broken(exchange.Reset, exchange.Waiting)),
		wantsTLS(answer(302, "", "Location: https://10.20.30.40:8443/health")),
	}},
	{id: "wrong_protocol_tls", blind: true, ask: slowQuestion, variants: []func(*model) layer{wantsTLS(broken(exchange.TimedOut, exchange.Waiting))}},
	{id: "wrong_protocol_plain", blind: true, ask: tlsQuestion, variants: []func(*model) layer{
		plainOnly(broken(exchange.NotTLS, exchange.Handshaking)), plainOnly(broken(exchange.Closed, exchange.Handshaking)),
		plainOnly(broken(exchange.TimedOut, exchange.Handshaking)), plainOnly(broken(exchange.Reset, exchange.Handshaking)),
	}},
	{id: "client_cert_required", blind: true, ask: tlsQuestion, variants: []func(*model) layer{
		handshake(func(*exchange.TLS) (exchange.Answer, bool) { return alert(116, true), true }),
		handshake(func(*exchange.TLS) (exchange.Answer, bool) { return alert(40, true), true }),
		handshake(func(*exchange.TLS) (exchange.Answer, bool) {
			a := nginx(400, "No required SSL certificate was sent")
			a.TLS = &exchange.TLSState{Version: tls.VersionTLS13, ClientAuth: true}
			return a, true
		}),
		handshake(func(*exchange.TLS) (exchange.Answer, bool) {
			a := answer(403, "no")
			a.TLS = &exchange.TLSState{Version: tls.VersionTLS13, ClientAuth: true}
			return a, true
		}),
		handshake(func(*exchange.TLS) (exchange.Answer, bool) {
			a := broken(exchange.Reset, exchange.Waiting)
			a.TLS = &exchange.TLSState{Version: tls.VersionTLS13, ClientAuth: true}
			return a, true
		}),
		renegotiates(always), renegotiates(onPath("/health")),
	}},
	{id: "sni_required", ask: tlsQuestion, variants: []func(*model) layer{
		handshake(func(h *exchange.TLS) (exchange.Answer, bool) { return alert(112, false), h.ServerName != site }),
		handshake(func(h *exchange.TLS) (exchange.Answer, bool) { return alert(80, false), h.ServerName != site }),
		handshake(func(h *exchange.TLS) (exchange.Answer, bool) {
			return broken(exchange.Reset, exchange.Handshaking), h.ServerName != site
		}),
		handshake(func(h *exchange.TLS) (exchange.Answer, bool) {
			return broken(exchange.Closed, exchange.Handshaking), h.ServerName != site
		}),
	}},
	{id: "tls_incompatible", blind: true, ask: tlsQuestion, variants: []func(*model) layer{
		handshake(func(h *exchange.TLS) (exchange.Answer, bool) { return alert(70, false), h.Min != tls.VersionTLS10 }),
		handshake(func(h *exchange.TLS) (exchange.Answer, bool) { return alert(40, false), h.Min != tls.VersionTLS10 }),
		handshake(func(h *exchange.TLS) (exchange.Answer, bool) {
			return broken(exchange.TLSVersion, exchange.Handshaking), h.Min != tls.VersionTLS10
		}),
		handshake(func(h *exchange.TLS) (exchange.Answer, bool) {
			return broken(exchange.TLSVersion, exchange.Handshaking), true
		}),
	}},
	{id: "proxy_protocol_expected", blind: true, variants: []func(*model) layer{
		wantsProxy(exchange.ProxyV1, broken(exchange.Closed, exchange.Waiting)), wantsProxy(exchange.ProxyV2, broken(exchange.Closed, exchange.Waiting)),
		wantsProxy(exchange.ProxyV1, broken(exchange.Reset, exchange.Waiting)),
	}},
	{id: "proxy_protocol_expected", blind: true, ask: slowQuestion, variants: []func(*model) layer{wantsProxy(exchange.ProxyV1, broken(exchange.TimedOut, exchange.Waiting))}},
	{id: "http2_only", blind: true, variants: []func(*model) layer{
		http2(broken(exchange.Closed, exchange.Waiting)), http2(bytesThat("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00")),
	}},
	{id: "not_http", blind: true, variants: []func(*model) layer{
		raw(func(ask) (exchange.Answer, bool) { return bytesThat("SSH-2.0-OpenSSH_9.2\r\n"), true }),
		raw(func(ask) (exchange.Answer, bool) { return bytesThat("\x4a\x00\x00\x00\x0a8.0.32\x00"), true }),
		raw(func(a ask) (exchange.Answer, bool) {
			if a.Raw != nil && len(a.Raw) == 0 {
				return broken(exchange.TimedOut, exchange.Waiting), true
			}
			return bytesThat("ERR unknown command\r\n"), true
		}),
		raw(func(a ask) (exchange.Answer, bool) {
			if len(a.Raw) > 1 && a.Raw[0] == 1 && a.Raw[1] == 9 {
				return bytesThat("\x01\x0a\x00\x00\x00\x11\x07\x00"), true
			}
			return broken(exchange.Closed, exchange.Waiting), true
		}),
		raw(func(a ask) (exchange.Answer, bool) {
			if string(a.Raw) == "PING\r\n" {
				return bytesThat("+PONG\r\n"), true
			}
			return broken(exchange.Closed, exchange.Waiting), true
		}),
	}},
	{id: "malformed_response", blind: true, variants: []func(*model) layer{
		speaksWrong("<html>hello</html>"), speaksWrong("ok\n"), speaksWrong("Content-Type: text/plain\r\n\r\nok"), speaksWrong("HTTP/1.1 OK\r\n\r\n"), speaksWrong(`{"status":"ok"}`),
	}},
	{id: "closed_no_response", blind: true, variants: []func(*model) layer{
		raw(func(ask) (exchange.Answer, bool) { return broken(exchange.Closed, exchange.Waiting), true }),
		raw(func(ask) (exchange.Answer, bool) { return broken(exchange.Reset, exchange.Sending), true }),
		raw(func(ask) (exchange.Answer, bool) { return broken(exchange.Reset, exchange.Dialling), true }),
		unless(onPath("/health"), fails(exchange.Closed, exchange.Waiting)),
		raw(func(a ask) (exchange.Answer, bool) { // takes a PROXY header, or HTTP/2, for a request line
			switch {
			case a.Proxy != "" || a.Protocol == exchange.HTTP2:
				return answer(404, "no"), true
			case a.path() == "/health" && plainHTTP(a):
				return broken(exchange.Reset, exchange.Waiting), true
			}
			return exchange.Answer{}, false
		}),
	}},
	{id: "no_response", blind: true, ask: slowQuestion, variants: []func(*model) layer{
		raw(func(ask) (exchange.Answer, bool) { return broken(exchange.TimedOut, exchange.Waiting), true }),
		raw(func(a ask) (exchange.Answer, bool) { // what reads requests lives, and nothing else
			if plainHTTP(a) && hostOf(a.Request) == "" {
				return answer(400, "400 Bad Request: missing required Host header"), true
			}
			return broken(exchange.TimedOut, exchange.Waiting), true
		}),
	}},
	{id: "worker_saturated", blind: true, ask: slowQuestion, variants: []func(*model) layer{
		raw(func(ask) (exchange.Answer, bool) { return broken(exchange.TimedOut, exchange.Waiting), true }),
	}, machine: []sockets.Socket{{Local: netip.MustParseAddrPort("0.0.0.0:8443"), Queue: 3, Backlog: 128}}},
	{id: "worker_saturated", blind: true, ask: slowQuestion, variants: []func(*model) layer{
		raw(func(ask) (exchange.Answer, bool) { return broken(exchange.TimedOut, exchange.Dialling), true }),
	}, machine: []sockets.Socket{{Local: netip.MustParseAddrPort("0.0.0.0:8443"), Queue: 129, Backlog: 128}}},
	{id: "worker_saturated", blind: true, ask: slowQuestion, variants: []func(*model) layer{
		raw(func(ask) (exchange.Answer, bool) { return broken(exchange.TimedOut, exchange.Dialling), true }),
	}, machine: []sockets.Socket{{Local: netip.MustParseAddrPort("0.0.0.0:8443"), Queue: 1, Backlog: 0}}},
	{id: "slow_response", blind: true, ask: slowQuestion, variants: []func(*model) layer{
		unless(onPath("/health"), func(*model, ask) exchange.Answer { return took(3500*time.Millisecond, answer(200, "fine")) }),
		unless(onPath("/health"), func(*model, ask) exchange.Answer { return took(4300*time.Millisecond, answer(200, "fine")) }),
		unless(onPath("/health"), fails(exchange.TimedOut, exchange.Waiting)),
	}},
	{id: "slow_response", blind: true, ask: slowTLSQuestion, variants: []func(*model) layer{lateByTLS(2600 * time.Millisecond), lateByTLS(3100 * time.Millisecond)}},
	{id: "cold_start", blind: true, ask: slowQuestion, variants: []func(*model) layer{
		firstOnly(1, func(*model, ask) exchange.Answer { return took(4*time.Second, answer(200, "fine")) }),
		firstOnly(1, says(503)), firstOnly(1, says(500)), firstOnly(2, says(503)),
		firstOnly(1, fails(exchange.Refused, exchange.Dialling)),
	}},
	{id: "flapping", blind: true, variants: []func(*model) layer{
		inTurn("fp"), inTurn("pf"), inTurn("ppf"), inTurn("ffp"), inTurn("fpp"), inTurn("pfpp"), inTurn("ppppf"),
	}},
	{id: "flapping", blind: true, ask: slowQuestion, variants: []func(*model) layer{hangsInTurn("fp"), hangsInTurn("fpp")}},
	{id: "refused", blind: true, variants: []func(*model) layer{refuses(nil)}},
	{id: "refused", blind: true, variants: []func(*model) layer{refuses(nil)}, machine: []sockets.Socket{listening("127.0.0.1:22"), listening("127.0.0.1:9999")}},
	{id: "wrong_port", blind: true, variants: []func(*model) layer{refuses(func(a ask) bool { return a.port == "9000" })}, machine: []sockets.Socket{listening("127.0.0.1:22"), listening("0.0.0.0:9000"), listening("127.0.0.1:9999")}},
	{id: "wrong_port", blind: true, ask: tcpQuestion, variants: []func(*model) layer{refuses(func(a ask) bool { return a.port == "9000" })}, machine: []sockets.Socket{listening("127.0.0.1:22"), listening("0.0.0.0:9000"), listening("127.0.0.1:9999")}},
	{id: "bound_to_other_address", blind: true, ask: func(t *testing.T, known bool) Question {
		host := sent
		return question(t, "alb", "http://127.0.0.2:8443/health", dialect.Options{Host: &host}, known)
	}, variants: []func(*model) layer{refuses(func(a ask) bool { return a.addr == netip.MustParseAddr("127.0.0.1") && a.port == "8443" })}},
	// The table alone: [::1] is not reached either, and another port would pass.
	{id: "ipv6_only", blind: true, variants: []func(*model) layer{refuses(func(a ask) bool { return a.port == "9000" })}, machine: []sockets.Socket{{Local: netip.MustParseAddrPort("[::]:8443"), Backlog: 128, OnlyIPv6: true}, listening("0.0.0.0:9000")}},
	{id: "bound_to_other_address", blind: true, variants: []func(*model) layer{refuses(func(a ask) bool { return a.port == "9000" })}, machine: []sockets.Socket{listening("192.0.2.9:8443"), listening("0.0.0.0:9000")}},
	{id: "ipv6_only", blind: true, variants: []func(*model) layer{refuses(func(a ask) bool { return a.addr == netip.IPv6Loopback() && a.port == "8443" })}},
	{id: "filtered", blind: true, ask: slowQuestion, variants: []func(*model) layer{
		blocks(broken(exchange.TimedOut, exchange.Dialling)), blocks(broken(exchange.Unreachable, exchange.Dialling)),
	}},
	{id: "filtered", blind: true, variants: []func(*model) layer{refuses(nil)}, machine: []sockets.Socket{listening("0.0.0.0:8443")}},
	{id: "truncated_response", blind: true, variants: []func(*model) layer{
		unless(always, func(*model, ask) exchange.Answer {
			a := answer(200, "half", "Content-Length: 100")
			a.Failure, a.Stage = exchange.BodyCutShort, exchange.ReadingBody
			return a
		}),
	}},
}

// TestEveryFault: each variant of each fault is named first, on an app of either
// style, with and without the site's name where that is not the matter.
func TestEveryFault(t *testing.T) {
	for _, f := range faults {
		for i, variant := range f.variants {
			for style, page := range map[string]func(int, ask) exchange.Answer{"plain": plainPage, "json": jsonPage} {
				for _, known := range []bool{true, false} {
					if !known && !f.blind {
						continue
					}
					t.Run(fmt.Sprintf("%s/%d/%s/%v", f.id, i, style, known), func(t *testing.T) {
						m := &model{page: page}
						m.layers = []layer{variant(m)}
						r := m.diagnosed(t, f.question(t, known))
						if got := ids(r.Causes); len(got) == 0 || got[0] != f.id {
							t.Errorf("got %v\n%s", got, summary(r))
						}
						want := Fail
						switch f.id {
						case "cold_start", "flapping":
							want = Flap
						case "truncated_response":
							want = Unknown
						}
						if r.Verdict != want {
							t.Errorf("verdict %s, want %s", r.Verdict, want)
						}
						for _, c := range r.Causes {
							if slices.ContainsFunc(c.Evidence, func(e string) bool { return e == "" || strings.Contains(e, `""`) }) {
								t.Errorf("%s is told with nothing: %q", c.Cause, c.Evidence)
							}
							if c.Confidence <= 0 || c.Confidence > 1 || c.Confidence >= 0.9 && (len(c.Evidence) == 0 || len(c.Decided) == 0) {
								t.Errorf("%s is %.2f certain without a reason", c.Cause, c.Confidence)
							}
						}
					})
				}
			}
		}
	}
}

// TestTwoFaults: one fault that lies in the request hides another one; both are
// named, and nothing before them.
func TestTwoFaults(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	front := slices.DeleteFunc(slices.Clone(faults), func(f fault) bool { return !f.request || f.ask != nil })
	type pair struct{ a, b string }
	// Pairs that no experiment can take apart, and those that hide each other.
	not := map[pair]bool{}
	both := func(a, b string) { not[pair{a, b}], not[pair{b, a}] = true, true }
	both("host_not_allowed", "vhost_mismatch")
	both("host_not_allowed", "canonical_host_redirect")
	both("vhost_mismatch", "canonical_host_redirect")
	both("path_redirect", "trailing_slash")
	both("forbidden_source", "forbidden_client")
	both("https_redirect", "needs_forwarded_header") // the same header
	for range 400 {
		a, b := front[random.IntN(len(front))], front[random.IntN(len(front))]
		if a.id == b.id || not[pair{a.id, b.id}] {
			continue
		}
		i, j := random.IntN(len(a.variants)), random.IntN(len(b.variants))
		m := &model{}
		m.layers = []layer{a.variants[i](m), b.variants[j](m)}
		r := m.diagnosed(t, albQuestion(t, true))
		got := ids(r.Causes)
		want := []string{a.id, b.id}
		slices.Sort(want)
		first := slices.Clone(got[:min(2, len(got))])
		slices.Sort(first)
		if !slices.Equal(first, want) {
			t.Errorf("%s/%d before %s/%d: got %v\n%s", a.id, i, b.id, j, got, summary(r))
		}
	}
}
