package httpsredirect_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/httpsredirect"
)

// A site behind a load balancer that ends TLS. The balancer's own question is
// answered, its visitors by http are redirected, and those by https are not.
func Example() {
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "welcome") })
	handler := &httpsredirect.Handler{
		Next:           site,
		AllowHost:      func(host string) bool { return host == "example.com" },
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		ExemptPaths:    []string{"/health_check"},
		HSTS:           365 * 24 * time.Hour,
	}
	ask := func(url, proto string) {
		request := httptest.NewRequest("GET", url, nil)
		request.RemoteAddr = "10.0.0.7:41234"
		if proto != "" {
			request.Header.Set("X-Forwarded-Proto", proto)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		fmt.Printf("%d %q %q\n", answer.Code, answer.Header().Get("Location"), answer.Header().Get("Strict-Transport-Security"))
	}
	ask("http://10.0.0.5:8086/health_check", "")
	ask("http://example.com/shop?item=7", "http")
	ask("http://example.com/shop?item=7", "https")
	ask("http://evil.example/", "http")
	// Output:
	// 200 "" ""
	// 301 "https://example.com/shop?item=7" ""
	// 200 "" "max-age=31536000"
	// 400 "" ""
}

// With package allowedhosts in front, one list of hosts serves both.
func ExampleHandler() {
	rules, err := allowedhosts.Parse("example.com", ".example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	redirect := &httpsredirect.Handler{Next: http.NotFoundHandler()}
	hosts := &allowedhosts.Handler{Next: redirect, Rules: rules}
	redirect.AllowHost = hosts.Allow

	answer := httptest.NewRecorder()
	hosts.ServeHTTP(answer, httptest.NewRequest("POST", "http://www.example.org:8080/a%2Fb?c", nil))
	fmt.Println(answer.Code, answer.Header().Get("Location"))
	// Output:
	// 308 https://www.example.org/a%2Fb?c
}
