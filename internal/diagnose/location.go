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

// isLogin reports whether a redirect leads to where one signs in.
func isLogin(from, to place) bool {
	path, query, _ := strings.Cut(to.path, "?")
	own, _, _ := strings.Cut(from.path, "?")
	if path == own || path+"/" == own || own+"/" == path {
		return false
	}
	byPath := loginPath.MatchString(path) && !loginPath.MatchString(own)
	byHost := to.host != from.host && loginHost.MatchString(to.host)
	returns := returnName.MatchString(query)
	switch {
	case byPath, byHost && (returns || path != "/"):
		return true
	}
	return returns && strings.Contains(query, strings.Trim(url.QueryEscape(own), "/")) && len(own) > 1
}

// sameRedirect reports whether two answers are redirects to the same place.
func sameRedirect(a, b view) bool {
	x, ok := location(a)
	y, ok2 := location(b)
	return ok && ok2 && x == y
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
