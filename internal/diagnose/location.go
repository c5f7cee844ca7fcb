package diagnose

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

// place is where a request goes or a redirect leads, taken apart.
type place struct {
	scheme string
	host   string // without port, lower case; empty if not told
	port   string // as written; empty if not
	path   string // with its query
}

func (p place) String() string {
	host := p.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p.port != "" {
		host += ":" + p.port
	}
	return quoted(p.scheme + "://" + host + p.path)
}

// here is the place that a view asked, as the server sees it: a request that says
// it came by https counts as https.
func here(v view) place {
	r := v.request()
	p := place{scheme: "http", path: r.Path, host: bareHost(hostOf(r))}
	if p.path == "" {
		p.path = "/"
	}
	_, p.port = splitAddress(hostOf(r))
	if r.TLS != nil || v.at.saysHTTPS() {
		p.scheme = "https"
	}
	return p
}

// saysHTTPS reports whether a change tells the server that the user came by https.
func (s setting) saysHTTPS() bool {
	for _, c := range s.changes {
		if c.factor == fField && strings.EqualFold(c.label, "X-Forwarded-Proto") || c.factor == fHTTPSWords {
			return true
		}
		for _, w := range httpsWords {
			if c.factor == fField && c.label == w.Name {
				return true
			}
		}
	}
	return false
}

// location is where an answer's redirect leads; false if it is none or cannot be
// read. What it leaves out is as here.
func location(v view) (place, bool) {
	a := v.answer()
	if a.Status/100 != 3 || a.Status == 304 {
		return place{}, false
	}
	text := strings.TrimSpace(a.Get("Location"))
	if text == "" {
		return place{}, false
	}
	u, err := url.Parse(text)
	if err != nil {
		return place{}, false
	}
	h := here(v)
	if u.Scheme == "" && u.Host == "" {
		base := &url.URL{Scheme: "http", Host: "x"}
		base.Path, base.RawQuery, _ = strings.Cut(h.path, "?")
		u = base.ResolveReference(u)
		h.path = u.RequestURI()
		return h, true
	}
	p := place{scheme: strings.ToLower(u.Scheme), host: strings.ToLower(u.Hostname()), port: u.Port(), path: u.RequestURI()}
	if p.scheme == "" {
		p.scheme = h.scheme
	}
	return p, true
}

// toggled is a path with its last slash taken away or added.
func toggled(path string) (string, bool) {
	path, query, asked := strings.Cut(path, "?")
	switch {
	case path == "/" || path == "":
		return "", false
	case strings.HasSuffix(path, "/"):
		path = strings.TrimRight(path, "/")
	default:
		path += "/"
	}
	if asked {
		path += "?" + query
	}
	return path, true
}

var (
	loginPath  = regexp.MustCompile(`(?i)(^|[/._-])(log-?in|log_in|sign-?in|sign_in|signon|sso|auth|oauth2?|openid(-connect)?|oidc|saml2?|cas|idp|adfs|authorize|authenticate|session/new|sessions/new|wp-login\.php|keycloak|realms)([/._?-]|$)`)
	loginHost  = regexp.MustCompile(`(?i)^(log-?in|signin|sign-in|sso|auth|id|idp|accounts?|oauth|cas|adfs|identity|keycloak)[.-]|okta|auth0|microsoftonline|accounts\.google|cognito|onelogin`)
	returnName = regexp.MustCompile(`(?i)(^|[?&])(next|return|returnurl|return_url|returnto|return_to|redirect|redirect_uri|redirecturl|redirect_url|redirect_to|rd|continue|service|target|back|backurl|goto|url|from|origin|samlrequest|client_id|relaystate|wtrealm|state)=`)
)

// notLogin are pages that visitors are sent to on the way, and back from, without
// signing in.
var notLogin = regexp.MustCompile(`(?i)(^|[/._-])(maintenance|error|errors|404|50[0-9]|unavailable|consent|cookies?|lang|language|locale|region|country|age|captcha|challenge)([/._?-]|$)`)

// isLogin reports whether a redirect leads to where one signs in: by its name, or
// because it is told to send the visitor back.
func isLogin(from, to place) bool {
	path, query, _ := strings.Cut(to.path, "?")
	own, _, _ := strings.Cut(from.path, "?")
	if path == own || path+"/" == own || own+"/" == path {
		return false
	}
	byPath := loginPath.MatchString(path) && !loginPath.MatchString(own)
	byHost := to.host != from.host && loginHost.MatchString(to.host)
	switch {
	case byPath, byHost && (returnName.MatchString(query) || path != "/"):
		return true
	}
	return len(own) > 1 && returnsTo(query, own) && !notLogin.MatchString(path)
}

// returnsTo reports whether a value in a query, escaped or not, is the path that was
// asked, or a URL of it.
func returnsTo(query, own string) bool {
	for pair := range strings.SplitSeq(query, "&") {
		_, value, _ := strings.Cut(pair, "=")
		for range 3 { // some are escaped twice
			if u, err := url.Parse(value); err == nil && u.Path == own && (u.Scheme == "" || u.Host != "") {
				return true
			}
			text, err := url.QueryUnescape(value)
			if err != nil {
				break
			}
			value = text
		}
	}
	return false
}

// sameRedirect reports whether two answers are redirects to the same place, but for
// what they echo of the request.
func sameRedirect(a, b view) bool {
	x, ok := location(a)
	y, ok2 := location(b)
	return ok && ok2 && x.scheme == y.scheme && x.host == y.host && x.port == y.port && unechoed(x.path, a) == unechoed(y.path, b)
}

// unechoed is the path of a redirect without what it only repeats of its request: a
// Location that carries the asked URL along changes with every Host, and that is no
// progress.
func unechoed(path string, v view) string {
	before, query, asked := strings.Cut(path, "?")
	if !asked {
		return path
	}
	if text, err := url.QueryUnescape(query); err == nil {
		query = text
	}
	query = strings.NewReplacer("https://", "~://", "http://", "~://").Replace(query)
	host := hostOf(v.request())
	own := strings.TrimLeft(v.request().Path, "/")
	for _, echo := range []string{host, bareHost(host), own} {
		if len(echo) > 2 {
			query = strings.ReplaceAll(query, echo, "~")
		}
	}
	return before + "?" + query
}

// fHTTPSWords sets all of httpsWords at once.
const fHTTPSWords = "https-words"

// httpsWords are other ways than X-Forwarded-Proto to say that the user came by
// https.
var httpsWords = []exchange.Field{
	{Name: "X-Forwarded-Ssl", Value: "on"},
	{Name: "Front-End-Https", Value: "on"},
	{Name: "X-Forwarded-Scheme", Value: "https"},
	{Name: "X-Forwarded-Port", Value: "443"},
	{Name: "Forwarded", Value: "proto=https"},
	{Name: "X-Url-Scheme", Value: "https"},
	{Name: "X-Scheme", Value: "https"},
	{Name: "X-Forwarded-Protocol", Value: "https"},
	{Name: "CloudFront-Forwarded-Proto", Value: "https"},
	{Name: "CF-Visitor", Value: `{"scheme":"https"}`},
	{Name: "X-ARR-SSL", Value: "1"},
}
