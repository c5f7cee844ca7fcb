package inspect

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/fingerprint"
)

// TestConnectionsAreBounded: of 2000 that come at once, so many are held; the rest
// are closed, and there is room again afterwards.
func TestConnectionsAreBounded(t *testing.T) {
	const come, held = 2000, 64
	r := start(t, Options{Limits: Limits{Connections: held, PerPeer: held}})
	first := r.dial()
	if _, err := io.WriteString(first, "GET /first HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	r.awaitStats(func(s Stats) bool { return s.Open == 1 })
	var open []net.Conn
	for range come {
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	r.awaitStats(func(s Stats) bool { return s.Connections == come+1 })
	if s := r.server.Stats(); s.Open != held || s.TurnedAway != come+1-held {
		t.Errorf("%+v, want %d open", s, held)
	}
	closed := 0
	for _, c := range open[held:] {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			closed++
		}
	}
	if closed != come-held {
		t.Errorf("%d of %d were closed", closed, come-held)
	}
	// Who was there first is served on.
	if _, err := io.WriteString(first, "Connection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(first); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("%q, %v", answer, err)
	}
	for _, c := range open {
		_ = c.Close()
	}
	r.awaitStats(func(s Stats) bool { return s.Open == 0 })
	r.say("GET / HTTP/1.0\r\n\r\n")
}

// TestOnePeerLeavesRoom: a peer that takes all that it gets does not shut out
// another, and gets a place again when it gives one back.
func TestOnePeerLeavesRoom(t *testing.T) {
	r := start(t, Options{Limits: Limits{Connections: 16}})
	var open []net.Conn
	for range 40 {
		open = append(open, r.dial())
	}
	r.awaitStats(func(s Stats) bool { return s.Connections == 40 })
	if s := r.server.Stats(); s.Open != 4 || s.TurnedAway != 36 {
		t.Errorf("%+v, want a quarter of 16 open", s)
	}
	other := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := other.DialContext(t.Context(), "tcp", r.address)
	if err != nil {
		t.Skip("this system has no second loopback address: ", err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("the other peer got %q, %v", answer, err)
	}
	_ = open[0].Close()
	r.awaitStats(func(s Stats) bool { return s.Open == 3 })
	r.say("GET / HTTP/1.0\r\n\r\n")
	for _, c := range open {
		_ = c.Close()
	}
	r.awaitStats(func(s Stats) bool { return s.Open == 0 })
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if len(r.server.open) != 0 {
		t.Errorf("peers without a connection are kept: %v", r.server.open)
	}
}

func TestNeighbours(t *testing.T) {
	for addr, want := range map[string]string{
		"10.0.0.1":        "10.0.0.1/32",
		"2001:db8::1:2:3": "2001:db8::/64",
		"fe80::1%eth0":    "fe80::/64",
	} {
		if got := neighbours(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if got := neighbours(netip.Addr{}); got.IsValid() {
		t.Errorf("no address: %v", got)
	}
}

// awaitStats waits for counts that change without an arrival.
func (r *run) awaitStats(done func(Stats) bool) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		if done(r.server.Stats()) {
			return
		}
	}
	r.t.Fatalf("waited in vain; %+v", r.server.Stats())
}

// made is an arrival of a peer that asks for path, with so many bytes.
func made(n int, peer byte, path string, bytes int) *Arrival {
	a := &Arrival{
		Number: n, Time: time.Unix(int64(n), 0), Listener: ":80", Peer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, peer}), uint16(n)),
		Kind: HTTP1, Bytes: []byte(strings.Repeat("x", bytes)),
	}
	a.Request.Method, a.Request.Target = "GET", path
	return a
}

func TestSendersAreBounded(t *testing.T) {
	s := newSenders(Limits{Senders: 3, Arrivals: 4, Memory: 1 << 20}.filled())
	n := 0
	add := func(peer byte, path string) *Arrival {
		n++
		a := made(n, peer, path, 10)
		s.add(a, nil)
		return a
	}
	for range 10 {
		add(1, "/a")
	}
	add(2, "/a")
	add(2, "/b")
	add(1, "/a")
	add(3, "/a") // 2 /a has been silent longest
	var got []string
	for _, one := range s.list() {
		got = append(got, fmt.Sprint(one.Peer, " ", one.Asks, " ", one.Count, " ", one.Kept))
	}
	if diff := cmp.Diff([]string{"10.0.0.1 GET /a 11 4", "10.0.0.2 GET /b 1 1", "10.0.0.3 GET /a 1 1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s.forgotten != 1 || s.kept.Len() != 6 || s.order.Len() != 3 {
		t.Errorf("forgotten %d, kept %d", s.forgotten, s.kept.Len())
	}
	s.outcome(made(1, 2, "/a", 0), Outcome{What: GaveUp}) // of a forgotten one
}

// TestMemoryIsBounded: whatever comes, so much is kept of all arrivals together,
// and the counts agree with what is there after each step.
func TestMemoryIsBounded(t *testing.T) {
	const memory = 100_000
	s := newSenders(Limits{Senders: 50, Arrivals: 8, Memory: memory}.filled())
	for n := 1; n < 3000; n++ {
		s.add(made(n, byte(n*7%60), "/"+strings.Repeat("p", n%700), n*31%9000), nil)
		kept, sum := 0, 0
		for _, one := range s.byKey {
			kept += len(one.arrived)
			for _, k := range one.arrived {
				sum += cost(&k.arrival)
			}
			if len(one.arrived) > 8 || len(one.times) > 8 || len(one.key.asks) > maxAsks {
				t.Fatalf("step %d: %d arrivals of one sender", n, len(one.arrived))
			}
			if len(one.arrived) == 0 && (one.latest.Bytes != nil || !one.latest.More) {
				t.Fatalf("step %d: what was dropped is still held", n)
			}
		}
		if kept != s.kept.Len() || sum != s.memory || sum > memory+30_000 || len(s.byKey) > 50 || s.order.Len() != len(s.byKey) {
			t.Fatalf("step %d: %d arrivals kept, %d in the list; %d bytes, %d counted; %d senders", n, kept, s.kept.Len(), sum, s.memory, len(s.byKey))
		}
		nodes := 0
		for _, count := range s.nodes {
			nodes += count
		}
		if nodes != len(s.byKey) {
			t.Fatalf("step %d: %d nodes of %d senders", n, nodes, len(s.byKey))
		}
	}
}

func TestNodes(t *testing.T) {
	s := newSenders(Limits{}.filled())
	for peer := range byte(3) {
		a := made(int(peer)+1, peer, "/up", 1)
		a.Guess.Name = "alb"
		s.add(a, nil)
		if a.Nodes != int(peer)+1 {
			t.Errorf("node %d is told with %d", peer, a.Nodes)
		}
	}
	other := made(4, 9, "/up", 1) // nobody known, and no node of them
	s.add(other, nil)
	elsewhere := made(5, 9, "/else", 1)
	elsewhere.Guess.Name = "alb"
	s.add(elsewhere, nil)
	for i, want := range []int{3, 3, 3, 1, 1} {
		if got := s.list()[i].Nodes; got != want {
			t.Errorf("sender %d has %d nodes, want %d", i, got, want)
		}
	}
}

func TestSame(t *testing.T) {
	s := newSenders(Limits{}.filled())
	var got []int
	for n, size := range []int{5, 5, 5, 6, 6, 5} {
		a := made(n+1, 1, "/", size)
		s.add(a, nil)
		got = append(got, a.SameAs)
	}
	if diff := cmp.Diff([]int{0, 1, 1, 0, 4, 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if changes := s.list()[0].Changes; changes != 2 {
		t.Errorf("%d changes", changes)
	}
}

func TestOpenErrors(t *testing.T) {
	r := start(t, Options{})
	if _, err := Open(Options{Addresses: []string{"127.0.0.1:0", r.address}}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a busy port: %v", err)
	}
	if _, err := Open(Options{Addresses: []string{"127.0.0.1:0"}, Script: Script{{Answer: Answer{Status: 99}}}}); err == nil {
		t.Error("status 99 is taken")
	}
}

// TestOnce: one arrival, its answer whole, and the end.
func TestOnce(t *testing.T) {
	for name, say := range map[string]func(r *run){
		"http/1": func(r *run) {
			if got := r.say("GET / HTTP/1.1\r\n\r\n"); got != okClosed {
				r.t.Errorf("answered %q", got)
			}
		},
		"h2": func(r *run) {
			answer, err := h2(r.t, true).Get("http://" + r.address)
			if err != nil {
				r.t.Fatal(err)
			}
			if text, err := io.ReadAll(answer.Body); string(text) != "ok" {
				r.t.Errorf("answered %q, %v", text, err)
			}
		},
		"connect": func(r *run) { _ = r.dial().Close() },
		"garbage": func(r *run) { r.say("x\n") },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Once: true})
			say(r)
			select {
			case err := <-r.ended:
				if err != nil {
					t.Errorf("Run = %v", err)
				}
				r.ended <- nil
			case <-time.After(20 * time.Second):
				t.Fatal("Run goes on")
			}
			if len(r.arrivals) != 1 {
				t.Errorf("%d arrivals", len(r.arrivals))
			}
		})
	}
	r := start(t, Options{Once: true, Script: Script{{Answer: Answer{After: 20 * time.Millisecond}}}})
	answer, err := h2(t, true).Get("http://" + r.address)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(answer.Body); string(text) != "ok" {
		t.Errorf("answered %q, %v", text, err)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	r.ended <- nil
}

func TestPaceOf(t *testing.T) {
	at := func(seconds ...int64) []time.Time {
		var times []time.Time
		for _, s := range seconds {
			times = append(times, time.Unix(s, 0))
		}
		return times
	}
	for _, test := range []struct {
		times []time.Time
		want  Pace
	}{
		{nil, Pace{}},
		{at(1), Pace{}},
		{at(1, 3), Pace{Seen: 1}},
		{at(0, 10, 30), Pace{15 * time.Second, 5 * time.Second, 2}},
		{at(0, 10, 20, 30, 930), Pace{10 * time.Second, 0, 4}},
		{at(0, 10, 22, 30, 40, 41), Pace{10 * time.Second, 2 * time.Second, 5}},
	} {
		if got := paceOf(test.times); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.times, got, test.want)
		}
	}
}

func TestScriptAt(t *testing.T) {
	for text, want := range map[string]string{
		"200":            "200 200 200 200 200 200 200",
		"500x2,200":      "500 500 200 200 200 200 200",
		"200x2,500x1":    "200 200 500 200 200 500 200",
		"200,close,hang": "200 close hang hang hang hang hang",
		"503x1":          "503 503 503 503 503 503 503",
		" 200 , 500x2 ":  "200 500 500 200 500 500 200",
	} {
		script, err := ParseScript(text, Answer{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		var got []string
		for n := range 7 {
			got = append(got, script.At(n).String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q gives %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", ",", "200x", "200x0", "200x-1", "x5", "abc", "99", "1000", "199", "600", "200x5x5", "closed", "200x1000001", "200x05"} {
		if script, err := ParseScript(text, Answer{}); err == nil {
			t.Errorf("%q is taken for %v", text, script)
		}
	}
	base := Answer{Redirect: "/x", After: time.Second}
	script, err := ParseScript("301,200,close", base)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Script{{Answer: Answer{Status: 301, Redirect: "/x", After: time.Second}}, {Answer: Answer{Status: 200, After: time.Second}},
		{Answer: Answer{Way: Close, After: time.Second}}}, script); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScriptCheck(t *testing.T) {
	for _, a := range []Answer{
		{Status: 100}, {Status: 600}, {Status: -1}, {Redirect: "/", Status: 200}, {Redirect: "a b"}, {Redirect: "x"}, {Redirect: "http://a/\r\nX: y"},
		{Redirect: "http://\x7f"}, {After: -1}, {After: time.Hour}, {Drip: -1}, {Drip: time.Minute}, {Way: 9},
	} {
		if err := (Script{{Answer: a}}).Check(); err == nil {
			t.Errorf("%+v is taken", a)
		}
	}
	if err := (Script{{Answer: Answer{Redirect: "https://a.example/x?y=z"}}, {Answer: Answer{Status: 599}}}).Check(); err != nil {
		t.Error(err)
	}
}

// TestWire: exactly the bytes, and nothing but printable ASCII.
func TestWire(t *testing.T) {
	got := Wire([]byte("GET / HTTP/1.1\r\nX: \x1b[31m\\é\t\"\n\n\x7f\x00end"))
	want := []string{`GET / HTTP/1.1\r\n`, `X: \x1b[31m\\\xc3\xa9\t"\n`, `\n`, `\x7f\x00end`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzWire(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\\x41\"\x1b\xff\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lines := Wire(b)
		all := strings.Join(lines, "")
		if strings.ContainsFunc(all, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q is not printable ASCII", all)
		}
		if back, err := strconv.Unquote(`"` + strings.ReplaceAll(all, `"`, `\"`) + `"`); err != nil || back != string(b) {
			t.Fatalf("%q is shown as %q, which is %q, %v", b, all, back, err)
		}
	})
}

// TestPaceOfSlowQuestions: a question that took long is told after those that came
// later, and its sender's pace is that of the beginnings all the same.
func TestPaceOfSlowQuestions(t *testing.T) {
	s := newSenders(Limits{Arrivals: 4}.filled())
	var got Pace
	for _, at := range []int{1, 20, 30, 10, 40, 60, 50} {
		a := made(at, 1, "/", 1)
		s.add(a, nil)
		got = a.Pace
	}
	if want := (Pace{Interval: 10 * time.Second, Seen: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestFieldsAreCounted: HTTP/2 can say many fields in few bytes; keeping them takes
// room all the same.
func TestFieldsAreCounted(t *testing.T) {
	few, many := made(1, 1, "/", 10), made(2, 1, "/", 10)
	for range 400 {
		many.Request.Fields = append(many.Request.Fields, fingerprint.Field{Name: "a", Value: "b"})
	}
	if more, least := cost(many)-cost(few), 400*int(unsafe.Sizeof(fingerprint.Field{})); more < least {
		t.Errorf("400 fields are taken for %d bytes, and take %d at least", more, least)
	}
}
