package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// asked is a probe of alb's with the fields given.
func asked(t *testing.T, fields ...exchange.Field) dialect.Probe {
	t.Helper()
	return askedAt(t, "/health", fields...)
}

// askedAt is asked for another path.
func askedAt(t *testing.T, path string, fields ...exchange.Field) dialect.Probe {
	t.Helper()
	p, err := dialect.New("alb", "http://127.0.0.1:8000"+path, dialect.Options{Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// observed is what an experiment with p has brought.
func observed(name string, p dialect.Probe, outcome dialect.Outcome, sent, received string) diagnose.Observation {
	return diagnose.Observation{
		Experiment: diagnose.Experiment{Name: name, Change: name, Probe: p},
		Answers:    []exchange.Answer{{Sent: []byte(sent), Received: []byte(received), Remote: "127.0.0.1:8000"}},
		Verdict:    dialect.Verdict{Outcome: outcome},
	}
}

// What proves who asks is in none of the forms: not as it was sent, not where the
// server says it again, not in what is concluded from that.
func TestSecretsAreHidden(t *testing.T) {
	const head = "GET /health HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer tok-9f3k\r\ncookie: sid=c00k-1\r\nX-Api-Key: key-77\r\nX-Amz-Security-Token: amz-5\r\nProxy-Authorization: Basic YTpi\r\nX-Plain: stays\r\n\r\n"
	const answer = "HTTP/1.1 401 No\r\nX-Echo: tok-9f3k\r\nSet-Cookie: session=s3ss-1; Path=/\r\n\r\nyou sent key-77 and sid=c00k-1"
	base := observed("base", asked(t), dialect.Fail, head, answer)
	base.Answers[0].Err, base.Answers[0].Failure = errors.New("no use for tok-9f3k"), exchange.Malformed
	binary := observed("proxy", asked(t), dialect.Fail, "\xff\r\n"+head, "\xfe"+answer)
	r := diagnose.Report{
		Verdict: diagnose.Fail, Text: "answered tok-9f3k", RuledOut: []string{"key-77: 401"}, Observations: []diagnose.Observation{base, binary},
		Causes: []diagnose.Finding{{Cause: "auth_required", Confidence: 0.9, Evidence: []string{"tok-9f3k is refused"}}},
		Notes:  []diagnose.Note{{ID: "n", Grade: diagnose.Hint, Text: "key-77", Evidence: []string{"amz-5"}}},
	}
	v := Of("http://127.0.0.1:8000/health", "", asked(t), r)
	var object, suite bytes.Buffer
	if err := errors.Join(JSON(&object, v), JUnit(&suite, []View{v}, false)); err != nil {
		t.Fatal(err)
	}
	wires := string(wire(v.Experiments[1].Sent, v.Experiments[1].SentBase64)) + string(wire(v.Experiments[1].Received, v.Experiments[1].ReceivedBase64))
	for form, printed := range map[string]string{"text": text(t, Text{All: true}, v), "JSON": object.String(), "JUnit": suite.String(), "base64": wires} {
		for _, secret := range []string{"tok-9f3k", "c00k-1", "key-77", "amz-5", "YTpi", "s3ss-1"} {
			if strings.Contains(printed, secret) {
				t.Errorf("%s holds %s:\n%s", form, secret, printed)
			}
		}
	}
	for _, line := range []string{
		"> Authorization: Bearer [hidden]\n", "> cookie: [hidden]\n", "> X-Api-Key: [hidden]\n", "> X-Plain: stays\n",
		"< X-Echo: [hidden]\n", "< Set-Cookie: session=[hidden]; Path=/\n", "< you sent [hidden] and [hidden]\n",
	} {
		if !strings.Contains(text(t, Text{}, v), line) {
			t.Errorf("no line %q", line)
		}
	}
}

// A value of a letter or two is hidden where it stands, and not in every word.
func TestShortSecretsSpareTheRest(t *testing.T) {
	r := diagnose.Report{Text: "a sentence", Observations: []diagnose.Observation{
		observed("base", asked(t), dialect.Fail, "GET /health?token: HTTP/1.1\r\nCookie: e\r\nX-Token:\r\n\r\n", ""),
	}}
	bare := "GET / HTTP/1.0\nCookie: sid=1\nHost: a\n\n"
	r.Observations = append(r.Observations, observed("bare", asked(t), dialect.Fail, bare, ""))
	v := Of("", "", asked(t), r)
	if got, want := v.Experiments[1].Sent, strings.Replace(bare, "sid=1", "[hidden]", 1); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	if want := "GET /health?token: HTTP/1.1\r\nCookie: [hidden]\r\nX-Token:\r\n\r\n"; v.Exchange.Sent != want || v.Text != "a sentence" {
		t.Errorf("sent %q, want %q; text %q", v.Exchange.Sent, want, v.Text)
	}
}

// What is to be pasted at the load balancer names the path that passes. The one
// that it asks for now is never offered as its cure.
func TestPathToSetIsTheOneThatPasses(t *testing.T) {
	base := observed("base", asked(t), dialect.Fail, "", "")
	toggled := observed("slash", askedAt(t, "/health/"), dialect.Pass, "", "")
	for name, test := range map[string]struct {
		finding diagnose.Finding
		warning bool
		want    string
	}{
		"by experiment":      {diagnose.Finding{Cause: "trailing_slash", Decided: []string{"slash", "base"}}, false, "--health-check-path /health/"},
		"by what was found":  {diagnose.Finding{Cause: "not_found", Values: map[string]string{"other": "/healthz"}}, false, "--health-check-path /healthz"},
		"not known":          {diagnose.Finding{Cause: "not_found", Decided: []string{"base"}}, false, "--health-check-path <path>"},
		"of any that passes": {diagnose.Finding{Cause: "catch_all_ok", Decided: []string{"slash"}}, true, "--health-check-path <path>"},
	} {
		r := diagnose.Report{Observations: []diagnose.Observation{base, toggled}}
		if test.warning {
			r.Warnings = []diagnose.Finding{test.finding}
		} else {
			r.Causes = []diagnose.Finding{test.finding}
		}
		v := Of("", "", asked(t), r)
		if got := text(t, Text{}, v); !strings.Contains(got, test.want+"\n") {
			t.Errorf("%s: no %q in\n%s", name, test.want, got)
		}
	}
}

// A server that is known by its name decides which fix is told, and not one that
// was only guessed by the order of its fields.
func TestFixIsForTheServerThatIsKnown(t *testing.T) {
	guess := software.Guess{Name: "django", Title: "Django", Confidence: 0.35}
	for want, all := range map[string][]software.Guess{
		"nginx":  {{Name: "nginx", Title: "nginx", Confidence: 0.97}, guess},
		"django": {guess},
	} {
		v := Of("", "", asked(t), diagnose.Report{Software: all, Causes: []diagnose.Finding{{Cause: "https_redirect"}}})
		if got := v.Causes[0].FixFor; got != want {
			t.Errorf("the fix is for %q, want %q", got, want)
		}
	}
}

// A rule about a path is about the path alone.
func TestFixLeavesTheQueryOut(t *testing.T) {
	p := askedAt(t, "/health?deep=1")
	v := Of("", "", p, diagnose.Report{
		Causes:   []diagnose.Finding{{Cause: "auth_required", Confidence: 0.9}},
		Software: []software.Guess{{Name: "nginx", Confidence: 0.9}},
	})
	if got := v.Causes[0].FixLines; !strings.HasPrefix(got, "location = /health {\n") {
		t.Errorf("to be pasted: %q", got)
	}
}

func TestSecretName(t *testing.T) {
	for _, name := range []string{
		"Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "X-API-Key", "X-Api-Key-2", "ApiKey", "X-Auth", "X-Auth-Key", "Ocp-Apim-Subscription-Key", "x-functions-key",
		"X-Vault-Token", "X-CSRF-Token", "X-Session-Id", "X-Client-Secret", "X-Passwd", "Api-Password", "X-Amz-Signature", "X-Goog-Iap-Jwt-Assertion",
	} {
		if !secretName(name) {
			t.Errorf("%s is shown", name)
		}
	}
	for _, name := range []string{
		"Host", "User-Agent", "WWW-Authenticate", "Sec-WebSocket-Key", "Surrogate-Key", "X-Cache-Key", "Idempotency-Key", "Content-Type", "Location", "X-Author",
		"GET /api-key/secret HTTP/1.1", "GET http",
	} {
		if secretName(name) {
			t.Errorf("%s is hidden", name)
		}
	}
}

func TestAroundSecret(t *testing.T) {
	for _, test := range []struct{ name, value, before, secret, after string }{
		{"authorization", " Bearer abc\r", " Bearer ", "abc", "\r"},
		{"authorization", " abc", " ", "abc", ""},
		{"proxy-authorization", " Basic abc", " Basic ", "abc", ""},
		{"set-cookie", " a=a; Path=/a", " a=", "a", "; Path=/a"},
		{"set-cookie", " a=; Path=/", " a=", "", "; Path=/"},
		{"set-cookie", " abc", " ", "abc", ""},
		{"cookie", " a=b; c=d \r", " ", "a=b; c=d", " \r"},
		{"x-api-key", "", "", "", ""},
	} {
		before, secret, after := aroundSecret(test.name, test.value)
		if before != test.before || secret != test.secret || after != test.after {
			t.Errorf("%s:%q is %q, %q, %q; want %q, %q, %q", test.name, test.value, before, secret, after, test.before, test.secret, test.after)
		}
	}
}
