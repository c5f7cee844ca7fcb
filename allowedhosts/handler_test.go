package allowedhosts_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/allowedhosts"
)

// addresses is an Owner that counts how often it is asked.
type addresses struct {
	addrs []netip.Addr
	asked atomic.Int32
}

func (a *addresses) Addrs() []netip.Addr {
	a.asked.Add(1)
	return a.addrs
}

// site answers every request 200 with the Host it got.
var site = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "host %q", r.Host) })

var silent = slog.New(slog.DiscardHandler)

// TestRawRequests sends requests as bytes, as whoever forges them would.
func TestRawRequests(t *testing.T) {
	var refused atomic.Int32
	server := httptest.NewUnstartedServer(&allowedhosts.Handler{
		Next:        site,
		Rules:       mustParse(t, "example.com", ".example.org", "self"),
		Own:         &addresses{addrs: own},
		ExemptPaths: []string{"/health_check", "/ready/", "/hälth", "relative", ""},
		OnRefused:   func(*http.Request) { refused.Add(1) },
		Log:         silent,
	})
	// net/http answers "OPTIONS *" itself otherwise.
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	t.Cleanup(server.Close)

	const refusal = "this host is not served here\n"
	get := func(path, host string) string { return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	tests := []struct {
		name string
		raw  string
		want string // body; "" is an answer 400 of net/http, which this package has no part in
	}{
		{"allowed", get("/", "example.com"), `host "example.com"`},
		{"allowed, as sent", get("/", "WWW.Example.ORG.:8080"), `host "WWW.Example.ORG.:8080"`},
		{"own address", get("/", "172.31.5.9:80"), `host "172.31.5.9:80"`},
		{"own IPv6 address", get("/", "[2001:db8:5::9]"), `host "[2001:db8:5::9]"`},
		{"white space around", get("/", " \t example.com \t"), `host "example.com"`},
		{"POST", "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\n\r\nhi", `host "example.com"`},

		{"stranger", get("/", "evil.net"), refusal},
		{"other address", get("/", "172.31.5.8"), refusal},
		{"POST to a stranger", "POST / HTTP/1.1\r\nHost: evil.net\r\nContent-Length: 2\r\n\r\nhi", refusal},
		{"empty Host", get("/", ""), refusal},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", refusal},
		{"HTTP/1.0 with Host", "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n", `host "example.com"`},
		{"list", get("/", "example.com,evil.net"), refusal},
		{"percent", get("/", "example%2Ecom"), refusal},
		{"zone", get("/", "[fe80::aa%eth0]"), `host "[fe80::aa%eth0]"`},
		{"markup", get("/", "<script>"), ""},
		{"user name", get("/", "user@example.com"), ""},
		{"space inside", get("/", "example.com evil.net"), ""},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: example.com\r\nHost: evil.net\r\n\r\n", ""},
		{"the same Host twice", "GET / HTTP/1.1\r\nHost: example.com\r\nHost: example.com\r\n\r\n", ""},
		{"two Hosts on the health path", "GET /health_check HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", ""},
		{"HTTP/1.1 without Host", "GET / HTTP/1.1\r\n\r\n", ""},
		{"forwarded host is not looked at", "GET / HTTP/1.1\r\nHost: evil.net\r\nX-Forwarded-Host: example.com\r\n\r\n", refusal},

		{"absolute form", get("http://example.com/x", "evil.net"), `host "example.com"`},
		{"absolute form with a port", get("http://example.com:81/x", "example.com"), `host "example.com:81"`},
		{"absolute form of a stranger", get("http://evil.net/x", "example.com"), refusal},
		{"absolute form with a user name", get("http://example.com@evil.net/", "example.com"), refusal},
		{"absolute form with a user name, allowed host", get("http://user@example.com/", "example.com"), refusal},
		{"absolute form without a host", get("http:///x", "example.com"), `host "example.com"`},
		{"absolute form, opaque", get("http:x", "evil.net"), refusal},
		{"path that looks like a host", get("//example.com/x", "evil.net"), refusal},
		{"CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: evil.net\r\n\r\n", `host "example.com:443"`},
		{"CONNECT to a stranger", "CONNECT evil.net:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", refusal},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n", `host "example.com"`},
		{"OPTIONS * of a stranger", "OPTIONS * HTTP/1.1\r\nHost: evil.net\r\n\r\n", refusal},

		{"health path", get("/health_check", "10.9.8.7:8086"), `host "10.9.8.7:8086"`},
		{"health path with a slash", get("/health_check/", "evil.net"), `host "evil.net"`},
		{"health path with a query", get("/health_check?verbose=1", "evil.net"), `host "evil.net"`},
		{"health path without Host", "GET /health_check HTTP/1.0\r\n\r\n", `host ""`},
		{"health path with an empty Host", get("/health_check", ""), `host ""`},
		{"health path with an odd Host", get("/health_check", "a,b"), `host "a,b"`},
		{"health path in absolute form", get("http://evil.net/health_check", "x"), `host "evil.net"`},
		{"health path with POST", "POST /health_check HTTP/1.1\r\nHost: evil.net\r\n\r\n", `host "evil.net"`},
		{"entry with a slash", get("/ready", "evil.net"), `host "evil.net"`},
		{"entry with a slash, as written", get("/ready/", "evil.net"), `host "evil.net"`},
		{"entry that needs encoding", get("/h%C3%A4lth", "evil.net"), `host "evil.net"`},

		{"below the health path", get("/health_check/x", "evil.net"), refusal},
		{"health path as a prefix", get("/health_check2", "evil.net"), refusal},
		{"out of the health path", get("/health_check/../admin", "evil.net"), refusal},
		{"out of the health path, encoded", get("/health_check/%2e%2e/admin", "evil.net"), refusal},
		{"into the health path", get("/x/../health_check", "evil.net"), refusal},
		{"dot segment", get("/./health_check", "evil.net"), refusal},
		{"two slashes in front", get("//health_check", "evil.net"), refusal},
		{"two slashes behind", get("/health_check//", "evil.net"), refusal},
		{"encoded slash behind", get("/health_check%2F", "evil.net"), refusal},
		{"encoded slash in front", get("/%2Fhealth_check", "evil.net"), refusal},
		{"encoded letter", get("/health%5Fcheck", "evil.net"), refusal},
		{"encoded end", get("/health_check%00", "evil.net"), refusal},
		{"path parameter", get("/health_check;x", "evil.net"), refusal},
		{"fragment", get("/health_check#x", "evil.net"), refusal},
		{"backslash", get(`/health_check\..\admin`, "evil.net"), refusal},
		{"case", get("/Health_Check", "evil.net"), refusal},
		{"health path in the query", get("/admin?/health_check", "evil.net"), refusal},
		{"entry without a slash in front", get("http://evil.net/relative", "x"), refusal},
		{"the empty entry is not the root", get("/", "evil.net"), refusal},
		{"the empty entry is not the empty path", get("http://evil.net", "x"), refusal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := refused.Load()
			response, body := send(t, server.Listener.Addr(), tt.raw)
			switch tt.want {
			case refusal:
				want := http.Header{
					"Cache-Control":          {"no-store"},
					"Content-Type":           {"text/plain; charset=utf-8"},
					"X-Content-Type-Options": {"nosniff"},
				}
				got := response.Header.Clone()
				for _, own := range []string{"Date", "Content-Length", "Connection"} {
					got.Del(own)
				}
				if diff := cmp.Diff(want, got); response.StatusCode != http.StatusBadRequest || diff != "" {
					t.Errorf("status %d, header (-want +got):\n%s", response.StatusCode, diff)
				}
				if n := refused.Load() - before; n != 1 {
					t.Errorf("OnRefused called %d times, want once", n)
				}
			case "":
				if response.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d, want 400 of net/http", response.StatusCode)
				}
				body = ""
			default:
				if response.StatusCode != http.StatusOK || refused.Load() != before {
					t.Errorf("status %d, want 200 and no call of OnRefused", response.StatusCode)
				}
			}
			if diff := cmp.Diff(tt.want, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

// send sends bytes over a connection of their own and returns the answer.
func send(t *testing.T, address net.Addr, raw string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial(address.Network(), address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
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

// TestExemptRoot: "/" is the path "/", not requests without a path.
func TestExemptRoot(t *testing.T) {
	server := httptest.NewServer(&allowedhosts.Handler{Next: site, ExemptPaths: []string{"/"}, Log: silent})
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		raw  string
		want int
	}{
		{"GET / HTTP/1.1\r\nHost: evil.net\r\n\r\n", http.StatusOK},
		{"GET /?x HTTP/1.1\r\nHost: evil.net\r\n\r\n", http.StatusOK},
		{"GET // HTTP/1.1\r\nHost: evil.net\r\n\r\n", http.StatusBadRequest},
		{"GET http://evil.net HTTP/1.1\r\nHost: evil.net\r\n\r\n", http.StatusBadRequest},
		{"CONNECT evil.net:443 HTTP/1.1\r\nHost: evil.net\r\n\r\n", http.StatusBadRequest},
	} {
		if response, _ := send(t, server.Listener.Addr(), tt.raw); response.StatusCode != tt.want {
			t.Errorf("%q: status %d, want %d", tt.raw, response.StatusCode, tt.want)
		}
	}
}

// TestDifferingHostField: only over HTTP/2 does a Host field reach a handler,
// and a client there may let it differ from :authority.
func TestDifferingHostField(t *testing.T) {
	h := &allowedhosts.Handler{Next: site, Rules: mustParse(t, "example.com"), Log: silent}
	for _, tt := range []struct {
		fields []string
		want   int
	}{
		{nil, http.StatusOK},
		{[]string{"example.com"}, http.StatusOK},
		{[]string{"evil.net"}, http.StatusBadRequest},
		{[]string{"example.com", "evil.net"}, http.StatusBadRequest},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/", nil)
		r.Header["Host"] = tt.fields
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("Host fields %q: status %d, want %d", tt.fields, w.Code, tt.want)
		}
	}
}

// TestSameWriter: Next gets the server's ResponseWriter and so can flush, hijack
// and whatever else it can do.
func TestSameWriter(t *testing.T) {
	var got http.ResponseWriter
	h := &allowedhosts.Handler{
		Next:        http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w }),
		Rules:       mustParse(t, "example.com"),
		ExemptPaths: []string{"/health_check"},
	}
	for _, target := range []string{"http://example.com/", "http://evil.net/health_check"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		if got != w {
			t.Errorf("%s: Next got %T, want the ResponseWriter that the handler was given", target, got)
		}
	}
}

// TestOwnerIsAskedOnlyIfNeeded: looking addresses up may cost something.
func TestOwnerIsAskedOnlyIfNeeded(t *testing.T) {
	for _, tt := range []struct {
		rules, host string
		asked       int32
		want        bool
	}{
		{"self", "172.31.5.9", 1, true},
		{"self", "[2001:db8:5::9]:80", 1, true},
		{"self", "172.31.5.8", 1, false},
		{"self", "evil.net", 0, false},
		{"self", "", 0, false},
		{"172.31.5.9", "172.31.5.9", 0, true},
		{"172.31.5.8", "172.31.5.9", 0, false},
	} {
		owner := &addresses{addrs: own}
		h := &allowedhosts.Handler{Rules: mustParse(t, tt.rules), Own: owner}
		if got := h.Allow(tt.host); got != tt.want || owner.asked.Load() != tt.asked {
			t.Errorf("rules %q: Allow(%q) = %v, Owner asked %d times; want %v and %d", tt.rules, tt.host, got, owner.asked.Load(), tt.want, tt.asked)
		}
	}
	h := &allowedhosts.Handler{Rules: mustParse(t, "self", "example.com")}
	if h.Allow("172.31.5.9") || !h.Allow("example.com") {
		t.Error("without an Owner, self must stand for nothing and the rest for itself")
	}
}

// TestLogIsBounded: a flood of strangers is counted in full and logged in part.
func TestLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		refused := 0
		h := &allowedhosts.Handler{
			Next:      site,
			OnRefused: func(*http.Request) { refused++ },
			Log:       slog.New(slog.NewTextHandler(&log, nil)),
		}
		flood := func(n int, host string) int {
			log.Reset()
			for range n {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin?token=secret", nil)
				r.Host, r.RemoteAddr = host, "198.51.100.7:1234"
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
			return strings.Count(log.String(), "\n")
		}
		if lines := flood(1000, "evil.net"); lines != 10 {
			t.Errorf("%d lines for 1000 refusals, want 10", lines)
		}
		const line = `level=WARN msg="host refused" host=evil.net peer=198.51.100.7:1234 method=GET path=/admin` + "\n"
		if !strings.HasSuffix(log.String(), line) {
			t.Errorf("log\n%s\nwant lines that end in\n%s", &log, line)
		}
		time.Sleep(10 * time.Second)
		odd := "evil\r\nlevel=ERROR " + strings.Repeat("x", 500)
		if lines := flood(5, odd); lines != 1 {
			t.Errorf("%d lines ten seconds later, want 1:\n%s", lines, &log)
		}
		for _, want := range []string{"lines_left_out=990 ", `evil\\r\\nlevel=ERROR`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log %q lacks %q", &log, want)
			}
		}
		if log.Len() > 400 {
			t.Errorf("a line of %d bytes for a Host of %d: %q", log.Len(), len(odd), &log)
		}
		if refused != 1005 {
			t.Errorf("OnRefused called %d times, want 1005", refused)
		}
	})
}

// TestAllocations: standing in front of every request must cost next to nothing.
func TestAllocations(t *testing.T) {
	h := &allowedhosts.Handler{
		Next:        http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		Rules:       mustParse(t, "example.com", ".example.org", "10.0.0.0/8", "self"),
		Own:         &addresses{addrs: own},
		ExemptPaths: []string{"/health_check"},
	}
	w := httptest.NewRecorder()
	for _, target := range []string{
		"http://example.com/", "http://a.b.c.example.org:8080/", "http://10.1.2.3/", "http://[2001:db8:5::9]/", "http://evil.net/health_check",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", target, n)
		}
	}
	if w.Code != http.StatusOK {
		t.Errorf("status %d, want every request allowed", w.Code)
	}
}

func BenchmarkHandler(b *testing.B) {
	h := &allowedhosts.Handler{
		Next:  http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		Rules: mustParse(b, "example.com", ".example.org", "10.0.0.0/8", "self"),
		Own:   &addresses{addrs: own},
	}
	for _, host := range []string{"example.com", "www.example.org:443", "172.31.5.9:8086"} {
		b.Run(host, func(b *testing.B) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
			r.Host = host
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
