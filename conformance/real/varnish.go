package real

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/realserver"
)

var varnish = Prober{
	Name: "varnish", Title: "Varnish",
	kinds: map[string]string{"http": "varnish"},
	host:  true,
	ask:   askVarnish,
}

// health finds what Varnish's log says of a probe.
var health = regexp.MustCompile(`(?m)Backend_health\s+-\s+(?:\w+\.)?q(\d+) (\w+ \w+) (\S+) \d+ \d+ \d+ \S+ \S+ (.*)$`)

func askVarnish(t realserver.TB, questions []Question) []Answer {
	var vcl strings.Builder
	vcl.WriteString("vcl 4.1;\nbackend default none;\n")
	for i, q := range questions {
		vcl.WriteString(VarnishBackend(fmt.Sprint("q", i), q, ""))
	}
	server := startVarnish(t, vcl.String())
	return await(questions, 2*longest(questions)+starting, func() map[int]Answer {
		got := make(map[int]Answer)
		for _, m := range health.FindAllStringSubmatch(server.Log(), -1) {
			i, err := strconv.Atoi(m[1])
			if _, again := got[i]; again || err != nil {
				continue
			}
			got[i] = verdict(strings.HasSuffix(m[2], "healthy"), m[2]+" "+m[3]+" "+m[4])
		}
		return got
	})
}

// StartVarnish starts Varnish with that VCL, below the line with its version.
func StartVarnish(t realserver.TB, vcl string) { startVarnish(t, "vcl 4.1;\n"+vcl) }

// startVarnish starts it with its log of probes as its output.
func startVarnish(t realserver.TB, vcl string) *realserver.Server {
	return realserver.Start(t, realserver.Recipe{
		Name: "Varnish", Debian: "varnish", Program: "sh", Users: []string{"varnish"},
		Args: []string{"-c", `varnishlog -n {dir}/n -t 60 -g raw -u -i Backend_health & exec varnishd -F -n {dir}/n -a {addr} -f {dir}/shop.vcl \
			-s malloc,8m -j none -p thread_pools=1 -p thread_pool_min=5 -p vcc_err_unref=off`},
		Env:   []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Files: map[string]string{"shop.vcl": vcl},
	})
}

// VarnishBackend is the VCL of a backend that is asked q. More is added to it.
func VarnishBackend(name string, q Question, more string) string {
	host, port, _ := net.SplitHostPort(q.Address)
	if q.Host != "" {
		more += fmt.Sprintf(" .host_header = %q;", q.Host)
	}
	path := q.Path
	if path == "" {
		path = "/"
	}
	// The first result decides, and a second is not asked for while it is awaited.
	return fmt.Sprintf(`backend %s { .host = %q; .port = %q; %s
	.probe = { .url = %q; .timeout = %dms; .interval = %dms; .window = 1; .threshold = 1; .initial = 0; } }
`, name, host, port, more, path, q.Timeout.Milliseconds(), q.Timeout.Milliseconds()+1000)
}
