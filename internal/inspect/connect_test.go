package inspect

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	proxyproto "github.com/pires/go-proxyproto"

	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/memnet"
)

// bubble runs a Server in virtual time.
func bubble(t *testing.T, o Options, do func(dial func() net.Conn, told func() []Arrival, s *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		l, err := network.Listen("192.0.2.10:80")
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var arrivals []Arrival
		o.OnArrival = func(a Arrival) {
			mu.Lock()
			defer mu.Unlock()
			arrivals = append(arrivals, a)
		}
		s := newServer(o)
		s.add(l)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		do(func() net.Conn {
			c, err := network.Dial(t.Context(), "tcp", "192.0.2.10:80")
			if err != nil {
				t.Fatal(err)
			}
			return c
		}, func() []Arrival {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(arrivals)
		}, s)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// TestConnects: connections on which nothing is said, closed soon or kept.
func TestConnects(t *testing.T) {
	bubble(t, Options{}, func(dial func() net.Conn, told func() []Arrival, _ *Server) {
		c := dial()
		time.Sleep(30 * time.Millisecond)
		_ = c.Close()
		got := told()
		if len(got) != 1 || got[0].Kind != Connect || got[0].Ending != "closed by the other side" || got[0].Lasted != 30*time.Millisecond ||
			!slices.Contains(got[0].Guess.Among, "haproxy-tcp") || got[0].Guess.Confidence != fingerprint.Claim {
			t.Fatalf("told %+v", got)
		}
		d := dial()
		time.Sleep(4 * time.Second)
		if got := told(); len(got) != 1 {
			t.Fatalf("told too early: %+v", got[1:])
		}
		time.Sleep(time.Second)
		if got := told(); len(got) != 2 || got[1].Kind != Connect || got[1].Ending != "nothing was said for 5s" {
			t.Fatalf("told %+v", got)
		}
		// What is said later is told by itself.
		time.Sleep(time.Minute)
		go func() { _, _ = io.WriteString(d, "GET / HTTP/1.0\r\n\r\n") }()
		answer, _ := bufio.NewReader(d).ReadString('\n')
		if got := told(); len(got) != 3 || got[2].Kind != HTTP1 || got[2].Nth != 2 || answer != "HTTP/1.1 200 OK\r\n" || got[2].Lasted > time.Second {
			t.Fatalf("told %+v, answered %q", got[2:], answer)
		}
		_ = d.Close()
		e := dial() // says nothing at all, and is closed in the end
		time.Sleep(3 * time.Minute)
		if _, err := e.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("an idle connection: %v", err)
		}
	})
}

// TestSlow: who dribbles is not waited for longer than Limits.Head.
func TestSlow(t *testing.T) {
	bubble(t, Options{}, func(dial func() net.Conn, told func() []Arrival, _ *Server) {
		c := dial()
		began := time.Now()
		text := "GET / HTTP/1.1\r\nX: " + strings.Repeat("y", 60)
		sent := 0
		for sent < len(text) {
			if _, err := io.WriteString(c, text[sent:sent+1]); err != nil {
				break
			}
			sent++
			time.Sleep(time.Second)
		}
		if got := time.Since(began); got < 10*time.Second || got > 12*time.Second {
			t.Errorf("waited for %v", got)
		}
		got := told()
		if len(got) != 1 || string(got[0].Bytes) != text[:len(got[0].Bytes)] || !strings.HasSuffix(got[0].Ending, "no more came in time") {
			t.Errorf("told %+v", got)
		}
	})
}

// TestLife: no connection is held longer than Limits.Life, whatever it does.
func TestLife(t *testing.T) {
	for name, answer := range map[string]Answer{"hang": {Way: Hang}, "keep-alive": {}} {
		t.Run(name, func(t *testing.T) {
			var outcomes []Outcome
			o := Options{Script: Script{{Answer: answer}}, Limits: Limits{Life: 10 * time.Minute}}
			o.OnOutcome = func(out Outcome) { outcomes = append(outcomes, out) }
			bubble(t, o, func(dial func() net.Conn, told func() []Arrival, s *Server) {
				c := dial()
				began := time.Now()
				gone := make(chan struct{})
				go func() {
					_, _ = io.Copy(io.Discard, c)
					close(gone)
				}()
				for {
					if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
						break
					}
					time.Sleep(time.Minute)
				}
				<-gone
				if got := time.Since(began); got > 12*time.Minute || got < 9*time.Minute {
					t.Errorf("it lasted for %v", got)
				}
				if s.Stats().Open != 0 {
					t.Error("it is counted as open")
				}
				told()
				if answer.Way == Hang && (len(outcomes) != 1 || outcomes[0].What != CutOff || outcomes[0].After != 10*time.Minute) {
					t.Errorf("outcomes %+v", outcomes)
				}
			})
		})
	}
}

// TestPace: what is learned of a prober that asks at an interval, in spite of a
// pause and a burst.
func TestPace(t *testing.T) {
	bubble(t, Options{}, func(dial func() net.Conn, told func() []Arrival, s *Server) {
		ask := func(text string) {
			c := dial()
			go func() { _, _ = io.WriteString(c, text) }()
			_, _ = io.ReadAll(c)
			_ = c.Close()
		}
		const probe = "GET /up HTTP/1.1\r\nHost: 192.0.2.10\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"
		for i := range 40 {
			ask(probe)
			if i == 20 {
				time.Sleep(time.Hour)
			}
			time.Sleep(30*time.Second + time.Duration(i%3-1)*10*time.Millisecond)
		}
		got := told()
		first, last := got[0], got[len(got)-1]
		if first.Pace.Interval != 0 || first.SameAs != 0 || first.Count != 1 {
			t.Errorf("the first is told with %+v", first)
		}
		if want := (Pace{30 * time.Second, 10 * time.Millisecond, 39}); last.Pace != want || last.SameAs != 1 || last.Count != 40 {
			t.Errorf("the last is told with %+v, as %d", last.Pace, last.SameAs)
		}
		if last.Guess.Name != "alb" || last.Guess.Confidence != fingerprint.Likely {
			t.Errorf("taken for %+v: the address that it came to is this machine's", last.Guess)
		}
		all := s.Senders()
		if len(all) != 1 || all[0].Count != 40 || all[0].Nodes != 1 || all[0].Last != Answered || all[0].Changes != 0 || all[0].Pace != last.Pace {
			t.Errorf("senders: %+v", all)
		}
	})
}

// TestScripts: each sender has a sequence of its own.
func TestScripts(t *testing.T) {
	script, err := ParseScript("200x2,500,close", Answer{})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, Options{Script: script})
	first := func(said string) string {
		line, _, _ := strings.Cut(r.say(said), "\r\n")
		return line
	}
	const one, other = "GET /1 HTTP/1.0\r\n\r\n", "GET /2 HTTP/1.0\r\n\r\n"
	var got []string
	for _, said := range []string{one, one, other, one, one, other, one, other} {
		got = append(got, first(said))
	}
	const ok, bad = "HTTP/1.1 200 OK", "HTTP/1.1 500 Internal Server Error"
	if diff := cmp.Diff([]string{ok, ok, ok, bad, "", ok, "", bad}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestProxy: the header in front, what is wrong with it, and what it says of its
// sender.
func TestProxy(t *testing.T) {
	const probe = "OPTIONS / HTTP/1.0\r\n\r\n"
	v2 := func(local bool) string {
		h := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1234}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 8), Port: 80})
		if local {
			h = &proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
		}
		if err := h.SetTLVs([]proxyproto.TLV{{Type: proxyproto.PP2_TYPE_AUTHORITY, Value: []byte("a")}}); err != nil && !local {
			t.Fatal(err)
		}
		b, err := h.Format()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	source, destination := netip.MustParseAddrPort("192.0.2.7:1234"), netip.MustParseAddrPort("192.0.2.8:80")
	for name, test := range map[string]struct {
		front string
		want  Proxy
		name  string
		how   fingerprint.Confidence
	}{
		"v1":         {"PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n", Proxy{Version: 1, Source: source, Destination: destination}, "haproxy", fingerprint.Claim},
		"v1 UNKNOWN": {"PROXY UNKNOWN\r\n", Proxy{Version: 1, Local: true}, "haproxy", fingerprint.Likely},
		"v2":         {v2(false), Proxy{Version: 2, Source: source, Destination: destination, TLVs: []byte{2}}, "haproxy", fingerprint.Claim},
		"v2 LOCAL":   {v2(true), Proxy{Version: 2, Local: true}, "haproxy", fingerprint.Likely},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{})
			if answer := r.say(test.front + probe); answer != okClosed {
				t.Errorf("answered %q", answer)
			}
			a := r.arrival(1)
			if a.Proxy == nil || string(a.Bytes) != probe {
				t.Fatalf("told %+v", a)
			}
			test.want.Bytes = []byte(test.front)
			if test.want.Local {
				test.want.TLVs = a.Proxy.TLVs
			}
			if diff := cmp.Diff(test.want, *a.Proxy, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if a.Guess.Name != test.name || a.Guess.Confidence != test.how {
				t.Errorf("taken for %+v", a.Guess)
			}
		})
	}
	for _, wrong := range []string{
		"PROXY TCP4 nonsense\r\n" + probe, "PROXY " + strings.Repeat("x", 200), "PROXY TCP4 192.0.2.7 192.0.2.8 1234 99999\r\n",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x01x", "\r\n\r\n\x00\r\nQUIT\n\x99\x11\x00\x00",
	} {
		r := start(t, Options{})
		c := r.dial()
		if _, err := io.WriteString(c, wrong); err != nil {
			t.Fatal(err)
		}
		_ = c.CloseWrite()
		if a := r.arrival(1); a.Kind != Other || !strings.HasPrefix(a.Ending, "the PROXY header is wrong") || len(a.Bytes) == 0 || !strings.HasPrefix(wrong, string(a.Bytes)) {
			t.Errorf("%q: told %s %q %q", wrong, a.Kind, a.Bytes, a.Ending)
		}
	}
	// A header and nothing behind it: a TCP probe of a proxy.
	r := start(t, Options{})
	c := r.dial()
	if _, err := io.WriteString(c, v2(true)); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if a := r.arrival(1); a.Kind != Connect || a.Proxy == nil || !slices.Equal(a.Guess.Among, []string{"haproxy-tcp", "nlb-tcp"}) {
		t.Errorf("told %+v", a)
	}
}
