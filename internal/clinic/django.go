package clinic

import "github.com/inservice/inservice/internal/realserver"

// startDjango starts a gunicorn with one worker for each case; a Config is
// Python: SETTINGS, views and urlpatterns, and ARGS for gunicorn.
func startDjango(w *world, tenants []*tenant) {
	site, err := programs.ReadFile("programs/django_site.py")
	if err != nil {
		w.t.Fatalf("clinic: %v", err)
	}
	for _, t := range tenants {
		realserver.Start(w.t, realserver.Recipe{
			Name: "Django on gunicorn", Debian: "gunicorn, python3-django", Program: "/usr/bin/gunicorn", Users: []string{"www-data"},
			Needs:   []string{dist + "django/conf/__init__.py"},
			Args:    []string{"--workers", "1", "--worker-tmp-dir", "{dir}", "--bind", t.addr(), "--config", "case.py", "site_of:application"},
			Files:   w.files(map[string]string{"site_of.py": string(site), "case.py": t.config}),
			Listens: listens([]*tenant{t}),
		})
	}
}

const djangoAlive = `
def alive(request):
    from django.http import HttpResponse
    return HttpResponse("fine")
URLS = {"alive": alive}
`

var djangoCases = []Case{
	{
		Name: "django-hosts-and-https", Server: "django", Path: "/alive", Want: "fail host_not_allowed + https_redirect",
		Config: djangoAlive + `
forwarded_allow_ips = "*"
SETTINGS = {"ALLOWED_HOSTS": ["shop.example"], "SECURE_SSL_REDIRECT": True, "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}
`,
		Mended: djangoAlive,
		Trials: []string{"=> 400", "host={site} => 301 location=https://shop.example/alive", "xfp=https => 400", "host={site} xfp=https => 200"},
	}, {
		Name: "django-hosts-debug-page", Server: "django", Path: "/alive", Want: "fail host_not_allowed",
		Config: djangoAlive + `
SETTINGS = {"ALLOWED_HOSTS": [".shop.example"], "DEBUG": True}
`,
		Mended: djangoAlive,
		Trials: []string{"=> 400 body~DisallowedHost", "host={site} => 200", "path=/nothing => 400", "xfp=https => 400"},
	}, {
		Name: "django-https-header-not-trusted", Server: "django", Path: "/alive", Want: "fail https_redirect_xfp_ignored",
		Config: djangoAlive + `
SETTINGS = {"SECURE_SSL_REDIRECT": True, "SECURE_SSL_HOST": "shop.example"}
forwarded_allow_ips = ""
`,
		Mended: djangoAlive + `
SETTINGS = {"SECURE_SSL_REDIRECT": True, "SECURE_REDIRECT_EXEMPT": ["^alive$"]}
`,
		Trials: []string{"=> 301 location=https://shop.example/alive", "xfp=https => 301", "host={site} xfp=https => 301", "path=/nothing => 301"},
	}, {
		Name: "django-needs-header", Server: "django", Path: "/alive", Want: "fail needs_forwarded_header",
		Config: `
def alive(request):
    from django.http import HttpResponse
    return HttpResponse("fine for " + request.META["HTTP_X_FORWARDED_FOR"])
URLS = {"alive": alive}
`,
		Mended: djangoAlive,
		Trials: []string{"=> 500", "header=X-Forwarded-For:192.0.2.7 => 200", "path=/ => 200", "path=/nothing => 404", "host={site} => 500"},
	}, {
		Name: "django-only-ips-allowed", Server: "django", Path: "/alive", Want: "pass site_host_refused_ok",
		Config: djangoAlive + `
SETTINGS = {"ALLOWED_HOSTS": ["10.20.30.40"]}
`,
		Mended: djangoAlive,
		Trials: []string{"=> 200", "host={site} => 400", "path=/nothing => 404"},
	}, {
		Name: "gunicorn-asked-over-tls", Server: "django", Scheme: "https", Path: "/alive", Timeout: 2e9, Want: "fail wrong_protocol_plain",
		Config: djangoAlive,
		Mended: djangoAlive + `
keyfile, certfile = "key.pem", "cert.pem"
`,
		Trials: []string{"=> silence", "tls=off => 200"},
	}, {
		Name: "django-i18n", Server: "django", Path: "/alive", Want: "fail path_redirect",
		Config: `
def alive(request):
    from django.http import HttpResponse
    return HttpResponse("fine")
LOCALIZED = {"alive": alive}
SETTINGS = {"USE_I18N": True, "LANGUAGE_CODE": "en"}
`,
		Mended: djangoAlive,
		Trials: []string{"=> 302 head~/en/alive", "path=/en/alive => 200", "host={site} => 302", "xfp=https => 302", "path=/nothing => 404"},
	}, {
		Name: "django-healthy", Server: "django", Path: "/alive", Want: "pass",
		Config: djangoAlive + `
SETTINGS = {"ALLOWED_HOSTS": ["10.20.30.40", "shop.example"]}
`,
		Trials: []string{"=> 200", "host={site} => 200", "path=/nothing => 404", "path=/ => 200"},
	},
}
