package report

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

// as is a probe as one load balancer makes it.
func as(t *testing.T, balancer string) dialect.Probe {
	t.Helper()
	p, err := dialect.New(balancer, "http://127.0.0.1:8000/health", dialect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// byTLS is an observation of TLS that answers at address.
func byTLS(p dialect.Probe, address string) diagnose.Observation {
	p.Request.Address = address
	o := observed("tls", p, dialect.Pass, "", "")
	o.Answers[0].TLS = &exchange.TLSState{Version: 0x0304}
	return o
}

// A check by HTTPS is offered only for a port at which TLS was seen to answer.
func TestHTTPSIsOfferedWhereItAnswers(t *testing.T) {
	const heading = "or at the load balancer:"
	for name, test := range map[string]struct {
		balancer, cause, tls string
		want, not            string
	}{
		"nowhere":         {"kubelet", "https_redirect_xfp_ignored", "", "", "HTTPS"},
		"nowhere, alb":    {"alb", "https_redirect_xfp_ignored", "", "", heading},
		"nowhere, field":  {"kubelet", "https_redirect", "", "- field: httpHeaders", "scheme: HTTPS"},
		"here":            {"kubelet", "https_redirect_xfp_ignored", "127.0.0.1:8000", `httpGet: { path: "/health", port: 8000, scheme: HTTPS }`, "protocol and port"},
		"elsewhere":       {"kubelet", "https_redirect_xfp_ignored", "127.0.0.1:8443", `httpGet: { path: "/health", port: 8443, scheme: HTTPS }`, "port: 8000"},
		"elsewhere, alb":  {"alb", "https_redirect_xfp_ignored", "127.0.0.1:8443", "--health-check-protocol HTTPS --health-check-port 8443", "- protocol: "},
		"in plain words":  {"kubelet", "wrong_protocol_tls", "", "port: 8000, scheme: HTTPS }", "protocol and port"},
		"at another port": {"kubelet", "wrong_protocol_tls", "127.0.0.1:8443", "port: 8443, scheme: HTTPS }", "port: 8000"},
	} {
		p := as(t, test.balancer)
		r := diagnose.Report{Observations: []diagnose.Observation{observed("base", p, dialect.Fail, "", "")}}
		if test.tls != "" {
			r.Observations = append(r.Observations, byTLS(p, test.tls))
		}
		r.Causes = []diagnose.Finding{{Cause: cause.ID(test.cause), Confidence: 0.9}}
		said := text(t, Text{Width: 200}, Of("", "", p, r))
		_, said, _ = strings.Cut(said, "  fix: ")
		if !strings.Contains(said, test.want) || strings.Contains(said, test.not) {
			t.Errorf("%s: want %q and no %q in\n%s", name, test.want, test.not, said)
		}
	}
}

// Where nothing can be set, no heading says so; and of other load balancers than
// the one that asked nothing is said.
func TestBalancerThatCannotBeTold(t *testing.T) {
	for balancer, want := range map[string]bool{"alb": false, "kubelet": true, "gcp": true, "haproxy": true} {
		p := as(t, balancer)
		v := Of("", "", p, diagnose.Report{Causes: []diagnose.Finding{{Cause: "host_not_allowed", Confidence: 0.9}}})
		said := text(t, Text{}, v)
		if strings.Contains(said, "or at the load balancer:") != want || strings.Contains(said, "AWS") != (balancer == "alb") {
			t.Errorf("%s:\n%s", balancer, said)
		}
		if balancer == "alb" && !strings.Contains(said, "\n  An ALB sends the target's private address") {
			t.Errorf("no reason is told:\n%s", said)
		}
	}
}

// The program that a finding names has the word on its fix.
func TestFixIsForTheFindingsProgram(t *testing.T) {
	all := []software.Guess{{Name: "gunicorn", Confidence: 0.9}, {Name: "django", Confidence: 0.95}}
	for want, f := range map[string]diagnose.Finding{
		"haproxy":  {Cause: "proxy_protocol_expected", Programs: []string{"haproxy"}},
		"gunicorn": {Cause: "proxy_protocol_expected"},
		"":         {Cause: "wrong_port", Programs: []string{}},
		"django":   {Cause: "wrong_port"},
	} {
		v := Of("", "", asked(t), diagnose.Report{Software: all, Causes: []diagnose.Finding{f}})
		if got := v.Causes[0].FixFor; got != want {
			t.Errorf("%s for %v: the fix is for %q, want %q", f.Cause, f.Programs, got, want)
		}
	}
}

// No byte is told of where none came, and no system's words for a time-out.
func TestTimeOutIsToldPlainly(t *testing.T) {
	for name, test := range map[string]struct {
		remote, received string
		want             []string
		first            bool
	}{
		"silence":       {"127.0.0.1:8000", "", []string{"< (no answer in 2.5 s)\n", "connected in 1.0 ms, no byte in 2.5 s\n"}, false},
		"a part":        {"127.0.0.1:8000", "HTTP/1.1 200 OK\r\n", []string{"< (no whole answer in 2.5 s)\n", "first byte after 1.2 s, all in 2.5 s\n"}, true},
		"no connection": {"", "", []string{"< (no connection in 2.5 s)\n"}, false},
	} {
		o := observed("base", asked(t), dialect.Fail, "", test.received)
		a := &o.Answers[0]
		a.Remote, a.Failure, a.Err = test.remote, exchange.TimedOut, errors.New("out of time: use of closed network connection")
		a.Phases = exchange.Phases{Dial: time.Millisecond, FirstByte: 1200 * time.Millisecond, Total: 2500 * time.Millisecond}
		v := Of("", "", asked(t), diagnose.Report{Observations: []diagnose.Observation{o}})
		said := text(t, Text{}, v)
		if i := slices.IndexFunc(test.want, func(w string) bool { return !strings.Contains(said, w) }); i >= 0 || strings.Contains(said, "closed network") {
			t.Errorf("%s: want %q in\n%s", name, test.want, said)
		}
		if (v.Phases.FirstByteMS != nil) != test.first {
			t.Errorf("%s: first byte after %v", name, v.Phases.FirstByteMS)
		}
	}
}

// Who answered at another port than the asked one is not said to have answered there.
func TestWhoAnsweredAtTheOtherPort(t *testing.T) {
	o := observed("base", asked(t), dialect.Fail, "", "")
	for id, want := range map[cause.ID]string{"wrong_port": "1 experiment in 0.0 ms; at the other port answered by gunicorn\n", "app_error": "1 experiment in 0.0 ms; answered by gunicorn\n"} {
		v := Of("", "", asked(t), diagnose.Report{
			Software: []software.Guess{{Name: "gunicorn", Title: "gunicorn", Confidence: 0.9}}, Observations: []diagnose.Observation{o, o},
			Causes: []diagnose.Finding{{Cause: id, Confidence: 0.9}},
		})
		if said := text(t, Text{}, v); !strings.Contains(said, want) {
			t.Errorf("%s: no %q in\n%s", id, want, said)
		}
	}
}

// What never to do is told with the fix, whatever the load balancer can.
func TestNeverIsTold(t *testing.T) {
	for _, balancer := range []string{"alb", "haproxy"} {
		p := as(t, balancer)
		v := Of("", "", p, diagnose.Report{Causes: []diagnose.Finding{{Cause: "https_redirect", Confidence: 0.9}}, Software: []software.Guess{{Name: "django", Confidence: 0.9}}})
		if fix := v.Causes[0].Fix; !strings.HasSuffix(fix, "Do not accept 301 as success: the front server gives it while the app is dead.") {
			t.Errorf("%s: %q", balancer, fix)
		}
	}
}
