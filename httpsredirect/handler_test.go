package httpsredirect_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/httpsredirect"
)

// ask sends a request to h and returns the answer.
func ask(t *testing.T, h http.Handler, change func(*http.Request)) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
	r.Host, r.RemoteAddr = "example.com", "203.0.113.9:5555"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func overTLS(r *http.Request) { r.TLS = &tls.ConnectionState{} }

// TestZeroHandler: the zero value redirects to no host and believes nobody.
func TestZeroHandler(t *testing.T) {
	h := &httpsredirect.Handler{Next: site}
	for _, field := range []string{"X-Forwarded-Proto", "Forwarded"} {
		response := ask(t, h, func(r *http.Request) { r.Header = http.Header{field: {"https"}} })
		if response.StatusCode != http.StatusBadRequest || response.Header.Get("Location") != "" {
			t.Errorf("http: status %d, Location %q; want 400 and none", response.StatusCode, response.Header.Get("Location"))
		}
	}
	response := ask(t, h, overTLS)
	if hsts := response.Header.Values("Strict-Transport-Security"); response.StatusCode != http.StatusOK || hsts != nil {
		t.Errorf("https: status %d, Strict-Transport-Security %q; want 200 and none", response.StatusCode, hsts)
	}
}

// TestRedirect compares everything that a redirect consists of.
func TestRedirect(t *testing.T) {
	h := &httpsredirect.Handler{AllowHost: allowExample, HSTS: time.Hour}
	response := ask(t, h, nil)
	want := http.Header{"Location": {"https://example.com/x"}, "Cache-Control": {"no-store"}}
	if diff := cmp.Diff(want, response.Header); response.StatusCode != http.StatusMovedPermanently || diff != "" {
		t.Errorf("status %d, header (-want +got):\n%s", response.StatusCode, diff)
	}
}

// TestAllowHostIsAsked: for the host without its port, and only if it would be
// redirected to.
func TestAllowHostIsAsked(t *testing.T) {
	for _, tt := range []struct {
		name, method, target, host string
		want                       []string
	}{
		{"name", "GET", "/", "Example.com:80", []string{"Example.com"}},
		{"IPv6", "GET", "/", "[2001:db8::7]:80", []string{"[2001:db8::7]"}},
		{"IPv6 with a zone", "GET", "/", "[fe80::1%25eth0]", nil},
		{"IPv4 in brackets", "GET", "/", "[192.0.2.7]", nil},
		{"open bracket", "GET", "/", "[2001:db8::7", nil},
		{"text after the bracket", "GET", "/", "[2001:db8::7]x", nil},
		{"digits after the bracket", "GET", "/", "[2001:db8::7]80", nil},
		{"short form of IPv4", "GET", "/", "127.1", nil},
		{"hexadecimal IPv4", "GET", "/", "0x7F000001", nil},
		{"octal IPv4", "GET", "/", "0177.0.0.1", nil},
		{"empty label", "GET", "/", "example..com", nil},
		{"dot", "GET", "/", ".", nil},
		{"port alone", "GET", "/", ":80", nil},
		{"too long", "GET", "/", strings.Repeat("a.", 130) + "com", nil},
		{"user name", "GET", "/", "a@example.com", nil},
		{"not ASCII", "GET", "/", "ex\u00e4mple.com", nil},
		{"line break", "GET", "/", "example.com\r\nSet-Cookie: a=b", nil},
		{"exempt", "GET", "/health_check", "example.com", nil},
		{"CONNECT", "CONNECT", "/", "example.com", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			h := &httpsredirect.Handler{
				Next:        site,
				AllowHost:   func(host string) bool { asked = append(asked, host); return true },
				ExemptPaths: []string{"/health_check"},
			}
			response := ask(t, h, func(r *http.Request) { r.Method, r.URL.Path, r.Host = tt.method, tt.target, tt.host })
			if diff := cmp.Diff(tt.want, asked); diff != "" {
				t.Errorf("hosts asked for (-want +got):\n%s", diff)
			}
			if to := response.Header.Get("Location"); (to != "") != (asked != nil) {
				t.Errorf("Location %q", to)
			}
		})
	}
}

// TestExemptRoot: "/" is the path "/", not requests without a path.
func TestExemptRoot(t *testing.T) {
	h := &httpsredirect.Handler{Next: site, AllowHost: allowExample, ExemptPaths: []string{"/"}}
	for path, want := range map[string]int{"/": http.StatusOK, "//": http.StatusMovedPermanently, "": http.StatusMovedPermanently, "/x": http.StatusMovedPermanently} {
		if response := ask(t, h, func(r *http.Request) { r.URL.Path = path }); response.StatusCode != want {
			t.Errorf("path %q: status %d, want %d", path, response.StatusCode, want)
		}
	}
}

// TestTargets that net/http would not let through, and requests made by hand.
func TestTargets(t *testing.T) {
	h := &httpsredirect.Handler{AllowHost: allowExample}
	for _, tt := range []struct{ uri, want string }{
		{"", "https://example.com/x"}, // made by hand: taken from the URL
		{"/a b", ""},
		{"/a\r\nSet-Cookie: a=b", ""},
		{"/a\x7f", ""},
		{"/\tx", ""},
		{"x", ""},
		{"?x", ""},
		{`\x`, ""},
		{"http://example.com.evil.net/", ""},
		{"http://example.com:80/", ""}, // r.Host says otherwise
		{"javascript://example.com/%0aalert(1)", ""},
		{"http://example.com#x", ""},
		{`http://example.com\x`, ""},
	} {
		response := ask(t, h, func(r *http.Request) { r.RequestURI = tt.uri })
		if got := response.Header.Get("Location"); got != tt.want {
			t.Errorf("target %q: Location %q, want %q", tt.uri, got, tt.want)
		}
		if refused := response.StatusCode == http.StatusBadRequest; refused != (tt.want == "") {
			t.Errorf("target %q: status %d", tt.uri, response.StatusCode)
		}
	}
}

func TestPort(t *testing.T) {
	for _, tt := range []struct {
		port uint16
		want string
	}{
		{0, "https://example.com/x"}, {443, "https://example.com/x"}, {80, "https://example.com:80/x"}, {8443, "https://example.com:8443/x"},
	} {
		h := &httpsredirect.Handler{AllowHost: allowExample, Port: tt.port}
		if got := ask(t, h, nil).Header.Get("Location"); got != tt.want {
			t.Errorf("port %d: Location %q, want %q", tt.port, got, tt.want)
		}
	}
}

func TestHSTS(t *testing.T) {
	for _, tt := range []struct {
		age        time.Duration
		subdomains bool
		want       []string
	}{
		{0, false, nil},
		{0, true, nil},
		{time.Second, false, []string{"max-age=1"}},
		{time.Millisecond, false, []string{"max-age=1"}}, // not 0, which would mean: forget
		{1500 * time.Millisecond, false, []string{"max-age=2"}},
		{365 * 24 * time.Hour, true, []string{"max-age=31536000; includeSubDomains"}},
		{1<<63 - 1, false, []string{"max-age=9223372037"}},
		{-1, false, []string{"max-age=0"}},
		{-time.Hour, true, []string{"max-age=0; includeSubDomains"}},
	} {
		h := &httpsredirect.Handler{Next: site, AllowHost: allowExample, HSTS: tt.age, HSTSSubdomains: tt.subdomains}
		for range 2 { // the first answer is not special
			if diff := cmp.Diff(tt.want, ask(t, h, overTLS).Header.Values("Strict-Transport-Security")); diff != "" {
				t.Errorf("HSTS %v, subdomains %v (-want +got):\n%s", tt.age, tt.subdomains, diff)
			}
		}
		if got := ask(t, h, nil).Header.Values("Strict-Transport-Security"); got != nil {
			t.Errorf("HSTS %v: %q over http", tt.age, got)
		}
	}
}

// TestWarnsOnceOfSilentProxy: and never of a probe on an exempt path.
func TestWarnsOnceOfSilentProxy(t *testing.T) {
	var log bytes.Buffer
	h := &httpsredirect.Handler{
		Next: site, AllowHost: allowExample, TrustedProxies: proxies, ExemptPaths: []string{"/health_check"},
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	fromProxy := func(path, proto string) {
		ask(t, h, func(r *http.Request) {
			r.RemoteAddr, r.URL.Path = "10.0.0.1:4444", path
			if proto != "" {
				r.Header.Set("X-Forwarded-Proto", proto)
			}
		})
	}
	fromProxy("/health_check", "")
	fromProxy("/x", "http")
	fromProxy("/x", "https")
	ask(t, h, nil)
	if log.Len() > 0 {
		t.Fatalf("warned without a cause: %s", &log)
	}
	for range 3 {
		fromProxy("/x", "")
	}
	if lines := strings.Count(log.String(), "level=WARN"); lines != 1 || !strings.Contains(log.String(), "proxy=10.0.0.1:4444 method=GET path=/x") {
		t.Errorf("%d warnings, want one that names the proxy:\n%s", lines, &log)
	}
}

// TestSameWriter: Next gets the server's ResponseWriter and so can flush, hijack
// and whatever else it can do.
func TestSameWriter(t *testing.T) {
	var got http.ResponseWriter
	h := &httpsredirect.Handler{
		Next:        http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w }),
		ExemptPaths: []string{"/health_check"},
		HSTS:        time.Hour,
	}
	for _, target := range []string{"https://example.com/", "http://example.com/health_check"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		if got != w {
			t.Errorf("%s: Next got %T, want the ResponseWriter that the handler was given", target, got)
		}
	}
}

// TestAllocations: standing in front of every request must cost next to nothing.
func TestAllocations(t *testing.T) {
	h := &httpsredirect.Handler{
		Next:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		TrustedProxies: proxies,
		ExemptPaths:    []string{"/health_check"},
		HSTS:           time.Hour,
	}
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
	}{
		{"TLS", overTLS},
		{"exempt", func(r *http.Request) { r.URL.Path = "/health_check" }},
		{"one proxy", func(r *http.Request) {
			r.RemoteAddr = "10.0.0.1:4444"
			r.Header = http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}
		}},
		{"three proxies", func(r *http.Request) {
			r.RemoteAddr = "10.0.0.1:4444"
			r.Header = http.Header{"X-Forwarded-For": {"203.0.113.9, 10.0.0.3, 10.0.0.2"}, "X-Forwarded-Proto": {"https,http,http"}}
		}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		tt.change(r)
		w := httptest.NewRecorder()
		if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", tt.name, n)
		}
		if w.Code != http.StatusOK || w.Header().Get("Location") != "" {
			t.Errorf("%s: not handed on", tt.name)
		}
	}
}

func BenchmarkHandler(b *testing.B) {
	h := &httpsredirect.Handler{
		Next:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		TrustedProxies: proxies,
		HSTS:           time.Hour,
	}
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:4444"
	r.Header = http.Header{"X-Forwarded-For": {"203.0.113.9, 10.0.0.2"}, "X-Forwarded-Proto": {"https"}}
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
