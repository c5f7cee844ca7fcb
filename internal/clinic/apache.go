package clinic

import (
	"fmt"
	"strings"

	"github.com/inservice/inservice/internal/realserver"
)

// apacheModules are the modules that the cases need, in Debian's folder.
var apacheModules = strings.Fields(`mpm_prefork authz_core authz_host authz_user authn_core authn_file auth_basic mime dir alias rewrite
	proxy proxy_http setenvif headers ssl remoteip autoindex env`)

// startApache starts one Apache httpd; a Config is the inside of a virtual host,
// or whole virtual hosts if it begins with one.
func startApache(w *world, tenants []*tenant) {
	var b strings.Builder
	for _, module := range apacheModules {
		fmt.Fprintf(&b, "LoadModule %s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", module)
	}
	b.WriteString("IncludeOptional /etc/apache2/mods-available/php[0-9]*.load\n")
	b.WriteString(`ServerRoot {dir}
DefaultRuntimeDir {dir}
PidFile {dir}/pid
ErrorLog {dir}/errors
ServerName {site}
TypesConfig /etc/mime.types
DirectoryIndex index.html
StartServers 2
MinSpareServers 2
SSLSessionCache none
Mutex pthread
KeepAlive On
<Directory />
	Require all granted
</Directory>
<FilesMatch "\.php$">
	SetHandler application/x-httpd-php
</FilesMatch>
`)
	for _, t := range tenants {
		fmt.Fprintf(&b, "Listen %s http\n", t.addr())
		if strings.HasPrefix(t.config, "<VirtualHost") {
			b.WriteString(t.config + "\n")
			continue
		}
		fmt.Fprintf(&b, "<VirtualHost %s>\nDocumentRoot {dir}/www\n%s\n</VirtualHost>\n", t.addr(), t.config)
	}
	realserver.Start(w.t, realserver.Recipe{
		Name: "Apache", Debian: "libapache2-mod-php", Program: "apache2", Users: []string{"www-data"},
		Needs: []string{"/usr/lib/apache2/modules/libphp*.so"},
		Args:  []string{"-DFOREGROUND", "-f", "{dir}/apache.conf"},
		Files: w.files(map[string]string{
			"apache.conf":           strings.ReplaceAll(b.String(), "{site}", Site),
			"passwords":             "probe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", // secret
			"www/index.html":        "<!doctype html><title>Shop</title><p>The shop\n",
			"www/status/index.html": "fine\n",
			"www/alive.html":        "fine\n",
			"www/fatal.php":         "<?php\nheader('Content-Type: text/plain');\nconnect_to_warehouse();\n",
			"www/warns.php":         "<?php\nheader('Content-Type: text/plain');\necho \"Warning: could not connect to the database server\\n\";\n",
			"www/orders.php":        "<?php\nhttp_response_code(500);\necho \"cannot read orders: no database\\n\";\n",
			"www/fine.php":          "<?php\nheader('Content-Type: text/plain');\necho \"fine\\n\";\n",
			"www/home.php":          "<?php\nheader('Content-Type: text/plain');\necho \"welcome\\n\";\n",
			"www/spa.html":          "<!doctype html><title>Shop</title><div id=app></div><script src=/app.js></script>\n",
		}),
		Listens: listens(tenants),
	})
}

const (
	apacheProxy = "ProxyPreserveHost On\nProxyPass / http://{app}/\n"
	apacheTLS   = "SSLEngine On\nSSLCertificateFile {dir}/cert.pem\nSSLCertificateKeyFile {dir}/key.pem\n"
)

var apacheCases = []Case{
	{
		Name: "apache-https-unless-forwarded", Server: "apache", Path: "/status", Want: "fail https_redirect",
		Config: "RewriteEngine On\nRewriteCond %{HTTP:X-Forwarded-Proto} !=https\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n" + apacheProxy,
		Mended: "RewriteEngine On\nRewriteCond %{REQUEST_URI} !=/status\nRewriteCond %{HTTP:X-Forwarded-Proto} !=https\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n" + apacheProxy,
		Trials: []string{"=> 301 location=https://10.20.30.40:{port}/status", "xfp=https => 200", "host={site} => 301", "path=/ => 301", "path=/nothing => 301"},
	}, {
		Name: "apache-https-by-server-variable", Server: "apache", Path: "/alive", Want: "fail https_redirect_xfp_ignored",
		Config: "RewriteEngine On\nRewriteCond %{HTTPS} off\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=302,L]\n" + apacheProxy,
		Mended: "RewriteEngine On\nRewriteCond %{HTTPS} off\nRewriteCond %{REQUEST_URI} !=/alive\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=302,L]\n" + apacheProxy,
		Trials: []string{"=> 302 location=https://10.20.30.40:{port}/alive", "xfp=https => 302", "host={site} => 302", "xfp=https host={site} => 302", "path=/nothing => 302"},
	}, {
		Name: "apache-canonical-host", Server: "apache", Path: "/alive", Want: "fail canonical_host_redirect",
		Config: "RewriteEngine On\nRewriteCond %{HTTP_HOST} !=shop.example [NC]\nRewriteRule ^ http://shop.example%{REQUEST_URI} [R=301,L]\n" + apacheProxy,
		Mended: "RewriteEngine On\nRewriteCond %{REQUEST_URI} !=/alive\nRewriteCond %{HTTP_HOST} !=shop.example [NC]\nRewriteRule ^ http://shop.example%{REQUEST_URI} [R=301,L]\n" + apacheProxy,
		Trials: []string{"=> 301 location=http://shop.example/alive", "host={site} => 200", "xfp=https => 301", "path=/nothing => 301"},
	}, {
		Name: "apache-canonical-and-https", Server: "apache", Path: "/alive", Want: "fail canonical_host_redirect + https_redirect",
		Config: "RewriteEngine On\nRewriteCond %{HTTP_HOST} !=shop.example [NC]\nRewriteRule ^ http://shop.example%{REQUEST_URI} [R=301,L]\n" +
			"RewriteCond %{HTTP:X-Forwarded-Proto} !=https\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n" + apacheProxy,
		Mended: apacheProxy,
		Trials: []string{"=> 301 location=http://shop.example/alive", "host={site} => 301 location=https://shop.example/alive", "xfp=https => 301 location=http://shop.example/alive", "host={site} xfp=https => 200"},
	}, {
		Name: "apache-directory-slash", Server: "apache", Path: "/status", Want: "fail trailing_slash",
		Config: "",
		Mended: "RedirectMatch 404 ^/never\nAlias /status {dir}/www/alive.html",
		Trials: []string{"=> 301 head~/status/", "path=/status/ => 200", "host={site} => 301", "xfp=https => 301", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "apache-name-by-expression", Server: "apache", Path: "/alive", Want: "fail host_not_allowed / vhost_mismatch",
		Config: "<Location />\nRequire expr %{HTTP_HOST} == 'shop.example'\n</Location>\n" + apacheProxy,
		Mended: "<Location />\nRequire expr %{HTTP_HOST} == 'shop.example' || %{REQUEST_URI} == '/alive'\n</Location>\n" + apacheProxy,
		Trials: []string{"=> 403", "host={site} => 200", "host=localhost => 403", "xfp=https => 403", "path=/nothing => 403", "src=127.0.0.9 => 403", "ua=Mozilla/5.0 => 403"},
	}, {
		Name: "apache-other-site-first", Server: "apache", Path: "/alive", Want: "fail vhost_mismatch",
		Config: "<VirtualHost {addr}>\nServerName old.example\nDocumentRoot {dir}/www\n</VirtualHost>\n<VirtualHost {addr}>\nServerName shop.example\n" + apacheProxy + "</VirtualHost>",
		Mended: "<VirtualHost {addr}>\nServerName shop.example\n" + apacheProxy + "</VirtualHost>",
		Trials: []string{"=> 404", "host={site} => 200", "path=/ => 200", "xfp=https => 404", "path=/nothing => 404"},
	}, {
		Name: "apache-password", Server: "apache", Path: "/alive", Want: "fail auth_required",
		Config: "<Location />\nAuthType Basic\nAuthName Shop\nAuthUserFile {dir}/passwords\nRequire valid-user\n</Location>\n" + apacheProxy,
		Mended: "<Location />\nAuthType Basic\nAuthName Shop\nAuthUserFile {dir}/passwords\n<RequireAny>\nRequire valid-user\nRequire expr %{REQUEST_URI} == '/alive'\n</RequireAny>\n</Location>\n" + apacheProxy,
		Trials: []string{"=> 401 head~WWW-Authenticate", "header=Authorization:Basic%20cHJvYmU6c2VjcmV0 => 200", "host={site} => 401", "path=/nothing => 401"},
	}, {
		Name: "apache-agents-refused", Server: "apache", Path: "/alive", Want: "fail forbidden_client",
		Config: "SetEnvIfNoCase User-Agent ^(ELB|Go-http|curl|python) unwanted\n<Location />\n<RequireAll>\nRequire all granted\nRequire not env unwanted\n</RequireAll>\n</Location>\n" + apacheProxy,
		Mended: apacheProxy,
		Trials: []string{"=> 403", "ua=Mozilla/5.0 => 200", "host={site} => 403", "src=127.0.0.9 => 403", "path=/nothing => 403"},
	}, {
		Name: "apache-odd-upstream", Server: "apache", Path: "/odd/status", Want: "fail upstream_bad_response",
		Config: apacheProxy, Mended: "ProxyPass /odd/ http://{app}/\n" + apacheProxy,
		Trials: []string{"=> 502", "path=/ => 200", "path=/alive => 200", "path=/nothing => 404", "host={site} => 502"},
	}, {
		Name: "apache-proxy-times-out", Server: "apache", Path: "/alive", Want: "fail upstream_timeout",
		Config: "ProxyTimeout 1\nProxyPass /alive.html !\nProxyPass / http://{hung}/",
		Mended: apacheProxy,
		Trials: []string{"=> 502", "path=/orders => 502", "path=/alive.html => 200"},
	}, {
		Name: "apache-debian-page", Server: "apache", Path: "/", Want: "pass default_page_ok",
		Config: "<VirtualHost {addr}>\nDocumentRoot /usr/share/apache2/default-site\n</VirtualHost>\n<VirtualHost {addr}>\nServerName shop.example\nProxyPass / http://{dead}/\n</VirtualHost>",
		Mended: "ProxyPass / http://{dead}/", Cure: "503",
		Trials: []string{"=> 200 body~Debian", "host={site} => 503", "path=/nothing => 404"},
	}, {
		Name: "apache-fallback-page", Server: "apache", Path: "/api/alive", Want: "pass catch_all_ok",
		Config: "FallbackResource /spa.html", Mended: "# none", Cure: "404",
		Trials: []string{"=> 200 body~app.js", "path=/nothing-here => 200 body~app.js", "path=/ => 200"},
	}, {
		Name: "apache-tls-port-asked-plainly", Server: "apache", Path: "/alive", Want: "fail wrong_protocol_tls",
		Config: apacheTLS + apacheProxy, Mended: apacheProxy,
		Trials: []string{"=> 400 body~SSL-enabled", "tls=on => 200", "host={site} => 400", "path=/nothing => 400"},
	}, {
		Name: "apache-client-certificate", Server: "apache", Scheme: "https", Path: "/alive", Want: "fail client_cert_required",
		Config: apacheTLS + "SSLCACertificateFile {dir}/ca.pem\nSSLVerifyClient require\n" + apacheProxy,
		Mended: apacheTLS + "SSLCACertificateFile {dir}/ca.pem\nSSLVerifyClient optional\n" + apacheProxy,
		Trials: []string{"=> alert", "cert=client => 200", "sni={site} => alert"},
	}, {
		Name: "apache-waits-for-proxy-line", Server: "apache", Path: "/alive", Want: "fail proxy_protocol_expected",
		Config: "RemoteIPProxyProtocol On\n" + apacheProxy, Mended: apacheProxy,
		Trials: []string{"=> closed", "proxy=v1 => 200", "host={site} => closed", "path=/nothing => closed"},
	}, {
		Name: "apache-php-fatal", Server: "apache", Path: "/fatal.php", Want: "fail app_error",
		Config: "php_admin_flag display_errors Off", Mended: "Alias /fatal.php {dir}/www/fine.php",
		Trials: []string{"=> 500", "path=/ => 200", "path=/fine.php => 200", "path=/nothing => 404", "host={site} => 500"},
	}, {
		Name: "apache-php-complains-with-200", Server: "apache", Path: "/warns.php", Want: "pass error_in_body_ok",
		Config: "DirectoryIndex home.php", Mended: "Alias /warns.php {dir}/www/orders.php", Cure: "500",
		Trials: []string{"=> 200 body~could%20not%20connect", "path=/orders.php => 500", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "apache-wrong-file", Server: "apache", Path: "/health.php", Want: "fail not_found",
		Config: "", Mended: "Alias /health.php {dir}/www/fine.php",
		Trials: []string{"=> 404", "path=/nothing => 404", "path=/ => 200", "path=/alive.html => 200", "host={site} => 404", "path=/health.php/ => 404"},
	}, {
		Name: "apache-name-refused-to-visitors", Server: "apache", Path: "/alive", Want: "pass site_host_refused_ok",
		Config: "<Location />\nRequire expr %{HTTP_HOST} =~ /^10\\./\n</Location>\n" + apacheProxy,
		Mended: apacheProxy,
		Trials: []string{"=> 200", "host={site} => 403", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "apache-healthy-static", Server: "apache", Path: "/alive.html", Want: "pass",
		Config: "<Location /private>\nRequire all denied\n</Location>",
		Trials: []string{"=> 200", "path=/private => 403", "path=/nothing => 404", "path=/ => 200"},
	}, {
		Name: "apache-healthy-php", Server: "apache", Path: "/fine.php", Want: "pass",
		Config: "DirectoryIndex home.php",
		Trials: []string{"=> 200", "path=/nothing => 404", "path=/ => 200"},
	},
}
