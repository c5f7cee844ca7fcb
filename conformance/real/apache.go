package real

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/realserver"
)

var apache = Prober{
	Name: "apache", Title: "Apache mod_proxy_hcheck",
	kinds:   map[string]string{"http": "apache", "tcp": "apache"},
	secure:  []string{"http"},
	methods: []string{"", "GET", "HEAD"},
	trusts:  true,
	ask:     askApache,
}

// checked finds what Apache's log says of a probe, as ErrorLogFormat writes it.
var checked = regexp.MustCompile(`(?m)^q(\d+) AH03251: (Health check \S+ Status \((-?\d+)\) for .*)$`)

func askApache(t realserver.TB, questions []Question) []Answer {
	var hosts strings.Builder
	for i, q := range questions {
		hosts.WriteString(ApacheHost(fmt.Sprint("q", i), q, ""))
	}
	server := StartApache(t, hosts.String())
	return await(questions, 3*longest(questions)+starting, func() map[int]Answer {
		got := make(map[int]Answer)
		for _, m := range checked.FindAllStringSubmatch(server.Log(), -1) {
			i, err := strconv.Atoi(m[1])
			if _, again := got[i]; again || err != nil {
				continue
			}
			got[i] = verdict(m[3] == "0", m[2])
		}
		return got
	})
}

// ApacheHost is a virtual host whose balancer asks q. With a path it asks with
// GET or as Question.Method says, without one it asks OPTIONS *, and method
// replaces both.
func ApacheHost(name string, q Question, method string) string {
	scheme, member := "http", ""
	if q.TLS {
		scheme = "https"
	}
	switch {
	case method != "":
	case q.Kind == "tcp":
		method = "TCP"
	case q.Path == "":
		method = "OPTIONS"
	default:
		method = cmp.Or(q.Method, "GET")
	}
	if q.Path != "" {
		member = " hcuri=" + q.Path
	}
	return fmt.Sprintf(`<VirtualHost *>
ServerName %[1]s
SSLProxyEngine On
SSLProxyVerify none
SSLProxyCheckPeerName off
SSLProxyCheckPeerExpire off
<Proxy balancer://%[1]s>
BalancerMember %[2]s://%[3]s hcmethod=%[4]s hcinterval=1 timeout=%[5]d connectiontimeout=%[5]d%[6]s
</Proxy>
ProxyPass / balancer://%[1]s/
</VirtualHost>
`, name, scheme, q.Address, method, int(math.Ceil(q.Timeout.Seconds())), member)
}

// StartApache starts Apache with those virtual hosts, and its log of probes.
func StartApache(t realserver.TB, hosts string) *realserver.Server {
	var config strings.Builder
	for _, module := range strings.Fields("mpm_event authz_core ssl socache_shmcb proxy proxy_http slotmem_shm lbmethod_byrequests proxy_balancer proxy_hcheck") {
		fmt.Fprintf(&config, "LoadModule %s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", module)
	}
	config.WriteString(`ServerRoot {dir}
DefaultRuntimeDir {dir}
PidFile {dir}/pid
ErrorLog {dir}/log
ErrorLogFormat "%v %M"
LogLevel warn proxy_hcheck:debug
ServerName unused
SSLSessionCache none
Mutex pthread
ProxyHCTPsize 16
Listen {addr}
`)
	config.WriteString(hosts)
	return realserver.Start(t, realserver.Recipe{
		Name: "Apache", Debian: "apache2", Program: "apache2", Users: []string{"www-data"},
		Args:  []string{"-DFOREGROUND", "-f", "{dir}/apache.conf"},
		Files: map[string]string{"apache.conf": config.String()},
	})
}
