package dialect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
)

func redirect(code int, location string, more ...exchange.Field) exchange.Answer {
	a := status(code, "Moved", append(more, exchange.Field{Name: "Location", Value: location})...)
	a.Phases.Total = 100 * time.Millisecond
	return a
}

// TestNext: who follows which redirect, and to where. What Go's client would send
// then, TestAgainstGo shows.
func TestNext(t *testing.T) {
	yes := true
	tests := []struct {
		name, dialect, url string
		o                  Options
		answer             exchange.Answer
		want               string // address, method, path and Host of the next request; empty: none
	}{
		{"kubelet, same host", "kubelet", "http://10.0.0.5:8080/a/b", Options{}, redirect(302, "c?d"), "10.0.0.5:8080 GET /a/c?d 10.0.0.5:8080"},
		{"kubelet, other port", "kubelet", "http://10.0.0.5:8080/", Options{}, redirect(301, "http://10.0.0.5:9090/x"), "10.0.0.5:9090 GET /x 10.0.0.5:9090"},
		{"kubelet, https of the same host", "kubelet", "http://10.0.0.5:8080/", Options{}, redirect(301, "https://10.0.0.5/x"), "tls 10.0.0.5:443 GET /x 10.0.0.5"},
		{"kubelet, other host", "kubelet", "http://10.0.0.5:8080/", Options{}, redirect(301, "http://site.example/"), ""},
		{"kubelet, told not to", "kubelet", "http://10.0.0.5:8080/", Options{Redirect: new(bool)}, redirect(301, "/x"), ""},
		{"traefik, other host", "traefik", "http://10.0.0.5:8080/", Options{}, redirect(308, "https://site.example"), "tls site.example:443 GET / site.example"},
		{"a chosen Host stays while it is relative", "traefik", "http://10.0.0.5:8080/", Options{Host: pointer("app")}, redirect(301, "/x"), "10.0.0.5:8080 GET /x app"},
		{"and goes when it is not", "traefik", "http://10.0.0.5:8080/", Options{Host: pointer("app")}, redirect(301, "http://10.0.0.5:8080/x"), "10.0.0.5:8080 GET /x 10.0.0.5:8080"},
		{"resolved elsewhere", "consul", "http://app:81/", Options{Resolve: "10.0.0.5:82"}, redirect(301, "http://app:81/x"), "10.0.0.5:82 GET /x app:81"},
		{"resolved elsewhere, to its https", "consul", "http://app/", Options{Resolve: "10.0.0.5"}, redirect(301, "https://app/x"), "tls 10.0.0.5:443 GET /x app"},
		{"303 turns POST to GET", "consul", "http://a:1/", Options{Method: "POST"}, redirect(303, "/x"), "a:1 GET /x a:1"},
		{"307 does not", "consul", "http://a:1/", Options{Method: "POST"}, redirect(307, "/x"), "a:1 POST /x a:1"},
		{"HEAD stays HEAD", "uptimerobot", "http://a:1/", Options{}, redirect(301, "/x"), "a:1 HEAD /x a:1"},
		{"304 is none", "consul", "http://a:1/", Options{}, redirect(304, "/x"), ""},
		{"nowhere", "consul", "http://a:1/", Options{}, status(302, "Found"), ""},
		{"alb judges it", "alb", "http://a:1/", Options{}, redirect(301, "/x"), ""},
		{"cloudflare judges it", "cloudflare", "http://a:1/", Options{}, redirect(301, "/x"), ""},
		{"unless told", "cloudflare", "http://a:1/", Options{Redirect: &yes}, redirect(301, "/x"), "a:1 GET /x a:1"},
		{"late", "consul", "http://a:1/", Options{}, with(redirect(301, "/x"), func(a *exchange.Answer) { a.Late = true }), ""},
		{"no time left", "consul", "http://a:1/", Options{Timeout: 100 * time.Millisecond}, redirect(301, "/x"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := must(t, tt.dialect, tt.url, tt.o)
			r, more := p.Next([]exchange.Answer{tt.answer})
			got := ""
			if more {
				got = r.Address + " " + r.Method + " " + r.Path + " " + hostOf(r)
				if r.TLS != nil {
					got = "tls " + got
				}
				if left := p.Request.Timeout - tt.answer.Phases.Total; r.Timeout != left {
					t.Errorf("time-out %s, of which %s is left", r.Timeout, left)
				}
			}
			if got != tt.want {
				t.Errorf("Next = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestNextHandshake: the server name that was chosen is that of one host.
func TestNextHandshake(t *testing.T) {
	p := must(t, "consul", "https://10.0.0.5/", Options{SNI: pointer("app.example"), Verify: pointer(false)})
	for location, want := range map[string]string{"/x": "app.example", "https://10.0.0.5:8443/": "app.example", "https://other.example/": "other.example"} {
		r, more := p.Next([]exchange.Answer{redirect(302, location)})
		if !more || r.TLS == nil || r.TLS.ServerName != want || r.TLS.Verify {
			t.Errorf("to %s: %+v, want the name %s, not verified", location, r.TLS, want)
		}
	}
}

// TestHops counts how many redirects each dialect follows.
func TestHops(t *testing.T) {
	for name, want := range map[string]int{"kubelet": 9, "consul": 9, "traefik": 9, "kamal": 9, "blackbox": 10, "gatus": uncapped, "uptimerobot": uncapped, "alb": 0} {
		p := must(t, name, "http://10.0.0.5:8080/", Options{Timeout: time.Hour})
		answers := []exchange.Answer{redirect(302, "/again")}
		for {
			if _, more := p.Next(answers); !more {
				break
			}
			answers = append(answers, redirect(302, "/again"))
		}
		if got := len(answers) - 1; got != want {
			t.Errorf("%s follows %d redirects, want %d", name, got, want)
		}
		if v := p.Judge(answers); want > 0 && (v.Outcome != Fail || v.Event != lbprofile.TooManyHops) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// TestTimeRunsOut: the time-out is of all of them together.
func TestTimeRunsOut(t *testing.T) {
	p := must(t, "consul", "http://a:1/", Options{Timeout: 250 * time.Millisecond})
	v := p.Judge([]exchange.Answer{redirect(302, "/x"), redirect(302, "/x"), redirect(302, "/x")})
	if v.Outcome != Fail || v.Event != lbprofile.AnswerTimeout || v.Text != `Get "http://a:1/x": context deadline exceeded (Client.Timeout exceeded while awaiting headers)` {
		t.Errorf("%+v", v)
	}
}

// TestCookies: blackbox_exporter brings back what a redirect gave it, Go's client
// by itself does not.
func TestCookies(t *testing.T) {
	first := redirect(302, "/x", exchange.Field{Name: "Set-Cookie", Value: "session=1; Path=/"}, exchange.Field{Name: "Set-Cookie", Value: "no=2; Path=/other"})
	for name, want := range map[string]string{"blackbox": "session=1", "consul": ""} {
		r, more := must(t, name, "http://10.0.0.5:8080/", Options{}).Next([]exchange.Answer{first})
		got := ""
		for _, f := range r.Fields {
			if f.Name == "Cookie" {
				got = f.Value
			}
		}
		if !more || got != want {
			t.Errorf("%s: Cookie %q, want %q", name, got, want)
		}
	}
}

// TestCredentials: what proves who asks goes to no other site.
func TestCredentials(t *testing.T) {
	secret := []exchange.Field{{Name: "authorization", Value: "Bearer s3cret"}, {Name: "Cookie", Value: "session=1"}, {Name: "X-Env", Value: "live"}}
	for _, tt := range []struct {
		url, location string
		kept          bool
	}{
		{"http://app.example/", "/x", true},
		{"http://app.example/", "https://APP.example:8443/x", true},
		{"http://app.example/", "http://eu.app.example/x", true},
		{"http://app.example/", "http://example/x", false},
		{"http://app.example/", "http://notapp.example/x", false},
		{"http://10.0.0.5/", "http://app.example/x", false},
		{"http://10.0.0.5/", "//10.0.0.6/x", false},
	} {
		for _, name := range []string{"consul", "gatus", "uptimerobot"} {
			r, more := must(t, name, tt.url, Options{Fields: secret}).Next([]exchange.Answer{redirect(302, tt.location)})
			var got []string
			for _, f := range r.Fields {
				switch strings.ToLower(f.Name) {
				case "authorization", "cookie", "x-env":
					got = append(got, f.Value)
				}
			}
			slices.Sort(got)
			want := []string{"live"}
			if tt.kept {
				want = []string{"Bearer s3cret", "live", "session=1"}
			}
			if !more || !slices.Equal(got, want) {
				t.Errorf("%s, %s to %s: %q is handed on, want %q", name, tt.url, tt.location, got, want)
			}
		}
	}
}

// TestRedirectedBody: who asks with GET in place of POST sends no body, and says
// nothing about one.
func TestRedirectedBody(t *testing.T) {
	p := must(t, "consul", "http://a:1/", Options{Method: "POST", Fields: []exchange.Field{{Name: "Content-Type", Value: "text/plain"}, {Name: "Content-Length", Value: "2"}}})
	p.Request.Body = []byte("hi")
	for code, want := range map[int]string{302: "GET []", 307: "POST hi [2 text/plain]"} {
		r, _ := p.Next([]exchange.Answer{redirect(code, "/x")})
		var about []string
		for _, f := range r.Fields {
			if strings.HasPrefix(f.Name, "Content-") {
				about = append(about, f.Value)
			}
		}
		if got := strings.Replace(fmt.Sprintf("%s %s %v", r.Method, r.Body, about), "  ", " ", 1); got != want {
			t.Errorf("%d: %s, want %s", code, got, want)
		}
	}
}

// TestReferer: Go's client says where it comes from, but not in the clear when it
// comes from TLS.
func TestReferer(t *testing.T) {
	for _, tt := range []struct{ url, location, want string }{
		{"http://a:1/x?y", "/z", "http://a:1/x?y"},
		{"https://a/x", "http://a/z", ""},
		{"https://a/x", "/z", "https://a/x"},
	} {
		r, _ := must(t, "consul", tt.url, Options{}).Next([]exchange.Answer{redirect(302, tt.location)})
		var got []string
		for _, f := range r.Fields {
			if f.Name == "Referer" {
				got = append(got, f.Value)
			}
		}
		var want []string
		if tt.want != "" {
			want = []string{tt.want}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", tt.url, tt.location, diff)
		}
	}
}
