package diagnose

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
)

// distrusted is a TLS server whose certificate verifies for a name alone, empty: for
// none; behind answers where it is not looked at.
func distrusted(name string, behind func(*model) layer) func(*model) layer {
	return func(m *model) layer {
		inner := &model{page: plainPage, home: 200}
		if behind != nil {
			inner.layers = []layer{behind(inner)}
		}
		return func(a ask) (exchange.Answer, bool) {
			if a.TLS == nil {
				return broken(exchange.Closed, exchange.Waiting), true
			}
			state := &exchange.TLSState{Version: tls.VersionTLS13}
			if name == "" || a.TLS.ServerName != name {
				state.VerifyError = errors.New("x509: certificate signed by unknown authority")
			}
			if a.TLS.Verify && state.VerifyError != nil {
				got := broken(exchange.Untrusted, exchange.Handshaking)
				got.TLS, got.Err = state, state.VerifyError
				return got, true
			}
			a.TLS = nil
			got := inner.serve(a)
			got.TLS = state
			return got, true
		}
	}
}

// TestUntrusted: what is behind a certificate that does not verify is found by not
// looking at it.
func TestUntrusted(t *testing.T) {
	for name, c := range map[string]struct {
		certificate string
		behind      func(*model) layer
		causes      []string
		text        string
	}{
		"nothing else":   {"", nil, nil, "nothing else is wrong"},
		"a path":         {"", unless(onPath("/health"), says(401)), []string{"auth_required"}, "not all that is wrong"},
		"a name has one": {site, nil, []string{"sni_required"}, ""},
	} {
		m := &model{}
		m.layers = []layer{distrusted(c.certificate, c.behind)(m)}
		q := question(t, "haproxy", "https://"+target+"/health", dialect.Options{}, true)
		q.Probe.Request.TLS = &exchange.TLS{Verify: true}
		r := m.diagnosed(t, q)
		if got := ids(r.Causes); r.Verdict != Fail || len(got) > 0 != (len(c.causes) > 0) || len(c.causes) > 0 && got[0] != c.causes[0] {
			t.Errorf("%s: got %v, want %v\n%s", name, got, c.causes, summary(r))
		}
		i := slices.IndexFunc(r.Notes, func(n Note) bool { return n.ID == "certificate" })
		switch {
		case c.text == "" && i >= 0, c.text != "" && (i < 0 || !strings.Contains(r.Notes[i].Text, c.text)):
			t.Errorf("%s: %+v", name, r.Notes)
		case i >= 0 && (len(r.Notes) != 1 || !strings.Contains(r.Notes[i].Evidence[0], "unknown authority")):
			t.Errorf("%s: %+v", name, r.Notes)
		}
	}
}
