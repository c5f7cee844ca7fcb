package dialect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/realserver"
)

// TestAgainstHAProxy shows each server to a real HAProxy and to the dialects, and
// compares the status that show stat has with the verdict's reason.
func TestAgainstHAProxy(t *testing.T) {
	type target struct{ url, dialect, check, server string }
	targets := map[string]target{}
	for name, does := range scripts {
		targets["http-"+name] = target{"http://" + serve(t, does).addr + "/health", "haproxy", "option httpchk GET /health", ""}
		targets["tcp-"+name] = target{"tcp://" + serve(t, does).addr, "haproxy-tcp", "", ""}
	}
	targets["http-refused"] = target{"http://" + closedPort(t) + "/health", "haproxy", "option httpchk GET /health", ""}
	targets["tcp-refused"] = target{"tcp://" + closedPort(t), "haproxy-tcp", "", ""}
	for _, name := range []string{"ssh", "closed", "silence", "plain-to-tls"} {
		does := scripts[name]
		targets["tls-"+name] = target{"https://" + serve(t, does).addr + "/health", "haproxy", "option httpchk GET /health", "ssl verify none"}
		targets["handshake-"+name] = target{"tls://" + serve(t, does).addr, "haproxy-tcp", "", "ssl verify none"}
	}
	ok := serve(t, script{say: scripts["ok"].say, tls: true})
	targets["tls-really"] = target{"https://" + ok.addr + "/health", "haproxy", "option httpchk GET /health", "ssl verify none"}

	var config strings.Builder
	config.WriteString("frontend unused\n\tbind {addr}\n")
	names := slices.Sorted(maps.Keys(targets))
	for _, name := range names {
		at := targets[name]
		_, hostport, _ := strings.Cut(at.url, "://")
		hostport, _, _ = strings.Cut(hostport, "/")
		fmt.Fprintf(&config, "backend %s\n\ttimeout connect 2s\n\ttimeout check 500ms\n\t%s\n\tserver s %s check inter 1s %s\n", name, at.check, hostport, at.server)
	}
	proxy := realserver.HAProxy(t, config.String())
	for _, name := range names {
		at := targets[name]
		verify := false
		o := Options{Timeout: 500 * time.Millisecond}
		if at.server != "" {
			o.Verify = &verify
		}
		if at.check != "" {
			o.Method = "GET"
		}
		p := must(t, at.dialect, at.url, o)
		_, got := Ask(t.Context(), p, exchange.Do)
		status := checkStatus(t, proxy, name)
		word := status["check_status"]
		if code := status["check_code"]; word == "L7STS" {
			word += "/" + code
		}
		want := Fail
		if strings.Contains(word, "OK") {
			want = Pass
		}
		if got.Outcome != want || want == Fail && got.Reason != word || want == Pass && !strings.HasPrefix(got.Text, word) {
			t.Errorf("%s: %s %s (%s); HAProxy: %s %s %s", name, got.Outcome, got.Reason, got.Text, word, status["last_chk"], status["check_desc"])
		}
		if want == Fail && (!strings.HasPrefix(got.Text, status["check_desc"]) || at.server == "" && !strings.Contains(got.Text, status["last_chk"])) {
			t.Errorf("%s: %s; HAProxy: %s, %s", name, got.Text, status["check_desc"], status["last_chk"])
		}
	}
}

// checkStatus waits for the first result.
func checkStatus(t *testing.T, proxy *realserver.HAProxyServer, backend string) map[string]string {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		stat := proxy.Stat(backend, "s")
		if s := stat["check_status"]; s != "" && s != "INI" && !strings.HasPrefix(s, "* ") {
			return stat
		}
		wait(t, 50*time.Millisecond)
	}
	t.Fatalf("%s: no result of a check", backend)
	return nil
}

// wait waits for another program, which no test can put into virtual time.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
