package realserver

import (
	"fmt"
	"strings"
	"testing"
)

// TestHAProxyStat watches HAProxy take a server out of service and back, by
// itself and by command.
func TestHAProxyStat(t *testing.T) {
	web := clients["nginx"].start(t)
	h := HAProxy(t, fmt.Sprintf(`
frontend visitors
	bind {addr}
	default_backend web
backend web
	option httpchk GET /kept
	server one %s check inter 20ms fall 1 rise 1`, web.Addr()))
	becomes := func(status string) {
		t.Helper()
		eventually(t, "web/one is "+status, func() error {
			if got := h.Stat("web", "one")["status"]; got != status {
				return fmt.Errorf("it is %s", got)
			}
			return nil
		})
	}
	becomes("UP")
	body, err := get(t.Context(), h.DSN()+"/kept")
	if err != nil || body != "kept" {
		t.Errorf("through HAProxy: answer %q, %v; want kept", body, err)
	}
	if got := h.Stat("visitors", "FRONTEND")["req_tot"]; got != "1" {
		t.Errorf("the frontend counts %s requests, want 1", got)
	}
	if got := h.Stat("web", "BACKEND"); got["pxname"] != "web" || got["svname"] != "BACKEND" || got["act"] != "1" {
		t.Errorf("of the backend it says %v", got)
	}
	web.Kill()
	becomes("DOWN")
	web.Restart()
	becomes("UP")
	if answer := h.Command("set server web/one state drain"); strings.TrimSpace(answer) != "" {
		t.Fatalf("set server: %s", answer)
	}
	becomes("DRAIN")
	if state := h.Command("show servers state web"); !strings.Contains(state, " web 1 one 127.0.0.1 ") {
		t.Errorf("show servers state says %q", state)
	}
}

// TestHAProxyConfig shows that a configuration HAProxy refuses fails the test
// and says why, and so does a question about what is not there.
func TestHAProxyConfig(t *testing.T) {
	clients["haproxy"].start(t) // skips where there is no HAProxy
	for name, c := range map[string]struct{ config, want string }{
		"unknown keyword": {"frontend f\n bind {addr}\n no-such-keyword", "unknown keyword 'no-such-keyword'"},
		"listens nowhere": {"frontend f", "no {addr}"},
		"no such server":  {"frontend f\n bind {addr}", "HAProxy knows no web/one"},
	} {
		t.Run(name, func(t *testing.T) {
			test := new(fakeTest)
			test.run(func() { HAProxy(test, c.config).Stat("web", "one") })
			if !strings.Contains(test.fatal, c.want) {
				t.Errorf("failed with %q, want it to contain %q", test.fatal, c.want)
			}
		})
	}
}
