package clinic

import (
	"fmt"
	"strings"

	"github.com/inservice/inservice/internal/realserver"
)

// startLighttpd starts a lighttpd for each case; a Config is added to its
// configuration.
func startLighttpd(w *world, tenants []*tenant) {
	for _, t := range tenants {
		realserver.Start(w.t, realserver.Recipe{
			Name: "lighttpd", Debian: "lighttpd, lighttpd-mod-openssl", Program: "lighttpd", Users: []string{"www-data"},
			Needs: []string{"/usr/lib/lighttpd/mod_openssl.so"},
			Args:  []string{"-D", "-f", "lighttpd.conf"},
			Files: w.files(map[string]string{
				"lighttpd.conf": fmt.Sprintf(`server.modules = ("mod_access", "mod_redirect", "mod_rewrite", "mod_proxy", "mod_openssl")
server.bind = "%s"
server.port = %s
server.document-root = "{dir}/www"
server.errorlog = "{dir}/errors"
mimetype.assign = (".html" => "text/html", "" => "text/plain")
index-file.names = ("index.html")
%s
`, t.ip, t.port, t.config),
				"www/index.html": "<!doctype html><title>Shop</title><p>The shop\n",
				"www/alive":      "fine\n",
			}),
			Listens: listens([]*tenant{t}),
		})
	}
}

// lighttpdApp hands everything to the app.
const lighttpdApp = `proxy.server = ("" => (("host" => "127.0.0.1", "port" => {app.port})))`

var lighttpdCases = []Case{
	{
		Name: "lighttpd-https-unless-forwarded", Server: "lighttpd", Path: "/alive", Want: "fail https_redirect",
		Config: `$REQUEST_HEADER["X-Forwarded-Proto"] != "https" { url.redirect = ("" => "https://${url.authority}${url.path}${qsa}") }` + "\n" + lighttpdApp,
		Mended: `$HTTP["url"] != "/alive" { $REQUEST_HEADER["X-Forwarded-Proto"] != "https" { url.redirect = ("" => "https://${url.authority}${url.path}${qsa}") } }` + "\n" + lighttpdApp,
		Trials: []string{"=> 301 head~https://10.20.30.40", "xfp=https => 200", "host={site} => 301", "path=/ => 301"},
	}, {
		Name: "lighttpd-https-by-scheme", Server: "lighttpd", Path: "/alive", Want: "fail https_redirect_xfp_ignored",
		Config: `$HTTP["scheme"] == "http" { url.redirect = ("" => "https://${url.authority}${url.path}${qsa}") url.redirect-code = 308 }`,
		Mended: `$HTTP["url"] != "/alive" { $HTTP["scheme"] == "http" { url.redirect = ("" => "https://${url.authority}${url.path}${qsa}") } }`,
		Trials: []string{"=> 308 head~https://10.20.30.40", "xfp=https => 308", "host={site} xfp=https => 308", "path=/nothing => 308"},
	}, {
		Name: "lighttpd-dead-app", Server: "lighttpd", Path: "/alive", Want: "fail upstream_down",
		Config: strings.Replace(lighttpdApp, "{app.port}", "{dead.port}", 1),
		Mended: lighttpdApp,
		Trials: []string{"=> 503", "path=/ => 503", "path=/nothing => 503", "host={site} => 503"},
	}, {
		Name: "lighttpd-loopback-only", Server: "lighttpd", IP: "127.0.0.3", Path: "/alive", Want: "fail bound_to_other_address",
		Config: lighttpdApp, Mended: lighttpdApp + "\n" + `$SERVER["socket"] == "127.0.0.3:{port}" { }`,
		Trials: []string{"=> refused", "ip=127.0.0.1 => 200", "ip=127.0.0.1 path=/nothing => 404"},
	}, {
		Name: "lighttpd-file-not-for-you", Server: "lighttpd", Path: "/alive.inc", Want: "fail forbidden_path",
		Config: `url.access-deny = (".inc", "~")`,
		Mended: `url.rewrite-once = ("^/alive\.inc$" => "/alive")`,
		Trials: []string{"=> 403", "path=/alive => 200", "path=/ => 200", "path=/nothing => 404", "host={site} => 403", "ua=Mozilla/5.0 => 403", "src=127.0.0.9 => 403"},
	}, {
		Name: "lighttpd-plain-port-asked-over-tls", Server: "lighttpd", Scheme: "https", Path: "/alive", Want: "fail wrong_protocol_plain",
		Config: "", Mended: `ssl.engine = "enable"` + "\n" + `ssl.pemfile = "{dir}/both.pem"`,
		Trials: []string{"=> alert", "tls=off => 200"},
	}, {
		Name: "lighttpd-tls-port-asked-plainly", Server: "lighttpd", Path: "/alive", Want: "fail wrong_protocol_tls",
		Config: `ssl.engine = "enable"` + "\n" + `ssl.pemfile = "{dir}/both.pem"`, Mended: "# plain",
		Trials: []string{"=> closed", "tls=on => 200"},
	}, {
		Name: "lighttpd-healthy", Server: "lighttpd", As: "generic", Method: "HEAD", Path: "/alive", Want: "pass",
		Trials: []string{"=> 200", "method=GET => 200", "path=/nothing => 404"},
	},
}
