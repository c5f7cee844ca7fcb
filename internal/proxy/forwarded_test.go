package proxy_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/proxy"
)

// TestForwarded lets peers of all kinds send forwarding fields of all kinds and
// compares every such field that reaches the target.
func TestForwarded(t *testing.T) {
	headers := make(chan http.Header, 1)
	address := target(t, func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header })
	p := &proxy.Proxy{
		Picker:         fixed(address),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("fe80::/10")},
	}
	t.Cleanup(p.Close)

	const stranger, trusted = "192.0.2.7:4444", "10.1.2.3:5555"
	forged := http.Header{
		"Forwarded":          {"for=6.6.6.6"},
		"X-Forwarded":        {"for=6.6.6.6"},
		"X-Forwarded-For":    {"6.6.6.6", "7.7.7.7"},
		"X-Forwarded-Host":   {"forged.example"},
		"X-Forwarded-Port":   {"666"},
		"X-Forwarded-Prefix": {"/forged"},
		"X-Forwarded-Proto":  {"https"},
		"X-Forwarded-Server": {"forged"},

		"X-Real-Ip":           {"6.6.6.6"},
		"True-Client-Ip":      {"6.6.6.6"},
		"X-Client-Ip":         {"6.6.6.6"},
		"X-Cluster-Client-Ip": {"6.6.6.6"},
		"Cf-Connecting-Ip":    {"6.6.6.6"},
	}
	oddlySpelt := http.Header{
		"X_forwarded_for": {"6.6.6.6"}, "X-Forwarded_Proto": {"https"}, "X_real-ip": {"6.6.6.6"}, "X.forwarded.host": {"forged.example"}, "X_FORWARDED_SSL": {"on"},
	}
	plain := func(peer string) http.Header {
		return http.Header{"X-Forwarded-For": {peer}, "X-Forwarded-Host": {"site.example"}, "X-Forwarded-Proto": {"http"}}
	}
	with := func(h http.Header, name string, values ...string) http.Header {
		h = h.Clone()
		h[name] = values
		return h
	}

	tests := []struct {
		name string
		peer string
		tls  bool
		host string // "": site.example
		sent http.Header
		want http.Header
	}{
		{name: "stranger", peer: stranger, want: plain("192.0.2.7")},
		{name: "stranger over TLS", peer: stranger, tls: true, want: with(plain("192.0.2.7"), "X-Forwarded-Proto", "https")},
		{name: "stranger forges", peer: stranger, sent: forged, want: plain("192.0.2.7")},
		{
			name: "stranger names our fields in Connection", peer: stranger,
			sent: with(forged, "Connection", "X-Forwarded-For, x-forwarded-proto", "X-Forwarded-Host"),
			want: plain("192.0.2.7"),
		},
		{name: "stranger with odd spelling", peer: stranger,
			sent: oddlySpelt,
			want: plain("192.0.2.7"),
		},
		{name: "trusted with odd spelling", peer: trusted, sent: oddlySpelt, want: plain("10.1.2.3")},
		{name: "trusted, its schemes disagree", peer: trusted,
			sent: http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"https, http"}},
			want: plain("192.0.2.7, 10.1.2.3"),
		},
		{name: "trusted, its schemes disagree in two lines", peer: trusted,
			sent: http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"http", "HTTPS"}},
			want: with(plain("192.0.2.7, 10.1.2.3"), "X-Forwarded-Proto", "https"),
		},
		{name: "trusted says the scheme in Forwarded", peer: trusted,
			sent: http.Header{"Forwarded": {"for=192.0.2.7;proto=https"}},
			want: with(with(plain("10.1.2.3"), "X-Forwarded-Proto", "https"), "Forwarded", "for=192.0.2.7;proto=https"),
		},
		{name: "IPv6 stranger", peer: "[2001:db9::1]:4444", sent: forged, want: plain("2001:db9::1")},
		{name: "mapped stranger", peer: "[::ffff:192.0.2.7]:4444", sent: forged, want: plain("192.0.2.7")},
		{name: "no address", peer: "@", sent: forged, want: http.Header{"X-Forwarded-Host": {"site.example"}, "X-Forwarded-Proto": {"http"}}},

		{name: "trusted, first in the chain", peer: trusted, want: plain("10.1.2.3")},
		{
			name: "trusted", peer: trusted,
			sent: http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"outer.example"}, "Forwarded": {"for=192.0.2.7"}, "X-Forwarded-Port": {"443"}},
			want: http.Header{"X-Forwarded-For": {"192.0.2.7, 10.1.2.3"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"outer.example"}, "Forwarded": {"for=192.0.2.7"}, "X-Forwarded-Port": {"443"}},
		},
		{
			name: "trusted, several hops in several lines", peer: trusted,
			sent: http.Header{"X-Forwarded-For": {"2001:db8::7, 192.0.2.8", "", "192.0.2.9"}},
			want: plain("2001:db8::7, 192.0.2.8, 192.0.2.9, 10.1.2.3"),
		},
		{
			name: "trusted, junk is kept", peer: trusted,
			sent: http.Header{"X-Forwarded-For": {"unknown"}},
			want: plain("unknown, 10.1.2.3"),
		},
		{
			name: "trusted names its fields in Connection", peer: trusted,
			sent: http.Header{"Connection": {"X-Forwarded-For"}, "X-Forwarded-For": {"192.0.2.7"}},
			want: plain("192.0.2.7, 10.1.2.3"),
		},
		{name: "trusted names the client in a field of its own", peer: trusted,
			sent: http.Header{"X-Real-Ip": {"192.0.2.7"}},
			want: with(plain("10.1.2.3"), "X-Real-Ip", "192.0.2.7"),
		},
		{name: "trusted, empty fields", peer: trusted, sent: http.Header{"X-Forwarded-Proto": {""}, "X-Forwarded-Host": {""}}, want: plain("10.1.2.3")},
		{name: "trusted over TLS", peer: trusted, tls: true, want: with(plain("10.1.2.3"), "X-Forwarded-Proto", "https")},
		{name: "IPv6 trusted", peer: "[2001:db8::1]:5", sent: http.Header{"X-Forwarded-For": {"192.0.2.7"}}, want: plain("192.0.2.7, 2001:db8::1")},
		{name: "mapped trusted", peer: "[::ffff:10.1.2.3]:5", sent: http.Header{"X-Forwarded-For": {"192.0.2.7"}}, want: plain("192.0.2.7, 10.1.2.3")},
		{name: "trusted with a zone", peer: "[fe80::1%eth0]:5", sent: http.Header{"X-Forwarded-For": {"192.0.2.7"}}, want: plain("192.0.2.7, fe80::1")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr, r.Host = tt.peer, "site.example"
			if tt.sent != nil {
				r.Header = tt.sent.Clone()
			}
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			before := r.Header.Clone()
			p.ServeHTTP(httptest.NewRecorder(), r)
			if diff := cmp.Diff(before, r.Header); diff != "" {
				t.Errorf("the caller's request was changed (-before +after):\n%s", diff)
			}

			got := receive(t, "request", headers)
			for name := range got {
				if lower := strings.ToLower(name); !strings.Contains(lower, "forwarded") && !strings.HasSuffix(lower, "-ip") {
					delete(got, name)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("forwarding fields at the target (-want +got):\n%s", diff)
			}
		})
	}
}

// vendors are the fields in which some proxies and frameworks find another client,
// scheme, host or target than X-Forwarded-For, -Proto and -Host say.
var vendors = []string{
	"Cf-Connecting-Ip", "Client-Ip", "Fastly-Client-Ip", "Fly-Client-Ip", "Forwarded-For", "Proxy-Client-Ip",
	"Wl-Proxy-Client-Ip", "True-Client-Ip", "X-Azure-Clientip", "X-Client-Ip", "X-Cluster-Client-Ip",
	"X-Envoy-External-Address", "X-Forwarded", "X-Original-For", "X-Original-Forwarded-For",
	"Front-End-Https", "X-Forwarded-Port", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Ssl",
	"X-Original-Proto", "X-Scheme", "X-Url-Scheme",
	"X-Forwarded-Server", "X-Host", "X-Http-Host-Override", "X-Original-Host",
	"X-Original-Uri", "X-Original-Url", "X-Rewrite-Url",
}

// TestVendorsFields sends each field that can contradict ours, and some that can't,
// by a stranger and by a trusted proxy, to a target and to an app.
func TestVendorsFields(t *testing.T) {
	headers := make(chan http.Header, 1)
	address := target(t, func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header })
	const stranger, trusted = "192.0.2.7:4444", "10.1.2.3:5555"
	ask := func(p *proxy.Proxy, peer string, sent http.Header) http.Header {
		t.Helper()
		p.Picker = fixed(address)
		p.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		defer p.Close()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host, r.Header = peer, "site.example", sent.Clone()
		p.ServeHTTP(httptest.NewRecorder(), r)
		return receive(t, "request", headers)
	}
	passes := func(p *proxy.Proxy, peer, name string) bool {
		t.Helper()
		return ask(p, peer, http.Header{name: {"x"}}).Get(name) != ""
	}
	type result struct{ Stranger, Trusted, LastHop bool } // who may send it; LastHop: trusted, to an app
	check := func(name string, want result) {
		t.Helper()
		got := result{passes(&proxy.Proxy{}, stranger, name), passes(&proxy.Proxy{}, trusted, name), passes(&proxy.Proxy{LastHop: true}, trusted, name)}
		if got != want {
			t.Errorf("%s passes: %+v, want %+v", name, got, want)
		}
	}
	for _, name := range append(vendors, "Forwarded") {
		check(name, result{Trusted: true})
		check(strings.ReplaceAll(name, "-", "_"), result{Trusted: !strings.Contains(name, "-")})
	}
	check("X-Forwarded-Prefix", result{Trusted: true, LastHop: true})
	check("X-Forwarded-User", result{Trusted: true, LastHop: true})
	check("Proxy", result{})
	for _, name := range []string{"X-Proxy", "Proxy-Status", "X_Requested_With", "Client_Name", "X-Forward", "Host-Name"} {
		check(name, result{true, true, true})
	}

	apps := ask(&proxy.Proxy{LastHop: true}, trusted, http.Header{"X-Real-Ip": {"6.6.6.6"}, "X-Forwarded-For": {"7.7.7.7, 192.0.2.9"}})
	if got := apps["X-Real-Ip"]; !cmp.Equal(got, []string{"192.0.2.9"}) {
		t.Errorf("an app is told X-Real-IP: %q, want the visitor's", got)
	}
	if got := ask(&proxy.Proxy{LastHop: true}, stranger, http.Header{"X-Real-Ip": {"6.6.6.6"}})["X-Real-Ip"]; got != nil {
		t.Errorf("an app is told a stranger's X-Real-IP: %q", got)
	}
}

// TestHostForApps: an app is told the Host or one that is allowed, and one only.
func TestHostForApps(t *testing.T) {
	headers := make(chan http.Header, 1)
	address := target(t, func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header })
	allow := func(host string) bool { return strings.HasSuffix(host, "site.example") }
	for _, tt := range []struct {
		told  []string
		allow func(string) bool
		want  string
	}{
		{nil, allow, "site.example"},
		{[]string{"www.site.example"}, allow, "www.site.example"},
		{[]string{"evil.example"}, allow, "site.example"},
		{[]string{"evil.example", "www.site.example"}, allow, "site.example"},
		{[]string{"www.site.example", "evil.example"}, allow, "site.example"},
		{[]string{"other.example"}, nil, "other.example"},
		{[]string{"other.example", "evil.example"}, nil, "site.example"},
	} {
		p := &proxy.Proxy{Picker: fixed(address), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, LastHop: true, AllowHost: tt.allow}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host, r.Header["X-Forwarded-Host"] = "10.1.2.3:5555", "site.example", tt.told
		p.ServeHTTP(httptest.NewRecorder(), r)
		if got := receive(t, "request", headers)["X-Forwarded-Host"]; !cmp.Equal(got, []string{tt.want}) {
			t.Errorf("told %q, the app got %q, want %q", tt.told, got, tt.want)
		}
		p.Close()
	}
}

// TestForgedTrailers sends forwarding fields after the body.
func TestForgedTrailers(t *testing.T) {
	trailers := make(chan http.Header, 1)
	address := target(t, func(_ http.ResponseWriter, r *http.Request) {
		readAll(t, r.Body)
		trailers <- r.Trailer
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})
	_, r := f.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-For, X-Sum\r\n\r\n"+
		"2\r\nhi\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\nX-Real-Ip: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nClient-IP: 6.6.6.6\r\nProxy: p\r\nContent-Length: 3\r\nHost: forged.example\r\nX-Sum: 42\r\nX-Late: 1\r\n\r\n")
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("answer: %v, %v", res, err)
	}
	want := http.Header{"X-Sum": {"42"}, "X-Late": {"1"}}
	if diff := cmp.Diff(want, receive(t, "trailers", trailers)); diff != "" {
		t.Errorf("trailers at the target (-want +got):\n%s", diff)
	}
}
