package real

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/inservice/inservice/internal/realserver"
)

var haproxy = Prober{
	Name: "haproxy", Title: "HAProxy",
	kinds:   map[string]string{"http": "haproxy", "tcp": "haproxy-tcp"},
	secure:  []string{"http", "tcp"},
	methods: []string{"", "GET", "HEAD"},
	host:    true, named: true,
	ask: askHAProxy,
}

func askHAProxy(t realserver.TB, questions []Question) []Answer {
	var config strings.Builder
	config.WriteString("frontend unused\n\tbind {addr}\n")
	for i, q := range questions {
		config.WriteString(HAProxyBackend(fmt.Sprint("q", i), q, "", ""))
	}
	proxy := realserver.HAProxy(t, config.String())
	return await(questions, 2*longest(questions)+starting, func() map[int]Answer {
		got := make(map[int]Answer)
		for i := range questions {
			stat := proxy.Stat(fmt.Sprint("q", i), "s")
			word := stat["check_status"]
			if word == "" || word == "INI" || strings.HasPrefix(word, "* ") {
				continue
			}
			pass := strings.HasSuffix(word, "OK") || word == "L7OKC"
			if word == "L7STS" {
				word += "/" + stat["check_code"]
			}
			got[i] = verdict(pass, word+" "+stat["last_chk"])
		}
		return got
	})
}

// HAProxyBackend is the section of HAProxy's configuration that asks q. Check
// and server are added to the backend and to its server.
func HAProxyBackend(name string, q Question, check, server string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "backend %s\n\ttimeout connect %dms\n\ttimeout check %[2]dms\n", name, q.Timeout.Milliseconds())
	if q.Kind == "http" {
		fmt.Fprintf(&b, "\toption httpchk %s %s\n", cmp.Or(q.Method, "OPTIONS"), cmp.Or(q.Path, "/"))
		if q.Host != "" {
			fmt.Fprintf(&b, "\thttp-check send hdr Host %q\n", q.Host)
		}
	}
	if check != "" {
		fmt.Fprintf(&b, "\t%s\n", check)
	}
	if q.TLS {
		server += " ssl verify none"
		if q.Verify {
			server = strings.Replace(server, "verify none", "verify required ca-file @system-ca", 1)
		}
		if q.Name != "" {
			server += " check-sni " + q.Name
		}
	}
	// Connecting is bounded by inter too.
	fmt.Fprintf(&b, "\tserver s %s check inter %dms %s\n", q.Address, max(q.Timeout.Milliseconds(), 1000), server)
	return b.String()
}
