package dialect

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
)

func pointer[T any](v T) *T { return &v }

// TestBytes holds what each dialect puts on the wire, and how it connects.
func TestBytes(t *testing.T) {
	asked := []struct {
		why, url string
		o        Options
	}{
		{"by itself", "http://10.0.0.5:8080", Options{}},
		{"path of the URL, port of the scheme", "http://10.0.0.5/health?deep=1", Options{}},
		{"Host chosen, one field more", "http://10.0.0.5:8080/health", Options{Host: pointer("app.example.test"), Fields: []exchange.Field{{Name: "X-Team", Value: "web"}}}},
		{"over TLS", "https://app.example.test/health", Options{}},
		{"TCP", "tcp://10.0.0.5:8080", Options{}},
		{"gRPC", "grpc://10.0.0.5:50051", Options{}},
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for _, a := range asked {
				fmt.Fprintf(&b, "## %s: %s\n", a.why, a.url)
				p, err := New(name, a.url, a.o)
				if err != nil {
					fmt.Fprintf(&b, "refused: %v\n\n", err)
					continue
				}
				b.WriteString(described(t, p))
			}
			golden(t, name+".txt", b.String())
		})
	}
}

// described is a request in words and, of HTTP/1, its bytes, a line for a line.
func described(t *testing.T, p Probe) string {
	t.Helper()
	var b strings.Builder
	r := p.Request
	fmt.Fprintf(&b, "dial %s, within %s", r.Address, r.Timeout)
	if r.ConnectTimeout > 0 {
		fmt.Fprintf(&b, " (connected within %s)", r.ConnectTimeout)
	}
	if h := r.TLS; h != nil {
		fmt.Fprintf(&b, ", TLS: SNI %q, ALPN %q, verify %v", h.ServerName, h.ALPN, h.Verify)
	}
	fmt.Fprintf(&b, ", passes %q%s%s\n", p.Rules.Success, p.Rules.GRPC, map[bool]string{true: fmt.Sprintf(", follows %d", p.Rules.Hops)}[p.Rules.Hops > 0])
	switch r.Protocol {
	case exchange.HTTP1:
		for line := range strings.Lines(sent(t, r)) {
			fmt.Fprintf(&b, "%q\n", line)
		}
	case exchange.GRPC:
		fmt.Fprintf(&b, "call %s %q %v\n", r.Path, r.Service, r.Fields)
	}
	b.WriteString("\n")
	return b.String()
}

// TestCaptures holds the dialects against the captures of package fingerprint,
// but for the parts that vary.
func TestCaptures(t *testing.T) {
	varies := regexp.MustCompile(`(kube-probe|Blackbox-Exporter|curl)/[0-9.]+|[0-9a-f]{8}-[0-9a-f-]{27}|pool-id: [0-9a-f]{16}`)
	plain := func(s string) string { return varies.ReplaceAllString(s, "<varies>") }
	variants := map[string]func() Probe{
		"apache-get": func() Probe { return must(t, "apache", "http://192.0.2.10:8080/health", Options{}) },
		"haproxy-http11": func() Probe {
			return must(t, "haproxy", "http://192.0.2.10:8080/health_check", Options{Method: "GET", Version: "1.1"})
		},
		"haproxy-host": func() Probe {
			return must(t, "haproxy", "http://192.0.2.10:8080/health_check", Options{Method: "GET", Version: "1.1", Host: pointer("mysite.example")})
		},
		"haproxy-3": func() Probe {
			return must(t, "haproxy", "http://192.0.2.10:8080", Options{Fields: []exchange.Field{{Name: "Connection", Value: "close"}}})
		},
		"haproxy-user-agent": func() Probe {
			return must(t, "haproxy", "http://192.0.2.10:8080/health_check", Options{Method: "GET", Version: "1.1", Host: pointer("mysite.example"), Fields: []exchange.Field{
				{Name: "User-Agent", Value: "my-check"},
				{Name: "X-Haproxy-Server-State", Value: "UP 1/3; address=192.0.2.10; port=8080; name=b6/s; node=lb1; weight=1/1; scur=0/0; qcur=0"},
			}})
		},
		"haproxy-send-state": func() Probe {
			return must(t, "haproxy", "http://192.0.2.10:8080", Options{Fields: []exchange.Field{
				{Name: "X-Haproxy-Server-State", Value: "UP 1/3; address=192.0.2.10; port=8080; name=b3/s; node=lb1; weight=1/1; scur=0/0; qcur=0"},
			}})
		},
		"nlb": func() Probe {
			return must(t, "nlb", "http://192.0.2.10:443/health", Options{Local: netip.MustParseAddr("192.0.2.200")})
		},
	}
	files, err := filepath.Glob(filepath.Join("..", "fingerprint", "testdata", "probes", "*.http"))
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".http")
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if name == "f5" { // the second line end is not the send string's
			want = []byte(strings.TrimSuffix(string(want), "\r\n"))
		}
		make := variants[name]
		if make == nil {
			if profile, ok := lbprofile.Lookup(name); !ok || !askable(profile) {
				if name != "azure-appservice" && name != "cloudflare-healthchecks" {
					t.Errorf("%s: no dialect for it", name)
				}
				continue
			}
			line := strings.Fields(string(want))
			host := regexp.MustCompile(`(?mi)^host: ([0-9.]+)(:[0-9]+)?\r$`).FindStringSubmatch(string(want))
			o := Options{Host: hostIn(string(want))}
			url := "http://192.0.2.10:8080"
			if host != nil && host[1] != "127.0.0.1" { // an address: what the dialect makes of the URL
				url, o.Host = "http://"+host[1]+host[2], nil
			}
			if name == "azure-appgw" {
				o.Host = nil
			}
			if path := line[1]; path != "*" && (path != "/" || line[0] != "OPTIONS") {
				url += path
			}
			make = func() Probe { return must(t, name, url, o) }
		}
		if diff := cmp.Diff(plain(string(want)), plain(sent(t, make().Request))); diff != "" {
			t.Errorf("%s (-capture +dialect):\n%s", name, diff)
		}
	}
}

func hostIn(head string) *string {
	m := regexp.MustCompile(`(?mi)^host: (.*)\r$`).FindStringSubmatch(head)
	if m == nil {
		return nil
	}
	return &m[1]
}

// TestOptions varies one option at a time.
func TestOptions(t *testing.T) {
	proxy := exchange.ProxyV2Local
	from := netip.MustParseAddr("127.0.0.9")
	bounds := func(p Probe) any {
		return [3]time.Duration{p.Request.Timeout, p.Request.ConnectTimeout, p.Request.AnswerTimeout}
	}
	tests := []struct {
		name, dialect, url string
		o                  Options
		got                func(Probe) any
		want               any
	}{
		{"name empty", "", "http://a:1/", Options{}, func(p Probe) any { return p.Profile.Name }, "alb"},
		{"alias", "google", "http://a:1/", Options{}, func(p Probe) any { return p.Profile.Name }, "gcp"},
		{"capitals", "ALB", "http://a:1/", Options{}, func(p Probe) any { return p.Profile.Name }, "alb"},
		{"bare address", "alb", "10.0.0.5:80", Options{}, func(p Probe) any { return p.URL }, "http://10.0.0.5:80/"},
		{"default path", "elb", "http://a:1", Options{}, func(p Probe) any { return p.Request.Path }, "/index.html"},
		{"a slash is a path", "elb", "http://a:1/", Options{}, func(p Probe) any { return p.Request.Path }, "/"},
		{"option's path wins", "elb", "http://a:1/x", Options{Path: "/y?z"}, func(p Probe) any { return p.Request.Path }, "/y?z"},
		{"path as written", "alb", "http://a:1/a%2Fb/%C3%A9?q=1%202", Options{}, func(p Probe) any { return p.Request.Path }, "/a%2Fb/%C3%A9?q=1%202"},
		{"a URL that always has a port", "kubelet", "http://10.0.0.5/x", Options{}, func(p Probe) any { return p.URL }, "http://10.0.0.5:80/x"},
		{"query without path", "alb", "http://a:1?q", Options{}, func(p Probe) any { return p.Request.Path }, "/?q"},
		{"port", "alb", "http://10.0.0.5/", Options{Port: 8086}, func(p Probe) any { return p.Request.Address + p.host() }, "10.0.0.5:808610.0.0.5:8086"},
		{"IPv6", "alb", "http://[2001:db8::1]/", Options{}, func(p Probe) any { return p.Request.Address + p.host() }, "[2001:db8::1]:80[2001:db8::1]:80"},
		{"IPv6 without port", "gcp", "http://[2001:db8::1]/", Options{}, func(p Probe) any { return p.host() }, "[2001:db8::1]"},
		{"IPv6 with a zone, which is dialled and not told", "alb", "http://[fe80::1%25eth0]:81/", Options{}, func(p Probe) any { return p.Request.Address + " " + p.host() + " " + p.URL }, "[fe80::1%eth0]:81 [fe80::1]:81 http://[fe80::1]:81/"},
		{"no Host", "alb", "http://a:1/", Options{Host: pointer("")}, func(p Probe) any { return p.host() }, ""},
		{"Hetzner's domain", "hetzner", "http://a:1/", Options{Host: pointer("b")}, func(p Probe) any { return p.Request.Fields }, []exchange.Field{{Name: "Host", Value: "b"}}},
		{"field left out", "kubelet", "http://a:1/", Options{Fields: []exchange.Field{{Name: "accept"}}}, func(p Probe) any { return len(p.Request.Fields) }, 3},
		{"field replaced where it was", "kubelet", "http://a:1/", Options{Fields: []exchange.Field{{Name: "user-agent", Value: "x"}}}, func(p Probe) any { return p.Request.Fields[1] }, exchange.Field{Name: "User-Agent", Value: "x"}},
		{"resolve host", "alb", "http://app:81/", Options{Resolve: "10.0.0.5"}, func(p Probe) any { return p.Request.Address + " " + p.host() }, "10.0.0.5:81 app:81"},
		{"resolve host and port", "alb", "http://app:81/", Options{Resolve: "[::1]:9"}, func(p Probe) any { return p.Request.Address }, "[::1]:9"},
		{"resolve IPv6", "alb", "http://app:81/", Options{Resolve: "2001:db8::1"}, func(p Probe) any { return p.Request.Address }, "[2001:db8::1]:81"},
		{"unix", "alb", "http://unix:/run/app.sock:/up", Options{}, func(p Probe) any { return p.Request.Address + p.Request.Path + p.host() }, "unix:/run/app.sock/uplocalhost"},
		{"unix, bare", "caddy", "unix:/run/app.sock", Options{}, func(p Probe) any { return p.Request.Address + p.host() }, "unix:/run/app.socklocalhost"},
		{"timeout", "route53", "http://a:1/", Options{Timeout: time.Second}, bounds, [3]time.Duration{time.Second}},
		{"time-out by default", "route53", "http://a:1/", Options{}, bounds, [3]time.Duration{6 * time.Second, 4 * time.Second, 2 * time.Second}},
		{"time-out of TCP", "route53", "tcp://a:1", Options{}, bounds, [3]time.Duration{10 * time.Second}},
		{"time-out of https", "nlb", "https://a:1/", Options{}, func(p Probe) any { return p.Request.Timeout }, 10 * time.Second},
		{"time-out of http", "nlb", "http://a:1/", Options{}, func(p Probe) any { return p.Request.Timeout }, 6 * time.Second},
		{"a name at its IPv4 addresses", "route53", "http://a:1/", Options{}, func(p Probe) any { return p.Request.Network }, "tcp4"},
		{"an IPv6 address as it is", "route53", "http://[2001:db8::1]:1/", Options{}, func(p Probe) any { return p.Request.Network }, ""},
		{"a name at all its addresses", "alb", "http://a:1/", Options{}, func(p Probe) any { return p.Request.Network }, ""},
		{"time-out of none known", "envoy", "http://a:1/", Options{}, func(p Probe) any { return p.Request.Timeout }, 5 * time.Second},
		{"matcher", "alb", "http://a:1/", Options{Matcher: "200-299"}, func(p Probe) any { return p.Rules.Success }, "200-299"},
		{"gRPC matcher", "alb-grpc", "grpc://a:1", Options{Matcher: "0,12"}, func(p Probe) any { return p.Rules.GRPC }, "0,12"},
		{"gRPC path", "alb-grpc", "grpc://a:1/my.Health/Check", Options{}, func(p Probe) any { return p.Request.Path }, "/my.Health/Check"},
		{"gRPC service", "kubelet-grpc", "grpc://a:1", Options{Service: "db"}, func(p Probe) any { return p.Request.Service }, "db"},
		{"gRPC path of the health protocol", "kubelet-grpc", "http://a:1/health", Options{}, func(p Probe) any { return p.Request.Path }, "/grpc.health.v1.Health/Check"},
		{"proxy header", "alb", "http://a:1/", Options{Proxy: &proxy}, func(p Probe) any { return p.Request.Proxy }, proxy},
		{"source", "alb", "http://a:1/", Options{Source: from}, func(p Probe) any { return p.Request.Source }, from},
		{"NLB's node is the source", "nlb", "http://a:1/", Options{Source: from}, func(p Probe) any { return p.host() }, "127.0.0.9:1"},
		{"SNI", "alb", "https://a/", Options{SNI: pointer("b")}, func(p Probe) any { return p.Request.TLS.ServerName }, "b"},
		{"SNI from Host", "cloudflare", "https://10.0.0.5/", Options{Host: pointer("app:443")}, func(p Probe) any { return p.Request.TLS.ServerName }, "app"},
		{"kubelet's SNI is not from Host", "kubelet", "https://10.0.0.5/", Options{Host: pointer("app")}, func(p Probe) any { return p.Request.TLS.ServerName }, ""},
		{"verify", "alb", "https://a/", Options{Verify: pointer(true)}, func(p Probe) any { return [2]any{p.Request.TLS.Verify, p.Request.TLS.VerifyName} }, [2]any{true, "a"}},
		{"HTTP/2 over TLS", "alb", "https://a/", Options{Version: "2"}, func(p Probe) any { return fmt.Sprint(p.Request.Protocol, p.Request.TLS.ALPN, len(p.Request.Fields)) }, "http2[h2] 2"},
		{"h2c", "alb", "h2c://a:1/", Options{}, func(p Probe) any { return p.Request.Protocol }, exchange.HTTP2},
		{"HTTP/1.0", "alb", "http://a:1/", Options{Version: "1.0"}, func(p Probe) any { return p.Request.Version }, "HTTP/1.0"},
		{"redirects, on", "cloudflare", "http://a:1/", Options{Redirect: pointer(true)}, func(p Probe) any { return p.Rules.Hops > 0 }, true},
		{"redirects, off", "kubelet", "http://a:1/", Options{Redirect: pointer(false)}, func(p Probe) any { return p.Rules.Hops }, 0},
		{"apache of a path", "apache", "http://a:1/x", Options{}, func(p Probe) any { return p.Request.Method }, "GET"},
		{"a tcp dialect takes any URL", "nlb-tcp", "http://a:1/x", Options{}, func(p Probe) any { return p.Request.Address + string(p.Request.Protocol) }, "a:1"},
		{"TLS for one that shakes hands", "haproxy-tcp", "https://a/x", Options{}, func(p Probe) any { return p.Request.TLS != nil }, true},
		{"no TLS for one that connects", "nlb-tcp", "https://a/x", Options{}, func(p Probe) any { return p.Request.TLS == nil && p.Request.Address == "a:443" }, true},
		{"its relative for TCP", "haproxy", "tcp://a:1", Options{}, func(p Probe) any { return p.Profile.Name }, "haproxy-tcp"},
		{"its relative for gRPC", "alb", "grpc://a:1", Options{}, func(p Probe) any { return p.Profile.Name }, "alb-grpc"},
		{"Local matters to nobody else", "alb", "http://a:1/", Options{Local: from}, func(p Probe) any { return p.host() }, "a:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got(must(t, tt.dialect, tt.url, tt.o)), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestErrors: each says what does not fit, and what would.
func TestErrors(t *testing.T) {
	tests := []struct {
		dialect, url string
		o            Options
		want         []string
	}{
		{"abl", "http://a", Options{}, []string{`no dialect "abl"`, "did you mean alb"}},
		{"hapoxy", "http://a", Options{}, []string{"did you mean haproxy?"}},
		{"azure", "http://a", Options{}, []string{"azure-lb", "azure-appgw", "azure-frontdoor"}},
		{"zzzzzz", "http://a", Options{}, []string{`no dialect "zzzzzz"; all of them: `}},
		{"azure-appservice", "http://a", Options{}, []string{"not known well enough"}},
		{"alb", "", Options{}, []string{"no target", "http://"}},
		{"alb", "ftp://a", Options{}, []string{`"ftp"`, "http, https"}},
		{"alb", "http://a b", Options{}, []string{"blanks", "%20"}},
		{"alb", "http://", Options{}, []string{"no host"}},
		{"alb", "http://a:70000/", Options{}, []string{"70000", "65535"}},
		{"alb", "http://u:p@a/", Options{}, []string{"Authorization"}},
		{"alb", "tcp://a:1", Options{}, []string{"alb cannot ask tcp://", "nlb-tcp"}},
		{"caddy", "grpc://a:1", Options{}, []string{"caddy cannot ask grpc://", "alb-grpc"}},
		{"nlb-tcp", "tcp://a", Options{}, []string{"no port of its own", "tcp://a:PORT"}},
		{"varnish", "https://a", Options{}, []string{"varnish cannot ask https://; it asks http"}},
		{"kubelet-grpc", "grpcs://a:1", Options{}, []string{"plain text only", "grpc://a:1"}},
		{"alb", "unix:app.sock", Options{}, []string{"unix:/run/app.sock"}},
		{"alb", "unix:/a:b", Options{}, []string{"unix:/run/app.sock:/health"}},
		{"alb", "unix:/a", Options{Port: 80}, []string{"no port"}},
		{"alb", "http://a", Options{SNI: pointer("b")}, []string{"SNI", "https://"}},
		{"alb", "http://a", Options{Verify: pointer(true)}, []string{"no certificate", "https://"}},
		{"alb", "https://a", Options{SNI: pointer("a b")}, []string{"server name"}},
		{"alb", "http://a", Options{Matcher: "20x"}, []string{"matcher", "20x"}},
		{"alb-grpc", "grpc://a:1", Options{Matcher: "200"}, []string{"matcher", "0 to 99"}},
		{"alb-grpc", "grpc://a:1", Options{Matcher: "9-2"}, []string{"2-9"}},
		{"alb-grpc", "grpc://a:1", Options{Method: "GET"}, []string{"cannot be chosen"}},
		{"nlb-tcp", "tcp://a:1", Options{Path: "/x"}, []string{"only connects"}},
		{"alb", "http://a", Options{Service: "db"}, []string{"grpc://"}},
		{"alb", "http://a", Options{Path: "x"}, []string{"/x"}},
		{"alb", "http://a", Options{Path: "/a b"}, []string{"%20"}},
		{"alb", "http://a", Options{Method: "GE T"}, []string{"HEAD"}},
		{"alb", "http://a", Options{Host: pointer("a\r\nb: c")}, []string{"host"}},
		{"alb", "http://a", Options{Fields: []exchange.Field{{Name: "a b", Value: "c"}}}, []string{"Name: value"}},
		{"alb", "http://a", Options{Fields: []exchange.Field{{Name: "a", Value: "c\nd"}}}, []string{"Name: value"}},
		{"alb", "http://a", Options{Timeout: -1}, []string{"below zero"}},
		{"alb", "http://a", Options{Version: "3"}, []string{"1.0, 1.1 or 2"}},
		{"alb", "http://a", Options{Body: "ok"}, []string{"does not look into the body"}},
		{"route53", "http://a", Options{Body: "/[/"}, []string{"regular expression"}},
		{"blackbox", "http://a", Options{Body: "("}, []string{"regular expression"}},
		{"alb", "http://a", Options{Resolve: "a:b:c"}, []string{"[IPv6]:port"}},
		{"alb", "http://a", Options{Resolve: "a:0"}, []string{"1 to 65535"}},
		{"alb", "http://a", Options{Resolve: ":80"}, []string{"no host"}},
		{"apache", "http://a/x", Options{Method: "OPTIONS"}, []string{"OPTIONS", "*"}},
	}
	for _, tt := range tests {
		p, err := New(tt.dialect, tt.url, tt.o)
		if err == nil {
			t.Errorf("%s %s %+v: no error but %+v", tt.dialect, tt.url, tt.o, p.Request)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: %q does not say %q", tt.dialect, tt.url, err, want)
			}
		}
		if strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s %s: %q has several lines", tt.dialect, tt.url, err)
		}
	}
}

// TestUnknowns: what is not known is said, and no more once it is chosen.
func TestUnknowns(t *testing.T) {
	if got := must(t, "inservice", "http://a:1/", Options{}).Unknowns(); len(got) != 0 {
		t.Errorf("of ours: %q", got)
	}
	has := func(p Probe, about string) bool {
		for _, u := range p.Unknowns() {
			if strings.HasPrefix(u, about) {
				return true
			}
		}
		return false
	}
	for _, about := range []string{"Host", "method", "version of HTTP", "SNI"} {
		if !has(must(t, "nlb", "https://a:1/", Options{}), about) {
			t.Errorf("nlb: nothing about %s", about)
		}
	}
	chosen := must(t, "nlb", "https://a:1/", Options{Host: pointer("b"), Method: "GET", Version: "1.1", SNI: pointer("")})
	for _, about := range []string{"Host", "method", "version of HTTP", "SNI"} {
		if has(chosen, about) {
			t.Errorf("nlb: still unknown: %s", about)
		}
	}
	if !has(must(t, "blackbox", "https://a:1/", Options{}), "ALPN") || has(must(t, "blackbox", "http://a:1/", Options{}), "ALPN") {
		t.Error("blackbox: ALPN")
	}
	p := must(t, "nlb", "http://a:1/", Options{})
	p.Unknowns()[0] = "changed"
	if p.Unknowns()[0] == "changed" {
		t.Error("Unknowns shares what it returns")
	}
}

// TestAll asks in every dialect that can.
func TestAll(t *testing.T) {
	for _, url := range []string{"http://10.0.0.5:8080/health", "https://app.example.test/", "tcp://10.0.0.5:1", "grpc://10.0.0.5:1", "unix:/run/app.sock:/up"} {
		probes, skipped, err := All(url, Options{Host: pointer("b"), Body: "ok", Timeout: time.Second, Service: "db"})
		if err != nil {
			t.Fatal(url, err)
		}
		if got := len(probes) + len(skipped); got != len(Names()) {
			t.Errorf("%s: %d probes and %d skipped, of %d", url, len(probes), len(skipped), len(Names()))
		}
		for _, s := range skipped {
			if s.Why == "" {
				t.Errorf("%s: %s is skipped without a reason", url, s.Name)
			}
		}
		for _, p := range probes {
			if p.Request.Timeout != time.Second {
				t.Errorf("%s: %s: time-out %s", url, p.Profile.Name, p.Request.Timeout)
			}
			if p.Request.Protocol == exchange.HTTP1 && p.host() != "b" {
				t.Errorf("%s: %s: Host %q", url, p.Profile.Name, p.host())
			}
		}
	}
	probes, skipped, err := All("http://10.0.0.5:8080/health", Options{})
	if err != nil || len(probes) != len(Names())-2 || len(skipped) != 2 || skipped[0].Name != "alb-grpc" || skipped[1].Name != "kubelet-grpc" {
		t.Errorf("of http: %d probes, skipped %v, %v", len(probes), skipped, err)
	}
	if _, _, err := All("nonsense://", Options{}); err == nil {
		t.Error("no error")
	}
	if _, _, err := All("http://a", Options{Timeout: -1}); err == nil || !strings.Contains(err.Error(), "below zero") {
		t.Errorf("nobody can ask: %v", err)
	}
}
