package diagnose

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
	"github.com/inservice/inservice/internal/software"
)

func namesOf(all []software.Guess) []string {
	var names []string
	for _, g := range all {
		names = append(names, g.Name)
	}
	return names
}

func findingOf(t *testing.T, r Report, id string) Finding {
	t.Helper()
	i := slices.Index(ids(r.Causes), id)
	if i < 0 {
		t.Fatal(summary(r))
	}
	return r.Causes[i]
}

// TestSoftwareOfTheAskedPort: what other servers of the machine answer tells nothing
// of the one that was asked, unless that is where the app turns out to be.
func TestSoftwareOfTheAskedPort(t *testing.T) {
	const django = "<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Not Found</title>\n</head>\n<body>\n  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>\n</body>\n</html>\n"
	for name, test := range map[string]struct {
		passes []string // at which ports the health path is found
		want   string
		all    []string
		whose  []string
	}{
		"nowhere":     {nil, "refused", nil, []string{}},
		"at gunicorn": {[]string{"9002"}, "wrong_port", []string{"django", "gunicorn"}, []string{"gunicorn"}},
	} {
		q := albQuestion(t, true)
		for _, p := range []string{"9001", "9002"} {
			q.Machine.Sockets = append(q.Machine.Sockets, listening("127.0.0.1:"+p))
		}
		m := &model{layers: []layer{func(a ask) (exchange.Answer, bool) {
			switch {
			case slices.Contains(test.passes, a.port) && a.path() == "/health":
				return answer(200, "fine", "Server: gunicorn"), true
			case a.port == "9001":
				return nginx(404, "Not Found"), true
			case a.port == "9002":
				return answer(404, django, "Server: gunicorn", "Content-Type: text/html; charset=utf-8", "X-Content-Type-Options: nosniff", "Referrer-Policy: same-origin", "Cross-Origin-Opener-Policy: same-origin", "X-Frame-Options: DENY", "Vary: Cookie"), true
			}
			return broken(exchange.Refused, exchange.Dialling), true
		}}}
		r := m.diagnosed(t, q)
		f := findingOf(t, r, test.want)
		if diff := cmp.Diff(test.whose, f.Programs); diff != "" || r.Causes[0].Cause != f.Cause {
			t.Errorf("%s: the fix is for: -want +got:\n%s%s", name, diff, summary(r))
		}
		if diff := cmp.Diff(test.all, namesOf(r.Software)); diff != "" {
			t.Errorf("%s: answered by: -want +got:\n%s", name, diff)
		}
	}
}

// TestFixIsTheListeners: the kernel knows who holds the port; who answers behind it
// has no say in how the port is set up.
func TestFixIsTheListeners(t *testing.T) {
	for process, want := range map[string][]string{"haproxy": {"haproxy"}, "python3": {"gunicorn"}, "": {"gunicorn"}} {
		q := albQuestion(t, true)
		s := listening(target)
		s.Process = process
		q.Machine.Sockets = append(q.Machine.Sockets, s)
		m := &model{}
		m.layers = []layer{
			func(a ask) (exchange.Answer, bool) {
				if a.Proxy == exchange.ProxyV1 && a.TLS == nil {
					return answer(200, "fine", "Server: gunicorn"), true
				}
				return broken(exchange.Closed, exchange.Waiting), true
			},
		}
		r := m.diagnosed(t, q)
		f := findingOf(t, r, "proxy_protocol_expected")
		if diff := cmp.Diff(want, f.Programs); diff != "" {
			t.Errorf("held by %q: the fix is for: -want +got:\n%s", process, diff)
		}
	}
}

func TestPrograms(t *testing.T) {
	guess := func(name string, role software.Role, c float64) software.Guess {
		return software.Guess{Name: name, Role: role, Confidence: c}
	}
	front, app, frame := software.Front, software.AppServer, software.Framework
	for name, test := range map[string]struct {
		guesses []software.Guess
		want    []string
	}{
		"front":       {[]software.Guess{guess("django", frame, 0.9), guess("nginx", front, 0.8)}, []string{"nginx"}},
		"server":      {[]software.Guess{guess("django", frame, 0.9), guess("gunicorn", app, 0.8)}, []string{"gunicorn"}},
		"embedded":    {[]software.Guess{guess("spring-boot", frame, 0.9), guess("tomcat", app, 0.8)}, []string{"spring-boot", "tomcat"}},
		"weak":        {[]software.Guess{guess("rails", frame, 0.9), guess("nginx", front, 0.2)}, []string{"rails"}},
		"only a weak": {[]software.Guess{guess("rails", frame, 0.3), guess("nginx", front, 0.2)}, []string{"rails"}},
		"nobody":      {nil, []string{}},
	} {
		if diff := cmp.Diff(test.want, outermost(test.guesses)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestBusyBehind: a full queue is its owner's, an empty one says nothing of who is
// behind it.
func TestBusyBehind(t *testing.T) {
	for queue, want := range map[int][]string{0: nil, 3: {"nginx"}} {
		q := albQuestion(t, true)
		q.Machine.Sockets = []sockets.Socket{{Local: listening(target).Local, Process: "nginx", Queue: queue}}
		d := newDesk(q, []Observation{{Experiment: Experiment{Name: "probe", Probe: q.Probe}}})
		if diff := cmp.Diff(want, d.programs(Finding{Cause: "worker_saturated", Decided: []string{"probe"}})); diff != "" {
			t.Errorf("%d wait: -want +got:\n%s", queue, diff)
		}
	}
}
