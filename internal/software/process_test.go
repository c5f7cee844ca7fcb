package software

import "testing"

func TestOfProcess(t *testing.T) {
	for name, want := range map[string]string{
		"nginx": "nginx", "apache2": "apache", "httpd": "apache", "haproxy": "haproxy", "varnishd": "varnish",
		"gunicorn": "gunicorn", "gunicorn: maste": "gunicorn", "puma 6.4.2 (tcp": "puma", "php-fpm8.2": "php-fpm", "php": "php-cli",
		"node": "node", "node-MainThread": "node",
		"python3": "", "java": "", "ruby": "", "docker-proxy": "", "my-nginx": "", "": "",
	} {
		if got, ok := OfProcess(name); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %t; want %q", name, got, ok, want)
		}
	}
}
