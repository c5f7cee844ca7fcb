package software

import "strings"

// processes are the names under which the kernel lists programs that are nothing
// else. Interpreters are not among them: what python3, ruby or java runs, the name
// does not tell.
var processes = map[string]string{
	"nginx":           "nginx",
	"apache":          "apache", // apache2, without its number
	"httpd":           "apache",
	"caddy":           "caddy",
	"haproxy":         "haproxy",
	"lighttpd":        "lighttpd",
	"varnishd":        "varnish",
	"cache-main":      "varnish",
	"traefik":         "traefik",
	"envoy":           "envoy",
	"hitch":           "hitch",
	"squid":           "squid",
	"gunicorn":        "gunicorn",
	"uvicorn":         "uvicorn",
	"hypercorn":       "hypercorn",
	"daphne":          "daphne",
	"waitress-serve":  "waitress",
	"uwsgi":           "uwsgi",
	"puma":            "puma",
	"node":            "node",
	"node-MainThread": "node",
	"php":             "php-cli",
	"php-fpm":         "php-fpm",
}

// OfProcess returns the software that a process of that name is, if the name is
// enough to tell.
func OfProcess(name string) (string, bool) {
	// Some write more after their name: "gunicorn: master [site]", "puma 6.4.2".
	first, _, _ := strings.Cut(name, " ")
	first = strings.TrimSuffix(first, ":")
	// Debian's PHP and Apache have a number in their names.
	first = strings.TrimRight(first, "0123456789.")
	s, ok := processes[first]
	return s, ok
}
