package clinic

import "github.com/inservice/inservice/internal/realserver"

// startNginx starts one nginx; a Config is what stands in its http block.
func startNginx(w *world, tenants []*tenant) {
	realserver.Start(w.t, realserver.Recipe{
		Name: "nginx", Debian: "nginx", Program: "nginx", Users: []string{"www-data"},
		Args: []string{"-p", "{dir}", "-e", "stderr", "-c", "nginx.conf"},
		Files: w.files(map[string]string{
			"nginx.conf": `daemon off; pid pid; error_log stderr warn; worker_processes 1;
events { worker_connections 1024; }
http {
	access_log off; default_type text/plain; types { text/html html; text/css css; }
	server_names_hash_bucket_size 128; variables_hash_max_size 4096;
	client_body_temp_path temp1; proxy_temp_path temp2; fastcgi_temp_path temp3; uwsgi_temp_path temp4; scgi_temp_path temp5;
` + sections(tenants) + "\n}\n",
			"www/index.html":   "<!doctype html><title>Shop</title><p>The shop\n",
			"www/status.html":  "fine\n",
			"www/shop.css":     "p { color: black }\n",
			"www/.well/status": "fine\n",
		}),
		Listens: listens(tenants),
	})
}

var nginxCases = []Case{
	{
		Name: "nginx-421-unknown-host", Server: "nginx", Path: "/status", Want: "fail vhost_mismatch",
		Config: `server { listen {addr} default_server; return 421; }
			server { listen {addr}; server_name {site}; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr} default_server; location = /status { proxy_pass http://{app}; } location / { return 421; } }
			server { listen {addr}; server_name {site}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 421", "host={site} => 200", "xfp=https => 421", "path=/ => 421", "path=/nothing => 421"},
	}, {
		Name: "nginx-default-site-404", Server: "nginx", Path: "/healthz", Want: "fail vhost_mismatch",
		Config: `server { listen {addr} default_server; root {dir}/www; }
			server { listen {addr}; server_name {site}; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr} default_server; server_name {site}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 404", "host={site} => 200", "path=/ => 200 body~shop", "path=/nothing => 404", "host=localhost => 404"},
	}, {
		Name: "nginx-vhost-and-dead-app", Server: "nginx", Path: "/status", Want: "fail vhost_mismatch + upstream_down",
		Config: `server { listen {addr} default_server; return 404; }
			server { listen {addr}; server_name {site}; location / { proxy_pass http://{dead}; } location = /shop.css { root {dir}/www; } }`,
		Mended: `server { listen {addr} default_server; server_name {site}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 404", "host={site} => 502", "host={site} path=/orders => 502", "host={site} path=/shop.css => 200"},
	}, {
		Name: "nginx-language-redirect", Server: "nginx", Want: "fail path_redirect",
		Config: `server { listen {addr}; location = / { return 302 /en/; } location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 302 head~/en/", "path=/en/ => 200", "xfp=https => 302", "host={site} => 302", "path=/nothing => 404"},
	}, {
		Name: "nginx-redirect-to-itself", Server: "nginx", Path: "/status", Want: "fail redirect_loop",
		Config: `server { listen {addr}; location / { return 301 $scheme://$http_host$request_uri; } }`,
		Mended: `server { listen {addr}; location / { return 301 $scheme://$http_host$request_uri; } location = /status { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 301 location=http://10.20.30.40:{port}/status", "host={site} => 301 location=http://{site}/status", "xfp=https => 301", "path=/ => 301"},
	}, {
		Name: "nginx-hidden-file", Server: "nginx", Path: "/.well/status", Want: "fail forbidden_path",
		Config: `server { listen {addr}; root {dir}/www; location ~ /\. { deny all; } }`,
		Mended: `server { listen {addr}; root {dir}/www; location ~ /\.(?!well) { deny all; } }`,
		Trials: []string{"=> 403", "path=/status.html => 200", "path=/nothing => 404", "ua=Mozilla/5.0 => 403", "src=127.0.0.9 => 403", "host={site} => 403"},
	}, {
		Name: "nginx-allow-list", Server: "nginx", Path: "/status", Want: "fail forbidden_source",
		Config: `server { listen {addr}; location / { allow 127.0.0.9; deny all; proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { allow 127.0.0.9; deny all; proxy_pass http://{app}; } location = /status { allow 127.0.0.0/8; deny all; proxy_pass http://{app}; } }`,
		Trials: []string{"=> 403", "src=127.0.0.9 => 200", "ua=Mozilla/5.0 => 403", "path=/ => 403", "host={site} => 403"},
	}, {
		Name: "nginx-bots-refused", Server: "nginx", Path: "/status", Want: "fail forbidden_client",
		Config: `server { listen {addr}; if ($http_user_agent ~* "(bot|crawl|checker|scan)") { return 403; } location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { if ($http_user_agent ~* "(bot|crawl|scan)") { return 403; } proxy_pass http://{app}; } }`,
		Trials: []string{"=> 403", "ua=Mozilla/5.0 => 200", "ua= => 200", "path=/ => 403", "src=127.0.0.9 => 403", "host={site} => 403"},
	}, {
		Name: "nginx-no-name-no-entry", Server: "nginx", As: "haproxy", Method: "GET", Path: "/status", Want: "fail forbidden_client",
		Config: `server { listen {addr}; if ($http_user_agent = "") { return 403; } location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 403", "ua=haproxy => 200", "path=/ => 403", "http=1.1 host={site} => 403"},
	}, {
		Name: "nginx-one-at-a-time", Server: "nginx", Path: "/status", Want: "fail connection_limit",
		Config: `limit_conn_zone $server_port zone={id}:1m;
			server { listen {addr}; location / { limit_conn {id} 1; proxy_pass http://{app}; } location = /shop.css { root {dir}/www; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Hold:   []string{"path=/export"},
		Trials: []string{"=> 503", "path=/orders => 503", "path=/nothing => 503", "path=/shop.css => 200", "src=127.0.0.9 => 503"},
	}, {
		Name: "nginx-requests-rationed", Server: "nginx", Path: "/status", Want: "fail rate_limited", Fresh: true,
		Config: `limit_req_zone $binary_remote_addr zone={id}:1m rate=2r/m;
			server { listen {addr}; location / { limit_req zone={id}; proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Prime:  []string{"=> 200"},
		Trials: []string{"=> 503", "=> 503", "src=127.0.0.9 => 200", "src=127.0.0.9 => 503"},
	}, {
		Name: "nginx-name-or-nothing", Server: "nginx", Scheme: "https", Path: "/status", Want: "fail sni_required",
		Config: `server { listen {addr} ssl default_server; ssl_reject_handshake on; }
			server { listen {addr} ssl; server_name {site}; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr} ssl default_server; server_name {site}; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> alert", "sni={site} host={site} => 200", "sni=other.example => alert", "host={site} => alert"},
	}, {
		Name: "nginx-old-tls", Server: "nginx", As: "kubelet", Scheme: "https", Path: "/status", Want: "fail tls_incompatible",
		Config: `server { listen {addr} ssl; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
			ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr} ssl; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> alert", "tls=1.0 => 200", "sni={site} => alert"},
	}, {
		Name: "nginx-long-head", Server: "nginx", Path: "/big/status", Want: "fail upstream_bad_response",
		Config: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; proxy_buffer_size 64k; proxy_buffers 4 64k; proxy_busy_buffers_size 64k; } }`,
		Trials: []string{"=> 502", "path=/ => 200", "path=/orders => 200", "path=/nothing => 404", "host={site} => 502"},
	}, {
		Name: "nginx-file-for-the-check", Server: "nginx", Path: "/status.html", Want: "pass front_answers_for_dead_app",
		Config: `server { listen {addr}; root {dir}/www; location / { try_files $uri @app; } location = / { proxy_pass http://{dead}; } location @app { proxy_pass http://{dead}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{dead}; } }`, Cure: "502",
		Trials: []string{"=> 200", "path=/ => 502", "path=/orders => 502", "path=/nothing => 502"},
	}, {
		Name: "nginx-remembers", Server: "nginx", Path: "/status", Want: "pass cached_ok",
		Config: `proxy_cache_path {dir}/cache{id} keys_zone={id}:1m;
			server { listen {addr}; location / { proxy_pass http://{mortal}; proxy_cache {id}; proxy_cache_valid 200 10m; proxy_ignore_headers Cache-Control Expires; add_header X-Cache $upstream_cache_status always; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{dead}; } }`, Cure: "502",
		Prime:  []string{"=> 200"},
		Trials: []string{"=> 200 head~HIT", "path=/status?x=1 => 502", "path=/ => 502"},
	}, {
		Name: "nginx-newer-http-only", Server: "nginx", As: "haproxy", Method: "GET", Path: "/status", Want: "fail http_version_rejected",
		Config: `server { listen {addr}; if ($server_protocol = HTTP/1.0) { return 426; } location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 426", "http=1.1 host={site} => 200", "host={site} => 426", "ua=haproxy => 426", "path=/ => 426"},
	}, {
		Name: "nginx-one-of-two", Server: "nginx", Path: "/status", Want: "flap flapping",
		Config: `upstream {id} { server {app} max_fails=0; server {ill} max_fails=0; }
			server { listen {addr}; location / { proxy_pass http://{id}; } }`,
		Mended: `upstream {id} { server {app} max_fails=0; } server { listen {addr}; location / { proxy_pass http://{id}; } }`,
		Trials: []string{"=> 200", "=> 500", "=> 200", "=> 500"},
	}, {
		Name: "nginx-hides-the-path", Server: "nginx", Path: "/status", Want: "fail closed_no_response",
		Config: `server { listen {addr}; location = /status { return 444; } location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> closed", "host={site} => closed", "path=/ => 200", "path=/nothing => 404", "proxy=v1 => 400"},
	}, {
		Name: "nginx-answer-cut-short", Server: "nginx", Path: "/cut/status", Want: "unknown truncated_response",
		Config: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } location = /cut/status { proxy_pass http://{app}/status; } }`,
		Trials: []string{"=> cut", "path=/ => 200", "host={site} => cut"},
	}, {
		Name: "nginx-waits-for-the-app", Server: "nginx", Path: "/status", Timeout: 2e9, Want: "fail upstream_timeout / worker_saturated",
		Config: `server { listen {addr}; location / { proxy_pass http://{hung}; } location = /shop.css { root {dir}/www; } location = / { root {dir}/www; try_files /index.html =404; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> silence", "path=/orders => silence", "path=/ => 200", "path=/shop.css => 200"},
	}, {
		Name: "nginx-wrong-protocol-plain", Server: "nginx", Scheme: "https", Path: "/status", As: "kubelet", Want: "fail wrong_protocol_plain",
		Config: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr} ssl; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> alert", "tls=off => 200"},
	}, {
		Name: "nginx-healthy-redirects-others", Server: "nginx", Path: "/status", Want: "pass",
		Config: `server { listen {addr}; location = /status { proxy_pass http://{app}; } location / { return 301 https://{site}$request_uri; } }`,
		Trials: []string{"=> 200", "path=/ => 301", "path=/nothing => 301"},
	}, {
		Name: "nginx-healthy-long-body", Server: "nginx", As: "haproxy", Method: "GET", Path: "/", Want: "pass",
		Config: `server { listen {addr}; location / { proxy_pass http://{app}; proxy_http_version 1.1; } }`,
		Trials: []string{"=> 200", "path=/nothing => 404", "host={site} http=1.1 => 200"},
	}, {
		Name: "nginx-closed-for-works", Server: "nginx", Path: "/status", Want: "fail maintenance_mode",
		Config: `server { listen {addr}; error_page 503 @works; location / { return 503; } location @works { default_type text/html; return 503 "<h1>The shop is closed for maintenance</h1><p>We will be back soon."; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 503 body~maintenance", "path=/ => 503 body~maintenance", "path=/nothing => 503 body~maintenance", "host={site} => 503"},
	}, {
		Name: "nginx-app-crashes-on-it", Server: "nginx", Path: "/gone/status", Want: "fail upstream_bad_response",
		Config: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } location = /gone/status { proxy_pass http://{app}/status; } }`,
		Trials: []string{"=> 502", "path=/ => 200", "path=/status => 200", "path=/nothing => 404", "host={site} => 502"},
	}, {
		Name: "nginx-proxy-line-and-tls", Server: "nginx", Scheme: "https", Path: "/status", Want: "fail proxy_protocol_expected",
		Config: `server { listen {addr} ssl proxy_protocol; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; location / { proxy_pass http://{app}; } }`,
		Mended: `server { listen {addr} ssl; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> closed", "proxy=v1 => 200", "sni={site} => closed"},
	}, {
		Name: "nginx-subrequest-wants-login", Server: "nginx", Path: "/status", Want: "fail auth_required",
		Config: `server { listen {addr}; location / { auth_request /who; proxy_pass http://{app}; } location = /who { internal; return 401; } }`,
		Mended: `server { listen {addr}; location / { proxy_pass http://{app}; } }`,
		Trials: []string{"=> 401", "path=/ => 401", "path=/nothing => 401", "host={site} => 401", "ua=Mozilla/5.0 => 401"},
	},
}
