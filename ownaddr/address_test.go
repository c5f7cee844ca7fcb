package ownaddr

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKindOf(t *testing.T) {
	for text, want := range map[string]Kind{
		"10.0.0.5": Private, "172.16.0.1": Private, "192.168.1.1": Private, "fd00::1": Private,
		"100.64.0.1": Private, "100.127.255.255": Private, "100.128.0.1": Public,
		"198.51.100.7": Public, "2001:db8::1": Public, "172.32.0.1": Public,
		"127.0.0.53": Loopback, "::1": Loopback, "169.254.1.1": LinkLocal, "fe80::1": LinkLocal,
	} {
		if got := kindOf(netip.MustParseAddr(text)); got != want {
			t.Errorf("kindOf(%s) = %s, want %s", text, got, want)
		}
	}
}

// FuzzParseAddr: whatever somebody answers, what is taken is the address of one
// machine, in its plain form.
func FuzzParseAddr(f *testing.F) {
	for _, text := range []string{"10.0.0.5", " 10.0.0.5\n", "::ffff:10.0.0.5", "2001:db8::1%eth0", "0.0.0.0", "::", "::1",
		"127.1", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "fe80::1%a", "<html>", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, err := parseAddr(text)
		if err != nil {
			if addr.IsValid() {
				t.Errorf("%q is refused and taken: %s", text, addr)
			}
			return
		}
		if kind := kindOf(addr); kind != Private && kind != Public {
			t.Errorf("%q gives %s, which is %s", text, addr, kind)
		}
		if addr.IsUnspecified() || addr.IsMulticast() || addr.Is4In6() || addr.Zone() != "" || addr == broadcast {
			t.Errorf("%q gives %s", text, addr)
		}
	})
}

// TestKnown has a source answer, answer in part, fail, and come back.
func TestKnown(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	says := func(minute int, err error, texts ...string) Attempt {
		a := Attempt{Source: EC2, Outcome: Found, Err: err}
		for _, addr := range addrs(texts...) {
			a.Addresses = append(a.Addresses, Address{Addr: addr, Kind: kindOf(addr), Source: EC2, Seen: at(minute)})
		}
		return a
	}
	var k known
	for _, step := range []struct {
		minute  int
		attempt Attempt
		want    []string
	}{
		{0, says(0, nil, "10.0.0.5", "198.51.100.7"), []string{"10.0.0.5", "198.51.100.7"}},
		{1, says(1, nil, "10.0.0.5", "198.51.100.8"), []string{"10.0.0.5", "198.51.100.8"}},                         // moved
		{30, says(30, errNoAddress, "10.0.0.5"), []string{"10.0.0.5", "198.51.100.8"}},                              // half an answer
		{60, says(60, errNoAddress), []string{"10.0.0.5", "198.51.100.8"}},                                          // none
		{61, says(61, errNoAddress), []string{"10.0.0.5"}},                                                          // the older half is an hour old
		{62, Attempt{Source: EC2, Outcome: NotTried}, nil},                                                          // forbidden meanwhile
		{63, says(63, nil, "198.51.100.9", "10.0.0.5", "fd00::1"), []string{"10.0.0.5", "fd00::1", "198.51.100.9"}}, // in order
	} {
		k = k.after([]Attempt{step.attempt}, at(step.minute))
		var got []string
		for _, a := range k.list() {
			got = append(got, a.Addr.String())
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after minute %d (-want +got):\n%s", step.minute, diff)
		}
	}
}

func TestReportAddrs(t *testing.T) {
	r := Report{}
	for _, addr := range addrs("10.0.0.5", "198.51.100.7", "10.0.0.5") {
		r.Addresses = append(r.Addresses, Address{Addr: addr})
	}
	equal(t, "addresses", r.Addrs(), addrs("10.0.0.5", "198.51.100.7"))
}
