package software

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// shape is a page of a program's own. The pattern must fit the body from its
// first to its last byte, so that a page which merely speaks of the program is
// not taken for it; where only the beginning of a page is fixed, that much of it
// must be that nobody else would write it.
//
// A group named code must be the status, one named version is the version.
type shape struct {
	name       string
	page       string // empty: what the status means
	status     int    // 0: any that fits the group code
	confidence float64
	pattern    *regexp.Regexp
	also       func(*seen) bool // nil, or must hold too
}

// shapes are tried in this order; each program gets the first of its own that
// fits. They are compiled when they are first needed: most commands never do.
//
// Seen by us, from Debian's and npm's packages: the pages of nginx, Apache,
// HAProxy, lighttpd, Varnish, Tomcat, gunicorn, uvicorn, uWSGI, http.server, PHP's
// built-in server, Flask, Starlette, Django, Laravel, Express, Vite,
// webpack-dev-server, Next.js and Go. The others are as their sources write them:
// Envoy (source/common/router), Traefik (pkg/proxy), Jetty's ErrorHandler, Spring
// Boot's ErrorMvcAutoConfiguration, ASP.NET Core's HostFilteringMiddleware, AWS's
// balancers and Azure's Application Gateway as shown in public questions.
var shapes = sync.OnceValue(func() []shape {
	return []shape{
		// nginx's own pages, in ngx_http_special_response.c. What is built on it
		// writes its own name there.
		{"nginx", PageTLSRequired, 400, 0.97, nginxPage(`400 The plain HTTP request was sent to HTTPS port`), nil},
		{"nginx", PageCertRequired, 400, 0.97, nginxPage(`400 (?:No required SSL certificate was sent|The SSL certificate error)`), nil},
		{"nginx", "", 0, 0.95, nginxPage(`(?P<code>\d{3}) [^<\r\n]{1,60}`), nil},
		{"nginx", PageListing, 200, 0.9, regexp.MustCompile(`(?s)^<html>\r\n<head><title>Index of [^<]*</title></head>\r\n<body(?: bgcolor="white")?>\r\n<h1>Index of [^<]*</h1><hr><pre>.*</pre><hr></body>\r\n</html>\r\n$`), nil},
		{"awselb", "", 0, 0.9, regexp.MustCompile(`^<html>\r\n<head><title>(?P<code>\d{3}) [^<]{1,60}</title></head>\r\n<body(?: bgcolor="white")?>\r\n<center><h1>\d{3} [^<]{1,60}</h1></center>\r\n</body>\r\n</html>\r\n(?:<!--[^>]*-->\r\n)*$`),
			func(s *seen) bool { return strings.HasPrefix(s.Get("Server"), "awselb") }},

		{"apache", PageTLSRequired, 400, 0.97, regexp.MustCompile(`(?s)^<!DOCTYPE HTML PUBLIC "-//[^>]{1,120}>\n<html><head>\n<title>400 Bad Request</title>\n.{1,400}speaking plain HTTP to an SSL-enabled server port\..*</body></html>\n$`), nil},
		{"apache", "", 0, 0.93, regexp.MustCompile(`(?s)^<!DOCTYPE HTML PUBLIC "-//(?:IETF//DTD HTML 2\.0|W3C//DTD HTML 4\.01)//EN"(?: "http://www\.w3\.org/TR/html4/strict\.dtd")?>\n<html><head>\n<title>(?P<code>\d{3}) [^<\n]{1,60}</title>\n</head><body>\n<h1>[^<\n]{1,60}</h1>\n.*</body></html>\n$`), nil},
		{"apache", PageListing, 200, 0.9, regexp.MustCompile(`(?s)^<!DOCTYPE HTML PUBLIC "-//[^>]{1,120}>\n<html>\n <head>\n  <title>Index of [^<]*</title>\n </head>\n <body>\n<h1>Index of `), nil},

		{"haproxy", "", 0, 0.97, regexp.MustCompile(`^<html><body><h1>(?P<code>\d{3}) [^<\n]{1,60}</h1>\n[^<\n]{1,120}\n</body></html>\n$`), (*seen).haproxy},

		{"lighttpd", "", 0, 0.95, regexp.MustCompile(`^(?:<\?xml version="1\.0" encoding="iso-8859-1"\?>\n)?<!DOCTYPE html(?: PUBLIC "-//W3C//DTD XHTML 1\.0 Transitional//EN"\s+"http://www\.w3\.org/TR/xhtml1/DTD/xhtml1-transitional\.dtd")?>\n<html[^>]{0,100}>\n <head>\n  <title>(?P<code>\d{3}) [^<]{1,60}</title>\n </head>\n <body>\n  <h1>\d{3} [^<]{1,60}</h1>\n </body>\n</html>\n$`), nil},
		{"lighttpd", PageListing, 200, 0.9, regexp.MustCompile(`(?s)^<!DOCTYPE html>\n<html>\n<head>\n<title>Index of [^<]*</title>\n.*<div class="foot">lighttpd/`), nil},

		{"varnish", "", 0, 0.97, regexp.MustCompile(`^<!DOCTYPE html>\n<html>\n  <head>\n    <title>(?P<code>\d{3}) [^<]*</title>\n  </head>\n  <body>\n    <h1>Error \d{3} [^<]*</h1>\n    <p>[^<]*</p>\n    <h3>(?:Guru Meditation|Error [^<]*):?</h3>\n    <p>[^<]*</p>\n    <hr>\n    <p>Varnish cache server</p>\n  </body>\n</html>\n$`), nil},

		// Envoy's local replies are plain text.
		{"envoy", PageUnavailable, 503, 0.93, regexp.MustCompile(`^no healthy upstream$`), nil},
		{"envoy", PageUnavailable, 503, 0.95, regexp.MustCompile(`^upstream connect error or disconnect/reset before headers\. [^<\n]{0,400}$`), nil},
		{"envoy", PageTimeout, 504, 0.93, regexp.MustCompile(`^(?:upstream request timeout|stream timeout)$`), nil},
		{"envoy", PageForbidden, 403, 0.95, regexp.MustCompile(`^RBAC: access denied$`), nil},
		{"envoy", PageUnauthorized, 401, 0.9, regexp.MustCompile(`^Jwt (?:is missing|[a-z ]{3,60})$`), nil},
		{"envoy", PageRateLimited, 429, 0.9, regexp.MustCompile(`^local_rate_limited$`), nil},

		{"traefik", PageUnavailable, 503, 0.85, regexp.MustCompile(`^no available server\n$`), nil},
		{"traefik", PageBadGateway, 502, 0.6, regexp.MustCompile(`^Bad Gateway$`), (*seen).plainAlone},
		{"traefik", PageTimeout, 504, 0.6, regexp.MustCompile(`^Gateway Timeout$`), (*seen).plainAlone},
		{"traefik", PageNotFound, 404, 0.3, regexp.MustCompile(`^404 page not found\n$`), (*seen).goError},

		{"go", PageTLSRequired, 400, 0.97, regexp.MustCompile(`^Client sent an HTTP request to an HTTPS server\.\n$`), nil},
		{"go", PageNotFound, 404, 0.85, regexp.MustCompile(`^404 page not found\n$`), (*seen).goError},
		{"go", PageNotFound, 404, 0.7, regexp.MustCompile(`^404 page not found$`), nil}, // Gin
		{"go", PageMethod, 405, 0.8, regexp.MustCompile(`^Method Not Allowed\n$`), (*seen).goError},
		{"go", PageRedirect, 0, 0.85, regexp.MustCompile(`^<a href="[^"]*">(?:Moved Permanently|Found|See Other|Temporary Redirect|Permanent Redirect)</a>\.\n\n$`), nil},
		{"go", PageBadRequest, 400, 0.9, regexp.MustCompile(`^400 Bad Request(?:: [a-zA-Z ]{3,60})?$`), func(s *seen) bool { return !s.field("Date") && s.lone("content-type") }},
		{"go", PageVersion, 505, 0.9, regexp.MustCompile(`^505 HTTP Version Not Supported: unsupported protocol version$`), nil},

		{"tomcat", PageTLSRequired, 400, 0.95, regexp.MustCompile(`^Bad Request\r\nThis combination of host and port requires TLS\.\r\n$`), nil},
		{"tomcat", "", 0, 0.95, regexp.MustCompile(`(?s)^<!doctype html><html lang="[a-z-]{2,8}"><head><title>HTTP Status (?P<code>\d{3}) [^<]{1,80}</title><style type="text/css">.*<h1>HTTP Status .*(?:<h3>Apache Tomcat(?:/(?P<version>[0-9.]+))?[^<]*</h3>)?</body></html>$`), nil},
		{"tomcat", PageListing, 200, 0.85, regexp.MustCompile(`(?s)^<html>\s*<head>\s*<title>Directory Listing For \[`), nil},
		{"jetty", "", 0, 0.95, regexp.MustCompile(`(?s)^<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=(?:ISO-8859-1|utf-8)"/>\n<title>Error (?P<code>\d{3})[^<]*</title>\n</head>\n<body><h2>HTTP ERROR .*</body>\n</html>\n?$`), nil},

		{"gunicorn", "", 0, 0.95, regexp.MustCompile(`(?s)^<html>\n  <head>\n    <title>[^<]{1,60}</title>\n  </head>\n  <body>\n    <h1><p>[^<]{1,60}</p></h1>\n    .*\n  </body>\n</html>\n$`), nil},
		{"uvicorn", PageBadRequest, 400, 0.93, regexp.MustCompile(`^Invalid HTTP request received\.$`), nil},
		{"uvicorn", PageUnavailable, 503, 0.7, regexp.MustCompile(`^Service Unavailable$`), (*seen).uvicorn},
		{"uwsgi", PageError, 500, 0.85, regexp.MustCompile(`^Internal Server Error$`), func(s *seen) bool {
			return s.Get("Content-Type") == "text/plain" && s.lone("content-type") && !s.field("Date")
		}},
		{"uwsgi", PageError, 0, 0.95, regexp.MustCompile(`^--- no python application found, check your startup logs for errors ---\n?$`), nil},
		{"waitress", "", 0, 0.95, regexp.MustCompile(`(?s)^[A-Z][A-Za-z ]{2,40}\r?\n\r?\n.{1,500}\r?\n\r?\n\(generated by waitress\)$`), nil},
		{"http.server", "", 0, 0.93, regexp.MustCompile(`(?s)^<!DOCTYPE HTML[^>]{0,120}>\n<html[^>]{0,20}>\n    <head>\n.{1,120}<title>Error response</title>\n    </head>\n    <body>\n        <h1>Error response</h1>\n        <p>Error code: (?P<code>\d{3})</p>\n.*</body>\n</html>\n$`), nil},
		{"http.server", PageListing, 200, 0.9, regexp.MustCompile(`(?s)^<!DOCTYPE HTML[^>]{0,120}>\n<html[^>]{0,20}>\n<head>\n.{1,120}<title>Directory listing for `), nil},
		{"php-cli", "", 0, 0.97, regexp.MustCompile(`(?s)^<!doctype html><html><head><title>(?P<code>\d{3}) [^<]{1,40}</title><style>\nbody \{ background-color: #fcfcfc;.*</html>$`), nil},
		{"php-fpm", PageNotFound, 404, 0.95, regexp.MustCompile(`^File not found\.\n$`), nil},
		{"php-fpm", PageNotFound, 404, 0.95, regexp.MustCompile(`^No input file specified\.\n$`), nil},
		{"php-fpm", PageForbidden, 403, 0.9, regexp.MustCompile(`^Access denied\.\n$`), nil},
		{"puma", PageError, 500, 0.95, regexp.MustCompile(`^(?:An unhandled lowlevel error occurred\. The application logs may have details\.|Puma caught this error: .*)\n?$`), nil},
		{"passenger", PageError, 0, 0.9, regexp.MustCompile(`(?s)^<!doctype html>.{0,400}<title>(?:We're sorry, but something went wrong \(Passenger\)|Web application could not be started)`), nil},
		{"node", PageBadRequest, 400, 0.6, regexp.MustCompile(`^$`), func(s *seen) bool { return s.lone("") && s.Get("Connection") == "close" && !s.field("Content-Length") }},

		{"iis", PageHostRefused, 400, 0.95, regexp.MustCompile(`(?is)^<!DOCTYPE HTML PUBLIC[^>]{0,120}>\s*<HTML><HEAD><TITLE>Bad Request</TITLE>.{1,200}<h2>Bad Request - Invalid Hostname</h2>\s*<hr><p>HTTP Error 400\. The request hostname is invalid\.</p>\s*</BODY></HTML>\s*$`),
			func(s *seen) bool { return strings.HasPrefix(s.Get("Server"), "Microsoft-") }},
		{"iis", "", 0, 0.95, regexp.MustCompile(`(?is)^<!DOCTYPE HTML PUBLIC[^>]{0,120}>\s*<HTML><HEAD><TITLE>[^<]{1,60}</TITLE>.{1,200}<h2>[^<]{1,60}</h2>\s*<hr><p>HTTP Error (?P<code>\d{3})\. [^<]{1,200}</p>\s*</BODY></HTML>\s*$`),
			func(s *seen) bool { return strings.HasPrefix(s.Get("Server"), "Microsoft-") }},
		{"iis", "", 0, 0.9, regexp.MustCompile(`(?s)^<!DOCTYPE html PUBLIC .{1,200}<title>(?P<code>\d{3}) - [^<]{1,120}</title>.*<fieldset>\s*<h2>`), nil},
		{"iis", PageBadGateway, 502, 0.95, regexp.MustCompile(`(?s)^<!DOCTYPE html[^>]{0,120}>.{0,300}<title>(?:IIS 502\.5 Error|HTTP Error 502\.5 - )`), nil},

		{"azure-appgw", "", 0, 0.97, nginxNamed(`Microsoft-Azure-Application-Gateway`), nil},
		{"openresty", "", 0, 0.95, nginxNamed(`openresty`), nil},
		{"angie", "", 0, 0.95, nginxNamed(`Angie`), nil},
		{"tengine", "", 0, 0.95, nginxNamed(`tengine`), nil},
		{"cloudflare", "", 0, 0.95, nginxNamed(`cloudflare(?:-nginx)?`), nil},
		{"google", "", 0, 0.85, regexp.MustCompile(`(?s)^\s*<html><head>\s*<meta http-equiv="content-type" content="text/html;charset=utf-8">\s*<title>(?P<code>\d{3}) [^<]{1,60}</title>\s*</head>\s*<body text=#000000 bgcolor=#ffffff>`), nil},
	}
})

func nginxPage(title string) *regexp.Regexp {
	return regexp.MustCompile(`^<html>\r\n<head><title>` + title + `</title></head>\r\n<body(?: bgcolor="white")?>\r\n<center><h1>\d{3} [^<\r\n]{1,60}</h1></center>\r\n(?:<center>[^<\r\n]{1,80}</center>\r\n)?<hr><center>nginx(?:/(?P<version>[0-9.]+))?(?: \([A-Za-z]+\))?</center>\r\n</body>\r\n</html>\r\n(?:<!--[^>]*-->\r\n)*$`)
}

func nginxNamed(name string) *regexp.Regexp {
	return regexp.MustCompile(`^<html>\r\n<head><title>(?P<code>\d{3}) [^<\r\n]{1,60}</title></head>\r\n<body(?: bgcolor="white")?>\r\n<center><h1>\d{3} [^<\r\n]{1,60}</h1></center>\r\n(?:<center>[^<\r\n]{1,80}</center>\r\n)?(?:[^\r\n]{0,200}\r\n)?<hr/?>(?:<center>)?(?:Powered by )?` + name + `(?:/(?P<version>[0-9a-z.]+))?[^\r\n]{0,60}\r\n(?:</body>\r\n</html>\r\n)?(?:<!--[^>]*-->\r\n)*$`)
}

// haproxyWords are the sentences of HAProxy's own pages (http_err_msgs in its
// src/http.c): its pages are so plain that somebody else could have written one.
var haproxyWords = map[int]string{
	200: "Service ready.",
	400: "Your browser sent an invalid request.",
	401: "You need a valid user and password to access this content.",
	403: "Request forbidden by administrative rules.",
	404: "The resource could not be found.",
	405: "A request was made of a resource using a request method not supported by that resource",
	407: "Proxy authentication required",
	408: "Your browser didn't send a complete request in time.",
	410: "The resource is no longer available and will not be available again.",
	413: "The request entity exceeds the maximum allowed.",
	421: "Request sent to a non-authoritative server.",
	422: "The server cannot process the contained instructions.",
	425: "Your browser sent early data.",
	429: "You have sent too many requests in a given amount of time.",
	500: "An internal server error occurred.",
	501: "The server does not support the functionality required to fulfill the request.",
	502: "The server returned an invalid or incomplete response.",
	503: "No server is available to handle this request.",
	504: "The server didn't respond in time.",
}

func (s *seen) haproxy() bool {
	words, known := haproxyWords[s.Status]
	return known && strings.Contains(s.body, "</h1>\n"+words)
}

// goError holds for what Go's http.Error writes.
func (s *seen) goError() bool {
	return s.Get("X-Content-Type-Options") == "nosniff" && s.kind == "text/plain"
}

// plainAlone holds for an answer of plain text that nobody has signed.
func (s *seen) plainAlone() bool { return !s.field("Server") && s.lone("content-type") }

func (s *seen) uvicorn() bool { return strings.HasPrefix(s.Get("Server"), "uvicorn") }

// own adds the pages of programs' own that the whole answer is.
func (s *seen) own(add func(Guess)) {
	told := map[string]bool{}
	for _, p := range shapes() {
		if told[p.name] || p.status != 0 && p.status != s.Status {
			continue
		}
		m := p.pattern.FindStringSubmatch(s.body)
		if m == nil || p.also != nil && !p.also(s) || !s.whole && strings.HasSuffix(p.pattern.String(), "$") {
			continue
		}
		found := Guess{Name: p.name, Confidence: p.confidence, Page: p.page}
		fits := true
		for j, group := range p.pattern.SubexpNames() {
			switch group {
			case "code":
				fits = fits && (m[j] == strconv.Itoa(s.Status) || s.Status == 0)
			case "version":
				found.Version = version.FindString(m[j])
			}
		}
		if !fits {
			continue
		}
		if found.Page == "" {
			found.Page = pageOf(s.Status)
		}
		if found.Name == "haproxy" && s.Status == 200 {
			found.Page = PageHealth
		}
		found.Evidence = "the body is " + programs[p.name].title + "'s own page"
		if s.title != "" {
			found.Evidence += " " + show(s.title)
		} else if s.body != "" && len(s.body) < 200 {
			found.Evidence += " " + show(strings.TrimSpace(s.body))
		}
		told[p.name] = true
		add(found)
	}
	s.empty(add)
}

// empty adds what answers without a body tell: those that never have one, and
// those of HEAD.
func (s *seen) empty(add func(Guess)) {
	if len(s.Body) > 0 || !s.whole {
		return
	}
	server, page := s.Get("Server"), pageOf(s.Status)
	switch {
	// Seen from Caddy 2.6: its errors and redirects have no body and no type, and
	// a Host that no site has gets an empty 200.
	case server == "Caddy" && s.lone("server location www-authenticate allow alt-svc") && s.Status >= 300:
		add(Guess{Name: "caddy", Confidence: 0.9, Page: page, Evidence: "an empty " + strconv.Itoa(s.Status) + " with Server: Caddy, as Caddy's own answers are"})
	case server == "Caddy" && s.Status == 200 && s.lone("server alt-svc"):
		add(Guess{Name: "caddy", Confidence: 0.7, Page: PageEmpty, Evidence: "an empty 200 with Server: Caddy: what it answers where no site is set up"})
	case strings.HasSuffix(server, "envoy") && s.lone("server") && s.Status >= 400:
		add(Guess{Name: "envoy", Confidence: 0.85, Page: page, Evidence: "an empty " + strconv.Itoa(s.Status) + " with Server: " + show(server)})
	case s.Status >= 300 && s.Get("Content-Length") != "0" && s.Get("Content-Length") != "" && s.lone("server content-type location www-authenticate allow retry-after"):
		// To HEAD: nginx and Apache give their pages these types, and apps rarely do.
		switch {
		case strings.HasPrefix(server, "nginx") && s.Get("Content-Type") == "text/html":
			add(Guess{Name: "nginx", Confidence: 0.6, Page: page, Evidence: "the head of nginx's own pages"})
		case strings.HasPrefix(server, "Apache") && s.Get("Content-Type") == "text/html; charset=iso-8859-1":
			add(Guess{Name: "apache", Confidence: 0.75, Page: page, Evidence: "the head of Apache's own pages"})
		}
	case s.Status >= 400 && s.field("X-Runtime") && s.field("X-Request-Id"):
		add(Guess{Name: "rails", Confidence: 0.8, Page: page, Evidence: "an empty " + strconv.Itoa(s.Status) + " with Rails' fields"})
	case s.Status == 405 && s.field("Allow") && s.Get("Referrer-Policy") == "same-origin":
		add(Guess{Name: "django", Confidence: 0.8, Page: PageMethod, Evidence: "an empty 405 with Allow and Django's security fields"})
	}
	if s.Status > 300 && s.Status < 400 {
		s.redirect(add, server)
	}
}

// redirect adds what a redirect without a body tells.
func (s *seen) redirect(add func(Guess), server string) {
	const html = "text/html; charset=utf-8"
	switch {
	case strings.HasPrefix(server, "lighttpd") && s.lone("server location"):
		add(Guess{Name: "lighttpd", Confidence: 0.8, Page: PageRedirect, Evidence: "an empty redirect as lighttpd gives it"})
	case len(s.Fields) > 1 && s.Fields[0].Name == "content-length" && s.Fields[1].Name == "location" && s.lone("location cache-control"):
		add(Guess{Name: "haproxy", Confidence: 0.8, Page: PageRedirect, Evidence: "a redirect with HAProxy's fields, in its order"})
	case server == "uvicorn" && s.Status == 307 && s.lone("server location"):
		add(Guess{Name: "starlette", Confidence: 0.7, Page: PageRedirect, Evidence: "an empty 307 from uvicorn, as Starlette redirects"})
	case server == "" && !s.field("Date") && (s.Status == 301 || s.Status == 307) && strings.HasPrefix(s.Get("Content-Type"), "text/html") && s.lone("content-type location"):
		// Seen from Rails 6.1 on Puma: force_ssl.
		add(Guess{Name: "rails", Confidence: 0.55, Page: PageRedirect, Evidence: "an empty redirect without Date and Server, as Rails' force_ssl gives on Puma"})
	case s.Get("Content-Type") == html && (server == "gunicorn" || strings.HasPrefix(server, "WSGIServer") || server == "waitress" || server == "daphne"):
		// Flask and others write a body.
		add(Guess{Name: "django", Confidence: 0.55, Evidence: "an empty redirect of the type " + html + " from a Python server, as Django gives it"})
	}
}
