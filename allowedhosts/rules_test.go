package allowedhosts_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/inservice/inservice/allowedhosts"
)

// own are the machine's addresses in these tests, in forms that interfaces and
// metadata services give them.
var own = []netip.Addr{
	netip.MustParseAddr("172.31.5.9"),
	netip.MustParseAddr("::ffff:172.31.5.10"),
	netip.MustParseAddr("fe80::aa%eth0"),
	netip.MustParseAddr("2001:db8:5::9"),
}

func mustParse(t testing.TB, entries ...string) allowedhosts.Rules {
	t.Helper()
	rules, err := allowedhosts.Parse(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestAllow(t *testing.T) {
	rules := mustParse(t, "example.com", "WWW.Example.COM.", ".example.org", ".localhost", "my_service",
		"xn--bcher-kva.example", "192.0.2.7", "10.0.0.0/8", "2001:db8:1::/48", "::1", "::ffff:192.0.2.8", "[::2]", "self")
	longLabel := strings.Repeat("a", 63)
	longName := strings.Repeat(longLabel+".", 3) + strings.Repeat("a", 61-len(".example.org")) // 253 bytes with the domain

	tests := []struct {
		name string
		host string
		want bool
	}{
		// names
		{"name", "example.com", true},
		{"port", "example.com:80", true},
		{"any port", "example.com:65535", true},
		{"port 0", "example.com:0", true},
		{"empty port", "example.com:", true},
		{"case", "eXample.COM", true},
		{"dot at the end", "example.com.", true},
		{"dot at the end and port", "Example.com.:8080", true},
		{"entry with case and dot", "www.example.com", true},
		{"underscore", "my_service:8000", true},
		{"ASCII form of an international name", "XN--BCHER-KVA.example", true},
		{"other name", "example.net", false},
		{"below a name that is no domain", "sub.example.com", false},
		{"above", "com", false},
		{"name with something before", "notexample.com", false},
		{"name with something after", "example.com.evil.net", false},
		{"name with a hyphen after", "example.com-evil.net", false},
		{"Unicode form", "bücher.example", false},
		{"the word self", "self", false},

		// domains
		{"domain itself", "example.org", true},
		{"below", "www.example.org", true},
		{"far below", "a.b.c.d.example.org:443", true},
		{"below with case and dot", "A.B.Example.Org.", true},
		{"private top-level domain", "localhost", true},
		{"below a private top-level domain", "app.localhost", true},
		{"other name with the same end", "evilexample.org", false},
		{"domain as a prefix", "example.org.evil.net", false},
		{"empty label below", ".example.org", false},
		{"empty label between", "a..example.org", false},
		{"longest label", longLabel + ".example.org", true},
		{"label too long", longLabel + "a.example.org", false},
		{"longest name", longName + ".example.org", true},
		{"longest name with a dot at the end", longName + ".example.org.", true},
		{"name too long", longName + "a.example.org", false},

		// IPv4
		{"address", "192.0.2.7", true},
		{"address and port", "192.0.2.7:8086", true},
		{"address with a dot at the end", "192.0.2.7.", true},
		{"mapped entry", "192.0.2.8", true},
		{"address of a network", "10.255.1.2:80", true},
		{"other address", "192.0.2.70", false},
		{"address as a label", "192.0.2.7.evil.net", false},
		{"address below a domain", "10.0.0.1.example.org", true},
		{"leading zero", "192.0.2.07", false},
		{"octal", "0300.0.2.7", false},
		{"hexadecimal", "0xc0.0.2.7", false},
		{"one number", "3221226007", false},
		{"one hexadecimal number", "0xC0000207", false},
		{"three parts", "10.0.1", false},
		{"five parts", "10.0.0.0.1", false},
		{"part too large", "10.0.0.256", false},
		{"name that ends in a number", "example.org.7", false},
		{"name that ends in 0x", "example.org.0x", false},

		// IPv6
		{"IPv6", "[::1]", true},
		{"IPv6 and port", "[::1]:8086", true},
		{"IPv6 and empty port", "[::1]:", true},
		{"long form", "[0:0:0:0:0:0:0:1]", true},
		{"entry in brackets", "[::2]", true},
		{"upper case", "[2001:DB8:1::A]:443", true},
		{"mapped IPv4", "[::ffff:192.0.2.7]", true},
		{"mapped IPv4 of a network", "[::ffff:a00:1]", true},
		{"other IPv6", "[2001:db8:2::1]", false},
		{"without brackets", "::1", false},
		{"without brackets, with port", "2001:db8:1::a:80", false},
		{"open bracket", "[::1", false},
		{"only a closing bracket", "::1]", false},
		{"name in brackets", "[example.com]", false},
		{"IPv4 in brackets", "[192.0.2.7]", false},
		{"text after the bracket", "[::1]example.com", false},
		{"digits after the bracket", "[::1]80", false},
		{"two brackets", "[[::1]]", false},
		{"empty brackets", "[]", false},

		// self
		{"own", "172.31.5.9", true},
		{"own and port", "172.31.5.9:8086", true},
		{"own, found as mapped", "172.31.5.10", true},
		{"own as mapped", "[::ffff:172.31.5.9]:80", true},
		{"own IPv6", "[2001:db8:5::9]", true},
		{"own link-local", "[fe80::aa]", true},
		{"own with its zone", "[fe80::aa%eth0]", true},
		{"own with its zone, as in a URI", "[fe80::aa%25eth0]:80", true},
		{"own with another zone", "[fe80::aa%lo]", true},
		{"neighbour", "172.31.5.8", false},
		{"empty zone", "[fe80::aa%]", false},
		{"empty zone, as in a URI", "[fe80::aa%25]", false},
		{"zone with a slash", "[fe80::aa%eth0/x]", false},
		{"zone with a space", "[fe80::aa%eth 0]", false},
		{"zone of a name", "example.com%eth0", false},

		// what is no Host, or could be read in two ways
		{"empty", "", false},
		{"port alone", ":80", false},
		{"dot alone", ".", false},
		{"two dots at the end", "example.com..", false},
		{"port too large", "example.com:65536", false},
		{"port with a sign", "example.com:+80", false},
		{"negative port", "example.com:-1", false},
		{"letters for a port", "example.com:http", false},
		{"two ports", "example.com:80:80", false},
		{"space before", " example.com", false},
		{"space after", "example.com ", false},
		{"tab", "example.com\t", false},
		{"newline", "example.com\r\nX: y", false},
		{"zero byte", "example.com\x00.evil.net", false},
		{"user name", "example.com@evil.net", false},
		{"allowed host as user name", "user:pw@example.com", false},
		{"list", "example.com, evil.net", false},
		{"comma", "example.com,evil.net", false},
		{"slash", "example.com/evil.net", false},
		{"backslash", `example.com\evil.net`, false},
		{"query", "example.com?evil.net", false},
		{"fragment", "evil.net#example.com", false},
		{"percent", "example%2ecom", false},
		{"percent in front", "%65xample.com", false},
		{"URL", "http://example.com", false},
		{"wildcard", "*.example.org", false},
		{"quote", `"example.com"`, false},
		{"wide letters", "ｅxample.com", false},
		{"ideographic full stop", "www。example.org", false},
		{"zero-width space", "example.com\u200b", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rules.Allow(tt.host, own); got != tt.want {
				t.Errorf("Allow(%q) = %v, want %v", tt.host, got, tt.want)
			}
		})
	}
}

// TestSelf: own addresses count only with the entry, the entry only with own
// addresses.
func TestSelf(t *testing.T) {
	tests := []struct {
		name    string
		entries []string
		own     []netip.Addr
		host    string
		want    bool
	}{
		{"both", []string{"self"}, own, "172.31.5.9", true},
		{"case and spaces", []string{" SELF "}, own, "172.31.5.9", true},
		{"without the entry", []string{"example.com"}, own, "172.31.5.9", false},
		{"without addresses", []string{"self"}, nil, "172.31.5.9", false},
		{"an invalid address is no name", []string{"self"}, []netip.Addr{{}}, "example.com", false},
		{"names stay strict", []string{"self"}, own, "example.com", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := mustParse(t, tt.entries...)
			if got := rules.Allow(tt.host, tt.own); got != tt.want {
				t.Errorf("Allow(%q, %v) = %v, want %v", tt.host, tt.own, got, tt.want)
			}
			if want := strings.Contains(rules.String(), "self"); rules.UsesSelf() != want {
				t.Errorf("UsesSelf() = %v, want %v", rules.UsesSelf(), want)
			}
		})
	}
}

// TestZeroRules: nothing is allowed by default, nor by a Parse that failed.
func TestZeroRules(t *testing.T) {
	none, err := allowedhosts.Parse()
	if err != nil {
		t.Fatalf("Parse(): %v", err)
	}
	failed, err := allowedhosts.Parse("example.com", "self", "*")
	if err == nil {
		t.Fatal("Parse with a mistake gives no error")
	}
	for _, rules := range []allowedhosts.Rules{{}, none, failed} {
		for _, host := range []string{"", "example.com", "172.31.5.9", "[::1]", "localhost", "127.0.0.1"} {
			if rules.Allow(host, own) {
				t.Errorf("Allow(%q) = true", host)
			}
		}
		if rules.UsesSelf() || rules.String() != "" {
			t.Errorf("UsesSelf() = %v, String() = %q, want false and empty", rules.UsesSelf(), rules)
		}
	}
}

// TestString: order, case, repetition and spelling of the entries don't matter.
func TestString(t *testing.T) {
	const want = "a.example, b.example, .c.example, 10.0.0.0/8, 192.0.2.1, ::1, 2001:db8::/32, self"
	for _, entries := range [][]string{
		{"a.example", "b.example", ".c.example", "10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "self"},
		{"self", "[::1]", "192.0.2.1/32", "::ffff:192.0.2.1", "2001:DB8::/32", "B.example.", "10.0.0.0/8", ".C.Example", " a.example ", "b.example", "Self"},
	} {
		rules := mustParse(t, entries...)
		if got := rules.String(); got != want {
			t.Errorf("Parse(%q).String() = %q, want %q", entries, got, want)
		}
		again := mustParse(t, strings.Split(rules.String(), ", ")...)
		if again.String() != rules.String() {
			t.Errorf("round trip of %q gives %q", rules, again)
		}
	}
}
