package sockets

import (
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Captured from Linux 6.18 on amd64, so only read where whole numbers lie the
// same way round.
var (
	diagV4 = "020a0000" + "1f900000" + "7f000001000000000000000000000000" + "00000000000000000000000000000000" +
		"00000000" + "0100000000000000" + "00000000" + "02000000" + "01000000" + "e8030000" + "39300000" + "0500080000000000"
	diagV6 = "0a0a0000" + "1f900000" + "00000000000000000000000000000000" + "00000000000000000000000000000000" +
		"03000000" + "0100000000000000" + "00000000" + "00000000" + "00100000" + "00000000" + "3a300000" +
		"0500080000000000" + "05000b0001000000"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseDiag(t *testing.T) {
	for name, c := range map[string]struct {
		hex  string
		want entry
	}{
		"IPv4":      {diagV4, entry{Socket{Local: netip.MustParseAddrPort("127.0.0.1:8080"), Queue: 2, Backlog: 1}, 12345, 0}},
		"IPv6 only": {diagV6, entry{Socket{Local: netip.MustParseAddrPort("[::]:8080"), OnlyIPv6: true, Backlog: 4096}, 12346, 3}},
	} {
		got, ok, err := parseDiag(unhex(t, c.hex))
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", name, ok, err)
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(entry{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
	established := unhex(t, diagV4)
	established[1] = 1
	if _, ok, err := parseDiag(established); ok || err != nil {
		t.Errorf("an established connection: %v, %v; want it left out", ok, err)
	}
	for name, b := range map[string][]byte{
		"short":          unhex(t, diagV4)[:71],
		"family":         append([]byte{1}, unhex(t, diagV4)[1:]...),
		"long attribute": append(unhex(t, diagV4)[:72], 9, 0, 11, 0, 1),
		"no attribute":   append(unhex(t, diagV4)[:72], 0, 0, 0, 0),
	} {
		if _, _, err := parseDiag(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

const procTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000081 00:00000000 00000000  1000        0 31337 1 0000000000000000 100 0 0 10 0
   1: 0100007F:A3B4 0100007F:1F40 01 00000000:00000000 00:00000000 00000000  1000        0 31338 1 0000000000000000 20 4 30 10 -1
`

const procTCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 100 0 0 10 0
`

func TestParseProc(t *testing.T) {
	got, err := parseProc(procTCP)
	if err != nil || len(got) != 1 || got[0].socket.Local != netip.MustParseAddrPort("127.0.0.1:8000") || got[0].socket.Queue != 129 || got[0].inode != 31337 {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = parseProc(procTCP6)
	if err != nil || len(got) != 2 || got[0].socket.Local != netip.MustParseAddrPort("[::1]:80") || got[1].socket.Local != netip.MustParseAddrPort("127.0.0.1:81") {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"0100007F:1F40:9", "0100007:1F40", "0100007F", "xx00007F:1F40", "0100007F:11F40"} {
		if got, err := parseProc(strings.Replace(procTCP, "0100007F:1F40 00000000:0000 0A", bad+" 00000000:0000 0A", 1)); err == nil {
			t.Errorf("local address %q: %+v, want an error", bad, got)
		}
	}
	for _, c := range [][2]string{{"00000000:00000081", "81"}, {"00000000:00000081", "0:xyz"}, {" 31337 ", " -1 "}, {"1000        0 31337 1 0000000000000000 100 0 0 10 0", ""}} {
		if got, err := parseProc(strings.Replace(procTCP, c[0], c[1], 1)); err == nil {
			t.Errorf("%q in place of %q: %+v, want an error", c[1], c[0], got)
		}
	}
}

func TestSocketInode(t *testing.T) {
	if inode, ok := socketInode("socket:[4711]"); !ok || inode != 4711 {
		t.Errorf("got %d, %v", inode, ok)
	}
	for _, link := range []string{"pipe:[4711]", "socket:[4711", "socket:[]", "socket:[-1]", "/socket:[1]", ""} {
		if _, ok := socketInode(link); ok {
			t.Errorf("%q is taken for a socket", link)
		}
	}
}

func TestOwnAddress(t *testing.T) {
	own := []string{"127.0.0.1", "127.3.4.5", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		own = append(own, a.(*net.IPNet).IP.String())
		if addr, ok := netip.AddrFromSlice(a.(*net.IPNet).IP.To4()); ok {
			own = append(own, "::ffff:"+addr.String())
		}
	}
	for _, a := range own {
		if !OwnAddress(netip.MustParseAddr(a)) {
			t.Errorf("%s is not taken for an own address", a)
		}
	}
	for _, a := range []netip.Addr{{}, netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8::77")} {
		if OwnAddress(a) {
			t.Errorf("%s is taken for an own address", a)
		}
	}
}

func FuzzParseDiag(f *testing.F) {
	f.Add(unhex(f, diagV4))
	f.Add(unhex(f, diagV6))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, _, err := parseDiag(b); err == nil && (!e.socket.Local.IsValid() || e.socket.OnlyIPv6 && !e.socket.Local.Addr().Is6()) {
			t.Errorf("%x gives %+v", b, e)
		}
	})
}

func FuzzParseProc(f *testing.F) {
	f.Add(procTCP)
	f.Add(procTCP6)
	f.Fuzz(func(t *testing.T, text string) {
		found, _ := parseProc(text)
		for _, e := range found {
			if !e.socket.Local.IsValid() || e.socket.Queue < 0 {
				t.Errorf("%q gives %+v", text, e)
			}
		}
	})
}
