package httpsredirect_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/inservice/inservice/httpsredirect"
)

// proxies are the trusted networks of these tests.
var proxies = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:a::/48"), netip.MustParsePrefix("fe80::/10"),
}

// TestWhoCameByHTTPS: 10.x.x.x are proxies, 203.0.113.9 is the visitor and
// 198.51.100.4 a proxy that nobody trusts.
func TestWhoCameByHTTPS(t *testing.T) {
	type fields = http.Header
	const proxy, stranger = "10.0.0.1:4444", "203.0.113.9:5555"
	tests := []struct {
		name   string
		peer   string
		tls    bool
		header fields
		https  bool
	}{
		{"stranger", stranger, false, nil, false},
		{"stranger over TLS", stranger, true, nil, true},
		{"stranger claims https", stranger, false, fields{"X-Forwarded-Proto": {"https"}}, false},
		{"stranger over TLS claims http", stranger, true, fields{"X-Forwarded-Proto": {"http"}}, true},
		{"stranger names a proxy", stranger, false, fields{"X-Forwarded-For": {"10.0.0.1"}, "X-Forwarded-Proto": {"https, https"}}, false},
		{"Unix socket", "@", false, fields{"X-Forwarded-Proto": {"https"}}, false},
		{"no address", "", false, fields{"X-Forwarded-Proto": {"https"}}, false},

		{"proxy says https", proxy, false, fields{"X-Forwarded-Proto": {"https"}}, true},
		{"proxy says HTTPS", proxy, false, fields{"X-Forwarded-Proto": {" HTTPS "}}, true},
		{"proxy says http", proxy, false, fields{"X-Forwarded-Proto": {"http"}}, false},
		{"proxy says wss", proxy, false, fields{"X-Forwarded-Proto": {"wss"}}, true},
		{"proxy says ws", proxy, false, fields{"X-Forwarded-Proto": {"ws"}}, false},
		{"proxy over TLS says http", proxy, true, fields{"X-Forwarded-Proto": {"http"}}, false},
		{"proxy over TLS says https", proxy, true, fields{"X-Forwarded-Proto": {"https"}}, true},
		{"IPv6 proxy", "[2001:db8:a::1]:4", false, fields{"X-Forwarded-Proto": {"https"}}, true},
		{"IPv4-mapped proxy", "[::ffff:10.0.0.1]:4", false, fields{"X-Forwarded-Proto": {"https"}}, true},
		{"proxy with a zone", "[fe80::1%eth0]:4", false, fields{"X-Forwarded-Proto": {"https"}}, true},

		{"proxy says nothing", proxy, false, nil, false},
		{"proxy says nothing, over TLS", proxy, true, nil, true},
		{"proxy says nothing of the protocol", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9"}}, false},
		{"proxy says an empty word", proxy, false, fields{"X-Forwarded-Proto": {"", " , "}}, false},
		{"proxy says another word", proxy, false, fields{"X-Forwarded-Proto": {"on"}}, false},
		{"proxy says another word, over TLS", proxy, true, fields{"X-Forwarded-Proto": {"on"}}, true},
		{"prefix of https", proxy, false, fields{"X-Forwarded-Proto": {"https://"}}, false},

		{"one proxy appended http", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https, http"}}, false},
		{"one proxy appended https", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"http,https"}}, true},
		{"one proxy appended a line", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https", "http"}}, false},
		{"one proxy appended, no X-Forwarded-For", proxy, false, fields{"X-Forwarded-Proto": {"https,http"}}, false},

		{"two proxies, outer one set it", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9, 10.0.0.2"}, "X-Forwarded-Proto": {"https"}}, true},
		{"two proxies appended", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9, 10.0.0.2"}, "X-Forwarded-Proto": {"https,http"}}, true},
		{"two proxies appended, visitor by http", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9, 10.0.0.2"}, "X-Forwarded-Proto": {"http,https"}}, false},
		{"two proxies appended to a claim", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9, 10.0.0.2"}, "X-Forwarded-Proto": {"https,http,http"}}, false},
		{"two proxies appended to a claim of http", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9, 10.0.0.2"}, "X-Forwarded-Proto": {"http,https,http"}}, true},
		{"three proxies, two entries", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9, 10.0.0.3, 10.0.0.2"}, "X-Forwarded-Proto": {"https,http"}}, true},
		{"three proxies in three lines", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9", "10.0.0.3", "10.0.0.2"}, "X-Forwarded-Proto": {"https", "http", "http"}}, true},
		{"IPv6, ports and brackets", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9:99, [2001:db8:a::3]:88, [2001:db8:a::2], 10.0.0.4:77, ::ffff:10.0.0.5"}, "X-Forwarded-Proto": {"https,http,http,http,http"}}, true},
		{"untrusted proxy between", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9, 198.51.100.4"}, "X-Forwarded-Proto": {"https,http"}}, false},
		{"untrusted proxy between trusted ones", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9, 10.0.0.3, 198.51.100.4, 10.0.0.2"}, "X-Forwarded-Proto": {"https,https,http,http"}}, false},
		{"forged proxies in front", proxy, false, fields{"X-Forwarded-For": {"10.0.0.8, 10.0.0.7, 203.0.113.9"}, "X-Forwarded-Proto": {"https,https,http"}}, false},
		{"junk stops the walk", proxy, false, fields{"X-Forwarded-For": {"10.0.0.8, unknown"}, "X-Forwarded-Proto": {"https,http"}}, false},
		{"IPv4 in brackets is junk", proxy, false, fields{"X-Forwarded-For": {"10.0.0.8, [10.0.0.7]"}, "X-Forwarded-Proto": {"https,http"}}, false},
		{"open bracket is junk", proxy, false, fields{"X-Forwarded-For": {"10.0.0.8, [2001:db8:a::1"}, "X-Forwarded-Proto": {"https,http"}}, false},
		{"visitor in a trusted network", proxy, false, fields{"X-Forwarded-For": {"10.0.0.9"}, "X-Forwarded-Proto": {"https,http"}}, false},
		{"visitor in a trusted network, two proxies", proxy, false, fields{"X-Forwarded-For": {"10.0.0.9, 10.0.0.2"}, "X-Forwarded-Proto": {"https,http"}}, true},
		{"empty elements don't count", proxy, false, fields{"X-Forwarded-For": {"203.0.113.9,, 10.0.0.2", ""}, "X-Forwarded-Proto": {", https,,http,", ""}}, true},

		{"Forwarded https", proxy, false, fields{"Forwarded": {"for=203.0.113.9;proto=https"}}, true},
		{"Forwarded http", proxy, false, fields{"Forwarded": {"for=203.0.113.9;proto=http"}}, false},
		{"Forwarded over TLS says http", proxy, true, fields{"Forwarded": {"for=203.0.113.9;proto=http"}}, false},
		{"Forwarded in other words", proxy, false, fields{"Forwarded": {`PROTO="htt\ps" ; By=_me;FOR="[2001:db8::9]:99"`}}, true},
		{"Forwarded without proto", proxy, false, fields{"Forwarded": {"for=203.0.113.9"}}, false},
		{"Forwarded without for", proxy, false, fields{"Forwarded": {"proto=https"}}, true},
		{"Forwarded hides the visitor", proxy, false, fields{"Forwarded": {"for=_x;proto=https, for=unknown;proto=http"}}, false},
		{"Forwarded of two proxies", proxy, false, fields{"Forwarded": {"for=203.0.113.9;proto=https, for=10.0.0.2;proto=http"}}, true},
		{"Forwarded of two proxies, other order", proxy, false, fields{"Forwarded": {"proto=http;for=203.0.113.9,proto=https;for=10.0.0.2"}}, false},
		{"Forwarded in lines", proxy, false, fields{"Forwarded": {"for=203.0.113.9;proto=https", "", `for="[2001:db8:a::2]";proto=http`}}, true},
		{"Forwarded after a claim", proxy, false, fields{"Forwarded": {"for=10.0.0.3;proto=https, for=203.0.113.9;proto=http"}}, false},
		{"Forwarded after an open quote", proxy, false, fields{"Forwarded": {`for=203.0.113.9;proto=https;x=", for=203.0.113.9;proto=http`}}, false},
		{"Forwarded after a comma in quotes", proxy, false, fields{"Forwarded": {`for="1,proto=https";x=",", for=203.0.113.9;proto=http`}}, false},
		{"Forwarded after a malformed line", proxy, false, fields{"Forwarded": {`for="`, "for=203.0.113.9;proto=https"}}, true},
		{"Forwarded with a malformed outer line", proxy, false, fields{"Forwarded": {`for="`, "for=10.0.0.2;proto=https"}}, false},
		{"Forwarded with proto twice", proxy, false, fields{"Forwarded": {"for=203.0.113.9;proto=http;proto=https"}}, false},
		{"Forwarded with proto twice, in two cases", proxy, false, fields{"Forwarded": {"for=203.0.113.9;Proto=https;proto=https"}}, false},
		{"Forwarded with a space for a semicolon", proxy, false, fields{"Forwarded": {"for=203.0.113.9 proto=https"}}, false},
		{"Forwarded with spaces around the equals sign", proxy, false, fields{"Forwarded": {"proto = https"}}, false},
		{"Forwarded without a value", proxy, false, fields{"Forwarded": {"for=;proto=https"}}, false},
		{"Forwarded without a name", proxy, false, fields{"Forwarded": {"=x;proto=https"}}, false},
		{"Forwarded without an equals sign", proxy, false, fields{"Forwarded": {"secret;proto=https"}}, false},
		{"Forwarded with a semicolon for the equals sign", proxy, false, fields{"Forwarded": {"proto;https"}}, false},
		{"Forwarded with text after a quote", proxy, false, fields{"Forwarded": {`proto="https"x`}}, false},
		{"Forwarded that ends in an escape", proxy, false, fields{"Forwarded": {`proto="https\`}}, false},
		{"Forwarded with empty parts", proxy, false, fields{"Forwarded": {" ,; ;,proto=https;, ,"}}, true},

		{"both https", proxy, false, fields{"X-Forwarded-Proto": {"https"}, "Forwarded": {"for=203.0.113.9;proto=https"}}, true},
		{"visitor adds Forwarded https", proxy, false, fields{"X-Forwarded-Proto": {"http"}, "Forwarded": {"for=203.0.113.9;proto=https"}}, false},
		{"visitor adds X-Forwarded-Proto https", proxy, false, fields{"X-Forwarded-Proto": {"https"}, "Forwarded": {"for=203.0.113.9;proto=http"}}, false},
		{"Forwarded is silent", proxy, false, fields{"X-Forwarded-Proto": {"https"}, "Forwarded": {"for=203.0.113.9"}}, true},
		{"Forwarded is malformed", proxy, false, fields{"X-Forwarded-Proto": {"https"}, "Forwarded": {`"`}}, true},
		{"X-Forwarded-Proto is no word", proxy, false, fields{"X-Forwarded-Proto": {"on"}, "Forwarded": {"proto=https"}}, true},
		{
			"outer proxy set X-Forwarded-Proto, inner one Forwarded", proxy, false,
			fields{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}, "Forwarded": {"for=10.0.0.2;proto=http"}}, true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handedOn := false
			h := &httpsredirect.Handler{
				Next:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) { handedOn = true }),
				TrustedProxies: proxies,
				AllowHost:      allowExample,
				Log:            silent,
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Host, r.RemoteAddr = "example.com", tt.peer
			if tt.header != nil {
				r.Header = tt.header
			}
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if handedOn != tt.https {
				t.Errorf("taken for https: %v, want %v", handedOn, tt.https)
			}
			if !handedOn && w.Code != http.StatusMovedPermanently {
				t.Errorf("status %d, want 301", w.Code)
			}
		})
	}
}
