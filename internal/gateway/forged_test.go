package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/gateway"
)

// told answers with the fields that an app may believe.
func told(w http.ResponseWriter, r *http.Request) {
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if lower := strings.ToLower(name); strings.Contains(lower, "forwarded") || strings.HasSuffix(lower, "ip") {
			fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
		}
	}
	io.WriteString(w, "Host: "+r.Host)
}

// seen is all that a visitor's fields could change.
type seen struct {
	Redirect string // status and Location of a page that must come by https
	Told     string // what the app is told of a visitor on a page that needn't
	Client   string // in the access log
	Scheme   string // in the access log
	Clients  int    // among the evidence of traffic, after one visit without these fields and one with them
}

func look(t *testing.T, from string, fields ...string) seen {
	t.Helper()
	s := serve(t, &gateway.Gateway{App: app(t, told), Redirect: true, ExemptPaths: []string{"/plain"}})
	res, _ := s.ask(from, "GET", "/page", fields...)
	_, told := s.ask(from, "GET", "/plain", fields...)
	line := s.accessLines(2)[1]
	var logged struct{ Client, Scheme string }
	if err := json.Unmarshal([]byte(line), &logged); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	s.ask(from, "GET", "/plain")
	return seen{
		Redirect: fmt.Sprint(res.StatusCode, " ", res.Header.Get("Location")),
		Told:     told,
		Client:   logged.Client,
		Scheme:   logged.Scheme,
		Clients:  s.g.Stats().Traffic.Clients,
	}
}

// TestForgedFieldsChangeNothing sends forwarding fields from a stranger through
// the whole stack and looks for any difference that they make. From the load
// balancer the same fields do make one, so they are worth forging.
func TestForgedFieldsChangeNothing(t *testing.T) {
	forged := []struct {
		name   string
		fields []string
		inert  bool // changes nothing that is looked at here even if it is believed
	}{
		{"X-Forwarded-Proto", []string{"X-Forwarded-Proto: https"}, false},
		{"X-Forwarded-For", []string{"X-Forwarded-For: 6.6.6.6"}, false},
		{"X-Forwarded-For as from a proxy", []string{"X-Forwarded-For: 6.6.6.6, 10.9.9.9"}, false},
		{"X-Forwarded-For twice", []string{"X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 7.7.7.7"}, false},
		{"X-Forwarded-Host", []string{"X-Forwarded-Host: www.site.example"}, false},
		{"X-Forwarded-Host that is not served", []string{"X-Forwarded-Host: evil.example"}, true},
		{"Forwarded", []string{"Forwarded: for=6.6.6.6;proto=https;host=evil.example"}, false},
		{"all at once", []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example", "Forwarded: for=6.6.6.6;proto=https"}, false},
		{"other vendors'", []string{"CF-Connecting-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6", "X-Forwarded-Port: 443", "X-Forwarded-Ssl: on"}, true},
		{"X-Real-IP", []string{"X-Real-IP: 6.6.6.6"}, false},
		{"underscores", []string{"X_Forwarded_For: 6.6.6.6", "X_Forwarded_Proto: https", "X_Real_IP: 6.6.6.6"}, true},
		{"named in Connection", []string{"Connection: X-Forwarded-For, X-Forwarded-Proto", "X-Forwarded-Proto: https"}, false},
		{"front-end https", []string{"Front-End-Https: on", "X-Url-Scheme: https"}, true},
	}
	honest := look(t, stranger)
	want := seen{
		Redirect: "301 https://site.example/page",
		Told:     "X-Forwarded-For: [\"192.0.2.7\"]\nX-Forwarded-Host: [\"site.example\"]\nX-Forwarded-Proto: [\"http\"]\nHost: site.example",
		Client:   stranger, Scheme: "http", Clients: 1,
	}
	if diff := cmp.Diff(want, honest); diff != "" {
		t.Fatalf("without forged fields (-want +got):\n%s", diff)
	}
	silent := look(t, balancer)
	for _, tt := range forged {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(honest, look(t, stranger, tt.fields...)); diff != "" {
				t.Errorf("forging makes a difference (-honest +forged):\n%s", diff)
			}
			if cmp.Equal(silent, look(t, balancer, tt.fields...)) != tt.inert {
				t.Error("whether the fields make a difference from a trusted proxy is not as expected")
			}
		})
	}
}

// TestVisitorsFieldsByTrustedProxy has the load balancer pass on what its visitor
// forged, as balancers do with what they don't set themselves.
func TestVisitorsFieldsByTrustedProxy(t *testing.T) {
	got := look(t, balancer, "X-Forwarded-For: 192.0.2.99", "X-Forwarded-Proto: https, http", "X-Forwarded-Host: evil.example", "X-Real-IP: 6.6.6.6",
		"X-Forwarded-Ssl: on", "X-Forwarded-Port: 666", "CF-Connecting-IP: 6.6.6.6", "X_Forwarded_Proto: https")
	want := seen{
		Redirect: "301 https://site.example/page",
		Told: "X-Forwarded-For: [\"192.0.2.99, 10.1.2.3\"]\nX-Forwarded-Host: [\"site.example\"]\nX-Forwarded-Proto: [\"http\"]\n" +
			"X-Real-Ip: [\"192.0.2.99\"]\nHost: site.example",
		Client: "192.0.2.99", Scheme: "http", Clients: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTrustedProxyIsBelieved is a visitor by way of two proxies, one of which let
// the visitor's own X-Forwarded-For pass.
func TestTrustedProxyIsBelieved(t *testing.T) {
	got := look(t, balancer, "X-Forwarded-For: 6.6.6.6, 192.0.2.99, 10.4.4.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: www.site.example")
	want := seen{
		Redirect: "200 ",
		Told: "X-Forwarded-For: [\"6.6.6.6, 192.0.2.99, 10.4.4.4, 10.1.2.3\"]\nX-Forwarded-Host: [\"www.site.example\"]\n" +
			"X-Forwarded-Proto: [\"https\"]\nHost: site.example",
		Client: "192.0.2.99", Scheme: "https", Clients: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
