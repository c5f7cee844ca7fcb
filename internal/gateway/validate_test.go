package gateway_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/internal/accesslog"
	"github.com/inservice/inservice/internal/gateway"
	"github.com/inservice/inservice/internal/traffic"
)

func TestOpenAcceptsApps(t *testing.T) {
	for _, app := range []string{"http://127.0.0.1:8000", "http://127.0.0.1:8000/", "http://localhost", "http://[::1]:8000", "http://app.internal:80", "unix:/run/app.sock"} {
		g := &gateway.Gateway{App: app}
		if err := g.Open(); err != nil {
			t.Errorf("%s: %v", app, err)
		}
		g.Close()
	}
}

// TestOpenRefuses gives one mistake, or several, and the words that must name
// each.
func TestOpenRefuses(t *testing.T) {
	const good = "http://127.0.0.1:8000"
	rules, err := allowedhosts.Parse("site.example")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		gateway *gateway.Gateway
		want    []string
	}{
		{"nothing", &gateway.Gateway{}, []string{"app: write where the app listens"}},
		{"no scheme", &gateway.Gateway{App: "127.0.0.1:8000"}, []string{"write where the app listens"}},
		{"https", &gateway.Gateway{App: "https://127.0.0.1:8000"}, []string{"write where the app listens"}},
		{"no host", &gateway.Gateway{App: "http://:8000"}, []string{"write where the app listens"}},
		{"path", &gateway.Gateway{App: good + "/site"}, []string{"no more than the address"}},
		{"query", &gateway.Gateway{App: good + "?"}, []string{"no more than the address"}},
		{"password", &gateway.Gateway{App: "http://bob:s3cret@127.0.0.1"}, []string{"no more than the address"}},
		{"port 0", &gateway.Gateway{App: "http://127.0.0.1:0"}, []string{"port 0"}},
		{"large port", &gateway.Gateway{App: "http://127.0.0.1:65536"}, []string{"port 65536"}},
		{"not a port", &gateway.Gateway{App: "http://127.0.0.1:s3cret"}, []string{"write where the app listens"}},
		{"relative socket", &gateway.Gateway{App: "unix:app.sock"}, []string{"the socket's whole path"}},
		{"socket with slashes of a URL", &gateway.Gateway{App: "unix:///run/app.sock"}, []string{"the socket's whole path"}},
		{"long socket", &gateway.Gateway{App: "unix:/" + strings.Repeat("a", 107)}, []string{"has 108 bytes, and a socket's can't have more than 107"}},
		{"proxies", &gateway.Gateway{App: good, TrustedProxies: []netip.Prefix{{}}}, []string{"trusted proxies"}},
		{"mapped proxies", &gateway.Gateway{App: good, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}, []string{"trusted proxies"}},
		{"redirect to any host", &gateway.Gateway{App: good, Redirect: true}, []string{"no allowed hosts"}},
		{"HSTS alone", &gateway.Gateway{App: good, HSTS: time.Hour}, []string{"without the redirect"}},
		{"HSTS for subdomains alone", &gateway.Gateway{App: good, Hosts: &rules, Redirect: true, HSTSSubdomains: true}, []string{"without HSTS"}},
		{"exempt path", &gateway.Gateway{App: good, ExemptPaths: []string{"/a", "b"}}, []string{`exempt path "b"`}},
		{"exempt query", &gateway.Gateway{App: good, ExemptPaths: []string{"/a?b"}}, []string{`exempt path "/a?b"`}},
		{"timeout", &gateway.Gateway{App: good, ResponseTimeout: -1}, []string{"below zero"}},
		{"dial timeout", &gateway.Gateway{App: good, DialTimeout: -1}, []string{"below zero"}},
		{"traffic", &gateway.Gateway{App: good, Traffic: &traffic.Policy{Window: -1}}, []string{"traffic: "}},
		{"access log", &gateway.Gateway{App: good, AccessLog: &accesslog.Log{}}, []string{"access log"}},
		{"several", &gateway.Gateway{Redirect: true, DialTimeout: -1}, []string{"app: ", "no allowed hosts", "below zero"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.gateway.Open()
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if n := strings.Count(err.Error(), "\n") + 1; n != len(tt.want) {
				t.Errorf("%d mistakes are named: %q", n, err)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error tells a secret: %q", err)
			}
			tt.gateway.Close() // does nothing
		})
	}
}
