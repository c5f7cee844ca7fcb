package realserver

import (
	"net"
	"net/netip"
	"testing"
)

func TestParseSocket(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0016":                         "0.0.0.0:22",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"00000000000000000000000000000000:0001": "[::]:1",
		"B80D01200000000000000000EFBE0000:FFFF": "[2001:db8::beef]:65535",
		"0000000000000000FFFF00000100007F:1F90": "127.0.0.1:8080",
	} {
		if got, err := parseSocket(text); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0100007F", "0100007F:", "0100007F:1F90F", "01000:0001", "0100007:0001", "xx00007F:0001", "0100007F01:0001"} {
		if got, err := parseSocket(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestListening(t *testing.T) {
	for _, c := range []struct {
		listen, ask string // {port} is the same in both
		want        bool
	}{
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.2", false},
		{"127.0.0.1", "::1", false},
		{"0.0.0.0", "127.0.0.2", true},
		{"::1", "::1", true},
		{"::1", "127.0.0.1", false},
	} {
		l, err := net.Listen("tcp", net.JoinHostPort(c.listen, "0"))
		if err != nil {
			t.Skipf("listen on %s: %v", c.listen, err)
		}
		ask := netip.AddrPortFrom(netip.MustParseAddr(c.ask), uint16(l.Addr().(*net.TCPAddr).Port))
		if err := listening(ask); (err == nil) != c.want {
			t.Errorf("listens on %v: is %v? got %v, want %v", l.Addr(), ask, err, c.want)
		}
		l.Close()
		if listening(ask) == nil {
			t.Errorf("%v: still there after it was closed", ask)
		}
	}
}
