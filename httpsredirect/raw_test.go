package httpsredirect_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/httpsredirect"
)

var silent = slog.New(slog.DiscardHandler)

// site answers every request 200 and says that it was asked.
var site = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "site") })

// allowExample allows example.com and what is below it, and one address of each kind.
func allowExample(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "example.com" || strings.HasSuffix(host, ".example.com") || host == "192.0.2.7" || host == "[2001:db8::7]"
}

// TestRawRequests sends requests as bytes over plain http, as whoever forges
// them would.
func TestRawRequests(t *testing.T) {
	server := httptest.NewUnstartedServer(&httpsredirect.Handler{
		Next:        site,
		AllowHost:   allowExample,
		ExemptPaths: []string{"/health_check", "/ready/", "/hälth", "relative", ""},
		HSTS:        time.Hour,
		Log:         silent,
	})
	// net/http answers "OPTIONS *" itself otherwise.
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	t.Cleanup(server.Close)

	const (
		next    = "200 site"
		refused = "400 this host is not served here"
		stdlib  = "400" // net/http's own answer, which this package has no part in
	)
	get := func(target, host string) string { return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	tests := []struct {
		name string
		raw  string
		want string // next, refused, stdlib, or status and Location
	}{
		// where to
		{"root", get("/", "example.com"), "301 https://example.com/"},
		{"path and query", get("/a/b?c=d&e", "example.com"), "301 https://example.com/a/b?c=d&e"},
		{"port dropped", get("/", "example.com:8080"), "301 https://example.com/"},
		{"empty port dropped", get("/", "example.com:"), "301 https://example.com/"},
		{"host as sent", get("/", "Www.Example.COM."), "301 https://Www.Example.COM./"},
		{"IPv4", get("/", "192.0.2.7:80"), "301 https://192.0.2.7/"},
		{"IPv6", get("/", "[2001:db8::7]:80"), "301 https://[2001:db8::7]/"},
		{"HTTP/1.0", "GET /x HTTP/1.0\r\nHost: example.com\r\n\r\n", "301 https://example.com/x"},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", refused},

		// byte for byte
		{"encoded", get("/a%2Fb%20c%7e?%41=%zz", "example.com"), "301 https://example.com/a%2Fb%20c%7e?%41=%zz"},
		{"dot segments", get("/a/../b/./c", "example.com"), "301 https://example.com/a/../b/./c"},
		{"two slashes", get("//evil.net/x", "example.com"), "301 https://example.com//evil.net/x"},
		{"three slashes", get("///evil.net", "example.com"), "301 https://example.com///evil.net"},
		{"backslashes", get(`/\evil.net\x`, "example.com"), `301 https://example.com/\evil.net\x`},
		{"at sign", get("/@evil.net", "example.com"), "301 https://example.com/@evil.net"},
		{"URL in the path", get("/https://evil.net/", "example.com"), "301 https://example.com/https://evil.net/"},
		{"URL in the query", get("/?to=https://evil.net/", "example.com"), "301 https://example.com/?to=https://evil.net/"},
		{"lone question mark", get("/?", "example.com"), "301 https://example.com/?"},
		{"two question marks", get("/??", "example.com"), "301 https://example.com/??"},
		{"fragment", get("/a#b?c", "example.com"), "301 https://example.com/a#b?c"},
		{"encoded line break", get("/%0d%0aSet-Cookie:%20a=b", "example.com"), "301 https://example.com/%0d%0aSet-Cookie:%20a=b"},
		{"markup", get("/<script>'\"", "example.com"), "301 https://example.com/<script>'\""},
		{"bytes beyond ASCII", get("/\xc3\xa4\xff", "example.com"), "301 https://example.com/\xc3\xa4\xff"},
		{"trailing slash", get("/a/", "example.com"), "301 https://example.com/a/"},
		{"tab", get("/a\tb", "example.com"), stdlib},
		{"zero byte", get("/a\x00b", "example.com"), stdlib},

		// absolute form
		{"absolute form", get("http://example.com/x?y", "evil.net"), "301 https://example.com/x?y"},
		{"absolute form with a port", get("http://example.com:81/x", "evil.net"), "301 https://example.com/x"},
		{"absolute form without a path", get("http://example.com", "evil.net"), "301 https://example.com/"},
		{"absolute form with a query alone", get("http://example.com?y", "evil.net"), "301 https://example.com/?y"},
		{"absolute form that claims https", get("https://example.com/x", "example.com"), "301 https://example.com/x"},
		{"absolute form, upper case", get("HTTP://Example.com/X", "evil.net"), "301 https://Example.com/X"},
		{"absolute form of a stranger", get("http://evil.net/", "example.com"), refused},
		{"absolute form, user name", get("http://example.com@evil.net/", "example.com"), refused},
		{"absolute form, user name and allowed host", get("http://evil.net@example.com/", "example.com"), refused},
		{"absolute form, without a host", get("http:///x", "example.com"), refused},
		{"absolute form, another scheme", get("ftp://example.com/x", "example.com"), refused},
		{"opaque", get("example.com:80", "example.com"), refused},
		{"asterisk with GET", get("*", "example.com"), refused},

		// hosts
		{"stranger", get("/", "evil.net"), refused},
		{"stranger that ends alike", get("/", "evilexample.com"), refused},
		{"stranger that begins alike", get("/", "example.com.evil.net"), refused},
		{"empty Host", get("/", ""), refused},
		{"list", get("/", "example.com,evil.net"), refused},
		{"percent", get("/", "example.com%2eevil.net"), refused},
		{"number", get("/", "3221226007"), refused},
		{"port with letters", get("/", "example.com:80evil"), refused},
		{"two ports", get("/", "example.com:80:evil.net"), refused},
		{"at sign in Host", get("/", "example.com@evil.net"), stdlib},
		{"backslash in Host", get("/", `evil.net\.example.com`), stdlib},
		{"slash in Host", get("/", "evil.net/.example.com"), stdlib},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: example.com\r\nHost: evil.net\r\n\r\n", stdlib},
		{"forwarded host is not looked at", "GET / HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-Host: evil.net\r\n\r\n", "301 https://example.com/"},

		// methods
		{"HEAD", "HEAD /x HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n", "301 https://example.com/x"},
		{"POST", "POST /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\n\r\nhi", "308 https://example.com/x"},
		{"POST without a body", "POST /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n", "308 https://example.com/x"},
		{"POST that waits for 100", "POST /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", "308 https://example.com/x"},
		{"PUT, chunked", "PUT /x HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "308 https://example.com/x"},
		{"DELETE", "DELETE /x HTTP/1.1\r\nHost: example.com\r\n\r\n", "308 https://example.com/x"},
		{"OPTIONS", "OPTIONS /x HTTP/1.1\r\nHost: example.com\r\n\r\n", "308 https://example.com/x"},
		{"a method of one's own", "BREW /x HTTP/1.1\r\nHost: example.com\r\n\r\n", "308 https://example.com/x"},
		{"lower-case get is another method", "get /x HTTP/1.1\r\nHost: example.com\r\n\r\n", "308 https://example.com/x"},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: evil.net\r\n\r\n", next},
		{"CONNECT", "CONNECT evil.net:443 HTTP/1.1\r\nHost: evil.net\r\n\r\n", next},
		{"POST to a stranger", "POST / HTTP/1.1\r\nHost: evil.net\r\nContent-Length: 2\r\n\r\nhi", refused},
		{"WebSocket", "GET /ws HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "301 https://example.com/ws"},
		{"HTTP/2 by upgrade", "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", "301 https://example.com/"},

		// claims of a stranger
		{"forged X-Forwarded-Proto", "GET / HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-Proto: https\r\n\r\n", "301 https://example.com/"},
		{"forged chain", "GET / HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n\r\n", "301 https://example.com/"},
		{"forged Forwarded", "GET / HTTP/1.1\r\nHost: example.com\r\nForwarded: for=127.0.0.1;proto=https\r\n\r\n", "301 https://example.com/"},
		{"other forged fields", "GET / HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-Ssl: on\r\nFront-End-Https: on\r\nX-Forwarded-Scheme: https\r\nX-Url-Scheme: https\r\nX_Forwarded_Proto: https\r\n\r\n", "301 https://example.com/"},

		// exempt paths
		{"health path", get("/health_check", "10.9.8.7:8086"), next},
		{"health path with a slash", get("/health_check/", "evil.net"), next},
		{"health path with a query", get("/health_check?verbose", "evil.net"), next},
		{"health path without Host", "GET /health_check HTTP/1.0\r\n\r\n", next},
		{"health path with POST", "POST /health_check HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", next},
		{"entry with a slash", get("/ready", "a"), next},
		{"entry that needs encoding", get("/h%C3%A4lth", "a"), next},
		{"below the health path", get("/health_check/x", "example.com"), "301 https://example.com/health_check/x"},
		{"health path as a prefix", get("/health_check2", "example.com"), "301 https://example.com/health_check2"},
		{"out of the health path", get("/health_check/../admin", "example.com"), "301 https://example.com/health_check/../admin"},
		{"into the health path", get("/x/../health_check", "example.com"), "301 https://example.com/x/../health_check"},
		{"two slashes in front", get("//health_check", "example.com"), "301 https://example.com//health_check"},
		{"two slashes behind", get("/health_check//", "example.com"), "301 https://example.com/health_check//"},
		{"encoded slash", get("/health_check%2F", "example.com"), "301 https://example.com/health_check%2F"},
		{"encoded letter", get("/health%5Fcheck", "example.com"), "301 https://example.com/health%5Fcheck"},
		{"case", get("/Health_Check", "example.com"), "301 https://example.com/Health_Check"},
		{"the empty entry is not the root", get("/", "example.com"), "301 https://example.com/"},
		{"entry without a slash in front", get("http://example.com/relative", "x"), "301 https://example.com/relative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			response, body := exchange(t, conn, tt.raw)
			got := fmt.Sprint(response.StatusCode)
			if tt.want != stdlib {
				got += " " + strings.TrimSuffix(body, "\n") + response.Header.Get("Location")
			}
			if got != tt.want {
				t.Errorf("answer %q, want %q", got, tt.want)
			}
			if hsts := response.Header.Values("Strict-Transport-Security"); hsts != nil {
				t.Errorf("Strict-Transport-Security %q over http", hsts)
			}
			if cache := response.Header.Get("Cache-Control"); tt.want != next && tt.want != stdlib && cache != "no-store" {
				t.Errorf("Cache-Control %q, want no-store", cache)
			}
		})
	}
}

// TestOverTLS: what comes over TLS is handed on, whatever it says, and told to
// come so again.
func TestOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(&httpsredirect.Handler{
		Next:           site,
		AllowHost:      allowExample,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		ExemptPaths:    []string{"/health_check"},
		HSTS:           time.Hour,
	})
	t.Cleanup(server.Close)
	for _, tt := range []struct{ name, raw string }{
		{"allowed host", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"},
		{"the host is no business of ours", "GET / HTTP/1.1\r\nHost: evil.net\r\n\r\n"},
		{"health path", "GET /health_check HTTP/1.1\r\nHost: evil.net\r\n\r\n"},
		{"a stranger's claim", "GET / HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-Proto: http\r\nForwarded: proto=http\r\n\r\n"},
		{"absolute form that claims http", "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n"},
		{"POST", "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\n\r\nhi"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			response, body := exchange(t, conn, tt.raw)
			if response.StatusCode != http.StatusOK || body != "site" {
				t.Errorf("answer %d %q, want 200 of the site", response.StatusCode, body)
			}
			if diff := cmp.Diff([]string{"max-age=3600"}, response.Header.Values("Strict-Transport-Security")); diff != "" {
				t.Errorf("Strict-Transport-Security (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBehindProxy: a real connection from a trusted proxy, with what a visitor
// may add to it.
func TestBehindProxy(t *testing.T) {
	server := httptest.NewServer(&httpsredirect.Handler{
		Next:           site,
		AllowHost:      allowExample,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		HSTS:           time.Hour,
		Port:           8443,
		Log:            silent,
	})
	t.Cleanup(server.Close)
	const redirect = "301 https://example.com:8443/x"
	for _, tt := range []struct{ name, fields, want string }{
		{"https", "X-Forwarded-Proto: https\r\n", "200 "},
		{"http", "X-Forwarded-Proto: http\r\n", redirect},
		{"nothing", "", redirect},
		{"https, with a lower-case name", "x-forwarded-proto: https\r\n", "200 "},
		{"name with underscores", "X_Forwarded_Proto: https\r\n", redirect},
		{"two lines, the last is the proxy's", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", redirect},
		{"Forwarded", "Forwarded: for=203.0.113.9;proto=https\r\n", "200 "},
		{"malformed Forwarded of the visitor, and the proxy's line", "Forwarded: for=\"x\r\nForwarded: proto=http;for=203.0.113.9\r\n", redirect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			response, _ := exchange(t, conn, "GET /x HTTP/1.1\r\nHost: example.com\r\n"+tt.fields+"\r\n")
			if got := fmt.Sprint(response.StatusCode, " ", response.Header.Get("Location")); got != tt.want {
				t.Errorf("answer %q, want %q", got, tt.want)
			}
			if got, want := response.Header.Get("Strict-Transport-Security") != "", tt.want == "200 "; got != want {
				t.Errorf("Strict-Transport-Security sent: %v, want %v", got, want)
			}
		})
	}
}

// exchange sends bytes over conn, returns the answer and closes conn.
func exchange(t *testing.T, conn net.Conn, raw string) (*http.Response, string) {
	t.Helper()
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}
