package clinic

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseTrial(t *testing.T) {
	for text, want := range map[string]trial{
		"=> 200": {Answer: "200"},
		"host={site} xfp=https => 301 location=https://x/y?a=b": {
			Changes: []change{{"host", "{site}"}, {"xfp", "https"}}, Answer: "301", Conds: []change{{"location=", "https://x/y?a=b"}}},
		"host= header=A:b%20c => closed": {Changes: []change{{"host", ""}, {"header", "A:b c"}}, Answer: "closed"},
		"=> 503 head~A=b body~no%20x slow": {
			Answer: "503", Conds: []change{{"head~", "A=b"}, {"body~", "no x"}, {"slow", ""}}},
	} {
		got, err := parseTrial(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"", "=>", "200", "=> fine", "hots=x => 200", "host => 200 heda~x", "=> 200 body=x", "path=%zz => 200", "=> 200 body~%zz"} {
		if got, err := parseTrial(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

// TestTrialsCanFail: a clinic that believes whatever a case says of itself would
// be worth nothing.
func TestTrialsCanFail(t *testing.T) {
	patients := Open(t, "plain", []Case{
		{Name: "fine", Server: "plain", Path: "/alive", Config: "fine", Timeout: 200 * time.Millisecond},
		{Name: "silent", Server: "plain", Path: "/alive", Config: "silent", Timeout: 200 * time.Millisecond},
		{Name: "short", Server: "plain", Path: "/alive", Config: "short"},
		{Name: "ssh", Server: "plain", Path: "/alive", Config: "ssh"},
		{Name: "reset", Server: "plain", Path: "/alive", Config: "reset"},
		{Name: "slow", Server: "plain", Path: "/alive", Config: "slow", Timeout: 200 * time.Millisecond},
	})
	for _, c := range []struct {
		patient     int
		trial, want string // want: a part of the complaint; empty: the trial is met
	}{
		{0, "=> 200", ""},
		{0, "=> 200 body~fine head~Content-Length", ""},
		{0, "=> 404", "answered 200, want 404"},
		{0, "path=/nothing => 200", "answered 404, want 200"},
		{0, "=> 200 body~bad", `want "bad" in it`},
		{0, "=> 200 head~X-Cache", `want "X-Cache" in it`},
		{0, "=> 200 location=/x", `want "/x"`},
		{0, "=> 200 slow", "want it to take longer"},
		{0, "tls=on => 200", "want 200"},
		{0, "tls=on => closed", ""},
		{0, "ip=127.0.0.3 => refused", ""},
		{0, "ip=127.0.0.3 => 200", "refused"},
		{0, "http=2 => 200", "want 200"},
		{1, "=> silence", ""},
		{1, "=> closed", "silence"},
		{2, "=> cut", ""},
		{2, "=> 200", "answered cut"},
		{3, "=> noise", ""},
		{3, "=> 200", "noise"},
		{4, "=> closed", ""},
		{5, "=> silence", ""},
		{5, "patience=9 => 200 slow", ""},
	} {
		p := patients[c.patient]
		err := p.try(t.Context(), p.Ill, c.trial)
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %s: got %v, want %q in it", p.Name, c.trial, err, c.want)
		}
	}
}

// TestPorts: a port is given once, refuses, and takes a listener when it is lent.
func TestPorts(t *testing.T) {
	w := newWorld(t)
	seen := make(map[string]bool)
	for range 50 {
		port := w.port()
		if seen[port] {
			t.Fatalf("port %s twice", port)
		}
		seen[port] = true
		addr := net.JoinHostPort("127.0.0.1", port)
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Fatalf("%s: somebody answers", addr)
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			t.Fatalf("%s: anybody can take it", addr)
		}
		w.lend(port)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("%s: lent, and %v", addr, err)
		}
		if other, err := hold(port); err == nil {
			release(other)
			t.Errorf("%s: held a second time while it serves", addr)
		}
		l.Close()
	}
}

func TestCheck(t *testing.T) {
	good := Case{Name: "x", Server: "plain", Want: "fail refused", Trials: []string{"=> refused"}}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Case){
		"no name":             func(c *Case) { c.Name = "" },
		"no such house":       func(c *Case) { c.Server = "iis" },
		"no verdict":          func(c *Case) { c.Want = "red refused" },
		"no cause":            func(c *Case) { c.Want = "fail" },
		"no trial":            func(c *Case) { c.Trials = nil },
		"first has a change":  func(c *Case) { c.Trials = []string{"path=/ => 200"} },
		"bad trial":           func(c *Case) { c.Trials = append(c.Trials, "=> fine") },
		"bad prime":           func(c *Case) { c.Prime = []string{"x"} },
		"bad cure":            func(c *Case) { c.Cure = "fine" },
		"fails, and it is ok": func(c *Case) { c.Trials = []string{"=> 200"} },
		"ok, and it fails":    func(c *Case) { c.Want = "pass" },
	} {
		c := good
		change(&c)
		if c.check() == nil {
			t.Errorf("%s: found nothing wrong", name)
		}
	}
}
