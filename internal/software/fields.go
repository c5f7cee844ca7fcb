package software

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// mark is a rule about one field of the head: what its value begins with, in any
// case, tells a program.
type mark struct {
	field, begins string
	name          string
	confidence    float64
}

// marks are compared in this order, and of each field value the first that fits
// counts. Versions are read where they follow as "/1.2".
//
// Seen by us from Debian's packages: nginx, Apache, Caddy, lighttpd, Varnish,
// gunicorn, uvicorn, Werkzeug, http.server, Express, Next.js, PHP. The others are
// what their projects document or their sources write.
var marks = []mark{
	{"Server", "nginx", "nginx", 0.97},
	{"Server", "openresty", "openresty", 0.97},
	{"Server", "tengine", "tengine", 0.97},
	{"Server", "angie", "angie", 0.97},
	{"Server", "apache-coyote", "tomcat", 0.95},
	{"Server", "apache tomcat", "tomcat", 0.95},
	{"Server", "apache traffic", "", 0},
	{"Server", "apache", "apache", 0.97},
	{"Server", "litespeed", "litespeed", 0.97},
	{"Server", "caddy", "caddy", 0.97},
	{"Server", "lighttpd", "lighttpd", 0.97},
	{"Server", "varnish", "varnish", 0.97},
	{"Server", "envoy", "envoy", 0.97},
	{"Server", "istio-envoy", "envoy", 0.97},
	{"Server", "microsoft-iis", "iis", 0.97},
	{"Server", "microsoft-httpapi", "iis", 0.8},
	{"Server", "microsoft-azure-application-gateway", "azure-appgw", 0.97},
	{"Server", "awselb", "awselb", 0.97},
	{"Server", "cloudfront", "cloudfront", 0.97},
	{"Server", "cloudflare", "cloudflare", 0.97},
	{"Server", "google frontend", "google", 0.95},
	{"Server", "squid", "squid", 0.97},
	{"Server", "vercel", "vercel", 0.97},
	{"Server", "gunicorn", "gunicorn", 0.97},
	{"Server", "uvicorn", "uvicorn", 0.97},
	{"Server", "hypercorn", "hypercorn", 0.97},
	{"Server", "daphne", "daphne", 0.97},
	{"Server", "waitress", "waitress", 0.97},
	{"Server", "werkzeug", "werkzeug", 0.97},
	{"Server", "wsgiserver", "wsgiref", 0.9},
	{"Server", "cherrypy", "cheroot", 0.95},
	{"Server", "cheroot", "cheroot", 0.95},
	{"Server", "tornadoserver", "tornado", 0.97},
	{"Server", "simplehttp", "http.server", 0.97},
	{"Server", "basehttp", "http.server", 0.9},
	{"Server", "webrick", "webrick", 0.97},
	{"Server", "thin", "thin", 0.9},
	{"Server", "puma", "puma", 0.95},
	{"Server", "phusion passenger", "passenger", 0.95},
	{"Server", "jetty", "jetty", 0.97},
	{"Server", "wildfly", "wildfly", 0.97},
	{"Server", "kestrel", "kestrel", 0.97},
	{"Server", "cowboy", "cowboy", 0.95},

	{"X-Powered-By", "express", "express", 0.95},
	{"X-Powered-By", "next.js", "nextjs", 0.97},
	{"X-Powered-By", "nuxt", "nuxt", 0.97},
	{"X-Powered-By", "php", "php", 0.97},
	{"X-Powered-By", "asp.net", "aspnet", 0.9},
	{"X-Powered-By", "phusion passenger", "passenger", 0.95},
	{"X-Powered-By", "plesk", "plesk", 0.9},
	{"X-Powered-By", "undertow", "wildfly", 0.7},

	{"X-AspNet-Version", "", "aspnet", 0.97},
	{"X-AspNetMvc-Version", "", "aspnet", 0.97},
	{"X-Varnish", "", "varnish", 0.97},
	{"X-Envoy-Upstream-Service-Time", "", "envoy", 0.95},
	{"CF-Ray", "", "cloudflare", 0.97},
	{"X-Amz-Cf-Id", "", "cloudfront", 0.97},
	{"X-Azure-Ref", "", "azure", 0.9},
	{"X-Vercel-Id", "", "vercel", 0.95},
	{"X-Squid-Error", "", "squid", 0.97},
	{"X-Debug-Token", "", "symfony", 0.8},
	{"X-Redirect-By", "wordpress", "wordpress", 0.97},
	{"X-Pingback", "", "wordpress", 0.7},
	{"X-Generator", "drupal", "drupal", 0.97},
	{"X-Drupal-Cache", "", "drupal", 0.95},
	{"X-Nextjs-Cache", "", "nextjs", 0.95},
}

// cookieMark tells a program by the name of a cookie that it sets.
type cookieMark struct {
	name       *regexp.Regexp
	program    string
	confidence float64
}

var cookieMarks = sync.OnceValue(func() []cookieMark {
	return []cookieMark{
		{regexp.MustCompile(`^csrftoken$`), "django", 0.9},
		{regexp.MustCompile(`^sessionid$`), "django", 0.6},
		{regexp.MustCompile(`^django_language$`), "django", 0.95},
		{regexp.MustCompile(`^laravel_session$`), "laravel", 0.97},
		{regexp.MustCompile(`^XSRF-TOKEN$`), "laravel", 0.3},
		{regexp.MustCompile(`^PHPSESSID$`), "php", 0.9},
		{regexp.MustCompile(`^JSESSIONID$`), "tomcat", 0.4}, // any servlet container; Tomcat is the most common
		{regexp.MustCompile(`^connect\.sid$`), "express", 0.8},
		{regexp.MustCompile(`^\.AspNetCore\.`), "aspnet", 0.97},
		{regexp.MustCompile(`^ASP\.NET_SessionId$`), "aspnet", 0.97},
		{regexp.MustCompile(`^ARRAffinity`), "azure", 0.8},
		{regexp.MustCompile(`^AWSALB`), "awselb", 0.95},
		{regexp.MustCompile(`^AWSELB`), "awselb", 0.95},
		{regexp.MustCompile(`^__cf_bm$`), "cloudflare", 0.9},
		{regexp.MustCompile(`^wordpress_`), "wordpress", 0.95},
		{regexp.MustCompile(`^wp-`), "wordpress", 0.7},
		{regexp.MustCompile(`^_[a-z0-9]+(?:_[a-z0-9]+)*_session$`), "rails", 0.75},
		{regexp.MustCompile(`^_[a-z0-9]+(?:_[a-z0-9]+)*_key$`), "phoenix", 0.6},
	}
})

// vias are what proxies write about themselves into Via.
var vias = []struct {
	part, name string
}{
	{"varnish", "varnish"}, {"caddy", "caddy"}, {"google", "google"}, {"vegur", "heroku"}, {"heroku", "heroku"},
	{"squid", "squid"}, {"cloudfront", "cloudfront"}, {"(apache/", "apache"}, {"envoy", "envoy"},
}

// fields adds what the head tells.
func (s *seen) fields(add func(Guess)) {
	for _, f := range s.Fields {
		lower := strings.ToLower(f.Value)
		for _, m := range marks {
			if strings.EqualFold(f.Name, m.field) && strings.HasPrefix(lower, m.begins) {
				if m.name != "" {
					told := Guess{Name: m.name, Confidence: m.confidence, Evidence: f.Name + ": " + show(f.Value)}
					if rest, slash := strings.CutPrefix(f.Value[len(m.begins):], "/"); slash && m.begins != "" {
						told.Version = version.FindString(rest)
					}
					add(told)
				}
				break
			}
		}
		switch strings.ToLower(f.Name) {
		case "set-cookie":
			name, _, _ := strings.Cut(f.Value, "=")
			for _, m := range cookieMarks() {
				if m.name.MatchString(name) {
					add(Guess{Name: m.program, Confidence: m.confidence, Evidence: "it sets a cookie named " + show(name)})
					break
				}
			}
		case "via":
			for _, v := range vias {
				if strings.Contains(lower, v.part) {
					add(Guess{Name: v.name, Confidence: 0.9, Evidence: "Via: " + show(f.Value)})
				}
			}
		case "link":
			if strings.Contains(lower, `rel="https://api.w.org/"`) {
				add(Guess{Name: "wordpress", Confidence: 0.97, Evidence: "a Link to WordPress's API"})
			}
		}
	}
	s.combined(add)
}

var (
	uuid      = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	runtime   = regexp.MustCompile(`^\d+\.\d{4,6}$`)
	phoenixID = regexp.MustCompile(`^F[A-Za-z0-9_-]{19}$`)
)

// combined adds what only several fields together tell.
func (s *seen) combined(add func(Guess)) {
	if uuid.MatchString(s.Get("X-Request-Id")) && runtime.MatchString(s.Get("X-Runtime")) {
		add(Guess{Name: "rails", Confidence: 0.92, Evidence: "X-Request-Id and X-Runtime, as Rails writes them"})
	}
	if phoenixID.MatchString(s.Get("X-Request-Id")) {
		add(Guess{Name: "phoenix", Confidence: 0.6, Evidence: "an X-Request-Id as Phoenix makes them"})
	}
	// SecurityMiddleware and XFrameOptionsMiddleware, as a new Django project has
	// them: seen from Django 3.2 and later.
	if s.Get("X-Content-Type-Options") == "nosniff" && s.Get("Referrer-Policy") == "same-origin" && !s.field("X-XSS-Protection") {
		add(Guess{Name: "django", Confidence: 0.75, Evidence: "X-Content-Type-Options and Referrer-Policy, as Django's SecurityMiddleware sets them"})
	}
	// Spring Security's defaults, in its documentation under "Security HTTP
	// Response Headers".
	if s.Get("Cache-Control") == "no-cache, no-store, max-age=0, must-revalidate" && s.Get("Expires") == "0" && s.Get("Pragma") == "no-cache" &&
		s.Get("X-Content-Type-Options") == "nosniff" {
		add(Guess{Name: "spring-boot", Confidence: 0.75, Evidence: "the fields that Spring Security adds to every answer"})
	}
	if strings.HasPrefix(s.kind, "application/vnd.spring-boot.actuator") {
		add(Guess{Name: "spring-boot", Confidence: 0.98, Evidence: "the media type of Spring Boot's actuator"})
	}
	// PHP's built-in server is the only one known to send the request's Host back.
	if len(s.Fields) > 0 && s.Fields[0].Name == "Host" {
		add(Guess{Name: "php-cli", Confidence: 0.97, Evidence: "a Host field in the answer, as PHP's built-in server sends"})
	}
	// Werkzeug writes the usual reason phrases in capitals.
	if s.Text != "" && s.Status >= 400 && s.Text == strings.ToUpper(http.StatusText(s.Status)) {
		add(Guess{Name: "flask", Confidence: 0.5, Evidence: "the reason phrase in capitals, as Werkzeug writes it"})
	}
	// Seen from Rails 6.1: the answer of its host authorization has no field but
	// the type, and Puma adds neither Date nor Server.
	if s.Status == 403 && len(s.Body) == 0 && s.whole && strings.EqualFold(s.Get("Content-Type"), "text/html; charset=utf-8") &&
		s.lone("content-type") && !s.field("Date") && (s.Get("Content-Length") == "0" || s.Proto == "HTTP/1.0") {
		add(Guess{Name: "rails", Confidence: 0.6, Page: PageHostRefused, Evidence: "an empty 403 without any field of its own, as Rails' host authorization gives"})
	}
	s.order(add)
}

// order adds what the order of the fields tells of servers that do not sign.
// Seen by us; all of it is weak.
func (s *seen) order(add func(Guess)) {
	if s.field("Server") || s.field("Via") || s.field("Host") || strings.HasPrefix(s.Get("X-Powered-By"), "PHP") {
		return
	}
	servlet := strings.Contains(s.Get("Content-Type"), ";charset=") // others write a space
	for i := range len(s.Fields) - 1 {
		a, b := s.Fields[i].Name, s.Fields[i+1].Name
		switch {
		case a == "Date" && b == "Connection" && servlet:
			add(Guess{Name: "tomcat", Confidence: 0.45, Evidence: "the fields stand in Tomcat's order and spelling"})
		case a == "Date" && b == "Connection":
			add(Guess{Name: "node", Confidence: 0.4, Evidence: "Date is followed by Connection, as Node.js writes them"})
		case a == "Date" && b == "Content-Length":
			add(Guess{Name: "go", Confidence: 0.35, Evidence: "Date is followed by Content-Length, as Go writes them"})
		}
	}
}
