package clinic

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/inservice/inservice/internal/realserver"
)

// startPHP starts PHP's own server for each case; a Config is the script that
// answers every request.
func startPHP(w *world, tenants []*tenant) {
	for _, t := range tenants {
		realserver.Start(w.t, realserver.Recipe{
			Name: "PHP's server", Debian: "php-cli", Program: "php", Users: []string{"www-data"},
			Args:    []string{"-d", "display_errors=0", "-S", t.addr(), "site.php"},
			Files:   map[string]string{"site.php": "<?php\n$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);\n" + t.config},
			Listens: listens([]*tenant{t}),
		})
	}
}

// startFPM starts php-fpm for each case; a Config is added to its pool. It
// answers FastCGI alone.
func startFPM(w *world, tenants []*tenant) {
	found, err := filepath.Glob("/usr/sbin/php-fpm*")
	found = slices.DeleteFunc(found, func(path string) bool { _, err := os.Stat(path); return err != nil })
	if err != nil || len(found) == 0 {
		found = []string{"php-fpm"} // Start says that it is missing
	}
	for _, t := range tenants {
		realserver.Start(w.t, realserver.Recipe{
			Name: "php-fpm", Debian: "php-fpm", Program: found[len(found)-1], Users: []string{"www-data"},
			Args:    []string{"--nodaemonize", "--fpm-config", "{dir}/fpm.conf"},
			Files:   map[string]string{"fpm.conf": "[global]\nerror_log = {dir}/errors\n[shop]\nlisten = " + t.addr() + "\npm = static\npm.max_children = 1\n" + t.config},
			Listens: listens([]*tenant{t}),
		})
	}
}

// startUWSGI starts uWSGI for each case; a Config is lines of its ini file.
func startUWSGI(w *world, tenants []*tenant) {
	for _, t := range tenants {
		realserver.Start(w.t, realserver.Recipe{
			Name: "uWSGI", Debian: "uwsgi-core, uwsgi-plugin-python3", Program: "uwsgi-core", Users: []string{"www-data"},
			Needs: []string{"/usr/lib/uwsgi/plugins/python3_plugin.so"},
			Args:  []string{"--ini", "shop.ini"},
			Files: map[string]string{
				"shop.ini": "[uwsgi]\nplugins-dir = /usr/lib/uwsgi/plugins\nplugin = python3\nwsgi-file = shop.py\nprocesses = 1\nmaster = true\ndie-on-term = true\n" + t.config + "\n",
				"shop.py": `import time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/export":
        time.sleep(3600)
    known = environ["PATH_INFO"] in ("/", "/alive")
    start_response("200 OK" if known else "404 Not Found", [("Content-Type", "text/plain")])
    return [b"fine" if known else b"no such page"]
`,
			},
			Listens: listens([]*tenant{t}),
		})
	}
}

var phpCases = []Case{
	{
		Name: "php-blog-being-updated", Server: "php", Path: "/alive", Want: "fail maintenance_mode",
		Config: `http_response_code(503); header('Retry-After: 600'); echo '<h1>Maintenance</h1><p>The blog is being updated and will be back in a minute.</p>';`,
		Mended: `echo 'fine';`,
		Trials: []string{"=> 503 head~Retry-After", "path=/ => 503", "path=/nothing => 503", "host={site} => 503"},
	}, {
		Name: "php-site-url", Server: "php", Path: "/alive", Want: "fail canonical_host_redirect",
		Config: `if ($_SERVER['HTTP_HOST'] !== 'shop.example') { header('Location: http://shop.example' . $_SERVER['REQUEST_URI'], true, 301); exit; }
if ($path === '/alive' || $path === '/') { echo 'fine'; } else { http_response_code(404); echo 'no such page'; }`,
		Mended: `echo 'fine';`,
		Trials: []string{"=> 301 location=http://shop.example/alive", "host={site} => 200", "host={site} path=/nothing => 404", "xfp=https => 301"},
	}, {
		Name: "php-forwarded-ssl", Server: "php", Path: "/alive", Want: "fail https_redirect",
		Config: `if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') !== 'https') { header('Location: https://' . $_SERVER['HTTP_HOST'] . $_SERVER['REQUEST_URI'], true, 302); exit; }
if ($path === '/alive' || $path === '/') { echo 'fine'; } else { http_response_code(404); echo 'no such page'; }`,
		Mended: `echo 'fine';`,
		Trials: []string{"=> 302 location=https://10.20.30.40:{port}/alive", "xfp=https => 200", "host={site} => 302", "path=/nothing => 302"},
	}, {
		Name: "php-one-process-busy", Server: "php", Path: "/alive", Timeout: 2e9, Want: "fail worker_saturated / no_response",
		Config: `if ($path === '/export') { sleep(3600); } echo 'fine';`,
		Mended: `echo 'fine';`,
		Hold:   []string{"path=/export"},
		Trials: []string{"=> silence", "path=/ => silence", "path=/nothing => silence"},
	}, {
		Name: "fpm-asked-for-http", Server: "fpm", Path: "/alive", Want: "fail not_http / closed_no_response",
		Trials: []string{"=> closed", "path=/ => closed", "host={site} => closed"},
	}, {
		Name: "uwsgi-own-protocol", Server: "uwsgi", Path: "/alive", Want: "fail not_http / closed_no_response",
		Config: "socket = {addr}", Mended: "http-socket = {addr}",
		Trials: []string{"=> closed", "path=/ => closed", "host={site} => closed"},
	}, {
		Name: "uwsgi-process-busy", Server: "uwsgi", Path: "/alive", Timeout: 2e9, Want: "fail worker_saturated / no_response",
		Config: "http-socket = {addr}", Mended: "http-socket = {addr}\nenable-threads = true",
		Hold:   []string{"path=/export"},
		Trials: []string{"=> silence", "path=/ => silence", "path=/nothing => silence"},
	}, {
		Name: "uwsgi-healthy", Server: "uwsgi", Path: "/alive", Want: "pass",
		Config: "http-socket = {addr}",
		Trials: []string{"=> 200", "path=/nothing => 404", "host={site} => 200"},
	},
}
