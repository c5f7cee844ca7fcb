package software

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/exchange"
)

var update = flag.Bool("update", false, "write testdata/seen.tsv; read the difference before you believe it")

// TestSeen recognises what real servers answered. testdata/seen.tsv says of each
// file which programs are found, from the most certain on, with the page.
func TestSeen(t *testing.T) {
	var got strings.Builder
	all := seenAnswers(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a := all[name]
		fmt.Fprintf(&got, "%s\t%d\t", name, a.Status)
		for i, g := range Recognise(a) {
			fmt.Fprintf(&got, "%s%s", map[bool]string{true: "", false: " "}[i == 0], g.Name)
			if g.Version != "" {
				fmt.Fprintf(&got, "/%s", g.Version)
			}
			if g.Page != "" {
				fmt.Fprintf(&got, ":%s", g.Page)
			}
			if g.Confidence < 0.5 {
				got.WriteString("?")
			}
			check(t, name, g)
		}
		got.WriteString("\n")
	}
	if *update {
		if err := os.WriteFile("testdata/seen.tsv", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/seen.tsv")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("recognised otherwise (-want +got):\n%s", diff)
	}
}

var pages = []string{
	"", PageWelcome, PageListing, PageEmpty, PageHealth, PageRedirect, PageBadRequest, PageHostRefused, PageTLSRequired, PageCertRequired,
	PageUnauthorized, PageForbidden, PageNotFound, PageMethod, PageRateLimited, PageError, PageBadGateway, PageUnavailable, PageMaintenance,
	PageTimeout, PageVersion, PageGreeting, PageOther,
}

// check checks what must hold of every guess.
func check(t testing.TB, what string, g Guess) {
	t.Helper()
	if _, known := programs[g.Name]; !known || g.Title == "" || g.Role == "" {
		t.Errorf("%s: %q is no program of the table: %+v", what, g.Name, g)
	}
	if g.Confidence <= 0 || g.Confidence >= 1 {
		t.Errorf("%s: %s with confidence %v", what, g.Name, g.Confidence)
	}
	if !slices.Contains(pages, g.Page) {
		t.Errorf("%s: %s with the page %q", what, g.Name, g.Page)
	}
	if g.Evidence == "" || len(g.Evidence) > 1500 {
		t.Errorf("%s: %s with evidence of %d bytes", what, g.Name, len(g.Evidence))
	}
	for _, r := range g.Evidence + g.Version {
		if !unicode.IsGraphic(r) {
			t.Fatalf("%s: %s: not printable: %q %q", what, g.Name, g.Evidence, g.Version)
		}
	}
}

// html is an answer with a head like most.
func html(status int, server, body string) exchange.Answer {
	a := exchange.Answer{Status: status, Proto: "HTTP/1.1", Text: "x", Stage: exchange.Done, Body: []byte(body), BodySize: int64(len(body))}
	if server != "" {
		a.Fields = append(a.Fields, exchange.Field{Name: "Server", Value: server})
	}
	a.Fields = append(a.Fields, exchange.Field{Name: "Content-Type", Value: "text/html"})
	return a
}

func with(a exchange.Answer, pairs ...string) exchange.Answer {
	for i := 0; i < len(pairs); i += 2 {
		a.Fields = slices.DeleteFunc(a.Fields, func(f exchange.Field) bool { return f.Name == "Content-Type" && pairs[i] == "Content-Type" })
		a.Fields = append(a.Fields, exchange.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return a
}

// TestDocumented recognises what we have not seen ourselves, as the sources and
// documents named beside the rules have it.
func TestDocumented(t *testing.T) {
	nginxShaped := func(status, signature string) string {
		return "<html>\r\n<head><title>" + status + "</title></head>\r\n<body>\r\n<center><h1>" + status + "</h1></center>\r\n<hr><center>" + signature + "</center>\r\n</body>\r\n</html>\r\n"
	}
	json := func(status int, body string) exchange.Answer {
		return with(html(status, "", body), "Content-Type", "application/json")
	}
	text := func(status int, server, body string) exchange.Answer {
		return with(html(status, server, body), "Content-Type", "text/plain")
	}
	bytes := func(b string) exchange.Answer {
		return exchange.Answer{Received: []byte(b), Failure: exchange.Malformed, Stage: exchange.ReadingHead}
	}
	for name, c := range map[string]struct {
		answer exchange.Answer
		want   string // name:page of the most certain
	}{
		"openresty 502":         {html(502, "openresty/1.21.4.1", nginxShaped("502 Bad Gateway", "openresty/1.21.4.1")), "openresty:bad-gateway"},
		"application gateway":   {html(502, "Microsoft-Azure-Application-Gateway/v2", nginxShaped("502 Bad Gateway", "Microsoft-Azure-Application-Gateway/v2")), "azure-appgw:bad-gateway"},
		"alb 503":               {html(503, "awselb/2.0", "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n"), "awselb:unavailable"},
		"old nginx":             {html(404, "nginx/1.10.3", strings.ReplaceAll(nginxShaped("404 Not Found", "nginx/1.10.3"), "<body>", `<body bgcolor="white">`)), "nginx:not-found"},
		"nginx padded":          {html(404, "nginx", nginxShaped("404 Not Found", "nginx")+strings.Repeat("<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n", 6)), "nginx:not-found"},
		"old apache":            {html(404, "Apache/2.4.6 (CentOS)", "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n<p>The requested URL /x was not found on this server.</p>\n</body></html>\n"), "apache:not-found"},
		"envoy none healthy":    {text(503, "envoy", "no healthy upstream"), "envoy:unavailable"},
		"envoy reset":           {text(503, "istio-envoy", "upstream connect error or disconnect/reset before headers. reset reason: connection failure"), "envoy:unavailable"},
		"envoy timeout":         {text(504, "envoy", "upstream request timeout"), "envoy:timeout"},
		"envoy no route":        {exchange.Answer{Status: 404, Stage: exchange.Done, Fields: []exchange.Field{{Name: "server", Value: "envoy"}}}, "envoy:not-found"},
		"envoy rbac":            {text(403, "envoy", "RBAC: access denied"), "envoy:forbidden"},
		"traefik no server":     {text(503, "", "no available server\n"), "traefik:unavailable"},
		"traefik 502":           {text(502, "", "Bad Gateway"), "traefik:bad-gateway"},
		"jetty":                 {html(404, "Jetty(9.4.50.v20221201)", "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=utf-8\"/>\n<title>Error 404 Not Found</title>\n</head>\n<body><h2>HTTP ERROR 404 Not Found</h2>\n<table></table>\n</body>\n</html>\n"), "jetty:not-found"},
		"tomcat welcome":        {html(200, "", "<html><head><title>Apache Tomcat/10.1.7</title></head><body>If you're seeing this, you've successfully installed Tomcat. Congratulations!</body></html>"), "tomcat:welcome"},
		"whitelabel":            {html(404, "", "<html><body><h1>Whitelabel Error Page</h1><p>This application has no explicit mapping for /error, so you are seeing this as a fallback.</p></body></html>"), "spring-boot:not-found"},
		"spring json":           {json(404, `{"timestamp":"2026-01-01T00:00:00.000+00:00","status":404,"error":"Not Found","path":"/x"}`), "spring-boot:not-found"},
		"spring security":       {with(html(401, "", ""), "X-Content-Type-Options", "nosniff", "Cache-Control", "no-cache, no-store, max-age=0, must-revalidate", "Pragma", "no-cache", "Expires", "0"), "spring-boot:"},
		"actuator":              {with(html(503, "", `{"status":"DOWN"}`), "Content-Type", "application/vnd.spring-boot.actuator.v3+json"), "spring-boot:"},
		"asp.net problem":       {json(404, `{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"traceId":"00-1-2-00"}`), "aspnet:not-found"},
		"asp.net host":          {html(400, "Kestrel", "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n<HTML><HEAD><TITLE>Bad Request</TITLE>\r\n<META HTTP-EQUIV=\"Content-Type\" Content=\"text/html; charset=us-ascii\"></ HEAD >\r\n<BODY><h2>Bad Request - Invalid Hostname</h2>\r\n<hr><p>HTTP Error 400. The request hostname is invalid.</p>\r\n</BODY></HTML>"), "kestrel:"},
		"http.sys host":         {html(400, "Microsoft-HTTPAPI/2.0", "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n<HTML><HEAD><TITLE>Bad Request</TITLE>\r\n<META HTTP-EQUIV=\"Content-Type\" Content=\"text/html; charset=us-ascii\"></HEAD>\r\n<BODY><h2>Bad Request - Invalid Hostname</h2>\r\n<hr><p>HTTP Error 400. The request hostname is invalid.</p>\r\n</BODY></HTML>\r\n"), "iis:host-refused"},
		"iis pool stopped":      {html(503, "Microsoft-HTTPAPI/2.0", "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n<HTML><HEAD><TITLE>Service Unavailable</TITLE>\r\n<META HTTP-EQUIV=\"Content-Type\" Content=\"text/html; charset=us-ascii\"></HEAD>\r\n<BODY><h2>Service Unavailable</h2>\r\n<hr><p>HTTP Error 503. The service is unavailable.</p>\r\n</BODY></HTML>\r\n"), "iis:unavailable"},
		"iis welcome":           {html(200, "Microsoft-IIS/10.0", "<html><head><title>IIS Windows Server</title></head></html>"), "iis:welcome"},
		"go tls":                {exchange.Answer{Status: 400, Proto: "HTTP/1.0", Stage: exchange.Done, Body: []byte("Client sent an HTTP request to an HTTPS server.\n")}, "go:tls-required"},
		"gin":                   {text(404, "", "404 page not found"), "go:not-found"},
		"waitress":              {text(404, "waitress", "Not Found\n\nno such page\n\n(generated by waitress)"), "waitress:not-found"},
		"php-fpm no file":       {html(404, "nginx", "File not found.\n"), "nginx:"},
		"puma error":            {text(500, "", "An unhandled lowlevel error occurred. The application logs may have details.\n"), "puma:error"},
		"rest framework":        {json(401, `{"detail":"Authentication credentials were not provided."}`), "django:unauthorized"},
		"rest framework method": {json(405, `{"detail":"Method \"OPTIONS\" not allowed."}`), "django:method"},
		"old django":            {html(400, "gunicorn", "<h1>Bad Request (400)</h1>"), "gunicorn:"},
		"rails blocked":         {html(403, "", "<!DOCTYPE html><html><body><header><h1>Blocked hosts: 10.0.0.1</h1></header></body></html>"), "rails:host-refused"},
		"rails 500":             {html(500, "", "<!DOCTYPE html>\n<html>\n<head>\n  <title>We're sorry, but something went wrong (500)</title></head></html>"), "rails:error"},
		"rails yay":             {html(200, "", "<html><head><title>Ruby on Rails</title></head><h1>Yay! You&rsquo;re on Rails!</h1></html>"), "rails:welcome"},
		"laravel cookie":        {with(html(200, "", "x"), "Set-Cookie", "laravel_session=eyJ; path=/"), "laravel:"},
		"symfony":               {html(404, "", "<!DOCTYPE html><html><head><title>An Error Occurred: Not Found</title></head><body><h1>Oops! An Error Occurred</h1></body></html>"), "symfony:not-found"},
		"wordpress maintenance": {html(503, "", "<html><head><title>Maintenance</title></head><body>Briefly unavailable for scheduled maintenance. Check back in a minute.</body></html>"), "wordpress:maintenance"},
		"wordpress redirect":    {with(html(301, "", ""), "X-Redirect-By", "WordPress"), "wordpress:"},
		"phoenix":               {json(404, `{"errors":{"detail":"Not Found"}}`), "phoenix:not-found"},
		"rails session":         {with(html(200, "", ""), "Set-Cookie", "_shop_session=x"), "rails:"},
		"flask redirect":        {html(302, "Werkzeug/3.0.1 Python/3.12.1", "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n<p>You should be redirected</p>"), "werkzeug:"},
		"tornado":               {html(404, "TornadoServer/6.2", "<html><title>404: Not Found</title><body>404: Not Found</body></html>"), "tornado:not-found"},
		"apache it works":       {html(200, "", "<html><body><h1>It works!</h1></body></html>\n"), "apache:welcome"},
		"debian apache":         {html(200, "Apache/2.4.71 (Debian)", "<html><head><title>Apache2 Debian Default Page: It works</title></head></html>"), "apache:welcome"},
		"plesk":                 {html(200, "nginx", "<html><head><title>Web Server's Default Page</title></head></html>"), "nginx:"},
		"caddy works":           {html(200, "Caddy", "<html><head><title>Caddy works!</title></head></html>"), "caddy:welcome"},
		"nginx head":            {with(html(404, "nginx/1.22.1", ""), "Content-Length", "153"), "nginx:not-found"},
		"via varnish":           {with(html(200, "labapp", "x"), "Via", "1.1 varnish (Varnish/7.1)"), "varnish:"},
		"mongodb":               {text(200, "", "It looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n"), "mongodb:greeting"},

		"ssh":        {bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), "ssh:greeting"},
		"mysql":      {bytes("\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00abc"), "mysql:greeting"},
		"mariadb":    {bytes("\x5c\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\x00\x08\x00\x00\x00abc"), "mariadb:greeting"},
		"mysql host": {bytes("\x45\x00\x00\x00\xff\x6a\x04Host '10.0.0.9' is not allowed to connect to this MySQL server"), "mysql:greeting"},
		"postgresql": {bytes("E\x00\x00\x00\x8cSFATAL\x00VFATAL\x00C0A000\x00Munsupported frontend protocol\x00\x00"), "postgresql:greeting"},
		"memcached":  {bytes("ERROR\r\nERROR\r\n"), "memcached:greeting"},
		"smtp":       {bytes("220 mail.example.com ESMTP Postfix\r\n"), "smtp:greeting"},
		"ftp":        {bytes("220 (vsFTPd 3.0.3)\r\n"), "ftp:greeting"},
		"amqp":       {bytes("AMQP\x00\x00\x09\x01"), "amqp:greeting"},
		"nats":       {bytes("INFO {\"server_id\":\"x\"}\r\n"), "nats:greeting"},
		"telnet":     {bytes("\xff\xfd\x18\xff\xfd\x20"), "telnet:greeting"},
		"imap":       {bytes("* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n"), "imap:greeting"},
		"h2 frame":   {bytes("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00"), "http2:greeting"},
		"tls alert":  {bytes("\x15\x03\x01\x00\x02\x02\x0a"), "tls:tls-required"},
	} {
		t.Run(name, func(t *testing.T) {
			guesses := Recognise(c.answer)
			got := "nothing"
			if len(guesses) > 0 {
				got = guesses[0].Name + ":" + guesses[0].Page
			}
			if got != c.want {
				t.Errorf("got %s, want %s; all: %+v", got, c.want, guesses)
			}
			for _, g := range guesses {
				check(t, name, g)
			}
		})
	}
}

// TestSecond: two programs in one answer, both found, and whose page it is.
func TestSecond(t *testing.T) {
	all := seenAnswers(t)
	fpm := html(404, "nginx/1.22.1", "File not found.\n")
	for name, c := range map[string]struct {
		answer exchange.Answer
		own    string
		front  string
	}{
		"nginx's own 502":      {all["nginx-502"], "nginx", "nginx"},
		"django on gunicorn":   {all["django-400-2"], "django", ""},
		"django behind nginx":  {with(html(400, "nginx/1.22.1", string(all["django-400-2"].Body)), "Referrer-Policy", "same-origin", "X-Content-Type-Options", "nosniff"), "django", "nginx"},
		"php-fpm behind nginx": {fpm, "php-fpm", "nginx"},
		"app behind nginx":     {html(404, "nginx/1.22.1", "<h1>No such article</h1>"), "", "nginx"},
		"old django":           {html(400, "gunicorn", "<h1>Bad Request (400)</h1>"), "django", ""},
		"asp.net host":         {html(400, "Kestrel", "<HTML><BODY><h2>Bad Request - Invalid Hostname</h2>\r\n<hr><p>HTTP Error 400. The request hostname is invalid.</p>\r\n</BODY></HTML>"), "aspnet", ""},
	} {
		own, _ := OwnPage(c.answer)
		front, _ := Fronted(c.answer)
		if own.Name != c.own || front.Name != c.front {
			t.Errorf("%s: own page of %q, front %q; want %q and %q", name, own.Name, front.Name, c.own, c.front)
		}
		if (own.Role == Front) != (c.own != "" && c.own == c.front) {
			t.Errorf("%s: the own page of %q is a %s's", name, own.Name, own.Role)
		}
	}
}

// TestLookalikes: pages that speak of a program, or look like its own, and are
// the app's.
func TestLookalikes(t *testing.T) {
	page := string(seenAnswers(t)["nginx-502"].Body)
	for name, a := range map[string]exchange.Answer{
		"the word nginx":           html(502, "", "<html><body>nginx/1.22.1 says 502 Bad Gateway</body></html>"),
		"more after the page":      html(502, "", page+"<p>our help desk"),
		"more before the page":     html(502, "", "<!-- shop -->"+page),
		"another status":           html(200, "", page),
		"cut short":                {Status: 502, Failure: exchange.BodyCutShort, Stage: exchange.ReadingBody, Body: []byte(page)},
		"haproxy's form, not word": html(503, "", "<html><body><h1>503 Service Unavailable</h1>\nThe shop is closed.\n</body></html>\n"),
		"go's words, no nosniff":   with(html(404, "", "404 page not found\n"), "Content-Type", "text/html"),
		"welcome in a 404":         html(404, "", "<title>Welcome to nginx!</title><h1>Welcome to nginx!</h1>"),
		"welcome as a headline":    html(200, "", "<title>Blog: Welcome to nginx!</title>"),
		"json that says status":    with(html(503, "", `{"status":503,"error":"db","path":"/x"}`), "Content-Type", "application/json"),
		"detail of the app":        with(html(404, "", `{"detail":"No such order"}`), "Content-Type", "application/json"),
		"invalid host, elsewhere":  html(404, "", "Invalid host header"),
		"the bare reason":          with(html(404, "", "Not Found"), "Content-Type", "text/plain"),
		"no healthy upstream, 200": html(200, "", "no healthy upstream"),
		"english in capitals":      {Status: 200, Text: "OK", Stage: exchange.Done},
		"an own page of the app":   html(500, "", "<html><head><title>500 Internal Server Error</title></head><body><h1>500 Internal Server Error</h1></body></html>"),
		"a mail that is HTTP":      html(200, "", "220 mail.example.com ESMTP\r\n"),
		"text that is no greeting": {Received: []byte("hello from the shop\r\n"), Failure: exchange.Malformed},
	} {
		if g, ok := OwnPage(a); ok {
			t.Errorf("%s: taken for %s's own page %q: %s", name, g.Name, g.Page, g.Evidence)
		}
	}
	for name, a := range map[string]exchange.Answer{
		"sent by gunicorn": html(502, "gunicorn", page),
		"sent by express":  with(html(502, "", page), "X-Powered-By", "Express"),
		"sent by php":      with(html(502, "nginx/1.22.1", page), "X-Powered-By", "PHP/8.2"),
	} {
		if g, ok := OwnPage(a); ok && g.Role == Front {
			t.Errorf("%s: taken for %s's own page", name, g.Name)
		}
	}
}

// TestUntrusted: what strangers write never reaches a terminal as it is, and
// takes no time.
func TestUntrusted(t *testing.T) {
	big := strings.Repeat("<title>x</title><h1>\x1b[2J", 1<<20/24)
	for name, a := range map[string]exchange.Answer{
		"escapes":    with(html(404, "nginx/1.2\x1b[31m", "<title>Welcome to nginx!\x1b]0;x\a</title>"), "Via", "1.1 varnish\x1b[2J\u202e", "Set-Cookie", "AWSALB\x1b[1m=x", "X-Powered-By", "Express\x00\xff"),
		"a mebibyte": html(500, "Apache", big),
		"json":       with(html(404, "", `{"message":"Route GET:/`+"\x1b"+` not found","statusCode":404,"error":"Not Found"}`), "Content-Type", "application/json"),
		"deep json":  with(html(404, "", strings.Repeat(`{"a":`, 4000)), "Content-Type", "application/json"),
		"greeting":   {Received: []byte("SSH-2.0-\x1b[2J\x07x\r\n" + big), Failure: exchange.Malformed},
		"many":       with(html(200, "", ""), slices.Repeat([]string{"Server", "nginx", "Set-Cookie", "csrftoken=1", "Via", "varnish"}, 3000)...),
	} {
		began := time.Now()
		for _, g := range Recognise(a) {
			check(t, name, g)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	for _, a := range seenAnswers(f) {
		f.Add(a.Status, a.Get("Server"), a.Get("X-Powered-By"), a.Get("Content-Type"), a.Body, a.Received[:min(len(a.Received), 64)])
	}
	f.Fuzz(func(t *testing.T, status int, server, powered, kind string, body, received []byte) {
		a := exchange.Answer{Status: status, Text: server, Body: body, Received: received, Stage: exchange.Done, Fields: []exchange.Field{
			{Name: "Server", Value: server}, {Name: "X-Powered-By", Value: powered}, {Name: "Content-Type", Value: kind},
			{Name: "Via", Value: powered}, {Name: "Set-Cookie", Value: server}, {Name: "Location", Value: kind},
		}}
		last := 1.0
		var names []string
		for _, g := range Recognise(a) {
			check(t, "fuzz", g)
			if g.Confidence > last {
				t.Errorf("%s is more certain than what stands before it", g.Name)
			}
			if slices.Contains(names, g.Name) {
				t.Errorf("%s twice", g.Name)
			}
			last, names = g.Confidence, append(names, g.Name)
		}
	})
}

func BenchmarkRecognise(b *testing.B) {
	all := seenAnswers(b)
	for _, name := range []string{"nginx-502", "laravel-503", "express-200"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Recognise(all[name])
			}
		})
	}
}

// A reason phrase tells of Werkzeug if it is the usual one in capitals: one that
// knows no capitals, or is somebody's own, tells nothing.
func TestReasonPhraseInCapitals(t *testing.T) {
	for phrase, want := range map[string]bool{"INTERNAL SERVER ERROR": true, "Internal Server Error": false, "错误错误": false, "BROKEN": false, "": false} {
		guesses := Recognise(exchange.Answer{Status: 500, Text: phrase, Proto: "HTTP/1.1", Stage: exchange.Done})
		if got := slices.ContainsFunc(guesses, func(g Guess) bool { return g.Name == "flask" }); got != want {
			t.Errorf("500 %q: Flask is recognised: %v, want %v (%v)", phrase, got, want, guesses)
		}
	}
}
