package real

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/realserver"
)

var caddy = Prober{
	Name: "caddy", Title: "Caddy",
	kinds:  map[string]string{"http": "caddy"},
	secure: []string{"http"},
	host:   true, named: true,
	// Debian's Caddy 2.6 follows redirects, and takes a 3xx for a pass where there is
	// nothing to follow. Newer ones, as the dialect has it, do neither.
	change: func(o *dialect.Options) {
		follow := true
		o.Matcher, o.Redirect = "200-399", &follow
	},
	ask: askCaddy,
}

// askCaddy watches Caddy's log. A target begins as healthy, and one that passes
// is not spoken of: silence until the time-out is over is a pass.
func askCaddy(t realserver.TB, questions []Question) []Answer {
	var sites strings.Builder
	for i, q := range questions {
		sites.WriteString(CaddyRoute(fmt.Sprint("/q", i, "/*"), q))
	}
	server := startCaddy(t, sites.String())
	silence := time.Now().Add(longest(questions) + 300*time.Millisecond)
	return await(questions, 2*longest(questions)+starting, func() map[int]Answer {
		over := time.Now().After(silence)
		log := server.Log()
		got := make(map[int]Answer)
		for i, q := range questions {
			if said := caddySaid(log, q.Address); said != "" {
				got[i] = verdict(false, said)
			} else if over {
				got[i] = verdict(true, "")
			}
		}
		return got
	})
}

// caddySaid is the first thing that Caddy's health checker says of a target.
func caddySaid(log, address string) string {
	for line := range strings.Lines(log) {
		var entry struct {
			Logger, Msg, Host, Error string
			StatusCode               int `json:"status_code"`
		}
		if json.Unmarshal([]byte(line), &entry) != nil || !strings.HasSuffix(entry.Logger, "health_checker.active") || entry.Host != address || entry.Msg == "host is up" {
			continue
		}
		return fmt.Sprintf("%s %d %s", entry.Msg, entry.StatusCode, entry.Error)
	}
	return ""
}

// CaddyRoute is the part of a Caddyfile that asks q.
func CaddyRoute(matcher string, q Question) string {
	var b strings.Builder
	scheme := "http://"
	if q.TLS {
		scheme = "https://"
	}
	path := q.Path
	if path == "" {
		path = "/"
	}
	fmt.Fprintf(&b, "\treverse_proxy %s %s%s {\n\t\thealth_uri %s\n\t\thealth_timeout %s\n\t\thealth_interval %s\n", matcher, scheme, q.Address, path, q.Timeout, q.Timeout+time.Second)
	if q.Host != "" {
		fmt.Fprintf(&b, "\t\thealth_headers {\n\t\t\tHost %q\n\t\t}\n", q.Host)
	}
	if q.TLS {
		b.WriteString("\t\ttransport http {\n\t\t\ttls\n")
		if !q.Verify {
			b.WriteString("\t\t\ttls_insecure_skip_verify\n")
		}
		if q.Name != "" {
			fmt.Fprintf(&b, "\t\t\ttls_server_name %s\n", q.Name)
		}
		b.WriteString("\t\t}\n")
	}
	b.WriteString("\t}\n")
	return b.String()
}

// StartCaddy starts Caddy with those routes.
func StartCaddy(t realserver.TB, routes string) { startCaddy(t, routes) }

func startCaddy(t realserver.TB, routes string) *realserver.Server {
	return realserver.Start(t, realserver.Recipe{
		Name: "Caddy", Debian: "caddy", Program: "caddy", Users: []string{"caddy", "www-data"},
		Args: []string{"run", "--config", "Caddyfile", "--adapter", "caddyfile"},
		Env:  []string{"XDG_DATA_HOME={dir}", "XDG_CONFIG_HOME={dir}"},
		Files: map[string]string{"Caddyfile": "{\n\tadmin off\n\tskip_install_trust\n\tauto_https off\n\tlog {\n\t\tformat json\n\t}\n}\nhttp://:{port} {\n\tbind 127.0.0.1\n" +
			routes + "}\n"},
	})
}
