package prove

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/junit"
)

// sample is a report that has everything.
func sample() Report {
	s := time.Second
	return Report{
		Subject: "the agent", Notes: []string{"intervals were shortened"}, Estimate: 90 * s, Took: 12340 * time.Millisecond,
		Defects:    []Defect{{Kind: NeverAsks, Check: "idle", Text: "passes without connecting to anything"}},
		Unprovable: []Unprovable{{"disk", "disk", "it looks at this machine"}},
		Dependencies: []Dependency{
			{Addresses: []string{"db:5432"}, Checks: []string{"database", "port"}, Expect: Red, Bound: 8 * s, HealBound: 8 * s, Trials: []Trial{
				{Fault: Refuse, After: s, Bound: 8 * s, Healed: 2 * s, HealBound: 8 * s, Answer: "503 fail", Reasons: []string{"database: \x1b[31mrefused\nnow"},
					Reactions: []Reaction{{"database", s, 8 * s, "refused"}, {"port", s, 8 * s, "refused"}}, Also: []string{"spare:5432"}},
				{Fault: Slow, Delay: 2500 * time.Millisecond, Answer: "200 ok", Defects: []Defect{{Kind: StaysGreen, Check: "port", Text: "stays green", Hint: "ask more"}},
					Slowness: []Sensitivity{{"database", s, 2 * s}, {"port", s, 0}, {"other", 0, s}}},
			}},
			{Addresses: []string{"cache:6379"}, Checks: []string{"cache"}, Expect: Degraded, Bound: 8 * s, Why: "not green before anything was broken: refused"},
		},
	}
}

// tell feeds a report to a Text as a proof would.
func tell(t *Text, r Report) {
	t.Observe(Event{Step: Waiting, Limit: time.Second})
	t.Observe(Event{Step: Planned, Report: &r, Limit: r.Estimate})
	for i := range r.Dependencies {
		d := &r.Dependencies[i]
		for j := range d.Trials {
			t.Observe(Event{Step: Breaking, Dependency: d, Fault: d.Trials[j].Fault, Limit: time.Second})
			t.Observe(Event{Step: Tried, Dependency: d, Trial: &d.Trials[j]})
		}
		t.Observe(Event{Step: Finished, Dependency: d})
	}
}

func TestText(t *testing.T) {
	var out, live bytes.Buffer
	text := &Text{Out: &out, Live: &live}
	tell(text, sample())
	if err := text.End(sample()); err != nil {
		t.Fatal(err)
	}
	want := `1 dependency of the agent can be broken; proving it takes at most 1m30s if all is well
note: intervals were shortened

          never-asks: idle passes without connecting to anything

database, port  db:5432; must turn red within 8s
  ok      refuse        red after 1s, green again after 2s  503 fail
          database: \x1b[31mrefused; now
          broken as well, since it was turned to: spare:5432
  DEFECT  slow by 2.5s  200 ok
          stays-green: port stays green
          hint: ask more
          database fails with 2s of delay in each direction, and passes with 1s
          port passes with 1s of delay in each direction
          other fails with 1s of delay in each direction

cache  cache:6379; must be told within 8s, and leave the server in service
  NOT PROVEN  not green before anything was broken: refused

not provable by a forwarder:
  disk (disk): it looks at this machine

2 defects: 1 of 2 faults turned the answer as declared and back, in 12.3s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	// What is waited for is wiped out before anything else is written.
	if got := live.String(); strings.Count(got, "at most 1s") != 3 || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("the terminal got %q", got)
	}

	out.Reset()
	text = &Text{Out: &out, Color: true}
	tell(text, sample())
	if got := out.String(); !strings.Contains(got, "\x1b[31mDEFECT\x1b[0m") || strings.Contains(got, "\x1b[31mrefused") {
		t.Errorf("in colours: %q", got)
	}
}

func TestVerdicts(t *testing.T) {
	bad, unproven, good, none := sample(), sample(), sample(), Report{}
	unproven.Defects, unproven.Dependencies[0].Trials = nil, unproven.Dependencies[0].Trials[:1]
	good.Defects, good.Dependencies = nil, unproven.Dependencies[:1]
	for _, test := range []struct {
		report        Report
		verdict, last string
		proven        bool
	}{
		{bad, "defect", "2 defects: 1 of 2", false}, {unproven, "not-proven", "not proven: 1 of 1", false},
		{good, "proven", "proven: 1 of 1 fault ", true}, {none, "proven", "nothing to prove: no fault was tried", true},
	} {
		var out bytes.Buffer
		if err := (&Text{Out: &out}).End(test.report); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "\n"+test.last) || test.report.Verdict() != test.verdict || test.report.Proven() != test.proven {
			t.Errorf("verdict %s, proven %v, want %s:\n%s", test.report.Verdict(), test.report.Proven(), test.verdict, out.String())
		}
	}
}

// A pipe that is closed is an error at the end.
func TestTextTellsOfItsWriter(t *testing.T) {
	if err := (&Text{Out: closedPipe{}}).End(sample()); !errors.Is(err, errClosed) {
		t.Errorf("ended with %v", err)
	}
}

var errClosed = errors.New("closed pipe")

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, errClosed }

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJSON(&out, sample()); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	first := got["dependencies"].([]any)[0].(map[string]any)["trials"].([]any)
	want := map[string]any{
		"fault": "slow", "delay_ms": 2500.0, "proven": false, "after_ms": nil, "healed_ms": nil, "answer": "200 ok",
		"reasons": []any{}, "reactions": []any{},
		"slowness": []any{
			map[string]any{"check": "database", "passes_ms": 1000.0, "fails_ms": 2000.0},
			map[string]any{"check": "port", "passes_ms": 1000.0, "fails_ms": nil},
			map[string]any{"check": "other", "passes_ms": nil, "fails_ms": 1000.0},
		},
		"defects": []any{map[string]any{"kind": "stays-green", "check": "port", "text": "stays green", "hint": "ask more"}},
	}
	if diff := cmp.Diff(want, first[1].(map[string]any)); diff != "" {
		t.Errorf("a trial (-want +got):\n%s", diff)
	}
	if got["verdict"] != "defect" || got["took_ms"] != 12340.0 {
		t.Errorf("verdict %v, took %v", got["verdict"], got["took_ms"])
	}
	// What a server says does not reach a terminal as it is.
	out.Reset()
	if err := WriteJSON(&out, Report{Subject: "a\u009b31m\x7f\u202e"}); err != nil || !strings.Contains(out.String(), `"a\u009b31m\u007f\u202e"`) {
		t.Errorf("%v in\n%s", err, out.String())
	}
	// Lists are lists, even without elements.
	out.Reset()
	if err := WriteJSON(&out, Report{}); err != nil || strings.Contains(out.String(), "null") {
		t.Errorf("%v, an empty report:\n%s", err, out.String())
	}
}

func TestJUnit(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJUnit(&out, sample()); err != nil {
		t.Fatal(err)
	}
	var got junit.Suites
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	var lines []string
	for _, s := range got.Suites {
		for _, c := range s.Cases {
			line := s.Name + "/" + c.Name
			if c.Failure != nil {
				line += " failed " + c.Failure.Type + ": " + c.Failure.Message
			}
			if c.Skipped != nil {
				line += " skipped: " + c.Skipped.Message
			}
			lines = append(lines, line)
		}
	}
	if diff := cmp.Diff([]string{
		"database, port/refuse", "database, port/slow failed stays-green: port stays green; hint: ask more",
		"cache/green before anything is broken failed not-proven: not green before anything was broken: refused",
		"without a fault/idle never-asks failed never-asks: idle passes without connecting to anything",
		"without a fault/disk skipped: not provable by a forwarder: it looks at this machine",
	}, lines); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	if s := got.Suites[0]; s.Tests != 2 || s.Failures != 1 || s.Cases[0].Time != "3.000" {
		t.Errorf("the first suite is %+v", s)
	}
}
