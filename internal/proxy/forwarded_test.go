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
			sent: http.Header{"X_forwarded_for": {"6.6.6.6"}},
			want: with(plain("192.0.2.7"), "X_forwarded_for", "6.6.6.6"),
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
				if !strings.Contains(strings.ToLower(name), "forwarded") && !strings.HasSuffix(name, "-Ip") {
					delete(got, name)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("forwarding fields at the target (-want +got):\n%s", diff)
			}
		})
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
		"2\r\nhi\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\nX-Real-Ip: 6.6.6.6\r\nContent-Length: 3\r\nHost: forged.example\r\nX-Sum: 42\r\nX-Late: 1\r\n\r\n")
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("answer: %v, %v", res, err)
	}
	want := http.Header{"X-Sum": {"42"}, "X-Late": {"1"}}
	if diff := cmp.Diff(want, receive(t, "trailers", trailers)); diff != "" {
		t.Errorf("trailers at the target (-want +got):\n%s", diff)
	}
}
