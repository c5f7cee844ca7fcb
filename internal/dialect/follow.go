package dialect

import (
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
)

// step is where a chain of redirects stands after some answers.
type step struct {
	request exchange.Request // the one to ask, or that was asked last
	url     string           // of request
	event   lbprofile.Event  // why the chain does not go on; empty: it does, or it never began
	method  string           // of the first request, by which Go's client names all of them in errors
	problem string           // about event, in the words of Go's client
	// problemURL is the one that problem is about, if it is not url.
	problemURL string
	hops       int
	spent      time.Duration
}

// Next returns the request with which this prober follows the redirect that the
// last of answers is. It reports false if it asks no more: no redirect, one that
// it judges or that leads too far, or no time left.
func (p Probe) Next(answers []exchange.Answer) (exchange.Request, bool) {
	s, more := p.walk(answers)
	return s.request, more
}

// walk goes along answers. It reports whether there is one more request to ask.
func (p Probe) walk(answers []exchange.Answer) (s step, more bool) {
	s = step{request: p.Request, url: p.URL, method: p.Request.Method}
	var jar http.CookieJar
	if p.Profile.Name == "blackbox" {
		jar, _ = cookiejar.New(nil) // a nil Options has no error
	}
	for _, a := range answers {
		s.spent += a.Phases.Total
		next, follows := p.follow(s, a, jar)
		if !follows {
			next.spent = s.spent
			return next, false
		}
		s = next
	}
	return s, len(answers) > 0
}

// follow returns the step after a redirect, or s with the reason why there is
// none.
func (p Probe) follow(s step, a exchange.Answer, jar http.CookieJar) (step, bool) {
	switch a.Status {
	case 301, 302, 303, 307, 308:
	default:
		return s, false
	}
	location := a.Get("Location")
	if location == "" || a.Late || a.Stage < exchange.ReadingBody || a.Failure != exchange.None && a.Stage != exchange.ReadingBody {
		return s, false
	}
	from, err := url.Parse(s.url)
	if err != nil {
		return s, false
	}
	to, err := from.Parse(location)
	follows := p.Rules.Redirects == lbprofile.RedirectsFollowed || p.Rules.Redirects == lbprofile.RedirectsSameHost
	switch {
	case err != nil && (follows || p.Profile.Client == lbprofile.ClientGo): // which reads it before it asks whether to follow
		s.event, s.problem = lbprofile.BadRedirect, badLocation(location, to, err)
		return s, false
	case !follows, p.Rules.Redirects == lbprofile.RedirectsSameHost && to.Hostname() != p.hostname():
		return s, false
	case to.Host == "", to.Scheme != "http" && to.Scheme != "https":
		s.event, s.problem, s.problemURL = lbprofile.BadRedirect, badLocation(location, to, nil), to.String()
		return s, false
	}
	if s.hops >= p.Rules.Hops {
		s.event, s.problem, s.problemURL = lbprofile.TooManyHops, "stopped after "+strconv.Itoa(p.Rules.Hops+1)+" redirects", location
		return s, false
	}
	left := p.Request.Timeout - s.spent
	if left <= 0 {
		s.event, s.problem, s.problemURL = lbprofile.AnswerTimeout, "context deadline exceeded", to.String()
		return s, false
	}
	if jar != nil {
		if cookies := (&http.Response{Header: http.Header{"Set-Cookie": values(a, "Set-Cookie")}}).Cookies(); len(cookies) > 0 {
			jar.SetCookies(from, cookies)
		}
	}
	return p.redirected(s, a, from, to, location, left, jar), true
}

func values(a exchange.Answer, name string) []string {
	var found []string
	for _, f := range a.Fields {
		if strings.EqualFold(f.Name, name) {
			found = append(found, f.Value)
		}
	}
	return found
}

func badLocation(location string, to *url.URL, err error) string {
	switch {
	case err != nil:
		return "failed to parse Location header " + quoted(location) + ": " + err.Error()
	case to.Host == "":
		return "http: no Host in request URL"
	}
	return "unsupported protocol scheme " + quoted(to.Scheme)
}

// redirected is the request that asks where a redirect leads.
func (p Probe) redirected(s step, a exchange.Answer, from, to *url.URL, location string, left time.Duration, jar http.CookieJar) step {
	q := p
	q.Request = s.request
	q = q.clone()
	r := &q.Request
	if a.Status <= 303 {
		if r.Method != "HEAD" {
			r.Method = "GET"
		}
		r.Body = nil
		q.dropFields(ofBody)
	}
	if !sameSite(to.Hostname(), p.hostname()) {
		q.dropFields(credentials)
	}
	r.Path = to.EscapedPath()
	if r.Path == "" {
		r.Path = "/"
	}
	if to.RawQuery != "" || to.ForceQuery {
		r.Path += "?" + to.RawQuery
	}
	// Who chose a Host keeps it as long as redirects are relative; so does Go's
	// client, and nothing is known of the others.
	relative := !strings.Contains(location, "://") && !strings.HasPrefix(location, "//")
	chosen := q.host() != "" && q.host() != from.Host
	if !chosen || !relative {
		q.setField("Host", to.Host)
	}
	r.Address, r.TLS = dialled(s.request, from, to), nil
	if to.Scheme == "https" {
		r.TLS = q.handshake(target{scheme: "https", host: to.Hostname()}, Options{})
		if h := s.request.TLS; h != nil {
			r.TLS.Verify = h.Verify
			if from.Hostname() == to.Hostname() {
				r.TLS.ServerName, r.TLS.VerifyName = h.ServerName, h.VerifyName
			}
		}
	}
	if p.Profile.Client == lbprofile.ClientGo {
		q.setField("Referer", referer(from, to))
	}
	if jar != nil {
		var cookies []string
		for _, c := range jar.Cookies(to) {
			cookies = append(cookies, c.Name+"="+c.Value)
		}
		q.setField("Cookie", strings.Join(cookies, "; "))
	}
	r.Timeout, r.ConnectTimeout = left, 0
	return step{request: q.Request, url: to.String(), method: s.method, hops: s.hops + 1, spent: s.spent}
}

// The fields that a redirect leaves behind: those about a body that is not sent
// again, and those that prove to one site who asks, on the way to another. Go's
// client and curl do so; of the others nothing is known, and a secret is safer
// kept.
var (
	ofBody      = []string{"Content-Encoding", "Content-Language", "Content-Length", "Content-Location", "Content-Type", "Transfer-Encoding"}
	credentials = []string{"Authorization", "Cookie", "Cookie2", "Proxy-Authenticate", "Proxy-Authorization", "Www-Authenticate"}
)

func (p *Probe) dropFields(names []string) {
	for _, name := range names {
		p.setField(name, "")
	}
}

// sameSite reports whether host is that of the site or a name below it.
func sameSite(host, site string) bool {
	host, site = strings.ToLower(host), strings.ToLower(site)
	return host == site || strings.HasSuffix(host, "."+site) && nameOnly(host) != ""
}

// referer is what Go's client says where it comes from.
func referer(from, to *url.URL) string {
	if from.Scheme == "https" && to.Scheme == "http" {
		return ""
	}
	said := *from
	said.User, said.Fragment = nil, ""
	return said.String()
}

// dialled is the address for a redirect's target. On the same host it is the one
// that was dialled, which Options may have chosen.
func dialled(was exchange.Request, from, to *url.URL) string {
	port := to.Port()
	if port == "" {
		port = ports[to.Scheme]
	}
	if from.Hostname() != to.Hostname() {
		return net.JoinHostPort(to.Hostname(), port)
	}
	fromPort := from.Port()
	if fromPort == "" {
		fromPort = ports[from.Scheme]
	}
	host, _, err := net.SplitHostPort(was.Address)
	if fromPort == port || err != nil {
		return was.Address
	}
	return net.JoinHostPort(host, port)
}

// hostname is that of the URL first asked.
func (p Probe) hostname() string {
	if u, err := url.Parse(p.URL); err == nil {
		return u.Hostname()
	}
	return ""
}
