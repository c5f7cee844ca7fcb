package clinic

import "github.com/inservice/inservice/internal/realserver"

// startCaddy starts one Caddy; a Config is sites of its Caddyfile.
func startCaddy(w *world, tenants []*tenant) {
	realserver.Start(w.t, realserver.Recipe{
		Name: "Caddy", Debian: "caddy", Program: "caddy", Users: []string{"caddy", "www-data"},
		Args: []string{"run", "--config", "Caddyfile", "--adapter", "caddyfile"},
		Env:  []string{"XDG_DATA_HOME={dir}", "XDG_CONFIG_HOME={dir}"},
		Files: w.files(map[string]string{
			"Caddyfile":      "{\n\tadmin off\n\tskip_install_trust\n\tauto_https off\n}\n" + sections(tenants) + "\n",
			"www/index.html": "<!doctype html><title>Shop</title><p>The shop\n",
			"www/alive.txt":  "fine\n",
			"www/app.html":   "<!doctype html><title>Shop</title><div id=root></div>\n",
		}),
		Listens: listens(tenants),
	})
}

var caddyCases = []Case{
	{
		Name: "caddy-https-unless-forwarded", Server: "caddy", Path: "/alive", Want: "fail https_redirect",
		Config: "http://:{port} {\n\t@plain not header X-Forwarded-Proto https\n\tredir @plain https://{host}{uri} 307\n\treverse_proxy {app}\n}",
		Mended: "http://:{port} {\n\t@plain {\n\t\tnot header X-Forwarded-Proto https\n\t\tnot path /alive\n\t}\n\tredir @plain https://{host}{uri} 307\n\treverse_proxy {app}\n}",
		Trials: []string{"=> 307 location=https://10.20.30.40/alive", "xfp=https => 200", "host={site} => 307", "path=/nothing => 307"},
	}, {
		Name: "caddy-canonical-host", Server: "caddy", Path: "/alive", Want: "fail canonical_host_redirect",
		Config: "http://:{port} {\n\t@other not host shop.example\n\tredir @other http://shop.example{uri} 308\n\treverse_proxy {app}\n}",
		Mended: "http://:{port} {\n\t@other {\n\t\tnot host shop.example\n\t\tnot path /alive\n\t}\n\tredir @other http://shop.example{uri} 308\n\treverse_proxy {app}\n}",
		Trials: []string{"=> 308 location=http://shop.example/alive", "host={site} => 200", "xfp=https => 308", "path=/nothing => 308"},
	}, {
		Name: "caddy-no-site-for-host", Server: "caddy", Path: "/alive", Want: "pass default_page_ok",
		Config: "http://shop.example:{port} {\n\treverse_proxy {dead}\n}",
		Mended: "http://:{port} {\n\treverse_proxy {dead}\n}", Cure: "502",
		Trials: []string{"=> 200", "host={site} => 502", "path=/nothing => 200", "host=localhost => 200"},
	}, {
		Name: "caddy-host-answered-404", Server: "caddy", Path: "/alive", Want: "fail vhost_mismatch / host_not_allowed",
		Config: "http://shop.example:{port} {\n\treverse_proxy {app}\n}\nhttp://:{port} {\n\trespond 404\n}",
		Mended: "http://:{port} {\n\treverse_proxy {app}\n}",
		Trials: []string{"=> 404", "host={site} => 200", "path=/ => 404", "xfp=https => 404"},
	}, {
		Name: "caddy-file-missing", Server: "caddy", Path: "/healthz", Want: "fail not_found",
		Config: "http://:{port} {\n\troot * {dir}/www\n\tfile_server\n}",
		Mended: "http://:{port} {\n\troot * {dir}/www\n\trewrite /healthz /alive.txt\n\tfile_server\n}",
		Trials: []string{"=> 404", "path=/nothing => 404", "path=/ => 200", "path=/alive.txt => 200", "host={site} => 404"},
	}, {
		Name: "caddy-page-for-everything", Server: "caddy", Path: "/api/alive", Want: "pass catch_all_ok",
		Config: "http://:{port} {\n\troot * {dir}/www\n\ttry_files {path} /app.html\n\tfile_server\n}",
		Mended: "http://:{port} {\n\treverse_proxy {dead}\n}", Cure: "502",
		Trials: []string{"=> 200 body~root", "path=/nothing => 200 body~root", "path=/ => 200"},
	}, {
		Name: "caddy-app-slow", Server: "caddy", Path: "/alive", Want: "fail upstream_timeout",
		Config: "http://:{port} {\n\trespond /self 200\n\treverse_proxy {hung} {\n\t\ttransport http {\n\t\t\tresponse_header_timeout 1s\n\t\t}\n\t}\n}",
		Mended: "http://:{port} {\n\treverse_proxy {app}\n}",
		Trials: []string{"=> 504", "path=/orders => 504", "path=/self => 200"},
	}, {
		Name: "caddy-password", Server: "caddy", Path: "/alive", Want: "fail auth_required",
		Config: "http://:{port} {\n\tbasicauth {\n\t\tprobe $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n\t}\n\treverse_proxy {app}\n}",
		Mended: "http://:{port} {\n\treverse_proxy {app}\n}",
		Trials: []string{"=> 401 head~Www-Authenticate", "host={site} => 401", "path=/nothing => 401", "src=127.0.0.9 => 401"},
	}, {
		Name: "caddy-name-or-nothing", Server: "caddy", Scheme: "https", Path: "/alive", Want: "fail sni_required",
		Config: "https://shop.example:{port} {\n\ttls {dir}/cert.pem {dir}/key.pem\n\treverse_proxy {app}\n}",
		Mended: "https://:{port} {\n\ttls {dir}/cert.pem {dir}/key.pem\n\treverse_proxy {app}\n}",
		Trials: []string{"=> alert", "sni={site} host={site} => 200", "host={site} => alert"},
	}, {
		Name: "caddy-tls-port-asked-plainly", Server: "caddy", Path: "/alive", Want: "fail wrong_protocol_tls",
		Config: "https://:{port} {\n\ttls {dir}/cert.pem {dir}/key.pem\n\treverse_proxy {app}\n}",
		Mended: "http://:{port} {\n\treverse_proxy {app}\n}",
		Trials: []string{"=> 400 body~HTTPS", "tls=on => 200", "host={site} => 400"},
	}, {
		Name: "caddy-answers-on-its-own", Server: "caddy", Path: "/alive", Want: "pass front_answers_for_dead_app",
		Config: "http://:{port} {\n\trespond /alive fine 200\n\treverse_proxy {dead}\n}",
		Mended: "http://:{port} {\n\treverse_proxy {dead}\n}", Cure: "502",
		Trials: []string{"=> 200", "path=/ => 502", "path=/nothing => 502"},
	}, {
		Name: "caddy-healthy", Server: "caddy", As: "gcp", Path: "/alive", Want: "pass",
		Config: "http://:{port} {\n\treverse_proxy {app}\n}",
		Trials: []string{"=> 200", "path=/nothing => 404", "host={site} => 200"},
	},
}
