package allowedhosts_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/inservice/inservice/allowedhosts"
)

// FuzzAllow: whatever host is allowed, net/url reads the same host from it, and
// a matcher that is as simple as can be allows that one as well.
func FuzzAllow(f *testing.F) {
	for _, host := range []string{
		"example.com", "Example.COM.:80", "www.example.org", "10.1.2.3:8086", "192.0.2.7.", "[::1]", "[fe80::aa%25eth0]:80",
		"[::ffff:192.0.2.7]", "172.31.5.9", "evil.net#example.com", "example.com@evil.net", "0x7f.1", "a..example.org", "[::1]x", ":", "",
	} {
		f.Add(host)
	}
	rules := mustParse(f, "example.com", ".example.org", "192.0.2.7", "10.0.0.0/8", "::1", "2001:db8:1::/48", "self")
	networks := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("2001:db8:1::/48"),
		netip.MustParsePrefix("172.31.5.9/32"), netip.MustParsePrefix("172.31.5.10/32"), netip.MustParsePrefix("fe80::aa/128"), netip.MustParsePrefix("2001:db8:5::9/128"),
	}
	naive := func(hostname string) bool {
		hostname = strings.TrimSuffix(strings.ToLower(hostname), ".")
		if addr, err := netip.ParseAddr(hostname); err == nil {
			for _, n := range networks {
				if n.Contains(addr.Unmap()) {
					return true
				}
			}
			return false
		}
		return hostname == "example.com" || strings.HasSuffix("."+hostname, ".example.org")
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !rules.Allow(host, own) {
			return
		}
		plain := host
		if before, zone, zoned := strings.Cut(host, "%"); zoned { // net/url takes a zone only in its own spelling
			_, after, _ := strings.Cut(zone, "]")
			plain = before + "]" + after
		}
		u, err := url.Parse("http://" + plain + "/path")
		if err != nil {
			t.Fatalf("allowed %q, which net/url can't parse: %v", host, err)
		}
		if u.User != nil || u.Path != "/path" || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("allowed %q, of which net/url makes %#v", host, u)
		}
		if !naive(u.Hostname()) {
			t.Fatalf("allowed %q, whose host is %q", host, u.Hostname())
		}
	})
}

// FuzzParse: what parses prints in a form that parses to the same, an error is
// one line, and an entry that parses allows the host that it names.
func FuzzParse(f *testing.F) {
	for _, entry := range []string{"example.com", ".example.com", "*", "self", "10.0.0.0/8", "[::1]", "::ffff:1.2.3.4", "a:b", "http://x", ".com", "-", "fe80::1%x"} {
		f.Add(entry)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		rules, err := allowedhosts.Parse(entry)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("Parse(%q): error of more than one line: %q", entry, err)
			}
			return
		}
		again, err := allowedhosts.Parse(rules.String())
		if err != nil || again.String() != rules.String() {
			t.Fatalf("round trip of %q by %q gives %q, %v", entry, rules, again, err)
		}
		if rules.UsesSelf() {
			return
		}
		named := strings.TrimPrefix(rules.String(), ".")
		if n, err := netip.ParsePrefix(named); err == nil {
			named = n.Addr().String()
		}
		if strings.Contains(named, ":") {
			named = "[" + named + "]"
		}
		if !rules.Allow(named, nil) {
			t.Errorf("Parse(%q) does not allow %q", entry, named)
		}
		if rules.Allow("stranger.invalid", nil) && !strings.HasSuffix(named, "invalid") {
			t.Errorf("Parse(%q) allows a stranger", entry)
		}
	})
}
