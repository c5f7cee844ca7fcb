package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// TestSecurePort: where everything is redirected to https, the port of this machine
// that speaks TLS is looked for, if somebody listens there.
func TestSecurePort(t *testing.T) {
	for name, test := range map[string]struct {
		listens, leads, speaks string
		want                   string
	}{
		"where it leads":  {"9443", ":9443", "9443", "9443"},
		"the usual one":   {"443", "", "443", "443"},
		"nobody listens":  {"22", "", "443", ""},
		"another service": {"443", "", "", ""},
	} {
		q := albQuestion(t, true)
		q.Machine.Sockets = append(q.Machine.Sockets, listening(target), listening("127.0.0.1:"+test.listens))
		m := &model{}
		m.layers = []layer{func(a ask) (exchange.Answer, bool) {
			switch {
			case a.port == test.speaks && a.TLS != nil:
				return wantsTLS(exchange.Answer{})(m)(a)
			case a.port != "8443":
				return broken(exchange.Closed, exchange.Waiting), true
			case a.TLS != nil:
				return broken(exchange.NotTLS, exchange.Handshaking), true
			}
			return redirectTo(301, func(a ask) string { return "https://" + a.host() + test.leads + a.Path })(m, a), true
		}}
		r := m.diagnosed(t, q)
		f := findingOf(t, r, "https_redirect_xfp_ignored")
		if f.Values["otherport"] != test.want || test.want != "" && !strings.Contains(strings.Join(f.Evidence, " "), "Port "+test.want+" of this machine speaks TLS") {
			t.Errorf("%s: port %q, want %q: %q", name, f.Values["otherport"], test.want, f.Evidence)
		}
	}
}

// TestSilenceIsToldByItsLength: nobody waited for ever.
func TestSilenceIsToldByItsLength(t *testing.T) {
	m := &model{}
	m.layers = []layer{unless(func(a ask) bool { return a.path() != "/health" }, func(*model, ask) exchange.Answer {
		return took(9*time.Second, answer(200, "fine"))
	})(m)}
	r := m.diagnosed(t, slowQuestion(t, true))
	f := findingOf(t, r, "slow_response")
	if said := strings.Join(f.Evidence, " "); strings.Contains(said, "never") || !strings.Contains(said, "from /health no answer came in ") {
		t.Errorf("it says %q", said)
	}
}

// TestSiteIsAskedFor: who is to tell a name of the site reads how.
func TestSiteIsAskedFor(t *testing.T) {
	m := &model{page: func(status int, _ ask) exchange.Answer { return nginx(status, "Not Found") }}
	m.layers = []layer{unless(bySite, saysNginx(404, "Not Found"))(m)}
	r := m.diagnosed(t, albQuestion(t, false))
	asks := func(f Finding) bool {
		return strings.Contains(strings.Join(f.Evidence, " "), "sk with --site www.example.com")
	}
	if !slices.ContainsFunc(r.Causes, asks) {
		t.Error(summary(r))
	}
}
