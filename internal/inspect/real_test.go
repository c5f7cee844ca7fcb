package inspect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/realserver"
)

// TestRealHAProxy: every kind of check that HAProxy makes is answered so that the
// server is up, and taken for HAProxy's where it can be told. Its plain TCP check is
// not among them: on Linux it resets the connection before the handshake is over,
// so that no server ever sees it.
func TestRealHAProxy(t *testing.T) {
	checks := map[string]struct {
		backend string
		kind    Kind
		name    string
		how     fingerprint.Confidence
		front   string
	}{
		"plain":    {"option httpchk\n server s %s check inter 100ms", HTTP1, "haproxy", fingerprint.Claim, ""},
		"host":     {"option httpchk\n http-check send meth GET uri /up ver HTTP/1.1 hdr Host a.example\n server s %s check inter 100ms", HTTP1, "haproxy", fingerprint.Likely, ""},
		"v1":       {"option httpchk\n server s %s check inter 100ms send-proxy check-send-proxy", HTTP1, "haproxy", fingerprint.Likely, "PROXY v1"},
		"v2":       {"option httpchk\n server s %s check inter 100ms send-proxy-v2 check-send-proxy", HTTP1, "haproxy", fingerprint.Likely, "PROXY v2"},
		"v2 tcp":   {"mode tcp\n server s %s check inter 100ms send-proxy-v2 check-send-proxy", Connect, "", fingerprint.Claim, "PROXY v2"},
		"v1 tcp":   {"mode tcp\n server s %s check inter 100ms send-proxy check-send-proxy", Connect, "", fingerprint.Claim, "PROXY v1"},
		"tls":      {"option httpchk\n server s %s check inter 100ms ssl verify none", HTTP1, "haproxy", fingerprint.Claim, "TLS"},
		"sni":      {"option httpchk\n server s %s check inter 100ms ssl verify none check-sni a.example", HTTP1, "haproxy", fingerprint.Claim, "TLS"},
		"v2 tls":   {"option httpchk\n server s %s check inter 100ms ssl verify none send-proxy-v2 check-send-proxy", HTTP1, "haproxy", fingerprint.Likely, "PROXY v2, TLS"},
		"h2":       {"option httpchk\n http-check send meth GET uri / ver HTTP/2 hdr Host a.example\n server s %s check inter 100ms check-proto h2", HTTP2, "", fingerprint.None, ""},
		"tls-only": {"mode tcp\n server s %s check inter 100ms ssl verify none", Handshake, "", fingerprint.Claim, "TLS"},
	}
	config := "frontend unused\n bind {addr}\n"
	runs := map[string]*run{}
	for name, check := range checks {
		runs[name] = start(t, Options{})
		config += fmt.Sprintf("backend %s\n timeout check 5s\n ", strings.ReplaceAll(name, " ", "-")) + fmt.Sprintf(check.backend, runs[name].address) + "\n"
	}
	realserver.HAProxy(t, config)
	for name, check := range checks {
		a := runs[name].arrival(4)
		if a.Kind != check.kind || a.Guess.Name != check.name || a.Guess.Confidence != check.how || a.front() != check.front {
			t.Errorf("%s: told %s in %q, taken for %+v", name, a.Kind, a.front(), a.Guess)
		}
		if check.kind == Connect && !slices.Contains(a.Guess.Among, "haproxy-tcp") {
			t.Errorf("%s: among %q", name, a.Guess.Among)
		}
		if all := runs[name].server.Senders(); len(all) != 1 || all[0].Pace.Interval == 0 {
			t.Errorf("%s: senders %+v", name, all)
		}
		if name == "sni" && a.TLS.ServerName != "a.example" {
			t.Errorf("hello %+v", a.TLS)
		}
	}
}
