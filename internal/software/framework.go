package software

import (
	"net/http"
	"regexp"
	"strings"
)

// page adds a framework's own page.
func (s *seen) page(add func(Guess), name, page string, confidence float64, evidence string) {
	if s.title != "" {
		evidence += ", titled " + show(s.title)
	}
	add(Guess{Name: name, Page: page, Confidence: confidence, Evidence: evidence})
}

var (
	djangoPage = regexp.MustCompile(`(?s)^\s*<!doctype html>\n<html lang="en">\n<head>\n  <title>(?:Bad Request \(400\)|403 Forbidden|Not Found|Server Error \(500\))</title>\n</head>\n<body>\n  <h1>[^<]+</h1><p>[^<]*</p>\n</body>\n</html>\n$`)
	// Before Django 3.0 the pages had no more than this.
	djangoOld = regexp.MustCompile(`^\s*<h1>(?:Bad Request \(400\)|403 Forbidden|Not Found|Server Error \(500\))</h1>(?:<p>[^<]*</p>)?\n?$`)
	flaskPage = regexp.MustCompile(`(?s)^<!(?:doctype html|DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3\.2 Final//EN")>\n(?:<html lang=en>\n)?<title>(\d{3}) [^<]{1,60}</title>\n<h1>[^<]{1,60}</h1>\n<p>.*</p>\n$`)
	finalPage = regexp.MustCompile(`(?s)^<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n<pre>.*</pre>\n</body>\n</html>\n$`)
	route     = regexp.MustCompile(`^Route [A-Z]+:/.* not found$`)
	cannotGet = regexp.MustCompile(`^Cannot [A-Z]+ /`)
	viteHost  = regexp.MustCompile(`^Blocked request\. This host \(.{0,300}\) is not allowed\.\nTo allow this host, add `)
	laravel   = regexp.MustCompile(`tracking-wider">\s*(\d{3})\s*</div>`)
)

// frameworks adds what the body tells of the framework that made it.
func (s *seen) frameworks(add func(Guess)) {
	s.python(add)
	s.node(add)
	s.others(add)
	if s.json != nil {
		s.objects(add)
	}
}

func (s *seen) python(add func(Guess)) {
	switch {
	case s.whole && (djangoPage.MatchString(s.body) || djangoOld.MatchString(s.body)) && s.Status >= 400:
		s.page(add, "django", pageOf(s.Status), 0.95, "Django's own page")
	case s.Status == 400 && strings.HasPrefix(s.title, "DisallowedHost at /"):
		s.page(add, "django", PageHostRefused, 0.98, "Django's debug page")
	case s.Status >= 400 && strings.Contains(s.body, `<meta name="robots" content="NONE,NOARCHIVE">`) &&
		(strings.Contains(s.title, " at /") || s.title == "403 Forbidden"):
		s.page(add, "django", pageOf(s.Status), 0.97, "Django's debug page")
	case s.Status > 300 && s.Status < 400 && strings.HasPrefix(s.body, "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>"):
		s.page(add, "flask", PageRedirect, 0.92, "the page of Werkzeug's redirect")
	case s.Status == 200 && s.title == "The install worked successfully! Congratulations!":
		s.page(add, "django", PageWelcome, 0.97, "Django's page for a new project")
	case s.whole && s.Status >= 400:
		if m := flaskPage.FindStringSubmatch(s.body); m != nil && strings.HasPrefix(s.title, m[1]) {
			s.page(add, "flask", pageOf(s.Status), 0.93, "a page as Werkzeug writes it, which Flask uses")
		}
	}
	if s.kind == "text/plain" && s.whole && s.Status >= 400 {
		// Starlette writes the bare reason phrase; FastAPI is built on it. Without
		// uvicorn's name beside it, anybody could have.
		confidence := 0.3
		if s.uvicorn() {
			confidence = 0.75
		}
		switch {
		case s.body == "Invalid host header" && s.Status == 400:
			s.page(add, "starlette", PageHostRefused, 0.93, "the words of Starlette's TrustedHostMiddleware")
		case s.body == http.StatusText(s.Status) && confidence > 0.5 && (s.Status == 404 || s.Status == 405 || s.Status == 500):
			s.page(add, "starlette", pageOf(s.Status), confidence, "the bare reason phrase, as Starlette gives it")
		}
	}
	if s.Status == 404 && s.whole && s.body == "404: Not Found" && s.kind == "text/plain" {
		s.page(add, "aiohttp", PageNotFound, 0.7, "aiohttp's own words")
	}
	if s.whole && strings.HasPrefix(s.body, "<html><title>") && s.title != "" && s.body == "<html><title>"+s.title+"</title><body>"+s.title+"</body></html>" && s.Status >= 400 {
		s.page(add, "tornado", pageOf(s.Status), 0.9, "Tornado's own page")
	}
}

func (s *seen) node(add func(Guess)) {
	switch {
	case s.whole && finalPage.MatchString(s.body) && s.Status >= 400:
		s.page(add, "express", pageOf(s.Status), 0.9, "the page of Express's last handler")
	case s.Status == 403 && viteHost.MatchString(s.body):
		s.page(add, "vite", PageHostRefused, 0.98, "Vite's own words about the Host")
	case s.whole && s.body == "Invalid Host header" && (s.Status == 403 || s.Status == 200):
		s.page(add, "webpack-dev-server", PageHostRefused, 0.95, "webpack-dev-server's own words about the Host")
	case strings.Contains(s.body, `src="/@vite/client"`):
		s.page(add, "vite", "", 0.95, "the page loads /@vite/client: a development server")
	case strings.Contains(s.body, `/_next/static/`):
		p := ""
		if s.Status == 404 && strings.HasPrefix(s.title, "404: This page could not be found") {
			p = PageNotFound
		}
		s.page(add, "nextjs", p, 0.9, "the page loads from /_next/static/")
	case s.Status == 308 && strings.HasPrefix(s.Get("Refresh"), "0;url=") && s.body == s.Get("Location"):
		s.page(add, "nextjs", PageRedirect, 0.9, "a 308 with Refresh, as Next.js redirects")
	case s.whole && (s.Status == 301 || s.Status == 302) && s.kind == "text/plain" && s.Get("Location") != "" &&
		strings.HasSuffix(s.body, ". Redirecting to "+s.Get("Location")):
		s.page(add, "express", PageRedirect, 0.85, "the words of Express's redirect")
	}
}

func (s *seen) others(add func(Guess)) {
	body := s.body
	switch {
	case s.Status > 300 && s.Status < 400 && strings.HasPrefix(body, "<html><body>You are being <a href="):
		s.page(add, "rails", PageRedirect, 0.6, "the page of Rails' redirect (Phoenix has the same)")
		s.page(add, "phoenix", PageRedirect, 0.4, "the page of Phoenix's redirect (Rails has the same)")
	case s.Status > 300 && s.Status < 400 && strings.HasPrefix(s.title, "Redirecting to ") && strings.Contains(body, `<meta http-equiv="refresh" content="0;url=`):
		s.page(add, "symfony", PageRedirect, 0.6, "the page of Symfony's redirect, which Laravel uses too")
		s.page(add, "laravel", PageRedirect, 0.5, "the page of Symfony's redirect, which Laravel uses")
	case s.Status >= 400 && strings.Contains(body, "normalize.css v8.0.1") && laravel.MatchString(body):
		p := pageOf(s.Status)
		if s.Status == 503 { // only artisan down shows this one
			p = PageMaintenance
		}
		s.page(add, "laravel", p, 0.93, "Laravel's own page")
	case s.Status == 200 && s.title == "Laravel" && strings.Contains(body, "laravel.com/docs"):
		s.page(add, "laravel", PageWelcome, 0.9, "Laravel's page for a new project")
	case s.Status >= 400 && strings.HasPrefix(s.title, "An Error Occurred: ") && strings.Contains(body, "Oops! An Error Occurred"):
		s.page(add, "symfony", pageOf(s.Status), 0.95, "Symfony's own page")
	case s.Status == 503 && s.title == "Maintenance" && strings.Contains(body, "Briefly unavailable for scheduled maintenance. Check back in a minute."):
		s.page(add, "wordpress", PageMaintenance, 0.97, "WordPress's maintenance page")
	case s.Status == 500 && s.h1 == "Error establishing a database connection":
		s.page(add, "wordpress", PageError, 0.95, "WordPress's page for a lost database")
	case s.Status >= 400 && strings.Contains(body, `<body id="error-page">`) && strings.Contains(body, "wp-die-message"):
		s.page(add, "wordpress", pageOf(s.Status), 0.93, "WordPress's error page")
	case strings.Contains(body, "/wp-content/") && strings.Contains(body, "/wp-includes/"):
		s.page(add, "wordpress", "", 0.8, "links into wp-content and wp-includes")
	case s.Status == 503 && strings.HasPrefix(s.title, "Site under maintenance"):
		s.page(add, "drupal", PageMaintenance, 0.7, "Drupal's maintenance page")
	case s.Status == 404 && strings.Contains(body, "Sinatra doesn&rsquo;t know this ditty."):
		s.page(add, "sinatra", PageNotFound, 0.97, "Sinatra's own page")
	case s.Status == 403 && strings.HasPrefix(s.h1, "Blocked host"):
		s.page(add, "rails", PageHostRefused, 0.97, "the page of Rails' host authorization")
	case s.Status == 403 && strings.HasPrefix(body, "Blocked host"):
		s.page(add, "rails", PageHostRefused, 0.95, "the words of Rails' host authorization")
	case s.Status >= 400 && railsTitle(s.title):
		s.page(add, "rails", pageOf(s.Status), 0.93, "the static page of a Rails app")
	case s.Status >= 400 && s.title == "Action Controller: Exception caught":
		s.page(add, "rails", pageOf(s.Status), 0.97, "Rails' debug page")
	case s.Status == 200 && strings.HasPrefix(s.title, "Ruby on Rails") && (strings.Contains(body, "Yay!") || strings.Contains(body, "Rails version")):
		s.page(add, "rails", PageWelcome, 0.95, "Rails' page for a new app")
	case s.Status >= 400 && s.h1 == "Whitelabel Error Page":
		s.page(add, "spring-boot", pageOf(s.Status), 0.98, "Spring Boot's own page")
	case s.Status == 400 && strings.Contains(body, "Bad Request - Invalid Hostname") && strings.Contains(body, "The request hostname is invalid.") &&
		!strings.HasPrefix(s.Get("Server"), "Microsoft-"):
		s.page(add, "aspnet", PageHostRefused, 0.95, "the page of ASP.NET Core's host filtering")
	case s.Status == 200 && s.whole && strings.HasPrefix(body, "It looks like you are trying to access MongoDB over HTTP on the native driver port."):
		s.page(add, "mongodb", PageGreeting, 0.98, "MongoDB's answer to HTTP")
	}
}

func railsTitle(title string) bool {
	for _, t := range []string{
		"We're sorry, but something went wrong (500)", "The page you were looking for doesn't exist (404)",
		"The change you wanted was rejected (422)", "The server cannot process the request due to a client error (400",
		"Your browser is not supported (406)",
	} {
		if strings.HasPrefix(title, t) {
			return true
		}
	}
	return false
}

// drfWords are what Django REST framework says (rest_framework/exceptions.py).
var drfWords = []string{
	"Not found.", "Authentication credentials were not provided.", "You do not have permission to perform this action.",
	"Invalid token.", "Incorrect authentication credentials.", "Request was throttled.", "A server error occurred.",
}

// objects adds what the shape of a JSON object tells.
func (s *seen) objects(add func(Guess)) {
	detail := s.word("detail")
	switch {
	case s.Status < 400:
		if s.Status == 200 && s.has("status", "components groups") && (s.word("status") == "UP") {
			add(Guess{Name: "spring-boot", Confidence: 0.5, Evidence: "the words of Spring Boot's actuator"})
		}
	case s.says("status") && s.has("timestamp status path", "error message requestId trace exception errors") && s.whole:
		s.page(add, "spring-boot", pageOf(s.Status), 0.95, "an object with timestamp, status, error and path, as Spring Boot's")
	case s.Status == 503 && s.has("status", "components groups") && (s.word("status") == "DOWN" || s.word("status") == "OUT_OF_SERVICE"):
		add(Guess{Name: "spring-boot", Confidence: 0.7, Evidence: "the words of Spring Boot's actuator"})
	case s.says("status") && s.has("type title status", "traceId detail instance errors") && strings.HasPrefix(s.word("type"), "https://tools.ietf.org/html/rfc"):
		s.page(add, "aspnet", pageOf(s.Status), 0.93, "problem details as ASP.NET Core writes them")
	case s.says("statusCode") && route.MatchString(s.word("message")):
		s.page(add, "fastify", PageNotFound, 0.97, "Fastify's words "+show(s.word("message")))
	case s.says("statusCode") && s.has("message error statusCode", "") && cannotGet.MatchString(s.word("message")):
		s.page(add, "nestjs", PageNotFound, 0.97, "NestJS's words "+show(s.word("message")))
	case s.says("statusCode") && s.has("message statusCode", "error") && strings.HasPrefix(s.body, `{"message"`),
		s.says("statusCode") && s.word("message") == "Internal server error" && strings.HasPrefix(s.body, `{"statusCode"`):
		s.page(add, "nestjs", pageOf(s.Status), 0.8, "an object with message and statusCode, as NestJS's")
	case s.says("statusCode") && s.has("statusCode error message", "code"):
		if s.Get("X-Powered-By") == "Express" { // NestJS 6 and older
			s.page(add, "nestjs", pageOf(s.Status), 0.85, "an object with statusCode, error and message, as NestJS's on Express")
			return
		}
		s.page(add, "fastify", pageOf(s.Status), 0.85, "an object with statusCode, error and message, as Fastify's")
	case s.has("detail", "") && detail == http.StatusText(s.Status):
		s.page(add, "fastapi", pageOf(s.Status), 0.88, "an object with the reason phrase as detail, as FastAPI's")
	case s.Status == 422 && s.has("detail", "") && strings.Contains(s.body, `"loc":[`):
		s.page(add, "fastapi", PageOther, 0.95, "FastAPI's words about a parameter")
	case s.has("detail", "code") && drf(detail):
		s.page(add, "django", pageOf(s.Status), 0.93, "the words of Django REST framework "+show(detail))
	case s.has("errors", "") && strings.Contains(s.body, `{"errors":{"detail":"`):
		s.page(add, "phoenix", pageOf(s.Status), 0.85, "an object with errors.detail, as Phoenix's")
	case s.Status == 403 && s.has("message", "") && s.word("message") == "Missing Authentication Token":
		s.page(add, "awselb", PageForbidden, 0.3, "the words of an AWS gateway")
	}
}

func drf(detail string) bool {
	for _, w := range drfWords {
		if strings.HasPrefix(detail, w) {
			return true
		}
	}
	return strings.HasPrefix(detail, `Method "`) && strings.HasSuffix(detail, `" not allowed.`)
}
