package clinic

import "github.com/inservice/inservice/internal/realserver"

// startVarnish starts a Varnish for each case; a Config is VCL below its
// version, or "PROXY" and VCL for one that wants a PROXY header.
func startVarnish(w *world, tenants []*tenant) {
	for _, t := range tenants {
		listen, vcl := t.addr(), t.config
		if len(vcl) > 6 && vcl[:6] == "PROXY\n" {
			listen, vcl = listen+",PROXY", vcl[6:]
		}
		realserver.Start(w.t, realserver.Recipe{
			Name: "Varnish", Debian: "varnish", Program: "varnishd", Users: []string{"varnish"},
			Args: []string{"-F", "-n", "{dir}/n", "-a", listen, "-f", "{dir}/shop.vcl", "-s", "malloc,8m", "-j", "none",
				"-p", "thread_pools=1", "-p", "thread_pool_min=5"},
			Files:   map[string]string{"shop.vcl": "vcl 4.1;\n" + vcl + "\n"},
			Listens: listens([]*tenant{t}),
		})
	}
}

// backend names an upstream in VCL.
func backend(addr string) string {
	return `backend default { .host = "127.0.0.1"; .port = "{` + addr + `.port}"; .connect_timeout = 1s; .first_byte_timeout = 1s; }` + "\n"
}

var varnishCases = []Case{
	{
		Name: "varnish-dead-app", Server: "varnish", Path: "/alive", Want: "fail upstream_down",
		Config: backend("dead"), Mended: backend("app"),
		Trials: []string{"=> 503 body~fetch%20failed", "path=/ => 503", "path=/nothing => 503", "host={site} => 503"},
	}, {
		Name: "varnish-waits-for-proxy-line", Server: "varnish", Path: "/alive", Want: "fail proxy_protocol_expected",
		Config: "PROXY\n" + backend("app"), Mended: backend("app"),
		Trials: []string{"=> closed", "proxy=v1 => 200", "host={site} => closed"},
	}, {
		Name: "varnish-remembers", Server: "varnish", Path: "/alive", Want: "pass cached_ok",
		Config: backend("mortal") + "sub vcl_backend_response { set beresp.ttl = 1h; set beresp.grace = 1h; }",
		Mended: backend("dead"), Cure: "503",
		Prime:  []string{"=> 200"},
		Trials: []string{"=> 200 head~Age:", "path=/alive?x=1 => 503", "path=/ => 503"},
	}, {
		Name: "varnish-redirects-to-https", Server: "varnish", Path: "/alive", Want: "fail https_redirect",
		Config: backend("app") + `sub vcl_recv { if (req.http.X-Forwarded-Proto !~ "(?i)https") { return (synth(750, "")); } }
sub vcl_synth { if (resp.status == 750) { set resp.status = 301; set resp.http.Location = "https://" + req.http.Host + req.url; return (deliver); } }`,
		Mended: backend("app"),
		Trials: []string{"=> 301 location=https://10.20.30.40:{port}/alive", "xfp=https => 200", "host={site} => 301", "path=/nothing => 301"},
	}, {
		Name: "varnish-site-is-in-maintenance", Server: "varnish", Path: "/alive", Want: "fail maintenance_mode",
		Config: backend("app") + `sub vcl_recv { return (synth(503, "Maintenance")); }
sub vcl_synth { set resp.http.Retry-After = "600"; set resp.http.Content-Type = "text/html"; synthetic("<h1>We are working on the shop</h1><p>Back soon.</p>"); return (deliver); }`,
		Mended: backend("app"),
		Trials: []string{"=> 503 head~Retry-After body~working", "path=/ => 503 body~working", "path=/nothing => 503 body~working", "host={site} => 503", "xfp=https => 503"},
	}, {
		Name: "varnish-app-hangs", Server: "varnish", Path: "/alive", Want: "fail upstream_timeout",
		Config: backend("hung") + `sub vcl_recv { if (req.url == "/self") { return (synth(200, "OK")); } }`,
		Mended: backend("app"),
		Trials: []string{"=> 503 body~fetch%20failed", "path=/orders => 503", "path=/self => 200"},
	},
}
