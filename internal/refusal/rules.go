package refusal

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// rules is the table. The order is the order in which they are told.
var rules = []rule{
	{
		id: "host-missing", server: "Go net/http, nginx, Apache, Tomcat, Kestrel, Node.js 20", setting: "the protocol", answers: "400", always: true,
		source:  "RFC 9112, 3.2; Go net/http server.go readRequest; nginx ngx_http_process_request_header; Apache ap_check_request_header; Tomcat Http11Processor.prepareRequest; Kestrel Http1Connection.EnsureHostHeaderExists; Node.js requireHostHeader",
		applies: hostMissing,
	},
	{
		id: "host-twice", server: "Go net/http, nginx, Apache, Tomcat, Kestrel", setting: "the protocol", answers: "400", always: true,
		source:  "RFC 9112, 3.2; Go net/http server.go readRequest; nginx ngx_http_process_host; Tomcat Http11Processor.prepareRequest",
		applies: hostTwice,
	},
	{
		id: "no-version", server: "Go net/http, Tomcat, Node.js", setting: "the protocol", answers: "400, or a closed connection", always: true,
		source:  "Go net/http request.go parseRequestLine",
		applies: noVersion,
	},
	{
		id: "host-characters", server: "Tomcat and Spring Boot, in most cases nginx and Go net/http too", setting: "the protocol", answers: "400", always: true,
		source:  "Tomcat HttpParser.readHostDomainName, RFC 3986, 3.2.2",
		applies: hostCharacters,
	},
	{
		id: "django-allowed-hosts", server: "Django", setting: "ALLOWED_HOSTS", answers: "400 (DisallowedHost)", verb: "allows",
		source:  "django/http/request.py: HttpRequest.get_host, split_domain_port, validate_host",
		applies: django,
	},
	{
		id: "rails-hosts", server: "Rails", setting: "config.hosts", answers: "403 (Blocked hosts)", verb: "allows",
		source:  "actionpack/lib/action_dispatch/middleware/host_authorization.rb",
		applies: rails,
	},
	{
		id: "https-redirect", server: "Any server that redirects to https", setting: "https only", answers: "301, 302, 307 or 308 to https", verb: "exempts",
		source:  "django/middleware/security.py SECURE_SSL_REDIRECT; actionpack/lib/action_dispatch/middleware/ssl.rb; inservice httpsredirect",
		applies: redirect,
	},
	{
		id: "nginx-server-name", server: "nginx", setting: "server_name", answers: "that of the default server: its own site, 404, or 444, which is a closed connection", verb: "names",
		source:  "nginx.org: how nginx processes a request; ngx_http_find_virtual_server",
		applies: nginx,
	},
	{
		id: "aspnet-allowed-hosts", server: "ASP.NET Core", setting: "AllowedHosts", answers: "400 (Invalid Hostname)", verb: "allows",
		source:  "aspnetcore src/Middleware/HostFiltering/src/HostFilteringMiddleware.cs",
		applies: aspnet,
	},
	{
		id: "vite-allowed-hosts", server: "Vite", setting: "server.allowedHosts", answers: "403 (Blocked request)", verb: "allows",
		source:  "vite packages/vite/src/node/server/middlewares/hostCheck.ts; package host-validation-middleware",
		applies: vite,
	},
}

func hostMissing(r *Request) (why, allow, fix string, refuses bool) {
	if !r.isHTTP11() || r.Cut || len(r.hosts()) > 0 {
		return "", "", "", false
	}
	return "an HTTP/1.1 request must have a Host field, and this one has none", "",
		"set a host (HAProxy: http-check send hdr Host …) or HTTP/1.0 at the load balancer; no handler of the server sees the request", true
}

func hostTwice(r *Request) (why, allow, fix string, refuses bool) {
	n := len(r.hosts())
	if n < 2 || !strings.HasPrefix(r.Proto, "HTTP/1.") {
		return "", "", "", false
	}
	return fmt.Sprintf("there are %d Host fields", n), "", "send one Host field: a header that is configured at the load balancer may come on top of its own", true
}

func noVersion(r *Request) (why, allow, fix string, refuses bool) {
	if r.Proto != "" || r.Method == "" {
		return "", "", "", false
	}
	return "the request line has no HTTP version", "",
		`write the version into the send string: "GET / HTTP/1.0\r\n\r\n"`, true
}

// hostCharacters refuses what no host is made of. An underscore is the one that
// servers disagree about: it is told of in words.
func hostCharacters(r *Request) (why, allow, fix string, refuses bool) {
	if !r.HasHost || r.Host == "" {
		return "", "", "", false
	}
	name, _, ok := plainHost(r.Host)
	if ok && (strings.HasPrefix(name, "[") || strings.Trim(strings.ToLower(name), letters+"0123456789.-") == "" && tomcatTakes(name)) {
		return "", "", "", false
	}
	fix = "choose a host at the load balancer that is a name or an address"
	if ok && strings.Trim(strings.ToLower(name), letters+"0123456789.-_") == "" && strings.Contains(name, "_") {
		return fmt.Sprintf("Host %s has an underscore, which Tomcat refused before 8.5.35 and 9.0.13 and Django refuses still; containers are often named so", quote(r.Host)), "",
			"call the container or service by a name with a hyphen instead", true
	}
	return fmt.Sprintf("Host %s is neither a name nor an address", quote(r.Host)), "", fix, true
}

// tomcatTakes reports whether no label of a name begins or ends with a hyphen,
// and none but the last is empty.
func tomcatTakes(name string) bool {
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

func django(r *Request) (why, allow, fix string, refuses bool) {
	if !r.HasHost {
		if r.isHTTP11() {
			return "", "", "", false // host-missing says it
		}
		return "without a Host field it takes the name or address that its server was bound to (SERVER_NAME)", "",
			"add what the server is bound to, such as 0.0.0.0, to ALLOWED_HOSTS; better set a host at the load balancer", true
	}
	domain := splitDjango(r.Host)
	if domain == "" {
		return fmt.Sprintf("Host %s is no host for it, whatever is allowed", quote(r.Host)), "",
			"choose another host at the load balancer", true
	}
	if forMany(domain) {
		return wide(r.Host, "ALLOWED_HOSTS")
	}
	return fmt.Sprintf("Host is %s, and ALLOWED_HOSTS lists names of the site", quote(r.Host)), domain,
		fmt.Sprintf("ALLOWED_HOSTS = [..., %s]", pyQuote(domain)), true
}

func rails(r *Request) (why, allow, fix string, refuses bool) {
	const exclude = `config.host_authorization = { exclude: ->(request) { request.path == %s } }`
	path := rubyQuote(pathOf(r.Target))
	if !r.HasHost {
		if r.isHTTP11() {
			return "", "", "", false
		}
		return "there is no Host field, and no entry matches none", "", fmt.Sprintf(exclude, path), true
	}
	value, isAddr := splitRails(r.Host)
	if value == "" {
		return "the Host field is empty", "", fmt.Sprintf(exclude, path), true
	}
	if forMany(value) {
		return wide(r.Host, "config.hosts")
	}
	fix = "config.hosts << " + rubyQuote(value)
	if isAddr {
		fix = "config.hosts << IPAddr.new(" + rubyQuote(value) + ")"
	}
	return fmt.Sprintf("Host is %s, and config.hosts, where it is set, lists names of the site", quote(r.Host)), value,
		fix + "   # or for this path alone: " + fmt.Sprintf(exclude, path), true
}

func redirect(r *Request) (why, allow, fix string, refuses bool) {
	if r.TLS || strings.EqualFold(r.get("X-Forwarded-Proto"), "https") {
		return "", "", "", false
	}
	why = "it came by plain http, and nothing says that a visitor used https (X-Forwarded-Proto)"
	path := pathOf(r.Target)
	fix = "SECURE_REDIRECT_EXEMPT = [" + pyRaw("^"+regexpQuote(strings.TrimPrefix(path, "/"))+"$") + "] (Django), " +
		"config.ssl_options = { redirect: { exclude: ->(request) { request.path == " + rubyQuote(path) + " } } } (Rails), " +
		"a location of its own before the redirect (nginx)"
	return why, path, fix, true
}

func nginx(r *Request) (why, allow, fix string, refuses bool) {
	if !r.HasHost {
		if r.isHTTP11() {
			return "", "", "", false
		}
		return `there is no Host field: only server_name "" matches that`, `""`, `server_name mysite.example "";`, true
	}
	name, _, ok := plainHost(r.Host)
	if !ok {
		return "", "", "", false // host-characters says it
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "" {
		return "", "", "", false
	}
	if forMany(name) {
		return wide(r.Host, "server_name")
	}
	return fmt.Sprintf("Host is %s: a server block that does not name it does not get the request", quote(r.Host)), name,
		"server_name mysite.example " + jsonInner(name) + ";", true
}

func aspnet(r *Request) (why, allow, fix string, refuses bool) {
	if !r.HasHost || r.Host == "" {
		return "", "", "", false // an empty host is allowed by default
	}
	name, _, ok := plainHost(r.Host)
	if !ok {
		return "", "", "", false
	}
	if forMany(name) {
		return wide(r.Host, "AllowedHosts")
	}
	return fmt.Sprintf("Host is %s, and AllowedHosts, where it is not *, lists names of the site", quote(r.Host)), name,
		`"AllowedHosts": "mysite.example;` + jsonInner(name) + `"`, true
}

// vite allows addresses and localhost by itself.
func vite(r *Request) (why, allow, fix string, refuses bool) {
	if !r.HasHost || r.Host == "" || strings.HasPrefix(r.Host, "[") {
		return "", "", "", false
	}
	name, _, _ := strings.Cut(strings.TrimSpace(r.Host), ":")
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") || name == "" {
		return "", "", "", false
	}
	if forMany(name) {
		return wide(r.Host, "allowedHosts")
	}
	return fmt.Sprintf("Host is %s, which is neither an address nor localhost", quote(r.Host)), name,
		"server: { allowedHosts: [" + jsonQuote(name) + "] }", true
}

// forMany reports whether a setting could take a name, which a stranger chose, for
// more than that host: a pattern, a variable, or the end of the setting. To allow
// it could let everybody in.
func forMany(name string) bool {
	return strings.HasPrefix(name, ".") || strings.ContainsAny(name, "*~$;,'")
}

// wide is the refusal of a Host that nobody should allow.
func wide(host, setting string) (why, allow, fix string, refuses bool) {
	return fmt.Sprintf("Host is %s, which %s would not take for one host", quote(host), setting), "",
		"choose another host at the load balancer: to allow this one could allow many", true
}

// pathOf is the path of a request's target.
func pathOf(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if _, rest, absolute := strings.Cut(path, "://"); absolute {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return path
}

// quote makes what a stranger chose safe to print, and short.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// The strings of languages: all take what QuoteToASCII writes of printable ASCII.
// Ruby would look into a double-quoted string for #{…}.
func pyQuote(s string) string   { return quote(s) }
func jsonQuote(s string) string { return quote(s) }
func rubyQuote(s string) string { return strings.ReplaceAll(quote(s), "#", `\#`) }

// jsonInner is s for the inside of a string.
func jsonInner(s string) string {
	q := quote(s)
	return q[1:strings.LastIndexByte(q, '"')]
}

// pyRaw is s as a raw string of Python.
func pyRaw(s string) string {
	inner := jsonInner(s)
	return `r"` + strings.ReplaceAll(inner, `\\`, `\`) + `"`
}

// regexpQuote makes s match itself in the expressions of every language here.
func regexpQuote(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
