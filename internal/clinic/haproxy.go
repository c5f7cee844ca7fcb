package clinic

import "github.com/inservice/inservice/internal/realserver"

// startHAProxy starts one HAProxy; a Config is sections of its configuration.
func startHAProxy(w *world, tenants []*tenant) {
	realserver.Start(w.t, realserver.Recipe{
		Name: "HAProxy", Debian: "haproxy", Program: "haproxy", Users: []string{"haproxy"},
		Args: []string{"-db", "-f", "haproxy.cfg"},
		Files: w.files(map[string]string{"haproxy.cfg": `global
	maxconn 500
	tune.ssl.default-dh-param 2048
defaults
	mode http
	timeout connect 2s
	timeout client 30s
	timeout server 30s
` + sections(tenants) + "\n"}),
		Listens: listens(tenants),
	})
}

const haproxyApp = "\n\tdefault_backend app{id}\nbackend app{id}\n\tserver app {app}\n"

var haproxyCases = []Case{
	{
		Name: "haproxy-https-unless-forwarded", Server: "haproxy", Path: "/status", Want: "fail https_redirect",
		Config: "frontend f{id}\n\tbind {addr}\n\tredirect scheme https code 302 unless { hdr(X-Forwarded-Proto) https }" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}\n\tredirect scheme https code 302 unless { hdr(X-Forwarded-Proto) https } || { path /status }" + haproxyApp,
		Trials: []string{"=> 302 location=https://10.20.30.40:{port}/status", "xfp=https => 200", "host={site} => 302", "path=/ => 302"},
	}, {
		Name: "haproxy-https-unless-tls", Server: "haproxy", Path: "/status", Want: "fail https_redirect_xfp_ignored",
		Config: "frontend f{id}\n\tbind {addr}\n\tbind {addr2} ssl crt both.pem\n\thttp-request redirect scheme https code 301 unless { ssl_fc }" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}\n\tbind {addr2} ssl crt both.pem\n\thttp-request redirect scheme https code 301 unless { ssl_fc } || { path /status }" + haproxyApp,
		Trials: []string{"=> 301 location=https://10.20.30.40:{port}/status", "xfp=https => 301", "host={site} xfp=https => 301", "path=/ => 301", "port=2 tls=on => 200"},
	}, {
		Name: "haproxy-canonical-prefix", Server: "haproxy", Path: "/alive", Want: "fail canonical_host_redirect",
		Config: "frontend f{id}\n\tbind {addr}\n\tredirect prefix http://shop.example code 301 unless { hdr(host) -i shop.example }" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}\n\tredirect prefix http://shop.example code 301 unless { hdr(host) -i shop.example } || { path /alive }" + haproxyApp,
		Trials: []string{"=> 301 location=http://shop.example/alive", "host={site} => 200", "xfp=https => 301", "path=/nothing => 301"},
	}, {
		Name: "haproxy-hosts-denied", Server: "haproxy", Path: "/alive", Want: "fail host_not_allowed / vhost_mismatch",
		Config: "frontend f{id}\n\tbind {addr}\n\thttp-request deny deny_status 403 unless { hdr(host) -i shop.example }" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}\n\thttp-request deny deny_status 403 unless { hdr(host) -i shop.example } || { path /alive }" + haproxyApp,
		Trials: []string{"=> 403", "host={site} => 200", "host=localhost => 403", "xfp=https => 403", "src=127.0.0.9 => 403", "ua=Mozilla/5.0 => 403"},
	}, {
		Name: "haproxy-no-backend-for-host", Server: "haproxy", Path: "/alive", Want: "fail vhost_mismatch",
		Config: "frontend f{id}\n\tbind {addr}\n\tuse_backend app{id} if { hdr(host) -i shop.example }\nbackend app{id}\n\tserver app {app}\n",
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> 503", "host={site} => 200", "host=localhost => 503", "path=/nothing => 503", "xfp=https => 503"},
	}, {
		Name: "haproxy-agents-denied", Server: "haproxy", Path: "/alive", Want: "fail forbidden_client",
		Config: "frontend f{id}\n\tbind {addr}\n\thttp-request deny unless { req.hdr(user-agent) -m sub Mozilla }" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}\n\thttp-request deny unless { req.hdr(user-agent) -m sub Mozilla } || { path /alive }" + haproxyApp,
		Trials: []string{"=> 403", "ua=Mozilla/5.0 => 200", "ua=curl/8 => 403", "host={site} => 403", "src=127.0.0.9 => 403"},
	}, {
		Name: "haproxy-sources-denied", Server: "haproxy", Path: "/alive", Want: "fail forbidden_source",
		Config: "frontend f{id}\n\tbind {addr}\n\thttp-request deny unless { src 127.0.0.8/30 }" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}\n\thttp-request deny unless { src 127.0.0.0/8 }" + haproxyApp,
		Trials: []string{"=> 403", "src=127.0.0.9 => 200", "ua=Mozilla/5.0 => 403", "host={site} => 403", "path=/nothing => 403"},
	}, {
		Name: "haproxy-password", Server: "haproxy", Path: "/alive", Want: "fail auth_required",
		Config: "userlist u{id}\n\tuser probe insecure-password secret\nfrontend f{id}\n\tbind {addr}\n\thttp-request auth unless { http_auth(u{id}) }" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> 401", "header=Authorization:Basic%20cHJvYmU6c2VjcmV0 => 200", "path=/nothing => 401"},
	}, {
		Name: "haproxy-dead-app", Server: "haproxy", Path: "/alive", Want: "fail upstream_down",
		Config: "frontend f{id}\n\tbind {addr}\n\tdefault_backend app{id}\nbackend app{id}\n\tretries 0\n\tserver app {dead}\n",
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> 503", "path=/ => 503", "path=/nothing => 503", "host={site} => 503"},
	}, {
		Name: "haproxy-app-hangs", Server: "haproxy", Path: "/alive", Want: "fail upstream_timeout",
		Config: "frontend f{id}\n\tbind {addr}\n\thttp-request return status 200 content-type text/plain string fine if { path /self }\n\tdefault_backend app{id}\nbackend app{id}\n\ttimeout server 1s\n\tserver app {hung}\n",
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> 504", "path=/ => 504", "path=/self => 200"},
	}, {
		Name: "haproxy-odd-upstream", Server: "haproxy", Path: "/odd/status", Want: "fail upstream_bad_response",
		Config: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}\n\thttp-request set-path /status if { path /odd/status }" + haproxyApp,
		Trials: []string{"=> 502", "path=/ => 200", "path=/alive => 200", "path=/nothing => 404", "host={site} => 502"},
	}, {
		Name: "haproxy-one-connection", Server: "haproxy", Path: "/alive", Want: "fail connection_limit / upstream_down",
		Config: "frontend f{id}\n\tbind {addr}\n\thttp-request return status 200 content-type text/plain string fine if { path /self }\n\tdefault_backend app{id}\nbackend app{id}\n\ttimeout queue 200ms\n\tserver app {app} maxconn 1\n",
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Hold:   []string{"path=/export"},
		Trials: []string{"=> 503", "path=/orders => 503", "path=/self => 200"},
	}, {
		Name: "haproxy-requests-counted", Server: "haproxy", Path: "/alive", Want: "fail rate_limited", Fresh: true,
		Config: "frontend f{id}\n\tbind {addr}\n\tstick-table type ip size 100 expire 10m store http_req_rate(10m)\n\thttp-request track-sc0 src\n\thttp-request deny deny_status 429 if { sc_http_req_rate(0) gt 1 }" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Prime:  []string{"=> 200"},
		Trials: []string{"=> 429", "=> 429", "src=127.0.0.9 => 200", "path=/nothing => 429"},
	}, {
		Name: "haproxy-one-of-two", Server: "haproxy", Path: "/alive", Want: "flap flapping",
		Config: "frontend f{id}\n\tbind {addr}\n\tdefault_backend app{id}\nbackend app{id}\n\tbalance roundrobin\n\tserver one {app}\n\tserver two {ill}\n",
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> 200", "=> 500", "=> 200", "=> 500"},
	}, {
		Name: "haproxy-waits-for-proxy-line", Server: "haproxy", Path: "/alive", Timeout: 2e9, Want: "fail proxy_protocol_expected",
		Config: "frontend f{id}\n\tbind {addr} accept-proxy" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> closed", "proxy=v1 => 200", "host={site} => closed", "path=/nothing => closed"},
	}, {
		Name: "haproxy-http2-only", Server: "haproxy", Path: "/alive", Want: "fail http2_only",
		Config: "frontend f{id}\n\tbind {addr} proto h2" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> closed", "http=2 => 200", "host={site} => closed"},
	}, {
		Name: "haproxy-client-certificate", Server: "haproxy", Scheme: "https", Path: "/alive", Want: "fail client_cert_required",
		Config: "frontend f{id}\n\tbind {addr} ssl crt both.pem ca-file ca.pem verify required" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr} ssl crt both.pem ca-file ca.pem verify optional" + haproxyApp,
		Trials: []string{"=> alert", "cert=client => 200", "sni={site} => alert"},
	}, {
		Name: "haproxy-strict-sni", Server: "haproxy", Scheme: "https", Path: "/alive", Want: "fail sni_required",
		Config: "frontend f{id}\n\tbind {addr} ssl crt both.pem strict-sni" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr} ssl crt both.pem" + haproxyApp,
		Trials: []string{"=> alert", "sni={site} => 200", "host={site} => alert"},
	}, {
		Name: "haproxy-old-tls", Server: "haproxy", As: "generic", Scheme: "https", Path: "/alive", Want: "fail tls_incompatible",
		Config: "frontend f{id}\n\tbind {addr} ssl crt both.pem ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.0 ciphers ALL:@SECLEVEL=0" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr} ssl crt both.pem" + haproxyApp,
		Trials: []string{"=> alert", "tls=1.0 => 200", "sni={site} => alert"},
	}, {
		Name: "haproxy-tls-port-asked-plainly", Server: "haproxy", Path: "/alive", Want: "fail wrong_protocol_tls",
		Config: "frontend f{id}\n\tbind {addr} ssl crt both.pem" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> closed", "tls=on => 200", "host={site} => closed"},
	}, {
		Name: "haproxy-plain-port-asked-over-tls", Server: "haproxy", Scheme: "https", Path: "/alive", Want: "fail wrong_protocol_plain",
		Config: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr} ssl crt both.pem" + haproxyApp,
		Trials: []string{"=> alert", "tls=off => 200"},
	}, {
		Name: "haproxy-answers-itself", Server: "haproxy", Path: "/alive", Want: "pass front_answers_for_dead_app",
		Config: "frontend f{id}\n\tbind {addr}\n\thttp-request return status 200 content-type text/plain string fine if { path /alive }\n\tdefault_backend app{id}\nbackend app{id}\n\tretries 0\n\tserver app {dead}\n",
		Mended: "frontend f{id}\n\tbind {addr}\n\tdefault_backend app{id}\nbackend app{id}\n\tretries 0\n\tserver app {dead}\n", Cure: "503",
		Trials: []string{"=> 200", "path=/ => 503", "path=/nothing => 503"},
	}, {
		Name: "haproxy-lets-tcp-in", Server: "haproxy", As: "haproxy-tcp", Want: "pass shallow_check_ok",
		Config: "frontend f{id}\n\tbind {addr}\n\tdefault_backend app{id}\nbackend app{id}\n\tserver app {ill}\n",
		Trials: []string{"=> 200"},
	}, {
		Name: "haproxy-wrong-port", Server: "haproxy", Path: "/alive", Want: "fail wrong_port",
		Config: "frontend f{id}\n\tbind {addr2}" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}\n\tbind {addr2}" + haproxyApp,
		Trials: []string{"=> refused", "port=2 => 200", "ip=::1 => refused"},
	}, {
		Name: "haproxy-rejects-all", Server: "haproxy", Path: "/alive", Want: "fail closed_no_response",
		Config: "frontend f{id}\n\tbind {addr}\n\ttcp-request connection reject" + haproxyApp,
		Mended: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> closed", "host={site} => closed", "proxy=v1 => closed", "path=/ => closed", "src=127.0.0.9 => closed"},
	}, {
		Name: "haproxy-healthy", Server: "haproxy", As: "kubelet", Path: "/alive", Want: "pass",
		Config: "frontend f{id}\n\tbind {addr}" + haproxyApp,
		Trials: []string{"=> 200", "path=/nothing => 404", "host={site} => 200"},
	},
}
