package visitor_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/inservice/inservice/internal/visitor"
)

var trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:aaaa::/48"), netip.MustParsePrefix("fe80::/10")}

const (
	stranger = "192.0.2.7:4444"
	proxy    = "10.1.2.3:5555"
)

func request(peer string, overTLS bool, header http.Header) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr, r.Header = peer, header
	if overTLS {
		r.TLS = &tls.ConnectionState{}
	}
	return r
}

func TestAddr(t *testing.T) {
	tests := []struct {
		name      string
		peer      string
		xff       []string
		forwarded []string
		want      string // "": invalid
	}{
		{name: "direct", peer: stranger, want: "192.0.2.7"},
		{name: "direct, IPv6", peer: "[2001:db8::7]:1", want: "2001:db8::7"},
		{name: "direct, mapped", peer: "[::ffff:192.0.2.7]:1", want: "192.0.2.7"},
		{name: "direct, zone", peer: "[fe81::1%eth0]:1", want: "fe81::1"},
		{name: "direct, forged", peer: stranger, xff: []string{"6.6.6.6"}, forwarded: []string{"for=7.7.7.7"}, want: "192.0.2.7"},
		{name: "direct, forged as from a proxy", peer: stranger, xff: []string{"6.6.6.6, 10.9.9.9"}, want: "192.0.2.7"},
		{name: "Unix socket", peer: "@", xff: []string{"6.6.6.6"}, want: ""},
		{name: "no address", peer: "", xff: []string{"6.6.6.6"}, want: ""},

		{name: "a proxy that says nothing", peer: proxy, want: "10.1.2.3"},
		{name: "empty field", peer: proxy, xff: []string{""}, want: "10.1.2.3"},
		{name: "one proxy", peer: proxy, xff: []string{"192.0.2.7"}, want: "192.0.2.7"},
		{name: "mapped proxy", peer: "[::ffff:10.1.2.3]:5", xff: []string{"192.0.2.7"}, want: "192.0.2.7"},
		{name: "proxy with a zone", peer: "[fe80::1%eth0]:5", xff: []string{"192.0.2.7"}, want: "192.0.2.7"},
		{name: "one proxy, forged before it", peer: proxy, xff: []string{"6.6.6.6, 192.0.2.7"}, want: "192.0.2.7"},
		{name: "forged as a trusted proxy's", peer: proxy, xff: []string{"6.6.6.6, 10.9.9.9, 192.0.2.7"}, want: "192.0.2.7"},
		{name: "chain", peer: proxy, xff: []string{"192.0.2.7, 10.4.4.4, 10.5.5.5"}, want: "192.0.2.7"},
		{name: "chain in lines", peer: proxy, xff: []string{"6.6.6.6", "192.0.2.7,10.4.4.4", "", " 10.5.5.5 ,"}, want: "192.0.2.7"},
		{name: "IPv6 chain", peer: "[2001:db8:aaaa::1]:5", xff: []string{"2001:db8::7, 2001:db8:aaaa::2"}, want: "2001:db8::7"},
		{name: "IPv6 in brackets", peer: proxy, xff: []string{"[2001:db8::7]"}, want: "2001:db8::7"},
		{name: "IPv6 and port", peer: proxy, xff: []string{"[2001:db8::7]:4711"}, want: "2001:db8::7"},
		{name: "IPv4 and port", peer: proxy, xff: []string{"192.0.2.7:4711"}, want: "192.0.2.7"},
		{name: "mapped entry", peer: proxy, xff: []string{"6.6.6.6, ::ffff:192.0.2.7"}, want: "192.0.2.7"},
		{name: "mapped entry of a proxy", peer: proxy, xff: []string{"192.0.2.7, ::ffff:10.4.4.4"}, want: "192.0.2.7"},
		{name: "visitor in a trusted network", peer: proxy, xff: []string{"10.7.7.7, 10.4.4.4"}, want: "10.7.7.7"},
		{name: "unknown", peer: proxy, xff: []string{"unknown"}, want: "10.1.2.3"},
		{name: "unknown beyond a proxy", peer: proxy, xff: []string{"6.6.6.6, unknown, 10.4.4.4"}, want: "10.4.4.4"},
		{name: "garbage", peer: proxy, xff: []string{"6.6.6.6, \"192.0.2.7\""}, want: "10.1.2.3"},
		{name: "garbage in brackets", peer: proxy, xff: []string{"[192.0.2.7]"}, want: "10.1.2.3"},
		{name: "a network", peer: proxy, xff: []string{"192.0.2.0/24"}, want: "10.1.2.3"},

		{name: "Forwarded", peer: proxy, forwarded: []string{"for=192.0.2.7"}, want: "192.0.2.7"},
		{name: "Forwarded, forged before it", peer: proxy, forwarded: []string{"for=6.6.6.6, for=192.0.2.7;proto=https"}, want: "192.0.2.7"},
		{name: "Forwarded, chain in lines", peer: proxy, forwarded: []string{"for=6.6.6.6", `by=x; For="192.0.2.7:99"`, "for=10.4.4.4"}, want: "192.0.2.7"},
		{name: "Forwarded, IPv6", peer: proxy, forwarded: []string{`for="[2001:db8::7]:4711"`}, want: "2001:db8::7"},
		{name: "Forwarded, comma in quotes", peer: proxy, forwarded: []string{`for=6.6.6.6;host="a, for=7.7.7.7", for=192.0.2.7`}, want: "192.0.2.7"},
		{name: "Forwarded, escaped quote", peer: proxy, forwarded: []string{`host="\", for=6.6.6.6";for=192.0.2.7`}, want: "192.0.2.7"},
		{name: "Forwarded, no end of quotes", peer: proxy, forwarded: []string{`for=192.0.2.7, host="x`}, want: "10.1.2.3"},
		{name: "Forwarded, two for", peer: proxy, forwarded: []string{"for=192.0.2.7;for=6.6.6.6"}, want: "10.1.2.3"},
		{name: "Forwarded, not a pair", peer: proxy, forwarded: []string{"192.0.2.7"}, want: "10.1.2.3"},
		{name: "Forwarded, hidden", peer: proxy, forwarded: []string{"for=_hidden, for=10.4.4.4"}, want: "10.4.4.4"},
		{name: "Forwarded, garbage left of a proxy", peer: proxy, forwarded: []string{"for=6.6.6.6;;;=", "for=10.4.4.4"}, want: "10.4.4.4"},
		{name: "Forwarded, no for", peer: proxy, forwarded: []string{"for=6.6.6.6, proto=https"}, want: "10.1.2.3"},

		{name: "both, the same", peer: proxy, xff: []string{"2001:db8::7"}, forwarded: []string{`for="[2001:DB8::7]"`}, want: "2001:db8::7"},
		{name: "both, one is forged", peer: proxy, xff: []string{"192.0.2.7"}, forwarded: []string{"for=6.6.6.6"}, want: "10.1.2.3"},
		{name: "both, Forwarded by the inner proxy only", peer: proxy, xff: []string{"192.0.2.7, 10.4.4.4"}, forwarded: []string{"for=10.4.4.4"}, want: "192.0.2.7"},
		{name: "both, X-Forwarded-For by the inner proxy only", peer: proxy, xff: []string{"10.4.4.4"}, forwarded: []string{"for=192.0.2.7, for=10.4.4.4"}, want: "192.0.2.7"},
		{name: "both, Forwarded hides", peer: proxy, xff: []string{"192.0.2.7"}, forwarded: []string{"for=_a"}, want: "192.0.2.7"},
		{name: "both, X-Forwarded-For is garbage", peer: proxy, xff: []string{"junk"}, forwarded: []string{"for=192.0.2.7"}, want: "192.0.2.7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			if tt.xff != nil {
				header["X-Forwarded-For"] = tt.xff
			}
			if tt.forwarded != nil {
				header["Forwarded"] = tt.forwarded
			}
			got := visitor.Of(request(tt.peer, false, header), trusted).Addr
			if tt.want == "" && got.IsValid() || tt.want != "" && got.String() != tt.want {
				t.Errorf("visitor = %v, want %q", got, tt.want)
			}
		})
	}
}

func TestNobodyIsTrusted(t *testing.T) {
	r := request(proxy, false, http.Header{"X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Proto": {"https"}})
	if got, want := visitor.Of(r, nil), (visitor.Visitor{Addr: netip.MustParseAddr("10.1.2.3"), Scheme: "http"}); got != want {
		t.Errorf("visitor = %v, want %v", got, want)
	}
}

func TestScheme(t *testing.T) {
	tests := []struct {
		name   string
		peer   string
		tls    bool
		header http.Header
		want   string
	}{
		{"direct", stranger, false, nil, "http"},
		{"direct over TLS", stranger, true, nil, "https"},
		{"forged", stranger, false, http.Header{"X-Forwarded-Proto": {"https"}, "Forwarded": {"proto=https"}}, "http"},
		{"forged over TLS", stranger, true, http.Header{"X-Forwarded-Proto": {"http"}}, "https"},
		{"proxy says https", proxy, false, http.Header{"X-Forwarded-Proto": {"https"}}, "https"},
		{"proxy says http over TLS", proxy, true, http.Header{"X-Forwarded-Proto": {"http"}}, "http"},
		{"proxy says nothing", proxy, false, nil, "http"},
		{"proxy says nothing over TLS", proxy, true, nil, "https"},
		{"proxy appends", proxy, false, http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"https, http"}}, "http"},
		{"WebSocket", proxy, false, http.Header{"X-Forwarded-Proto": {"wss"}}, "https"},
		{"Forwarded", proxy, false, http.Header{"Forwarded": {"for=192.0.2.7;proto=HTTPS"}}, "https"},
		{"both must say https", proxy, false, http.Header{"X-Forwarded-Proto": {"https"}, "Forwarded": {"for=192.0.2.7;proto=http"}}, "http"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := visitor.Of(request(tt.peer, tt.tls, tt.header), trusted).Scheme; got != tt.want {
				t.Errorf("scheme = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAllocations(t *testing.T) {
	r := request(proxy, false, http.Header{"X-Forwarded-For": {"6.6.6.6, 192.0.2.7, 10.4.4.4"}, "X-Forwarded-Proto": {"https"}})
	if n := testing.AllocsPerRun(100, func() { visitor.Of(r, trusted) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
