package fingerprint

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseHead(t *testing.T) {
	many := strings.Repeat("A: b\r\n", maxFields)
	manyFields := slices.Repeat([]Field{{"A", "b"}}, maxFields)
	tests := []struct {
		name string
		head string
		want Request
	}{
		{
			"order and case kept, blanks around values not",
			"GET /a?b=c%20d HTTP/1.1\r\nHOST:  site.example \t\r\nx-y:\r\n\r\nbody: no field\r\n",
			Request{Method: "GET", Target: "/a?b=c%20d", Proto: "HTTP/1.1", Fields: []Field{{"HOST", "site.example"}, {"x-y", ""}}, Host: "site.example", HasHost: true},
		},
		{"bare line feeds", "GET / HTTP/1.0\nHost: a\n\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.0", Fields: []Field{{"Host", "a"}}, Host: "a", HasHost: true}},
		{"empty lines in front", "\r\n\nGET / HTTP/1.1\r\n\r\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.1"}},
		{"no version", "GET /\r\n", Request{Method: "GET", Target: "/"}},
		{"no version, empty line", "GET /\r\n\r\n", Request{Method: "GET", Target: "/"}},
		{"blanks in the target", "GET /a b HTTP/1.1\r\n\r\n", Request{Method: "GET", Target: "/a b", Proto: "HTTP/1.1"}},
		{"blank, but no version", "GET /a b\r\n\r\n", Request{Method: "GET", Target: "/a b"}},
		{"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Fields: []Field{{"Host", ""}}, HasHost: true}},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Fields: []Field{{"Host", "a"}, {"Host", "b"}}, Host: "a", HasHost: true}},
		{
			"lines that are no fields",
			"GET / HTTP/1.1\r\nno colon\r\n: no name\r\n folded: line\r\nHost : a\r\n\r\n",
			Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Fields: []Field{{"", "no colon"}, {"", ": no name"}, {"", " folded: line"}, {"", "Host : a"}}},
		},
		{"cut in the request line", "GET / HT", Request{Method: "GET", Target: "/ HT", Cut: true}},
		{"cut behind the request line", "GET / HTTP/1.1\r\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Cut: true}},
		{"cut in a field", "GET / HTTP/1.1\r\nHost: a\r\nUser-Ag", Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Fields: []Field{{"Host", "a"}}, Host: "a", HasHost: true, Cut: true}},
		{"as many fields as are looked at", "GET / HTTP/1.1\r\n" + many + "\r\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Fields: manyFields}},
		{"one field more", "GET / HTTP/1.1\r\n" + many + "A: b\r\n\r\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Fields: manyFields, Cut: true}},
		{"longer than is looked at", "GET / HTTP/1.1\r\nA: " + strings.Repeat("b", maxHead) + "\r\n\r\n", Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Cut: true}},
		{"nothing", "", Request{Cut: true}},
		{"empty lines alone", "\r\n\r\n", Request{Cut: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Ordered, tt.want.Peer = true, peer
			got := ParseHead([]byte(tt.head), peer)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("ParseHead (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromHTTP(t *testing.T) {
	head := "POST /a?b HTTP/1.1\r\nhost: site.example:80\r\nx-twice: 1\r\nX-Twice: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	r, err := readRequest([]byte(head), link)
	if err != nil {
		t.Fatal(err)
	}
	want := Request{
		Method: "POST", Target: "/a?b", Proto: "HTTP/1.1", Host: "site.example:80", HasHost: true, Peer: link,
		Fields: []Field{{"Host", "site.example:80"}, {"Transfer-Encoding", "chunked"}, {"X-Twice", "1"}, {"X-Twice", "2"}},
	}
	got := FromHTTP(r)
	slices.SortFunc(got.Fields, func(a, b Field) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("FromHTTP (-want +got):\n%s", diff)
	}

	r.RemoteAddr, r.Host = "@", "" // a unix socket
	for i := range 2 * maxFields {
		r.Header.Set("X-"+strconv.Itoa(i), "")
	}
	got = FromHTTP(r)
	if got.Peer.IsValid() || got.HasHost || !got.Cut || len(got.Fields) != maxFields {
		t.Errorf("FromHTTP = peer %v, HasHost %v, Cut %v, %d fields; want none, false, true, %d", got.Peer, got.HasHost, got.Cut, len(got.Fields), maxFields)
	}
}

// TestParseHeadKeepsNothing: a caller may use its buffer again.
func TestParseHeadKeepsNothing(t *testing.T) {
	head := readHead(t, "probes", "kubelet")
	r := ParseHead(head, peer)
	clear(head)
	if got := Recognise(r, nil); got.Name != "kubelet" || got.Confidence != Likely {
		t.Errorf("after the buffer was cleared: %+v, want kubelet, likely", got)
	}
}

// TestNameHeadKeepsNothing: what it lays aside for the next call must not hold on
// to a head.
func TestNameHeadKeepsNothing(t *testing.T) {
	NameHead(readHead(t, "probes", "kubelet"), peer, own)
	laidAside := spare.Get().(*[maxFields]Field)
	if *laidAside != [maxFields]Field{} {
		t.Errorf("fields laid aside: %q", laidAside[:4])
	}
	spare.Put(laidAside)
}

func FuzzParseHead(f *testing.F) {
	for _, file := range []string{"kubelet", "haproxy", "f5", "alb", "haproxy-send-state"} {
		f.Add(readHead(f, "probes", file), "192.0.2.1")
	}
	f.Add(readHead(f, "lookalikes", "varnish-with-broken-line"), "35.191.1.1")
	f.Add([]byte("GET / HTTP/1.1\r\nHost: [::1%lo]:1\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"), "::ffff:1.2.3.4")
	f.Fuzz(func(t *testing.T, head []byte, from string) {
		addr, _ := netip.ParseAddr(from)
		asked := 0
		owner := func(a netip.Addr) bool {
			asked++
			if !a.IsValid() || a.Zone() != "" || a.Is4In6() {
				t.Errorf("own was asked about %v", a)
			}
			return a == self
		}
		r := ParseHead(head, addr)
		if len(r.Fields) > maxFields {
			t.Errorf("%d fields", len(r.Fields))
		}
		total := len(r.Method) + len(r.Target) + len(r.Proto)
		for _, field := range r.Fields {
			total += len(field.Name) + len(field.Value)
			if strings.Contains(field.Name+field.Value, "\n") {
				t.Errorf("a field over several lines: %q", field)
			}
		}
		if total > min(len(head), maxHead) {
			t.Errorf("%d bytes out of a head of %d", total, len(head))
		}
		guess := Recognise(r, owner)
		if asked > 1 {
			t.Errorf("own was asked %d times", asked)
		}
		if (guess.Name == "") != (guess.Confidence == None) || (guess.Name == "") != (len(guess.Evidence) == 0) {
			t.Errorf("guess %+v does not hang together", guess)
		}
		if name := NameHead(head, addr, owner); name != guess.Name {
			t.Errorf("NameHead = %q, Recognise = %q", name, guess.Name)
		}
		for _, words := range guess.Evidence {
			if strings.ContainsFunc(words, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				t.Errorf("evidence %q holds control characters", words)
			}
		}
	})
}

func TestNoAllocation(t *testing.T) {
	for _, file := range files(t, "probes") {
		head := readHead(t, "probes", file)
		r := ParseHead(head, peer)
		if n := testing.AllocsPerRun(100, func() { NameHead(head, peer, own) }); n != 0 {
			t.Errorf("%s: NameHead allocates %v times", file, n)
		}
		if n := testing.AllocsPerRun(100, func() { Name(r, own) }); n != 0 {
			t.Errorf("%s: Name allocates %v times", file, n)
		}
	}
}

func BenchmarkNameHead(b *testing.B) {
	for _, file := range []string{"probes/alb", "probes/haproxy", "probes/kubelet", "probes/uptimerobot", "lookalikes/browser"} {
		b.Run(file, func(b *testing.B) {
			dir, name, _ := strings.Cut(file, "/")
			head := readHead(b, dir, name)
			b.ReportAllocs()
			for b.Loop() {
				NameHead(head, peer, own)
			}
		})
	}
}

func BenchmarkName(b *testing.B) {
	r := ParseHead(readHead(b, "lookalikes", "browser"), peer)
	b.ReportAllocs()
	for b.Loop() {
		Name(r, own)
	}
}

func BenchmarkRecognise(b *testing.B) {
	r := ParseHead(readHead(b, "probes", "alb"), peer)
	b.ReportAllocs()
	for b.Loop() {
		Recognise(r, own)
	}
}

// silentTarget dials a target that takes a request and hangs up.
type silentTarget struct{ t *testing.T }

func (s silentTarget) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		_, _ = far.Read(buf)
		_ = far.Close()
	}()
	s.t.Cleanup(func() { _ = near.Close(); <-done })
	return near, nil
}
