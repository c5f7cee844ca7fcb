package cli

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestProbeActsOnce: a request that may have an effect is sent where it was told
// to go, once, whatever else is wanted.
func TestProbeActsOnce(t *testing.T) {
	var requests atomic.Int32
	site := startHandler(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	elsewhere := "127.0.0.2" + site[strings.LastIndex(site, ":"):] // where nothing listens
	for name, test := range map[string]struct {
		flags []string
		want  int32
	}{
		"plain":              {nil, 1},
		"site":               {[]string{"--site", "www.example.com"}, 1},
		"machine":            {[]string{"--listening"}, 1},
		"machine, elsewhere": {[]string{"--listening", "--resolve", elsewhere}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			requests.Store(0)
			var out bytes.Buffer
			Run(append([]string{"probe", "http://" + site + "/orders", "--method", "DELETE"}, test.flags...), &out, &out)
			if got := requests.Load(); got != test.want {
				t.Errorf("%d requests, want %d\n%s", got, test.want, out.String())
			}
		})
	}
}
