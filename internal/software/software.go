// Package software recognises, by the marks of an answer, which server program
// or framework gave it, and whether the whole answer is a page of that program's
// own: nginx's 502, Django's 400, Apache's welcome.
//
// It is pure and gives no verdict. Its work is bounded whatever the answer holds,
// and what it returns is safe to print.
package software

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

// Role is what a program does in the chain from the listener to the app.
type Role string

// The Roles.
const (
	Front     Role = "front"     // web server, proxy, cache: nginx, Apache, Varnish
	AppServer Role = "appserver" // runs the app: gunicorn, puma, Tomcat
	Framework Role = "framework" // the app is written with it: Django, Rails
	Service   Role = "service"   // no web server at all: a database, SSH
)

// Guess is one program that had a part in the answer.
type Guess struct {
	Name       string // "django", "nginx": for package cause
	Title      string // "Django"
	Version    string // if the answer tells it
	Role       Role
	Confidence float64 // 0..1
	Evidence   string  // the mark that told, safe to print
	Page       string  // if the whole answer is one of this program's own pages, which; else empty
}

// The Pages: what a program's own page says.
const (
	PageWelcome      = "welcome"       // of a fresh installation: nothing is set up here
	PageListing      = "listing"       // of a directory
	PageEmpty        = "empty"         // 200 with nothing in it: no site is set up for this Host
	PageHealth       = "health"        // this program's own health answer: HAProxy's monitor-uri
	PageRedirect     = "redirect"      // 3xx with this program's own body
	PageBadRequest   = "bad-request"   // 400, 408, 414, 431: it could not read the request
	PageHostRefused  = "host-refused"  // it does not serve this Host
	PageTLSRequired  = "tls-required"  // plain HTTP came to a port that speaks TLS
	PageCertRequired = "cert-required" // a client certificate is missing or wrong
	PageUnauthorized = "unauthorized"  // 401
	PageForbidden    = "forbidden"     // 403
	PageNotFound     = "not-found"     // 404
	PageMethod       = "method"        // 405, 501
	PageRateLimited  = "rate-limited"  // 429
	PageError        = "error"         // 500
	PageBadGateway   = "bad-gateway"   // 502
	PageUnavailable  = "unavailable"   // 503
	PageMaintenance  = "maintenance"   // 503, taken out of service on purpose
	PageTimeout      = "timeout"       // 504: what is behind it does not answer
	PageVersion      = "version"       // 505, 426: not this version of HTTP
	PageGreeting     = "greeting"      // no HTTP: the first words of another protocol
	PageOther        = "other"         // another status, with this program's own body
)

// Recognise returns the programs that an answer betrays, the most certain first,
// each of them once.
func Recognise(a exchange.Answer) []Guess {
	s := look(a)
	var guesses []Guess
	add := func(g Guess) {
		p := programs[g.Name]
		g.Title, g.Role = p.title, p.role
		i := slices.IndexFunc(guesses, func(o Guess) bool { return o.Name == g.Name })
		if i < 0 {
			guesses = append(guesses, g)
			return
		}
		guesses[i] = join(guesses[i], g)
	}
	if a.Status == 0 {
		if len(a.Received) > 0 {
			s.greet(add)
		}
	} else {
		s.fields(add)
		s.own(add)
		s.frameworks(add)
		s.welcome(add)
	}
	guesses = slices.DeleteFunc(guesses, func(g Guess) bool { return g.Confidence == 0 })
	s.doubt(guesses)
	slices.SortStableFunc(guesses, func(a, b Guess) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return guesses
}

// join makes one of two guesses of the same program: two marks are more certain
// than either, and the stronger is told.
func join(a, b Guess) Guess {
	if b.Confidence > a.Confidence {
		a, b = b, a
	}
	a.Confidence = min(1-(1-a.Confidence)*(1-b.Confidence), 0.99)
	a.Version = cmp.Or(a.Version, b.Version)
	if a.Page == "" && b.Page != "" {
		a.Page = b.Page
		a.Evidence = b.Evidence + "; " + a.Evidence
	}
	return a
}

// doubt takes pages back that look like a front server's but come from an app: a
// front server writes its pages with its own head, and leaves out what marks an
// app.
func (s *seen) doubt(guesses []Guess) {
	server, powered := strings.ToLower(s.Get("Server")), strings.ToLower(s.Get("X-Powered-By"))
	for i := range guesses {
		g := &guesses[i]
		if g.Role != Front || g.Page == "" || g.Page == PageWelcome || g.Page == PageListing {
			continue
		}
		app := powered != "" && !strings.HasPrefix(powered, "plesk")
		for _, m := range marks {
			if m.field == "Server" && m.begins != "" && strings.HasPrefix(server, m.begins) {
				app = app || programs[m.name].role == AppServer || programs[m.name].role == Framework
				break
			}
		}
		if app {
			g.Page = ""
			g.Confidence = min(g.Confidence, 0.2)
			g.Evidence += ", but the head is an app's"
		}
	}
}

// OwnPage returns the program of whose own pages the whole answer is one, as far
// as anybody can tell from it: the most certain one.
func OwnPage(a exchange.Answer) (Guess, bool) {
	return most(a, func(g Guess) bool { return g.Page != "" })
}

// Fronted returns the web server or proxy that the answer came through, if it
// tells of one: the most certain one.
func Fronted(a exchange.Answer) (Guess, bool) {
	return most(a, func(g Guess) bool { return g.Role == Front })
}

func most(a exchange.Answer, fits func(Guess) bool) (Guess, bool) {
	all := Recognise(a)
	i := slices.IndexFunc(all, fits)
	if i < 0 {
		return Guess{}, false
	}
	return all[i], true
}
