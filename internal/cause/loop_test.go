package cause

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/realserver"
)

// TestLoops: the redirect to https ends for those who came by https, as the load
// balancer says it, and for nobody who says it himself; the health path is free
// of it.
func TestLoops(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "from the app") }))
	t.Cleanup(app.Close)
	row, _ := Lookup("redirect_loop")
	for software, frame := range map[string]string{"apache": "LINES\nProxyPass / " + app.URL + "/", "caddy": "LINES", "haproxy": "LINES", "lighttpd": "LINES"} {
		t.Run(software, func(t *testing.T) {
			fix, own := row.FixFor([]string{software})
			if !own {
				t.Fatal("no fix")
			}
			for subnet, https := range map[string]int{"127.0.0.0/8": 200, "10.0.0.0/16": 301} {
				v := values()
				v["app"], v["port"], v["subnet"] = app.Listener.Addr().String(), "PORT", subnet
				config := strings.ReplaceAll(strings.Replace(frame, "LINES", Fill(fix.Lines, v), 1), "PORT", "{port}")
				s := realserver.Start(t, recipe(software, config, app.Listener.Addr().String()))
				for _, c := range []struct {
					path, scheme string
					want         int
				}{{"/health_check", "", 200}, {"/other", "", 301}, {"/other", "http", 301}, {"/other", "https", https}} {
					req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr()+c.path, nil)
					if err != nil {
						t.Fatal(err)
					}
					if req.Host = Placeholders["site"]; c.scheme != "" {
						req.Header.Set("X-Forwarded-For", "192.0.2.1")
						req.Header.Set("X-Forwarded-Proto", c.scheme)
					}
					resp, err := http.DefaultTransport.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if resp.StatusCode != c.want {
						t.Errorf("trusting %s: %s by %q: %d, want %d\n%s", subnet, c.path, c.scheme, resp.StatusCode, c.want, config)
					}
					if to := resp.Header.Get("Location"); resp.StatusCode == 301 && to != "https://"+Placeholders["site"]+c.path {
						t.Errorf("sent to %s", to)
					}
				}
			}
		})
	}
}
