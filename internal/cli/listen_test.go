package cli

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/inspect"
	"github.com/inservice/inservice/internal/refusal"
)

// arrived is an arrival as package inspect tells it.
func arrived(head string) inspect.Arrival {
	a := inspect.Arrival{
		Number: 3, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Listener: ":80", Peer: netip.MustParseAddrPort("10.0.0.9:1234"),
		Kind: inspect.HTTP1, Bytes: []byte(head), Count: 7, Nodes: 2, Pace: inspect.Pace{Interval: 30 * time.Second, Jitter: 12345 * time.Microsecond, Seen: 6},
	}
	a.Request = fingerprint.ParseHead(a.Bytes, a.Peer.Addr())
	a.Guess = fingerprint.Recognise(a.Request, nil)
	a.Refusals = refusal.Of(refusal.Request{Request: a.Request})
	return a
}

const albHead = "GET /up HTTP/1.1\r\nHost: 10.0.3.7:80\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"

func TestListenDetails(t *testing.T) {
	a := arrived(albHead)
	a.Proxy = &inspect.Proxy{Version: 2, Local: true}
	a.TLS = &inspect.Hello{ServerName: "app.example", ALPN: []string{"h2"}, Versions: []uint16{0x0304, 0x0303}, Version: 0x0304, Protocol: "h2"}
	a.Refusals = a.Refusals[:1]
	want := `| GET /up HTTP/1.1\r\n
| Host: 10.0.3.7:80\r\n
| Connection: close\r\n
| User-Agent: ELB-HealthChecker/2.0\r\n
| \r\n
PROXY:    v2, the proxy speaks for itself (LOCAL,
UNKNOWN)
TLS:      SNI app.example, ALPN h2, offers TLS 1.3 TLS
1.2; TLS 1.3 h2
who:      alb: AWS Application Load Balancer (claim)
          - User-Agent "ELB-HealthChecker/2.0" is its
            own, but anybody can send that
          - this machine's addresses are not known, so
            that Application and Network Load Balancer
            can't be told apart
answered: 200
pace:     every 30s ± 12ms, 7 times
nodes:    2 addresses ask the same
Refused by these rules, where they are in force:
- Django, ALLOWED_HOSTS: 400 (DisallowedHost), unless it
allows 10.0.3.7
    ALLOWED_HOSTS = [..., "10.0.3.7"]`
	if diff := cmp.Diff(want, strings.Join(details(&a, 57), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// hostileArrivals hold, wherever a stranger's text can be, what a terminal would
// act on.
func hostileArrivals() []inspect.Arrival {
	const evil = "\x1b[2J\x1b]0;t\a\u009b31m\u202e\r\n\x00\xff\u4e16"
	a := arrived("GET /" + evil + " HTTP/1.1\r\nHost: " + evil + "\r\nUser-Agent: kube-probe/" + evil + "\r\n\r\n" + evil)
	a.TLS = &inspect.Hello{ServerName: evil, ALPN: []string{evil}, Err: evil}
	a.Proxy = &inspect.Proxy{Wrong: evil}
	a.Ending = evil
	b := a
	b.Kind, b.Service = inspect.GRPC, evil
	b.Request.Method, b.Request.Target = evil, evil
	b.Request.Fields = []fingerprint.Field{{Name: evil, Value: evil}}
	c := a
	c.Kind = inspect.Other
	c.Proxy = nil
	return []inspect.Arrival{a, b, c}
}

// harmless fails the test if text holds more than printable ASCII, line ends, and
// what this program writes itself.
func harmless(t *testing.T, text string) {
	t.Helper()
	for _, ours := range []string{"±", "…", "×"} {
		text = strings.ReplaceAll(text, ours, "")
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
		t.Errorf("%q would reach the terminal: …%q", text[i:i+1], text[max(i-40, 0):min(i+40, len(text))])
	}
}

func TestNothingHostileReachesTheTerminal(t *testing.T) {
	for _, a := range hostileArrivals() {
		for _, view := range []func(*bytes.Buffer) interface{ arrival(inspect.Arrival) }{
			func(b *bytes.Buffer) interface{ arrival(inspect.Arrival) } {
				return &listenText{out: b, failed: t.FailNow}
			},
			func(b *bytes.Buffer) interface{ arrival(inspect.Arrival) } {
				return &listenJSON{out: b, failed: t.FailNow}
			},
		} {
			var out bytes.Buffer
			view(&out).arrival(a)
			again := a
			again.SameAs = 1
			view(&out).arrival(again)
			if out.Len() == 0 {
				t.Error("nothing was written")
			}
			harmless(t, out.String())
		}
		s := inspect.Sender{Peer: a.Peer.Addr(), Asks: a.Asks(), Listener: ":80", Latest: a, Front: "PROXY v0, TLS"}
		for _, width := range []int{20, 80, 120, 300} {
			for _, detail := range []bool{false, true} {
				v := &listenScreen{detail: detail}
				for _, line := range v.draw([]inspect.Sender{s}, inspect.Stats{}, page{width: width, height: 400}, a.Time) {
					harmless(t, line)
					if n := len([]rune(line)); n > width {
						t.Errorf("width %d: a line of %d: %q", width, n, line)
					}
				}
			}
		}
	}
}

func FuzzListenDetails(f *testing.F) {
	f.Add([]byte(albHead), 80)
	f.Add([]byte("\x1b[m\u009b"), 1)
	f.Fuzz(func(t *testing.T, said []byte, width int) {
		if width < 0 || width > 1000 {
			return
		}
		a := arrived(string(said))
		for _, line := range details(&a, width) {
			harmless(t, line)
		}
	})
}

func manySenders(n int) []inspect.Sender {
	var all []inspect.Sender
	for i := range n {
		a := arrived(albHead)
		s := inspect.Sender{
			Peer: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Name: "alb", Asks: "GET /up", Listener: ":80", Count: i, Latest: a, Nodes: n,
			Pace: inspect.Pace{Interval: 30 * time.Second, Jitter: time.Millisecond},
		}
		all = append(all, s)
	}
	return all
}

func TestListenScreen(t *testing.T) {
	all := manySenders(2)
	all[1].Name, all[1].Latest.Guess, all[1].Latest.Kind, all[1].Asks, all[1].Nodes, all[1].Pace = "", fingerprint.Guess{Among: []string{"x"}}, inspect.Connect, "connect", 1, inspect.Pace{}
	all[0].Last, all[0].GaveUp = inspect.GaveUp, 5*time.Second
	v := &listenScreen{}
	now := all[0].Latest.Time.Add(61 * time.Second)
	got := strings.Join(v.draw(all, inspect.Stats{Arrivals: 9, Connections: 8, Open: 1, TurnedAway: 2, Forgotten: 3}, page{width: 100, height: 20, head: ":80  answering 200 ×5, 500"}, now), "\n")
	want := `inservice listen  :80  answering 200 ×5, 500

WHO            FROM      TO   ASKS     EVERY     TIMES  LAST  ANSWER
alb claim /2   10.0.0.0  :80  GET /up  30s ±1ms  0      1m    gave up 5s                            
? a TCP check  10.0.0.1  :80  connect            1      1m    -

enter: all about one   q: quit   9 arrivals, 8 connections, 1 open, 2 turned away, 3 senders forgo..`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := strings.Join(v.draw(nil, inspect.Stats{}, page{width: 80, height: 20, head: ":80"}, now), "\n"); !strings.Contains(got, "nobody yet") {
		t.Errorf("nobody: %s", got)
	}
}

// TestListenRows: what a row is cut to is still true.
func TestListenRows(t *testing.T) {
	all := manySenders(1)
	s := &all[0]
	s.Name, s.Latest.Guess = "", fingerprint.Guess{Among: []string{"traefik", "caddy"}}
	s.Pace = inspect.Pace{Interval: 401 * time.Millisecond, Jitter: 219 * time.Microsecond}
	for width, want := range map[int]string{80: `^\? traefik or caddy .* GET /up  401ms  `, 120: `^\? traefik or caddy .* GET /up  401ms ±219µs  `} {
		if got := table(all, width, s.Latest.Time)[1]; !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("width %d: %q, want %s", width, got, want)
		}
	}
	s.Latest.Kind, s.Latest.TLS = inspect.Handshake, &inspect.Hello{}
	if got := row(s, s.Latest.Time)[0]; got != "? a TLS check" {
		t.Errorf("a handshake is of %q", got)
	}
}

func TestWho(t *testing.T) {
	for want, guess := range map[string]fingerprint.Guess{
		"alb (likely)":           {Name: "alb", Confidence: fingerprint.Likely},
		"perhaps docker (claim)": {Among: []string{"docker"}, Confidence: fingerprint.Claim},
		"one of several (claim)": {Among: []string{"docker", "gatus"}, Confidence: fingerprint.Claim},
		"not recognised":         {},
	} {
		if got := who(guess); got != want {
			t.Errorf("%+v is told as %q, want %q", guess, got, want)
		}
	}
}

// TestListenScreenTellsOfMore: what does not fit on the page is told of.
func TestListenScreenTellsOfMore(t *testing.T) {
	all, p := manySenders(30), page{width: 100, height: 12}
	v := &listenScreen{}
	for chosen, want := range map[int]string{0: "1 to 7 of 30 ", 29: "24 to 30 of 30 "} {
		v.chosen = chosen
		lines := v.draw(all, inspect.Stats{}, p, time.Now())
		if got := lines[len(lines)-1]; !strings.HasPrefix(got, want) {
			t.Errorf("the last line is %q, want %q first", got, want)
		}
	}
	whole := v.draw(all[:7], inspect.Stats{}, p, time.Now())
	if got := whole[len(whole)-1]; strings.Contains(got, " of 7") {
		t.Errorf("all fit, and the last line is %q", got)
	}
}

// TestListenKeys: the cursor stays on the list and in sight, whatever is pressed.
func TestListenKeys(t *testing.T) {
	all := manySenders(30)
	p := page{width: 100, height: 12}
	v := &listenScreen{}
	press := func(keys ...string) (quit bool) {
		for _, key := range keys {
			quit = v.press(key, all, p)
			lines := v.draw(all, inspect.Stats{}, p, time.Now())
			if len(lines) > p.height {
				t.Fatalf("after %q: %d lines on a page of %d", key, len(lines), p.height)
			}
			if !v.detail && !strings.Contains(strings.Join(lines, "\n"), "10.0.0."+strings.TrimPrefix(all[v.chosen].Peer.String(), "10.0.0.")+" ") {
				t.Fatalf("after %q: the chosen %s is not in sight:\n%s", key, all[v.chosen].Peer, strings.Join(lines, "\n"))
			}
		}
		return quit
	}
	press("j", "j", "\x1b[B", "k")
	if v.chosen != 2 {
		t.Errorf("chosen %d, want 2", v.chosen)
	}
	press("G", "j", "j")
	if v.chosen != 29 {
		t.Errorf("chosen %d, want 29", v.chosen)
	}
	press("\r", "j", "j", " ", "G")
	if !v.detail || v.scroll == 0 || v.chosen != 29 {
		t.Errorf("%+v", v)
	}
	if press("q") || v.detail {
		t.Error("q ends more than the details")
	}
	press("g", "k", "\x1b[5~", "\x1b", "x")
	if v.chosen != 0 {
		t.Errorf("chosen %d, want 0", v.chosen)
	}
	if !press("q") || !press("\x03") {
		t.Error("q or Ctrl-C does not end it")
	}
	all = nil
	v.press("\r", all, p)
	v.press("j", all, p)
	if v.detail || v.chosen != 0 {
		t.Errorf("without senders: %+v", v)
	}
}

// listens runs the command, which is to end by itself.
func listens(t *testing.T, args ...string) (status int, problems string) {
	t.Helper()
	var out, said bytes.Buffer
	p := &program{stdout: &out, stderr: &said, command: "inservice"}
	root := p.root()
	root.SetArgs(append([]string{"listen", "127.0.0.1:0"}, args...))
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	status = p.report(root.ExecuteContext(ctx))
	return status, said.String()
}

func TestListenMistakes(t *testing.T) {
	one := filepath.Join(t.TempDir(), "one")
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--hang", "--after", "3s"}, exitUsage, "--after says when to answer, and there is to be no answer"},
		{[]string{"--answer", "301", "--redirect", "/x", "--close"}, exitUsage, "--answer and --close say different things"},
		{[]string{"--answer", "301", "--redirect", "/x", "--status", "503"}, exitUsage, "--answer and --status say different things"},
		{[]string{"--redirect", "/x", "--hang"}, exitUsage, "--hang and --redirect say different things"},
		{[]string{"--status", "0"}, exitUsage, "status 0 can't be answered"},
		{[]string{"--har", one, "--record", filepath.Dir(one) + "/./one"}, exitFailed, "--har and --record write different things"},
	} {
		if status, problems := listens(t, test.args...); status != test.status || !strings.Contains(problems, test.want) {
			t.Errorf("%q: exit status %d\n%s\nwant %q", test.args, status, problems, test.want)
		}
	}
}

// TestRecordIsBounded: the file does not grow beyond its bound, in however many runs.
func TestRecordIsBounded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "seen.jsonl")
	record := func() error {
		files, err := openListenFiles(listenFlags{record: name})
		if err != nil {
			t.Fatal(err)
		}
		defer files.close()
		return files.write(arrived(albHead))
	}
	if err := record(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, maxRecorded-1); err != nil { // a hole takes no room
		t.Fatal(err)
	}
	if err := record(); !errors.Is(err, inspect.ErrFull) {
		t.Errorf("error %v", err)
	}
}

// TestListenJSONAnswers: an object does not tell of an answer that there was none of.
func TestListenJSONAnswers(t *testing.T) {
	for kind, want := range map[inspect.Kind]answerJSON{
		inspect.HTTP1:     {Way: "reply", Status: 200},
		inspect.Connect:   {Way: "none"},
		inspect.Handshake: {Way: "none"},
		inspect.Other:     {Way: "none"},
	} {
		if got := arrivalJSONOf(&inspect.Arrival{Kind: kind}).Answer; got != want {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
	}
}

func TestSplitKeys(t *testing.T) {
	if diff := cmp.Diff([]string{"j", "\x1b[A", "\x1bOB", "\x1b[5~", "q", "\r", "\x1b"}, splitKeys("j\x1b[A\x1bOB\x1b[5~q\r\x1b")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrapped(t *testing.T) {
	if diff := cmp.Diff([]string{"one two", "three", "fourfive", "six"}, wrapped("one two three fourfivesix", 8)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 999: "999ns", 12345: "12.3µs", 2001234567: "2s", 30 * time.Second: "30s", 61234 * time.Millisecond: "1m1.2s"} {
		if got := brief(d); got != want {
			t.Errorf("brief(%d) = %s, want %s", d, got, want)
		}
	}
}
