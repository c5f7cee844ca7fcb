package cli

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestProbeHidesSecrets: what a server says again of a secret is shown nowhere.
func TestProbeHidesSecrets(t *testing.T) {
	const secret = "unspeakable"
	echo := startHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "you are "+r.Header.Get("Authorization"))
	}))
	for name, flags := range map[string][]string{
		"all":          {"--as", "all"},
		"all as JSON":  {"--as", "all", "--json"},
		"waiting":      {"--as", "consul", "--wait", "50ms", "--quick"},
		"on this host": {"--as", "consul", "--resolve", "127.0.0.2" + echo[strings.LastIndex(echo, ":"):], "--listening", "--quick"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			Run(append([]string{"probe", "http://" + echo + "/", "-H", "Authorization: Bearer " + secret}, flags...), &out, &out)
			if strings.Contains(out.String(), secret) {
				t.Errorf("the secret is shown:\n%s", out.String())
			}
			if !strings.Contains(out.String(), "you are Bearer [hidden]") {
				t.Errorf("what the server says is not told:\n%s", out.String())
			}
		})
	}
}
