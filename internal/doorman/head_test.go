package doorman

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// heads are what probers send, by the reference of load balancers that the design
// rests on, and what only looks like it.
var heads = []struct {
	name string
	head string // \n stands for CRLF
	want verdict
	host string
}{
	// Asked bare.
	{"Classic ELB", "GET /health_check HTTP/1.1\nhost: 10.0.0.5:80\nUser-Agent: ELB-HealthChecker/1.0\nAccept: */*\nConnection: keep-alive\n\n", bare, "10.0.0.5:80"},
	{"ALB", "GET /health_check HTTP/1.1\nHost: 10.0.0.5:8086\nConnection: close\nUser-Agent: ELB-HealthChecker/2.0\nAccept-Encoding: gzip, compressed\n\n", bare, "10.0.0.5:8086"},
	{"slash", "GET /health_check/ HTTP/1.1\nHost: h\n\n", bare, "h"},
	{"no Host", "GET /health_check HTTP/1.1\n\n", bare, ""},
	{"empty Host", "GET /health_check HTTP/1.1\nHost:\n\n", bare, ""},
	{"IPv6 Host", "GET /health_check HTTP/1.1\nHost: [2001:db8::1]:80\n\n", bare, "[2001:db8::1]:80"},
	{"Host in capitals, no space", "GET /health_check HTTP/1.1\nHOST:h\n\n", bare, "h"},
	{"HAProxy", "OPTIONS /health_check HTTP/1.0\nconnection: close\n\n", bare, ""},
	{"1.0", "GET /health_check HTTP/1.0\n\n", bare, ""},
	{"Front Door", "HEAD /health_check HTTP/1.1\nHost: h\nX-FD-HealthProbe: 1\n\n", bare, "h"},
	{"Consul", "GET /health_check HTTP/1.1\nHost: h\nUser-Agent: Consul Health Check\nAccept: text/plain, text/*, */*\nConnection: close\n\n", bare, "h"},
	{"F5", "GET /health_check\n", bare, ""},
	{"F5 with its own line end", "GET /health_check\n\n", bare, ""},
	{"path in Host", "GET /health_check HTTP/1.1\nHost: a/b\n\n", bare, "a/b"},
	{"spaces in Host", "GET /health_check HTTP/1.1\nHost: my server\n\n", bare, "my server"},
	{"UTF-8 in Host", "GET /health_check HTTP/1.1\nhost: bücher.example\n\n", bare, "bücher.example"},
	{"no Host, query", "GET /health_check?a=%20&b HTTP/1.1\nUser-Agent: x\n\n", bare, ""},
	{"no Host, no query after its mark", "HEAD /health_check/? HTTP/1.1\n\n", bare, ""},
	{"no Host, two marks", "GET /health_check?a?b HTTP/1.1\n\n", bare, ""},
	{"no Host, verbose", "GET /health_check?verbose HTTP/1.1\n\n", bare, ""},
	{"no Host, JSON", "GET /health_check HTTP/1.1\nAccept: application/json\n\n", bare, ""},
	{"no Host, query and JSON", "OPTIONS /health_check?a HTTP/1.1\nAccept: application/json\n\n", bare, ""},
	{"no version, query", "GET /health_check?a\n", bare, ""},
	{"no body, said", "GET /health_check HTTP/1.1\nHost: h\nContent-Length: 0\n\n", bare, "h"},

	// Not whole yet.
	{"nothing", "", unfinished, ""},
	{"half a method", "OPT", unfinished, ""},
	{"half a version", "GET /health_check HTTP/1", unfinished, ""},
	{"half a line end", "GET /health_check HTTP/1.1\r", unfinished, ""},
	{"half a field", "GET /health_check HTTP/1.1\nHos", unfinished, ""},
	{"no end", "GET /health_check HTTP/1.1\nHost: h\n", unfinished, ""},
	{"half a query", "GET /health_check?a", unfinished, ""},
	{"half a version after a query", "GET /health_check?a HTT", unfinished, ""},
	{"half a line end after a query", "GET /health_check?a HTTP/1.1\r", unfinished, ""},
	{"query, perhaps a Host yet", "GET /health_check?a HTTP/1.1\nUser-Agent: x\n", unfinished, ""},
	{"half a Host that is odd", "GET /health_check HTTP/1.1\nHost: b\xc3", unfinished, ""},
	{"half an end", "GET /health_check HTTP/1.1\nHost: h\n\r", unfinished, ""},

	// Not bare.
	{"another path", "GET / HTTP/1.1\nHost: h\n\n", other, ""},
	{"longer path", "GET /health_checks HTTP/1.1\nHost: h\n\n", other, ""},
	{"two slashes", "GET /health_check// HTTP/1.1\nHost: h\n\n", other, ""},
	{"query", "GET /health_check?verbose HTTP/1.1\nHost: h\n\n", other, ""},
	{"escaped", "GET /health%5Fcheck HTTP/1.1\nHost: h\n\n", other, ""},
	{"absolute form", "GET http://h/health_check HTTP/1.1\nHost: h\n\n", other, ""},
	{"POST", "POST /health_check HTTP/1.1\nHost: h\n\n", other, ""},
	{"method in small letters", "get /health_check HTTP/1.1\nHost: h\n\n", other, ""},
	{"HEAD without a version", "HEAD /health_check\n\n", other, ""},
	{"two spaces", "GET  /health_check HTTP/1.1\nHost: h\n\n", other, ""},
	{"space at the line's end", "GET /health_check HTTP/1.1 \nHost: h\n\n", other, ""},
	{"tab", "GET\t/health_check HTTP/1.1\nHost: h\n\n", other, ""},
	{"HTTP/1.2", "GET /health_check HTTP/1.2\nHost: h\n\n", other, ""},
	{"HTTP/2 preface", "PRI * HTTP/2.0\n\nSM\n\n", other, ""},
	{"PROXY", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nGET /health_check HTTP/1.1\n\n", other, ""},
	{"TLS", "\x16\x03\x01\x02", other, ""},
	{"empty line first", "\nGET /health_check HTTP/1.1\nHost: h\n\n", other, ""},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\nHost: h\n\n", other, ""},

	{"Authorization", "GET /health_check HTTP/1.1\nHost: h\nauthorization: Bearer x\n\n", other, ""},
	{"JSON", "GET /health_check HTTP/1.1\nHost: h\nAccept: text/html, application/health+JSON\n\n", other, ""},
	{"JSON in a second field", "GET /health_check HTTP/1.1\nHost: h\nAccept: */*\nAccept: application/json\n\n", other, ""},
	{"body", "GET /health_check HTTP/1.1\nHost: h\nContent-Length: 1\n\nx", other, ""},
	{"body or not", "GET /health_check HTTP/1.1\nHost: h\nContent-Length: 0\nContent-Length: 0\n\n", other, ""},
	{"odd length", "GET /health_check HTTP/1.1\nHost: h\nContent-Length: +0\n\n", other, ""},
	{"chunks", "GET /health_check HTTP/1.1\nHost: h\ntransfer-encoding: chunked\n\n0\n\n", other, ""},
	{"Upgrade", "GET /health_check HTTP/1.1\nHost: h\nupgrade: websocket\n\n", other, ""},
	{"Connection: Upgrade", "GET /health_check HTTP/1.1\nHost: h\nConnection: Upgrade\n\n", other, ""},
	{"Connection twice", "GET /health_check HTTP/1.1\nHost: h\nConnection: close\nConnection: keep-alive\n\n", other, ""},
	{"Connection list", "GET /health_check HTTP/1.1\nHost: h\nConnection: keep-alive, close\n\n", other, ""},
	{"Expect", "GET /health_check HTTP/1.1\nHost: h\nEXPECT: 100-continue\n\n", other, ""},
	{"Host twice", "GET /health_check HTTP/1.1\nHost: h\nHost: h\n\n", other, ""},
	{"odd Host twice", "GET /health_check HTTP/1.1\nHost: a/b\nHost: a/b\n\n", other, ""},
	{"control character in Host", "GET /health_check HTTP/1.1\nHost: a\x01b\n\n", other, ""},
	{"DEL in Host", "GET /health_check HTTP/1.1\nHost: a\x7fb\n\n", other, ""},
	{"tab in Host", "GET /health_check HTTP/1.1\nHost: a\tb\n\n", other, ""},
	{"bare CR in Host", "GET /health_check HTTP/1.1\nHost: a\rb\n\n", other, ""},
	{"odd Host and a body", "GET /health_check HTTP/1.1\nHost: a/b\nContent-Length: 1\n\nx", other, ""},
	{"UTF-8 in Hostess", "GET /health_check HTTP/1.1\nHostess: \xc3\xa4\n\n", other, ""},
	{"UTF-8 in a name", "GET /health_check HTTP/1.1\nH\xc3\xb6st: a\n\n", other, ""},
	{"JSON, then Host", "GET /health_check HTTP/1.1\nAccept: application/json\nHost: h\n\n", other, ""},
	{"query, the Host not whole", "GET /health_check?a HTTP/1.1\nUser-Agent: x\nHost: h\n", other, ""},
	{"no Host, query, body", "GET /health_check?a HTTP/1.1\nContent-Length: 1\n\nx", other, ""},
	{"no Host, query, Authorization", "GET /health_check?a HTTP/1.1\nAuthorization: Bearer x\n\n", other, ""},
	{"no Host, space in the query", "GET /health_check?a b HTTP/1.1\n\n", other, ""},
	{"no Host, UTF-8 in the query", "GET /health_check?\xc3\xa4 HTTP/1.1\n\n", other, ""},
	{"no Host, query, two spaces", "GET /health_check?a  HTTP/1.1\n\n", other, ""},
	{"no Host, query of another path", "GET /health_checks?a HTTP/1.1\n\n", other, ""},
	{"no Host, POST with a query", "POST /health_check?a HTTP/1.1\n\n", other, ""},
	{"1.0 and query", "GET /health_check?a HTTP/1.0\n\n", other, ""},
	{"1.0 and JSON", "GET /health_check HTTP/1.0\nAccept: application/json\n\n", other, ""},
	{"HEAD without a version, query", "HEAD /health_check?a\n\n", other, ""},
	{"User-Agent twice", "GET /health_check HTTP/1.1\nHost: h\nUser-Agent: a\nUser-Agent: b\n\n", other, ""},

	{"space before the colon", "GET /health_check HTTP/1.1\nHost : h\n\n", other, ""},
	{"space before the name", "GET /health_check HTTP/1.1\n Host: h\n\n", other, ""},
	{"folded", "GET /health_check HTTP/1.1\nHost: h\nX: a\n b\n\n", other, ""},
	{"no colon", "GET /health_check HTTP/1.1\nHost\n\n", other, ""},
	{"no name", "GET /health_check HTTP/1.1\n: h\n\n", other, ""},
	{"tab in a value", "GET /health_check HTTP/1.1\nX: a\tb\n\n", other, ""},
	{"NUL", "GET /health_check HTTP/1.1\nX: a\x00b\n\n", other, ""},
	{"8 bits", "GET /health_check HTTP/1.1\nX: \xc3\xa4\n\n", other, ""},
	{"bare CR", "GET /health_check HTTP/1.1\nX: a\rb\n\n", other, ""},
	{"bare CR, nothing after it yet", "GET /health_check HTTP/1.1\nX: a\rb", other, ""},
	{"CR CR LF", "GET /health_check HTTP/1.1\nX: a\r\n\n", other, ""},
}

// crlf writes line ends out, and leaves a CR that is there alone.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestReadHead(t *testing.T) {
	lines := requestLines("/health_check")
	for _, tt := range heads {
		t.Run(tt.name, func(t *testing.T) {
			text := crlf(tt.head)
			var h head
			if got := h.read(lines, []byte(text)); got != tt.want {
				t.Fatalf("verdict on %q = %d, want %d", text, got, tt.want)
			}
			if tt.want == bare && (string(h.host) != tt.host || h.hasHost != strings.Contains(strings.ToLower(text), "\nhost:")) {
				t.Errorf("Host = %q, %v", h.host, h.hasHost)
			}
		})
	}
	for _, text := range []string{
		"GET /health_check HTTP/1.1\nHost: h\r\n\r\n",
		"GET /health_check HTTP/1.1\r\nHost: h\n",
		"GET /health_check HTTP/1.1\r\nHost: h\r\n\n",
		"GET /health_check\n",
	} {
		var h head
		if got := h.read(lines, []byte(text)); got != other {
			t.Errorf("verdict on %q, which has a bare LF, = %d, want %d", text, got, other)
		}
	}
}

// TestRoot asks for the root, which has no form without a slash.
func TestRoot(t *testing.T) {
	for _, path := range []string{"/", ""} {
		lines := requestLines(path)
		for text, want := range map[string]verdict{
			"OPTIONS / HTTP/1.0\r\n\r\n": bare,
			"GET /\r\n":                  bare,
			"GET // HTTP/1.0\r\n\r\n":    other,
			"GET  HTTP/1.0\r\n\r\n":      other,
			"GET \r\n":                   other,
		} {
			var h head
			if got := h.read(lines, []byte(text)); got != want {
				t.Errorf("path %q: verdict on %q = %d, want %d", path, text, got, want)
			}
		}
	}
}

// TestPrefixes: what begins a bare question is never judged as anything else
// before it is whole, and then not again.
func TestPrefixes(t *testing.T) {
	lines := requestLines("/health_check")
	for _, tt := range heads {
		text := []byte(crlf(tt.head))
		var whole head
		if whole.read(lines, text) != bare {
			continue
		}
		for i := range len(text) + 1 {
			want := unfinished
			if i >= whole.size {
				want = bare
			}
			var h head
			if got := h.read(lines, text[:i]); got != want {
				t.Errorf("%s: verdict on %q = %d, want %d", tt.name, text[:i], got, want)
			}
		}
	}
}

func TestKeeps(t *testing.T) {
	for text, want := range map[string]bool{
		"GET /h HTTP/1.1\n\n":                         true,
		"GET /h HTTP/1.1\nConnection: keep-alive\n\n": true,
		"GET /h HTTP/1.1\nConnection: Close\n\n":      false,
		"GET /h HTTP/1.0\n\n":                         false,
		"GET /h HTTP/1.0\nConnection: Keep-Alive\n\n": true,
		"GET /h HTTP/1.0\nConnection: close\n\n":      false,
		"GET /h\n":                                    false,
	} {
		var h head
		if v := h.read(requestLines("/h"), []byte(crlf(text))); v != bare || h.keeps() != want {
			t.Errorf("%q: verdict %d, keeps %v, want %v", text, v, h.keeps(), want)
		}
	}
}

// FuzzReadHead holds the head reader against net/http's: of what is answered at
// the door, net/http must have made the same.
func FuzzReadHead(f *testing.F) {
	for _, tt := range heads {
		f.Add([]byte(crlf(tt.head)))
		f.Add([]byte(tt.head))
	}
	lines := requestLines("/health_check")
	f.Fuzz(func(t *testing.T, b []byte) {
		var h head
		v := h.read(lines, b)
		if v != bare {
			return
		}
		text := b[:h.size]
		if h.line.proto == noVersion {
			line, _, query := strings.Cut(strings.TrimSuffix(string(text), "\r\n"), "?")
			if line+"\r\n" != h.line.text || query != h.details || strings.Count(string(text), "\n") != 1 {
				t.Errorf("%q was taken for %q", text, h.line.text)
			}
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			t.Fatalf("net/http can't read %q: %v", text, err)
		}
		if p := r.URL.Path; r.Method != h.line.method || p != "/health_check" && p != "/health_check/" || r.URL.Host != "" || r.Proto != h.line.proto {
			t.Errorf("%q is %s %s %s to net/http", text, r.Method, r.URL, r.Proto)
		}
		if r.ContentLength != 0 || len(r.TransferEncoding) > 0 || r.Body != http.NoBody {
			t.Errorf("%q has a body to net/http", text)
		}
		if r.Host != string(h.host) || r.UserAgent() != string(h.userAgent) {
			t.Errorf("%q: Host %q, User-Agent %q, to net/http %q, %q", text, h.host, h.userAgent, r.Host, r.UserAgent())
		}
		if keeps := !r.Close && (r.ProtoAtLeast(1, 1) || is(h.connection, "keep-alive")); keeps != h.keeps() {
			t.Errorf("%q: keeps = %v, to net/http %v", text, h.keeps(), keeps)
		}
		for _, name := range []string{"Authorization", "Upgrade", "Expect"} {
			if _, there := r.Header[name]; there {
				t.Errorf("%q has the field %s", text, name)
			}
		}
		if r.ProtoAtLeast(1, 1) && !strings.Contains(strings.ToLower(string(text)), "\nhost:") {
			return // refused by a server, so the bare word is the best answer whatever the details
		}
		if accept := strings.Join(r.Header["Accept"], ","); strings.Contains(strings.ToLower(accept), "json") || strings.Contains(r.RequestURI, "?") {
			t.Errorf("%q asks for %q with Accept: %s", text, r.RequestURI, accept)
		}
	})
}
