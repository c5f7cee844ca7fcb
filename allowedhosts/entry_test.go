package allowedhosts_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/allowedhosts"
)

func TestParseErrors(t *testing.T) {
	const (
		everyHost    = `it would allow every host, and with it whatever a forged Host does to links, caches and redirects; list the names your visitors use, such as example.com or .example.com, and self for the addresses of this machine`
		everyAddress = `it would allow every address, and with it whatever a forged Host does to links, caches and redirects; list the names your visitors use, such as example.com or .example.com, and self for the addresses of this machine`
		notName      = `not a host name: labels of 1 to 63 letters, digits, hyphens and underscores with dots between, 253 bytes in all`
		notIPv4      = `browsers take this for an IPv4 address; write all four numbers, 0 to 255, without leading zeros`
		notIPv6      = `not an address; write an IPv6 address as 2001:db8::1`
		notNetwork   = `not a network; write it as 10.0.0.0/8 or 2001:db8::/32`
		wildcard     = `a * stands for nothing; write .example.com for a domain with all names below it, 10.0.0.0/8 for a network`
		topLevel     = `it would allow every name of a top-level domain, whoever owns it; write the domains that are yours, such as .example.`
		ascii        = `write the ASCII form that browsers send, which has xn-- in front of each encoded part`
	)
	tests := []struct{ entry, want string }{
		{"", `an empty entry; write a host name such as example.com, or leave it out`},
		{" \t", `an empty entry; write a host name such as example.com, or leave it out`},

		{"*", `"*": ` + everyHost},
		{".", `".": ` + everyHost},
		{"*.example.com", `"*.example.com": write .example.com, which stands for example.com and every name below it`},
		{"*.com", `"*.com": ` + wildcard},
		{"10.0.*.*", `"10.0.*.*": ` + wildcard},
		{"exam*ple.com", `"exam*ple.com": ` + wildcard},
		{".com", `".com": ` + topLevel + "com"},
		{".COM.", `".COM.": ` + topLevel + "com"},
		{".self", `".self": ` + topLevel + "self"},

		{"http://example.com/x", `"http://example.com/x": this is a URL; write the host alone: example.com`},
		{"https://10.0.0.1:80", `"https://10.0.0.1:80": this is a URL; write the host alone: 10.0.0.1`},
		{"http://", `"http://": this is a URL; write the host alone, such as example.com`},
		{"example.com/path", `"example.com/path": a host has no path; write example.com`},
		{"example.com:80", `"example.com:80": ports are ignored; write example.com`},
		{"10.0.0.5:80", `"10.0.0.5:80": ports are ignored; write 10.0.0.5`},
		{"[::1]:80", `"[::1]:80": ports are ignored; write ::1`},
		{"example.com:http", `"example.com:http": not a host name; write one such as example.com`},

		{"a.example,b.example", `"a.example,b.example": write one entry for each host`},
		{"a.example b.example", `"a.example b.example": write one entry for each host`},
		{"user@example.com", `"user@example.com": ` + notName},
		{"example..com", `"example..com": ` + notName},
		{"example.com..", `"example.com..": ` + notName},
		{"..", `"..": ` + notName},
		{"example.com?", `"example.com?": ` + notName},
		{"\x00", `"\x00": ` + notName},
		{"bücher.example", `"bücher.example": ` + ascii},
		{"\xff", `"\xff": ` + ascii},

		{"1.2.3", `"1.2.3": ` + notIPv4},
		{"256.1.1.1", `"256.1.1.1": ` + notIPv4},
		{"010.0.0.1", `"010.0.0.1": ` + notIPv4},
		{"0x7f.1", `"0x7f.1": ` + notIPv4},
		{"2130706433", `"2130706433": ` + notIPv4},
		{".10.0.0.1", `".10.0.0.1": there are no names below an address; write the address alone, or a network such as 10.0.0.0/8`},

		{"[::1", `"[::1": ` + notIPv6},
		{"[10.0.0.1]", `"[10.0.0.1]": ` + notIPv6},
		{"[example.com]", `"[example.com]": ` + notIPv6},
		{"::1::", `"::1::": ` + notIPv6},
		{"fe80::1%eth0", `"fe80::1%eth0": zones are ignored; write fe80::1`},

		{"/", `"/": ` + notNetwork},
		{"10.0.0.0/33", `"10.0.0.0/33": ` + notNetwork},
		{"10.1.2.3/8", `"10.1.2.3/8": the network is 10.0.0.0/8; write that, or the address 10.1.2.3 alone`},
		{"2001:db8::1/32", `"2001:db8::1/32": the network is 2001:db8::/32; write that, or the address 2001:db8::1 alone`},
		{"::ffff:10.0.0.0/104", `"::ffff:10.0.0.0/104": the network is 10.0.0.0/8; write that, or the address 10.0.0.0 alone`},
		{"0.0.0.0/0", `"0.0.0.0/0": ` + everyAddress},
		{"::/0", `"::/0": ` + everyAddress},
		{"::ffff:0:0/96", `"::ffff:0:0/96": ` + everyAddress},

		{strings.Repeat("x", 150), `"` + strings.Repeat("x", 100) + `"…: ` + notName},
	}
	for _, tt := range tests {
		t.Run(tt.entry, func(t *testing.T) {
			_, err := allowedhosts.Parse(tt.entry)
			if err == nil {
				t.Fatalf("Parse(%q) gives no error", tt.entry)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("Parse(%q) error (-want +got):\n%s", tt.entry, diff)
			}
		})
	}
}

// TestParseTellsAllMistakes: one line for each.
func TestParseTellsAllMistakes(t *testing.T) {
	_, err := allowedhosts.Parse("example.com", "*", "self", "10.0.0.1:80", "")
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{`"*": `, `"10.0.0.1:80": `, "an empty entry"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d of %q does not begin with %q", i, lines, want)
		}
	}
	if len(lines) != 3 {
		t.Errorf("%d lines, want 3: %q", len(lines), lines)
	}
}
