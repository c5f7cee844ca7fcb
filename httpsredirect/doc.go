// Package httpsredirect sends visitors who come by plain http to https, and
// nobody else.
//
//	site = &httpsredirect.Handler{
//		Next:           site,
//		AllowHost:      func(host string) bool { return host == "example.com" },
//		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
//		ExemptPaths:    []string{"/health_check"},
//		HSTS:           365 * 24 * time.Hour,
//	}
//
// A redirect that stands in front of everything has three traps. A load
// balancer's health check is redirected too, and 301 is not 200: see
// [Handler.ExemptPaths]. A server behind a proxy that ends TLS sees plain http
// only, and redirects https visitors to where they are, for ever: see below. And
// the Host that it redirects to is written by whoever sends the request: only
// hosts that [Handler.AllowHost] allows are redirected to.
//
// # What it answers
//
// GET and HEAD get 301, all other methods 308, with which clients repeat the
// method and the body. Location is https, the host as it was sent without its
// port, and path and query byte for byte as in the request line. A request
// whose host is not allowed, or whose host or target no well-formed Location can
// be made of, gets 400. Neither answer has anything of the request in its body.
//
// The redirect is not cached (Cache-Control: no-store). It depends on the scheme
// that the visitor used, which caches on the way may not see; and one that was
// sent by mistake, kept by browsers as a 301 is by default, would outlive the
// mistake. HSTS is what saves visitors the detour.
//
// A WebSocket handshake over plain http is a GET and answered as one. Browsers
// don't follow redirects there; clients that do follow them to https.
//
// CONNECT and "OPTIONS *" name no resource that could be elsewhere and are
// handed on, as are the exempt paths.
//
// # Who came by https
//
// A connection from anybody but a trusted proxy is judged by itself: https is
// what comes over TLS. No field of the request changes that.
//
// A trusted proxy is believed about its visitors, even where it speaks TLS to
// this server itself; otherwise its plain-http visitors would pass for secure
// (CVE-2019-12781 was that mistake). X-Forwarded-Proto and Forwarded (RFC 7239)
// are both read. The visitor is the first, seen from here, who is no trusted
// proxy:
//
//   - X-Forwarded-For is walked from the right as long as its addresses are
//     trusted proxies' (if all are, the leftmost is the visitor). That tells how
//     many trusted proxies, n, there are in a row.
//   - Of X-Forwarded-Proto, the n-th entry from the right counts, or the
//     leftmost if there are fewer. So one entry counts whoever wrote it, and in
//     a list the entry that the outermost trusted proxy appended counts, not
//     what the visitor had put before it.
//   - Forwarded is walked in the same way, and each of its elements has its own
//     proto. A malformed line, and what is left of it, says nothing.
//   - If both say something of the visitor, it must be https in both. Many
//     proxies set one of the fields and let the visitor's other one pass.
//   - wss is https and ws is http, since Traefik sends them so (traefik/traefik
//     issue 6388). Any other word says nothing.
//
// A trusted proxy that says nothing is taken at its connection: plain http is
// redirected, and [Handler.Log] warns once. It is the strict choice and the one
// that shows itself on the first visit, as an endless redirect; to let such
// requests pass would leave all visitors on http without a sign. Probes of
// balancers, which carry none of these fields, belong on an exempt path.
//
// # What proxies send
//
// The trusted proxy next to the visitors must replace X-Forwarded-Proto or
// append to it, and those behind it must leave it alone or append. This is what
// they do:
//
//   - AWS's Application Load Balancer replaces X-Forwarded-Proto by the
//     protocol of its listener and appends to X-Forwarded-For. Its probes have
//     neither. (Elastic Load Balancing, "HTTP headers and Application Load
//     Balancers"; that a forged field is replaced was seen on a classic one in
//     artsy/metaphysics pull request 1101.)
//   - nginx sends none of them unless told to; "proxy_set_header
//     X-Forwarded-Proto $scheme" replaces it. In an inner proxy that line is
//     wrong: it hides what the outer one said. (ngx_http_proxy_module,
//     proxy_set_header.)
//   - HAProxy: "option forwardfor" adds X-Forwarded-For alone; "http-request
//     set-header X-Forwarded-Proto" replaces, "add-header" appends a line;
//     "option forwarded" appends proto and for to Forwarded, on a line of its
//     own if what came was malformed. (src/http_ext.c.)
//   - Caddy replaces X-Forwarded-Proto and -For, unless they come from one of
//     its own trusted proxies; then it keeps the former and appends to the
//     latter. (modules/caddyhttp/reverseproxy, addForwardedHeaders.)
//   - Cloudflare sets X-Forwarded-Proto to the visitor's protocol and appends
//     to X-Forwarded-For. (Cloudflare HTTP headers.)
//   - Envoy replaces X-Forwarded-Proto unless xff_num_trusted_hops is set.
//     (HTTP connection manager, x-forwarded-proto.)
//   - node-http-proxy appends to X-Forwarded-Proto, which is how lists such as
//     "https,http" come to be. (lib/http-proxy/passes/web-incoming.js.)
//
// The host comes from the request alone, never from X-Forwarded-Host: a proxy in
// front must pass the visitor's Host on.
//
// # HSTS
//
// Strict-Transport-Security is sent with all answers over https and with none
// over http, as RFC 6797, section 7.2, demands. Next must not add its own: only
// one such field is allowed, and browsers heed the first.
//
// # Concurrency
//
// A [Handler] may be used from any goroutine once its fields are set. It starts
// none. A request that is handed on costs no allocation, unless proxies write
// Forwarded, or addresses with ports.
//
// The package imports the standard library only.
package httpsredirect
