package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/junit"
	"github.com/inservice/inservice/internal/software"
)

// refused is a view as it comes from a Django site that refuses the Host.
func refused() View {
	const ask = "GET /health_check HTTP/1.1\r\nHost: 10.11.12.13:8000\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"
	own := Exchange{Remote: "127.0.0.1:8000", Sent: ask, Received: "HTTP/1.1 400 Bad Request\r\nServer: gunicorn\r\nDate: Sun, 22 Nov 2026 11:22:00 GMT\r\nContent-Type: text/html\r\n\r\n<h1>Bad Request (400)</h1>\n"}
	site := Exchange{Remote: "127.0.0.1:8000", Sent: strings.Replace(ask, "10.11.12.13:8000", "www.shop.example", 1), Received: "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Sun, 22 Nov 2026 11:22:01 GMT\r\nContent-Type: text/plain\r\nX-Frame-Options: DENY\r\n\r\nok"}
	return View{
		Dialect: "alb", Title: "AWS Application Load Balancer", Target: "http://127.0.0.1:8000/health_check", Asked: "http://127.0.0.1:8000/health_check",
		Verdict: diagnose.Fail, Reason: "Target.ResponseCodeMismatch", Text: "Health checks failed with these codes: [400]",
		Causes: []Finding{{
			ID: "host_not_allowed", Title: "The app refuses the Host", Confidence: 0.97,
			Evidence: []string{"With Host: www.shop.example the same request gives 200; with 10.11.12.13:8000 it gives 400."},
			Decided:  []string{"host=site"},
			Fix:      "Answer the health path before the Host is looked at.", FixFor: "django", FixFile: "settings.py", FixPlace: "MIDDLEWARE", FixLines: "ALLOWED_HOSTS += [own_address()]\nMIDDLEWARE.insert(0, 'health')\n",
			Balancer: "Let it send a name that the app allows.",
			Settings: []Setting{{Knob: "host", Text: "AWS's can't be told.", Lines: "# nothing"}},
		}},
		Warnings: []Finding{}, Notes: []Note{{ID: "details", Grade: "caution", Text: "The answer tells strangers which versions run.", Evidence: []string{"Server: gunicorn"}}},
		RuledOut: []string{"X-Forwarded-Proto: https: 400"},
		Software: []Software{{Name: "django", Title: "Django", Role: "framework", Confidence: 0.9, Evidence: "its page for a bad request"}},
		Experiments: []Experiment{
			{Name: "base", Verdict: "fail", Reason: "Target.ResponseCodeMismatch", Status: 400, TookMS: 12.5, Exchange: own},
			{Name: "xfp=https", Change: "X-Forwarded-Proto: https", Verdict: "fail", Status: 400, TookMS: 3, Exchange: own},
			{Name: "host=site", Change: "Host: www.shop.example", Verdict: "pass", Status: 200, TookMS: 4, Exchange: site},
		},
		Exchange: own, Phases: Phases{DialMS: 0.12, FirstByteMS: new(12.1), TotalMS: 12.5}, TookMS: 31,
	}
}

// TestJSONPrints: an answer's bytes control no terminal that shows the object.
func TestJSONPrints(t *testing.T) {
	v := refused()
	v.Exchange.Received = "HTTP/1.1 200 \x1b[31m\x7f\u009b31m\u202eOK"
	var b bytes.Buffer
	if err := JSON(&b, v); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("what does not print is left in:\n%q", b.String())
	}
	var back View
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Exchange.Received != v.Exchange.Received {
		t.Errorf("read back: %q, %v", back.Exchange.Received, err)
	}
}

func text(t *testing.T, form Text, v View) string {
	t.Helper()
	var b bytes.Buffer
	if err := form.Write(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	for name, form := range map[string]Text{"wide": {Width: 100}, "narrow": {Width: 60}, "all": {Width: 100, All: true}} {
		golden := filepath.Join("testdata", name+".txt")
		got := text(t, form, refused())
		if os.Getenv("UPDATE_GOLDEN") == "1" {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: -want +got:\n%s(UPDATE_GOLDEN=1 writes it anew: look at it)", name, diff)
		}
	}
}

// No line is longer than the terminal, but for what must be pasted whole.
func TestTextKeepsItsWidth(t *testing.T) {
	v := refused()
	v.Causes[0].FixLines = ""
	for width := 32; width <= 160; width += 7 {
		for line := range strings.Lines(text(t, Text{Width: width, All: true}, v)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d characters in a terminal of %d: %q", n, width, line)
			}
		}
	}
}

// Colours are added to the text and change nothing else.
func TestColourIsOnlyColour(t *testing.T) {
	plain, coloured := text(t, Text{}, refused()), text(t, Text{Color: true}, refused())
	if !strings.Contains(coloured, "\x1b[31mFAIL\x1b[0m") {
		t.Errorf("FAIL is not red:\n%q", coloured[:200])
	}
	stripped := coloured
	for {
		before, after, found := strings.Cut(stripped, "\x1b[")
		if !found {
			break
		}
		_, rest, _ := strings.Cut(after, "m")
		stripped = before + rest
	}
	if diff := cmp.Diff(plain, stripped); diff != "" {
		t.Errorf("-plain +coloured without its colours:\n%s", diff)
	}
}

// hostile is refused with something nasty wherever the network has a say.
func hostile(nasty string) View {
	v := refused()
	v.Text, v.RuledOut = v.Text+nasty, []string{nasty}
	v.Causes[0].Evidence = []string{nasty}
	v.Notes[0].Text, v.Notes[0].Evidence = nasty, []string{nasty}
	v.Software[0].Version = nasty
	e := exchangeOfText("GET / HTTP/1.1\r\nX: "+nasty+"\r\n\r\n", "HTTP/1.1 200 "+nasty+"\r\nServer: "+nasty+"\r\n\r\n"+nasty)
	v.Exchange = e
	for i := range v.Experiments {
		v.Experiments[i].Exchange, v.Experiments[i].Change, v.Experiments[i].Reason = e, "X: "+nasty, nasty
	}
	return v
}

func exchangeOfText(sent, received string) Exchange {
	var e Exchange
	e.Sent, e.SentBase64 = textOf([]byte(sent))
	e.Received, e.ReceivedBase64 = textOf([]byte(received))
	return e
}

// Nothing that came over the network reaches the terminal raw.
func FuzzTextIsPrintable(f *testing.F) {
	f.Add("\x1b[2J\x1b]0;owned\x07\r\n\u202e\u009b1m\xff")
	f.Fuzz(func(t *testing.T, nasty string) {
		for line := range strings.Lines(text(t, Text{All: true, Width: 80}, hostile(nasty))) {
			for _, r := range strings.TrimSuffix(line, "\n") {
				if !unicode.IsPrint(r) {
					t.Fatalf("%q is printed as it is in %q", r, line)
				}
			}
		}
	})
}

// The second of two causes is shown against what the first was mended with.
func TestContrastIsAgainstWhatItDiffersFrom(t *testing.T) {
	v := refused()
	v.Experiments = append(v.Experiments, Experiment{Name: "both", Change: "both fields", Exchange: v.Experiments[0].Exchange})
	for decided, want := range map[string]string{
		"host=site":           "  what the load balancer asks                       with Host: www.shop.example\n",
		"host=site xfp=https": "  with X-Forwarded-Proto: https                     with Host: www.shop.example\n",
		"both host=site":      "  with Host: www.shop.example                       with both fields\n",
	} {
		v.Causes[0].Decided = strings.Fields(decided)
		if got := text(t, Text{}, v); !strings.Contains(got, want) {
			t.Errorf("decided by %s: no line %q in\n%s", decided, want, got)
		}
	}
	for _, decided := range [][]string{nil, {"base"}, {"base", "base"}, {"unknown"}} {
		v.Causes[0].Decided = decided
		if got := text(t, Text{}, v); strings.Contains(got, "≠") {
			t.Errorf("decided by %q, and something is put side by side:\n%s", decided, got)
		}
	}
}

func TestUndecidedSaysSo(t *testing.T) {
	v := refused()
	v.Causes = []Finding{}
	if got := text(t, Text{}, v); !strings.Contains(got, "why: not decided") || !strings.Contains(got, "ruled out: X-Forwarded-Proto: https → 400") {
		t.Errorf("without a cause:\n%s", got)
	}
}

// Why there is no answer is said, even where no experiment was made.
func TestFailureIsTold(t *testing.T) {
	v := refused()
	v.Causes, v.Experiments, v.Exchange = []Finding{}, v.Experiments[:1], Exchange{}
	v.Experiments[0].Failure, v.Experiments[0].Error = "no such host", "lookup web.invalid: \x1bno such host"
	if got := text(t, Text{}, v); !strings.Contains(got, "\n  < (no such host: lookup web.invalid: \\x1bno such host)\n") {
		t.Errorf("it does not say that the name was not found:\n%s", got)
	}
	v.Experiments = append(v.Experiments, v.Experiments[0])
	if got := text(t, Text{}, v); !strings.Contains(got, "\nwhy: not decided\n  The name has no address, ") {
		t.Errorf("it speaks of experiments where nothing could be asked:\n%s", got)
	}
}

// No experiment mends a certificate, and that is no riddle.
func TestUntrustedIsTold(t *testing.T) {
	v := refused()
	v.Causes, v.Experiments[0].Failure = []Finding{}, "untrusted"
	if got := text(t, Text{}, v); !strings.Contains(got, "\nwhy: not decided\n  The certificate does not verify, ") {
		t.Errorf("it does not speak of the certificate:\n%s", got)
	}
}

// What may be the matter instead is told in a few lines, and counts for nothing.
func TestCandidatesAreShort(t *testing.T) {
	v := refused()
	v.Causes = append(v.Causes, Finding{ID: "not_http", Title: "Another protocol", Confidence: 0.3, Evidence: []string{"It may be."}, Decided: []string{"host=site"}, Fix: "Ask elsewhere.", FixLines: "paste me", Balancer: "Or so."})
	got := text(t, Text{}, v)
	if want := "\nor, less likely: Another protocol (not_http, confidence 0.30)\n  - It may be.\n  fix: Ask elsewhere.\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	for _, unwanted := range []string{"of 2)", "paste me", "Or so.", "behind that"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("%q is in\n%s", unwanted, got)
		}
	}
	v.Causes[1].Confidence = likely
	if got := text(t, Text{}, v); !strings.Contains(got, "\n        The app refuses the Host; behind that: Another protocol\n") || !strings.Contains(got, "why (2 of 2): ") {
		t.Errorf("two that stand one behind the other are not told so:\n%s", got)
	}
}

// What makes a green untrue stands beside it.
func TestUntrueGreenSaysSoAtOnce(t *testing.T) {
	v := refused()
	v.Verdict, v.Reason, v.Text, v.Warnings, v.Causes = diagnose.Pass, "", "healthy", v.Causes, []Finding{}
	if got, want := text(t, Text{}, v), "\n  PASS  healthy\n        but: The app refuses the Host\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

func TestAnsweredBy(t *testing.T) {
	weak, sure := Software{Title: "Go net/http", Confidence: 0.35}, Software{Title: "nginx", Version: "1.22\x1b", Confidence: 0.9}
	for want, all := range map[string][]Software{
		"":                                  nil,
		"; perhaps answered by Go net/http": {weak, weak},
		"; answered by nginx 1.22\\x1b":     {sure, weak},
	} {
		if got := answeredBy(View{Software: all}); got != want {
			t.Errorf("%v: %q, want %q", all, got, want)
		}
	}
}

func TestRuledOut(t *testing.T) {
	for _, test := range []struct {
		tried []string
		want  string
	}{
		{[]string{"Host: a: 500", "path /h/: 404", "User-Agent: " + strings.Repeat("x", 60) + ": 500"}, "Host: a, User-Agent: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… → 500; path /h/ → 404"},
		{[]string{"in other words"}, "in other words"},
		{[]string{"TLS: 301 to https://a:443/"}, "TLS → 301 to https://a:443/"},
		{nil, ""},
	} {
		if got := ruledOut(test.tried); got != test.want {
			t.Errorf("%q is told as %q, want %q", test.tried, got, test.want)
		}
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	compiled, err := c.Compile("../../docs/probe.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// What --json prints is what the schema says, no field more and none less.
func TestJSONFollowsItsSchema(t *testing.T) {
	whole := refused()
	whole.From, whole.Machine, whole.Unknowns = "haproxy.cfg:12", whole.Notes, []string{"SNI"}
	whole.Experiments[1].Failure, whole.Experiments[1].Error = "refused", "dial tcp 127.0.0.1:8000: connection refused"
	whole.Software[0].Version = "4.2"
	whole.Experiments[2].Exchange = exchangeOfText("\xff", "\xfe")
	database := refused()
	database.Software[0].Role = string(software.Service)
	for name, v := range map[string]View{"whole": whole, "hostile": hostile("\x1b[31m\xff\u2028"), "database": database} {
		var b bytes.Buffer
		if err := JSON(&b, v); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("%s: the object holds characters that do not print:\n%q", name, b.String())
		}
		value, err := jsonschema.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema(t).Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "whole" {
			everyPropertyIsUsed(t, value)
		}
	}
}

// everyPropertyIsUsed holds the schema to what the program prints: a property of
// it that even a whole view lacks has been renamed or taken away.
func everyPropertyIsUsed(t *testing.T, value any) {
	t.Helper()
	printed, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("../../docs/probe.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(file, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, n := range node {
				walk(n)
			}
		case map[string]any:
			if properties, ok := node["properties"].(map[string]any); ok {
				for name := range properties {
					if !bytes.Contains(printed, []byte(`"`+name+`":`)) {
						t.Errorf("the schema has %s, which is not in the object", name)
					}
				}
			}
			for _, n := range node {
				walk(n)
			}
		}
	}
	walk(schema)
}

func TestJUnit(t *testing.T) {
	well := refused()
	well.Verdict, well.Reason, well.Text, well.Causes = diagnose.Pass, "", "", []Finding{}
	untrue := well
	untrue.Warnings = []Finding{{ID: "catch_all_ok", Title: "Any path answers 200"}}
	for name, test := range map[string]struct {
		views    []View
		strict   bool
		failures int
		message  string
	}{
		"fails":              {[]View{refused(), well}, false, 1, "Target.ResponseCodeMismatch Health checks failed with these codes: [400]; host_not_allowed"},
		"untrue":             {[]View{untrue}, false, 0, ""},
		"untrue, and strict": {[]View{untrue}, true, 1, "passes, and is not true; catch_all_ok"},
		"hostile":            {[]View{hostile("\x1b\x00]]>&\ufffe")}, false, 1, `Target.ResponseCodeMismatch Health checks failed with these codes: [400]\x1b\x00]]>&\ufffe; host_not_allowed`},
	} {
		var b bytes.Buffer
		if err := JUnit(&b, test.views, test.strict); err != nil {
			t.Fatal(err)
		}
		var all junit.Suites
		if err := xml.Unmarshal(b.Bytes(), &all); err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, b.String())
		}
		suite := all.Suites[0]
		if suite.Tests != len(test.views) || suite.Failures != test.failures || len(suite.Cases) != len(test.views) {
			t.Errorf("%s: %d tests, %d failures, %d cases", name, suite.Tests, suite.Failures, len(suite.Cases))
		}
		if f := suite.Cases[0].Failure; f != nil && f.Message != test.message {
			t.Errorf("%s: message %q, want %q", name, f.Message, test.message)
		} else if f == nil && test.message != "" {
			t.Errorf("%s: no failure, want %q", name, test.message)
		}
	}
}

func TestAlign(t *testing.T) {
	left := []string{"GET / HTTP/1.1", "Host: a", "User-Agent: x", "Date: 1"}
	right := []string{"GET / HTTP/1.1", "Host: b", "X-Forwarded-Proto: https", "User-Agent: x", "Date: 2"}
	want := []row{
		{"GET / HTTP/1.1", "GET / HTTP/1.1", false},
		{"Host: a", "Host: b", true},
		{"", "X-Forwarded-Proto: https", true},
		{"User-Agent: x", "User-Agent: x", false},
		{"Date: 1", "Date: 2", false},
	}
	if diff := cmp.Diff(want, align(left, right), cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
