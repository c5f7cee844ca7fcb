package httpsredirect_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/inservice/inservice/httpsredirect"
)

// FuzzLocation: wherever a request is redirected to, it is https, on the host
// that was allowed, for net/url and for a browser, with the target as it was
// sent.
func FuzzLocation(f *testing.F) {
	for _, seed := range [][2]string{
		{"example.com", "/"}, {"example.com:80", "//evil.net/"}, {"EXAMPLE.com.", `/\evil.net`}, {"example.com", "http://example.com@evil.net/"},
		{"example.com", "http://example.com?x"}, {"[::1]:80", "/a#b"}, {"2130706433", "/"}, {"127.1", "/"}, {"0x7f.0.0.1.", "/"}, {"192.0.2.7.", "/"},
		{"example.com\\@evil.net", "/"}, {"exa\tmple.com", "/\t/evil.net"}, {"example.com", "/\r\nSet-Cookie: a=b"}, {"a%2fb", "/%2f%2f"},
		{"[::ffff:1.2.3.4]", "/"}, {"[fe80::1%25x]", "/"}, {"example.com", "https://example.com"}, {"example.com", "example.com:80"}, {"0x", "/"}, {"", "/"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, host, uri string) {
		allowed := ""
		h := &httpsredirect.Handler{AllowHost: func(host string) bool { allowed = host; return true }}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.RequestURI = host, uri
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		to := w.Header().Get("Location")
		if to == "" {
			if w.Code != http.StatusBadRequest {
				t.Fatalf("status %d without a Location", w.Code)
			}
			return
		}
		target, ok := strings.CutPrefix(to, "https://"+allowed)
		if allowed == "" || !ok || !strings.HasPrefix(target, "/") {
			t.Fatalf("Location %q for the allowed host %q", to, allowed)
		}
		if uri != "" && !strings.HasSuffix(uri, target) && !strings.HasSuffix(uri, target[1:]) {
			t.Fatalf("target %q became %q", uri, target)
		}
		if strings.ContainsFunc(to, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			t.Fatalf("Location %q has white space or control characters", to)
		}
		if u, err := url.Parse("https://" + allowed + "/"); err != nil || u.Host != allowed {
			t.Fatalf("net/url makes %v of the host %q: %v", u, allowed, err)
		}
		// Other parsers refuse some targets; none may find another host.
		if u, err := url.Parse(to); err == nil && (u.Scheme != "https" || u.Host != allowed || u.User != nil) {
			t.Fatalf("net/url makes %#v of %q", u, to)
		}
		got, ok := browserHost(to)
		if want, _ := browserHost("https://" + allowed + "/"); !ok || got != want {
			t.Fatalf("a browser goes to %q for %q, allowed was %q", got, to, allowed)
		}
		if addr, err := netip.ParseAddr(strings.TrimSuffix(allowed, ".")); err == nil && got != addr.String() {
			t.Fatalf("a browser goes to %q for the address %q", got, allowed)
		}
	})
}

// browserHost returns the host that a browser connects to for an absolute https
// URL, after the basic URL parser of the WHATWG URL Standard: it trims and
// drops white space, takes backslashes for slashes, any number of them, and
// reads IPv4 addresses in every form there ever was.
func browserHost(location string) (host string, ok bool) {
	s := strings.TrimFunc(location, func(c rune) bool { return c <= ' ' })
	s = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(s)
	s = strings.ReplaceAll(s, `\`, "/")
	if len(s) < 6 || !strings.EqualFold(s[:6], "https:") {
		return "", false
	}
	s = strings.TrimLeft(s[6:], "/")
	if end := strings.IndexAny(s, "/?#"); end >= 0 {
		s = s[:end]
	}
	s = s[strings.LastIndexByte(s, '@')+1:]
	if literal, found := strings.CutPrefix(s, "["); found {
		literal, _, found = strings.Cut(literal, "]")
		addr, err := netip.ParseAddr(literal)
		return addr.String(), found && err == nil && addr.Is6() && addr.Zone() == ""
	}
	s, _, _ = strings.Cut(s, ":")
	s, err := url.PathUnescape(s)
	if err != nil || s == "" || strings.ContainsAny(s, "\x00\t\n\r #/:<>?@[\\]^|%") {
		return "", false
	}
	s = strings.ToLower(s)
	parts := strings.Split(strings.TrimSuffix(s, "."), ".")
	if _, numeric := browserNumber(parts[len(parts)-1]); !numeric {
		return s, true
	}
	return browserIPv4(parts)
}

// browserIPv4 reads up to four numbers, the last of which fills what is left.
func browserIPv4(parts []string) (string, bool) {
	var numbers []uint64
	for _, p := range parts {
		n, ok := browserNumber(p)
		if !ok {
			return "", false
		}
		numbers = append(numbers, n)
	}
	last := len(numbers) - 1
	if last > 3 || numbers[last] >= 1<<(8*(4-last)) {
		return "", false
	}
	ip := numbers[last]
	for i, n := range numbers[:last] {
		if n > 255 {
			return "", false
		}
		ip |= n << (8 * (3 - i))
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}).String(), true
}

// browserNumber reads a decimal, octal or hexadecimal number. Digits that are
// out of an octal number's range make it no number, but still an IPv4 address
// that can't be parsed.
func browserNumber(s string) (n uint64, ok bool) {
	base := 10
	switch {
	case strings.HasPrefix(s, "0x"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	if s == "" && base == 16 {
		return 0, true
	}
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil && s != "" && strings.Trim(s, "0123456789") == "" {
		return 1 << 63, true // too large for any part
	}
	return n, err == nil
}

// FuzzVisitorCannotClaimHTTPS: whatever a visitor who came by http writes into
// the fields, behind a trusted proxy that does its duty he stays one.
func FuzzVisitorCannotClaimHTTPS(f *testing.F) {
	f.Add("10.0.0.9", "https", "for=10.0.0.9;proto=https")
	f.Add("10.0.0.9, 10.0.0.8", "https,https,https", `for="`)
	f.Add("", "", `for=10.0.0.9;proto=https;x="`)
	f.Add(",", ",", `for="\`)
	f.Add("unknown", "wss", "proto=https,")

	const visitor = "203.0.113.9"
	appended := func(claim, value string) []string { return []string{claim + ", " + value} }
	// Each takes what the visitor sent and makes of it what reaches this server.
	honest := map[string]func(http.Header){
		"replaces X-Forwarded-Proto, appends to X-Forwarded-For": func(h http.Header) {
			h["X-Forwarded-For"] = appended(h.Get("X-Forwarded-For"), visitor)
			h["X-Forwarded-Proto"] = []string{"http"}
		},
		"replaces X-Forwarded-Proto alone": func(h http.Header) {
			h["X-Forwarded-Proto"] = []string{"http"}
		},
		"appends to both": func(h http.Header) {
			h["X-Forwarded-For"] = appended(h.Get("X-Forwarded-For"), visitor)
			h["X-Forwarded-Proto"] = appended(h.Get("X-Forwarded-Proto"), "http")
		},
		"appends lines to both": func(h http.Header) {
			h["X-Forwarded-For"] = append(h["X-Forwarded-For"], visitor)
			h["X-Forwarded-Proto"] = append(h["X-Forwarded-Proto"], "http")
		},
		"appends a line to Forwarded": func(h http.Header) {
			h["Forwarded"] = append(h["Forwarded"], "proto=http;for="+visitor)
		},
		"appends to Forwarded, drops the others": func(h http.Header) {
			h["Forwarded"] = appended(h.Get("Forwarded"), "for="+visitor+";proto=http")
			delete(h, "X-Forwarded-Proto")
		},
	}
	f.Fuzz(func(t *testing.T, addresses, proto, forwarded string) {
		for name, pass := range honest {
			header := http.Header{"X-Forwarded-For": {addresses}, "X-Forwarded-Proto": {proto}, "Forwarded": {forwarded}}
			pass(header)
			handedOn := false
			h := &httpsredirect.Handler{
				Next:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) { handedOn = true }),
				TrustedProxies: proxies,
				Log:            silent,
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header = "10.0.0.1:4444", header
			h.ServeHTTP(httptest.NewRecorder(), r)
			if handedOn {
				t.Errorf("behind a proxy that %s, %q passes for https", name, header)
			}
		}
	})
}

// TestBrowserHost: the oracle above must know the tricks it is there to find.
func TestBrowserHost(t *testing.T) {
	for _, tt := range []struct{ location, want string }{
		{"https://Example.com/x", "example.com"},
		{"https://a@b@example.com:80/", "example.com"},
		{`https:\\evil.net\x`, "evil.net"},
		{"https:////evil.net", "evil.net"},
		{"ht\ttps://ev\nil.net/", "evil.net"},
		{`https://evil.net\@example.com/`, "evil.net"},
		{"https://e%78ample.com/", "example.com"},
		{"https://127.1/", "127.0.0.1"},
		{"https://2130706433/", "127.0.0.1"},
		{"https://0x7f.0.0.01./", "127.0.0.1"},
		{"https://[::1]:80/", "::1"},
	} {
		if got, ok := browserHost(tt.location); !ok || got != tt.want {
			t.Errorf("browserHost(%q) = %q, %v, want %q", tt.location, got, ok, tt.want)
		}
	}
	failures := []string{"http://example.com/", "https://", "https://a b/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://4294967296/", "https://a.08/", "https://[::1/"}
	if i := slices.IndexFunc(failures, func(s string) bool { _, ok := browserHost(s); return ok }); i >= 0 {
		t.Errorf("browserHost(%q) is ok", failures[i])
	}
}
