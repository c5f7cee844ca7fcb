package fingerprint

import (
	"bufio"
	"bytes"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/probe"
)

// The machine of the tests: its address, and who else there is.
var (
	self   = netip.MustParseAddr("192.0.2.10")
	peer   = netip.MustParseAddr("198.51.100.7")
	nlb    = netip.MustParseAddr("192.0.2.200")
	gcp    = netip.MustParseAddr("35.191.12.34")
	azure4 = netip.MustParseAddr("168.63.129.16")
	local  = netip.MustParseAddr("127.0.0.1")
	link   = netip.MustParseAddr("fe80::1%eth0")
)

func own(a netip.Addr) bool { return a == self }

const (
	unread = Confidence(iota + 100) // net/http refuses the probe: no handler sees it
	unsure                          // without order and case it is taken for Varnish's
)

// TestRecogniseProbes recognises every file of testdata/probes, from its bytes and
// as net/http reads it. The files' README says where their bytes come from.
func TestRecogniseProbes(t *testing.T) {
	const claimed = `, but anybody can send that`
	byHand := []string{"the request is as bare as its probe, but so is one typed by hand"}
	lower := []string{"the request is bare, and names of fields are in lower case, as it writes them"}
	exact := "the whole request is as it sends it, in order and case"
	agent := func(userAgent string, more ...string) []string {
		return append([]string{`User-Agent "` + userAgent + `" is its own` + claimed}, more...)
	}
	tests := []struct {
		file     string
		peer     netip.Addr
		want     string
		wire     Confidence
		evidence []string
		http     Confidence // as net/http reads it
	}{
		{"alb", peer, "alb", Likely, agent("ELB-HealthChecker/2.0", `Host "192.0.2.10:8080" is an address of this machine: an Application Load Balancer asks by the target's address`), Likely},
		{"nlb", nlb, "nlb", Likely, agent("ELB-HealthChecker/2.0", `Host "192.0.2.200:443" is the peer's own address: a Network Load Balancer asks by that of its node`), Likely},
		{"nlb", peer, "nlb", Claim, agent("ELB-HealthChecker/2.0", `Host "192.0.2.200:443" is no address of this machine: a Network Load Balancer asks by that of its node, an Application Load Balancer by the target's`), Claim},
		{"elb", peer, "elb", Likely, agent("ELB-HealthChecker/1.0", exact), Likely},
		{"route53", peer, "route53", Claim, agent("Amazon-Route53-Health-Check-Service (ref 0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0; report http://amzn.to/1vsZADi)"), Claim},
		{"gcp", gcp, "gcp", Strong, agent("GoogleHC/1.0", "the peer's address 35.191.12.34 is one that its vendor documents for probes"), Strong},
		{"gcp", peer, "gcp", Claim, agent("GoogleHC/1.0", "the peer's address 198.51.100.7 is none that its vendor documents for probes"), Claim},
		{"gcp", netip.Addr{}, "gcp", Likely, agent("GoogleHC/1.0", exact), Likely},
		{"azure-lb", azure4, "azure-lb", Strong, []string{"the peer's address 168.63.129.16 is one that its vendor documents for probes"}, Strong},
		{"azure-lb", link, "azure-lb", Likely, agent("Load Balancer Agent", "no public source confirms that User-Agent", "the peer's address fe80::1%eth0 is link-local, as documented for its probes over IPv6"), Likely},
		{"azure-lb", peer, "azure-lb", Claim, agent("Load Balancer Agent", "no public source confirms that User-Agent"), Claim},
		{"azure-appgw", peer, "azure-appgw", Likely, []string{`Host "127.0.0.1" came from another machine, 198.51.100.7, and without a User-Agent, as its default probe does`}, Likely},
		{"azure-appservice", peer, "azure-appservice", Claim, agent("HealthCheck/1.0"), Claim},
		{"azure-frontdoor", peer, "azure-frontdoor", Likely, agent("Edge Health Probe", "X-FD-HealthProbe: 1 marks its probes"+claimed), Likely},
		{"cloudflare", peer, "cloudflare", Claim, agent("Mozilla/5.0 (compatible; Cloudflare-Traffic-Manager/1.0; +https://www.cloudflare.com/traffic-manager/; pool-id: 0123456789abcdef)"), Claim},
		{"cloudflare-healthchecks", peer, "cloudflare-healthchecks", Claim, agent("Mozilla/5.0 (compatible; Cloudflare-Healthchecks/1.0; +https://www.cloudflare.com/; healthcheck-id: 0123456789abcdef)"), Claim},
		{"haproxy", peer, "haproxy", Claim, byHand, Claim},
		{"haproxy-3", peer, "haproxy", Likely, lower, Claim},
		{"haproxy-http11", peer, "haproxy", Likely, lower, unread},
		{"haproxy-host", peer, "haproxy", Likely, lower, unsure},
		{"haproxy-send-state", peer, "haproxy", Likely, []string{
			`X-Haproxy-Server-State "UP 1/3; address=192.0.2.10; port=8080; name=b3/s; node=lb1; weight=1/1; scur=0/0; qcur=0" is what http-check send-state adds` + claimed,
			"the request holds nothing else that it would not send",
		}, Likely},
		{"haproxy-user-agent", peer, "haproxy", Likely, []string{
			`X-Haproxy-Server-State "UP 1/3; address=192.0.2.10; port=8080; name=b6/s; node=lb1; weight=1/1; scur=0/0; qcur=0" is what http-check send-state adds` + claimed,
			"the request holds nothing else that it would not send",
		}, Likely},
		{"envoy", peer, "envoy", Claim, agent("Envoy/HC"), Claim},
		{"varnish", peer, "varnish", Claim, byHand, Claim},
		{"apache", peer, "apache", Likely, []string{"OPTIONS * with Host alone over HTTP/1.0 is its probe, and hardly anything else's"}, Likely},
		{"apache-get", peer, "apache", Claim, byHand, Claim},
		{"f5", peer, "f5", Claim, byHand, unread},
		{"kubelet", peer, "kubelet", Likely, agent("kube-probe/1.27", exact), Likely},
		{"consul", peer, "consul", Likely, agent("Consul Health Check", `Accept "text/plain, text/*, */*" is its list`), Likely},
		{"kamal", peer, "kamal", Likely, agent("kamal-proxy", exact), Likely},
		{"blackbox", peer, "blackbox", Claim, agent("Blackbox-Exporter/0.27.0"), Claim},
		{"gatus", peer, "gatus", Claim, agent("Gatus/1.0"), Claim},
		{"uptimerobot", peer, "uptimerobot", Claim, agent("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"), Claim},
		{"inservice", peer, "inservice", Likely, agent("inservice-probe/1.0", exact), Likely},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		seen[tt.file] = true
		t.Run(tt.file, func(t *testing.T) {
			head := readHead(t, "probes", tt.file)
			got := Recognise(ParseHead(head, tt.peer), own)
			if diff := cmp.Diff(Guess{Name: tt.want, Confidence: tt.wire, Evidence: tt.evidence}, got); diff != "" {
				t.Errorf("Recognise(ParseHead) (-want +got):\n%s", diff)
			}
			sameName(t, head, tt.peer, tt.want)

			r, err := readRequest(head, tt.peer)
			if tt.http == unread {
				if err == nil && r.Host != "" {
					t.Error("net/http takes it, though the table says that it does not")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, how := tt.want, tt.http
			if how == unsure {
				want, how = "varnish", Claim
			}
			got = Recognise(FromHTTP(r), own)
			if got.Name != want || got.Confidence != how {
				t.Errorf("Recognise(FromHTTP) = %s, %s, want %s, %s", got.Name, got.Confidence, want, how)
			}
			if lost := "order and case of the fields are not known: HAProxy's probe with a Host looks the same"; slices.Contains(got.Evidence, lost) != (want == "varnish") {
				t.Errorf("evidence of FromHTTP: %q", got.Evidence)
			}
			if name := Name(FromHTTP(r), own); name != got.Name {
				t.Errorf("Name(FromHTTP) = %q, Recognise says %q", name, got.Name)
			}
		})
	}
	for _, file := range files(t, "probes") {
		if !seen[file] {
			t.Errorf("testdata/probes/%s.http is in no test", file)
		}
	}
}

// TestLookalikes holds requests that have something of a probe and are none.
func TestLookalikes(t *testing.T) {
	for _, file := range files(t, "lookalikes") {
		t.Run(file, func(t *testing.T) {
			head := readHead(t, "lookalikes", file)
			for _, from := range []netip.Addr{peer, local, gcp, {}} {
				if got := Recognise(ParseHead(head, from), own); got.Name != "" || got.Among == nil && (got.Confidence != None || got.Evidence != nil) {
					t.Errorf("from %v: Recognise = %+v, want nobody", from, got)
				}
				sameName(t, head, from, "")
			}
		})
	}
}

// TestMarks varies single marks of one request.
func TestMarks(t *testing.T) {
	elb := func(host string) string {
		return "GET / HTTP/1.1\r\n" + host + "User-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n"
	}
	owns6 := func(a netip.Addr) bool { return a == netip.MustParseAddr("2001:db8::1") }
	tests := []struct {
		name string
		head string
		peer netip.Addr
		own  func(netip.Addr) bool
		want string
		how  Confidence
	}{
		{"elb, own address without a port", elb("Host: 192.0.2.10\r\n"), peer, own, "alb", Likely},
		{"elb, own IPv6 address", elb("Host: [2001:db8::1]:80\r\n"), peer, owns6, "alb", Likely},
		{"elb, own IPv6 address bare", elb("Host: 2001:db8::1\r\n"), peer, owns6, "alb", Likely},
		{"elb, another IPv6 address", elb("Host: [2001:db8::2]:80\r\n"), peer, owns6, "nlb", Claim},
		{"elb, own addresses not known", elb("Host: 192.0.2.10:80\r\n"), peer, nil, "alb", Claim},
		{"elb, peer's address, own not known", elb("Host: 198.51.100.7:80\r\n"), peer, nil, "nlb", Likely},
		{"elb, peer mapped to IPv6", elb("Host: 198.51.100.7:80\r\n"), netip.MustParseAddr("::ffff:198.51.100.7"), nil, "nlb", Likely},
		{"elb, all on one machine", elb("Host: 127.0.0.1:80\r\n"), local, nil, "alb", Claim},
		{"elb, peer's link-local address", elb("Host: [fe80::1]:80\r\n"), link, own, "nlb", Likely},
		{"elb, a name", elb("Host: site.example\r\n"), peer, own, "alb", Claim},
		{"elb, no Host", elb(""), peer, own, "alb", Claim},
		{"elb, neither name nor address", elb("Host: 1.2.3\r\n"), peer, own, "alb", Claim},
		{"elb through a proxy", elb("Host: 192.0.2.10:80\r\nX-Forwarded-For: 203.0.113.9\r\n"), peer, own, "alb", Claim},

		{"google, IPv6 of GKE", "GET / HTTP/1.1\r\nUser-Agent: GoogleHC/1.1\r\n\r\n", netip.MustParseAddr("2600:2d00:1:b029::7"), nil, "gcp", Strong},
		{"google's range alone", "GET / HTTP/1.1\r\nHost: site.example\r\nUser-Agent: Mozilla/5.0\r\n\r\n", gcp, nil, "", None},
		{"a visitor through Google's proxy", "GET / HTTP/1.1\r\nUser-Agent: GoogleHC/1.0\r\nVia: 1.1 google\r\n\r\n", gcp, nil, "gcp", Claim},
		{"azure's address, whatever is asked", "GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n", azure4, nil, "azure-lb", Strong},
		{"azure's address, mapped", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", netip.MustParseAddr("::ffff:168.63.129.16"), nil, "azure-lb", Strong},
		{"azure's address, forwarded", "GET /x HTTP/1.1\r\nHost: a\r\nForwarded: for=1.2.3.4\r\n\r\n", azure4, nil, "", None},

		{"appgw, with a port", "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", peer, nil, "azure-appgw", Claim},
		{"appgw, closing", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", peer, nil, "azure-appgw", Likely},
		{"loopback Host from loopback", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", local, nil, "", None},
		{"loopback Host from who knows", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", netip.Addr{}, nil, "", None},
		{"front door's field alone", "HEAD / HTTP/1.1\r\nHost: a\r\nX-FD-HealthProbe: 1\r\n\r\n", peer, nil, "azure-frontdoor", Claim},
		{"front door's User-Agent alone", "HEAD / HTTP/1.1\r\nHost: a\r\nUser-Agent: Edge Health Probes\r\n\r\n", peer, nil, "azure-frontdoor", Claim},

		{"route 53 before 2018", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: Amazon Route 53 Health Check Service; ref:1; report http://amzn.to/1vsZADi\r\n\r\n", peer, nil, "route53", Claim},
		{"cloudflare without blanks", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 (compatible;Cloudflare-Healthchecks/1.0;+https://www.cloudflare.com/; healthcheck-id: 1)\r\n\r\n", peer, nil, "cloudflare-healthchecks", Claim},
		{"app service as documented", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ReadyForRequest/1.0\r\n\r\n", peer, nil, "azure-appservice", Claim},
		{"kubelet with a field more", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.30+\r\nAccept: */*\r\nConnection: close\r\nX-Mine: 1\r\n\r\n", peer, nil, "kubelet", Claim},
		{"kubelet in another order", "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: kube-probe/1.30\r\nConnection: close\r\n\r\n", peer, nil, "kubelet", Claim},
		{"kubelet in another case", "GET / HTTP/1.1\r\nhost: a\r\nUser-Agent: kube-probe/1.30\r\nAccept: */*\r\nConnection: close\r\n\r\n", peer, nil, "kubelet", Claim},
		{"kubelet cut short", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.30\r\nAccept: */*\r\nConnection: close\r\n", peer, nil, "kubelet", Claim},
		{"consul with another Accept", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: Consul Health Check\r\nAccept: */*\r\n\r\n", peer, nil, "consul", Claim},

		{"haproxy's state beside a visitor's fields", "GET / HTTP/1.1\r\nHost: a\r\nX-Haproxy-Server-State: UP\r\nCookie: a=b\r\n\r\n", peer, nil, "haproxy", Claim},
		{"haproxy before 2023", "OPTIONS / HTTP/1.0\r\ncontent-length: 0\r\n\r\n", peer, nil, "haproxy", Claim},
		{"haproxy 3 with a Host over HTTP/1.0", "GET / HTTP/1.0\r\nhost: a\r\n\r\n", peer, nil, "haproxy", Likely},
		{"varnish cut short", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", peer, nil, "", None},
		{"apache cut short", "OPTIONS * HTTP/1.0\r\nHost: a\r\n", peer, nil, "", None},
		{"f5, its own line end missing", "GET /\r\n", peer, nil, "f5", Claim},
		{"f5, line not ended", "GET /", peer, nil, "", None},
		{"nothing", "", peer, nil, "", None},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Recognise(ParseHead([]byte(tt.head), tt.peer), tt.own)
			if got.Name != tt.want || got.Confidence != tt.how {
				t.Errorf("Recognise = %+v, want %q, %s", got, tt.want, tt.how)
			}
			if name := NameHead([]byte(tt.head), tt.peer, tt.own); name != tt.want {
				t.Errorf("NameHead = %q, want %q", name, tt.want)
			}
		})
	}
}

// TestThroughAProxy: what tells of the peer tells of the proxy.
func TestThroughAProxy(t *testing.T) {
	head := "GET / HTTP/1.1\r\nUser-Agent: GoogleHC/1.0\r\nVia: 1.1 google\r\n\r\n"
	want := Guess{Name: "gcp", Confidence: Claim, Evidence: []string{
		`User-Agent "GoogleHC/1.0" is its own, but anybody can send that`,
		`field "Via" says that it came through a proxy, so that the peer's address and a bare form prove nothing`,
	}}
	if diff := cmp.Diff(want, Recognise(ParseHead([]byte(head), gcp), nil)); diff != "" {
		t.Errorf("Recognise (-want +got):\n%s", diff)
	}
}

// TestCaseNotKnown: lower case tells nothing where it may be the reader's doing.
func TestCaseNotKnown(t *testing.T) {
	r := Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Fields: []Field{{"connection", "close"}}, Peer: peer}
	if got := Name(r, own); got != "" {
		t.Errorf("Name without order and case = %q, want nobody", got)
	}
	r.Ordered = true
	if got := Name(r, own); got != "haproxy" {
		t.Errorf("Name with order and case = %q, want haproxy", got)
	}
}

func TestEvidenceIsSafeToPrint(t *testing.T) {
	for _, tail := range []string{"", strings.Repeat("é", 300)} {
		head := "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/\x1b]0;title\a\u202e" + tail + "\r\n\r\n"
		got := Recognise(ParseHead([]byte(head), peer), nil)
		if got.Name != "kubelet" || len(got.Evidence) != 1 {
			t.Fatalf("Recognise = %+v, want kubelet with one reason", got)
		}
		words := strings.ReplaceAll(got.Evidence[0], "…", "")
		if strings.ContainsFunc(words, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("evidence %q holds what a stranger sent, raw", words)
		}
		if len(words) > 700 {
			t.Errorf("evidence of %d bytes", len(words))
		}
	}
}

// TestNamesHaveProfiles: whoever is recognised can be looked up, and every
// User-Agent in lbprofile leads back to its profile.
func TestNamesHaveProfiles(t *testing.T) {
	for _, p := range lbprofile.All() {
		if len(p.Agents) == 0 || p.Name == "nlb" { // shares ALB's
			continue
		}
		for _, pattern := range append(p.Agents, p.UserAgent) {
			head := "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: " + pattern + "\r\n\r\n"
			if name := NameHead([]byte(head), peer, nil); name != p.Name {
				t.Errorf("User-Agent %q is taken for %q, not %q", pattern, name, p.Name)
			}
		}
	}
	for _, file := range files(t, "probes") {
		name := NameHead(readHead(t, "probes", file), peer, own)
		if p, ok := lbprofile.Lookup(name); !ok || p.Name != name {
			t.Errorf("%s: lbprofile has no profile %q", file, name)
		}
	}
}

// TestFilesAgreeWithProfiles holds the captures against the data.
func TestFilesAgreeWithProfiles(t *testing.T) {
	for _, file := range files(t, "probes") {
		p, ok := lbprofile.Lookup(file)
		if !ok {
			continue // a variant
		}
		r := ParseHead(readHead(t, "probes", file), peer)
		if p.Method != "" && r.Method != p.Method {
			t.Errorf("%s: method %s, lbprofile says %s", file, r.Method, p.Method)
		}
		if version := strings.Replace(p.Version, "HTTP/0.9", "", 1); p.Version != "" && r.Proto != version {
			t.Errorf("%s: %q, lbprofile says %q", file, r.Proto, p.Version)
		}
		p.Method, p.Version = r.Method, r.Proto
		if !p.Exact {
			r.Fields = slices.DeleteFunc(r.Fields, func(f Field) bool {
				return !slices.ContainsFunc(p.Fields, func(known lbprofile.Field) bool { return known.Name == f.Name })
			})
		}
		if !sameAs(&r, &p) {
			t.Errorf("%s: its fields differ from lbprofile's:\n%+v\n%+v", file, r.Fields, p.Fields)
		}
	}
}

// TestOwnProbe recognises what this program really sends.
func TestOwnProbe(t *testing.T) {
	asked := probe.Probe{Protocol: probe.HTTP, Address: "192.0.2.10:8080", Path: "/health_check", Dial: silentTarget{t}.dial}
	result := asked.Run(t.Context())
	if diff := cmp.Diff(string(readHead(t, "probes", "inservice")), string(result.Sent)); diff != "" {
		t.Errorf("internal/probe sends something else than testdata/probes/inservice.http (-file +sent):\n%s", diff)
	}
}

func sameName(t *testing.T, head []byte, from netip.Addr, want string) {
	t.Helper()
	if got := NameHead(head, from, own); got != want {
		t.Errorf("NameHead = %q, want %q", got, want)
	}
	if got := Name(ParseHead(head, from), own); got != want {
		t.Errorf("Name(ParseHead) = %q, want %q", got, want)
	}
}

func readHead(t testing.TB, dir, file string) []byte {
	t.Helper()
	head, err := os.ReadFile(filepath.Join("testdata", dir, file+".http"))
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", dir, "*.http"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files in testdata/%s: %v", dir, err)
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(filepath.Base(name), ".http")
	}
	return names
}

// readRequest reads a head as net/http's server does.
func readRequest(head []byte, from netip.Addr) (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err == nil && from.IsValid() {
		r.RemoteAddr = netip.AddrPortFrom(from, 40000).String()
	}
	return r, err
}
