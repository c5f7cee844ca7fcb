package fingerprint

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/lbprofile"
)

// TestFront: what came before a request speaks for some, and against being near.
func TestFront(t *testing.T) {
	stranger := netip.MustParseAddr("192.0.2.99")
	for name, test := range map[string]struct {
		head  string
		front Front
		peer  netip.Addr
		want  string
		how   Confidence
		says  string
	}{
		"HAProxy's LOCAL":     {"OPTIONS / HTTP/1.0\r\n\r\n", Front{Proxy: 2, ProxyLocal: true}, peer, "haproxy", Likely, "speaks for nobody but the proxy"},
		"HAProxy's own end":   {"OPTIONS / HTTP/1.0\r\n\r\n", Front{Proxy: 1, ProxyLocal: true, ProxySource: peer}, peer, "haproxy", Likely, "speaks for nobody but the proxy"},
		"HAProxy for another": {"OPTIONS / HTTP/1.0\r\nconnection: close\r\n\r\n", Front{Proxy: 1, ProxySource: stranger}, peer, "haproxy", Claim, "came for 192.0.2.99"},
		"HAProxy in TLS":      {"OPTIONS / HTTP/1.0\r\n\r\n", Front{TLS: true}, peer, "haproxy", Claim, "names no server"},
		"with a server name":  {"OPTIONS / HTTP/1.0\r\n\r\n", Front{TLS: true, ServerName: "a"}, peer, "haproxy", Claim, ""},
		"Varnish":             {"GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Front{Proxy: 2, ProxyLocal: true}, peer, "varnish", Likely, "speaks for nobody"},
		"Network Load Balancer": {"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n", Front{Proxy: 2, ProxyLocal: true}, peer,
			"nlb", Likely, "speaks for nobody"},
		"Google for another": {"GET / HTTP/1.1\r\nUser-Agent: GoogleHC/1.0\r\n\r\n", Front{Proxy: 1, ProxySource: stranger}, gcp, google.Name, Claim, "came for 192.0.2.99"},
		"Azure for another":  {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Front{Proxy: 1, ProxySource: stranger}, netip.MustParseAddr("168.63.129.16"), "", None, ""},
		"nobody known":       {"GET / HTTP/1.1\r\nHost: x\r\nAccept: x\r\n\r\n", Front{Proxy: 2, ProxyLocal: true}, peer, "", None, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := ParseHead([]byte(test.head), test.peer)
			r.Front = test.front
			got := Recognise(r, nil)
			evidence := strings.Join(got.Evidence, "\n")
			if got.Name != test.want || got.Confidence != test.how || !strings.Contains(evidence, test.says) {
				t.Errorf("Recognise = %+v, want %q, %s, %q", got, test.want, test.how, test.says)
			}
			if test.says == "" && (strings.Contains(evidence, "PROXY") || strings.Contains(evidence, "TLS")) {
				t.Errorf("evidence %q", evidence)
			}
		})
	}
}

func TestRecogniseSilence(t *testing.T) {
	for name, test := range map[string]struct {
		peer  string
		front Front
		want  string
		how   Confidence
		among []string // these, and not those that begin with -
	}{
		"connect":       {"192.0.2.7", Front{}, "", Claim, []string{"haproxy-tcp", "nlb-tcp", "kubelet-tcp", "-inservice", "-alb", "-varnish"}},
		"TLS":           {"192.0.2.7", Front{TLS: true}, "", Claim, []string{"elb", "haproxy-tcp", "-kubelet-tcp", "-generic"}},
		"PROXY":         {"192.0.2.7", Front{Proxy: 2, ProxyLocal: true}, "", Claim, []string{"haproxy-tcp", "nlb-tcp", "-kubelet-tcp", "-haproxy"}},
		"for another":   {"168.63.129.16", Front{Proxy: 2, ProxySource: netip.MustParseAddr("192.0.2.1")}, "", None, nil},
		"Azure":         {"168.63.129.16", Front{}, "azure-lb", Strong, nil},
		"Google":        {"::ffff:35.191.0.9", Front{}, google.Name, Strong, nil},
		"nobody at all": {"", Front{}, "", Claim, []string{"haproxy-tcp"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := Request{Front: test.front}
			if test.peer != "" {
				r.Peer = netip.MustParseAddr(test.peer)
			}
			got := RecogniseSilence(r)
			if got.Name != test.want || got.Confidence != test.how || (len(got.Evidence) == 0) != (test.how == None) {
				t.Errorf("RecogniseSilence = %+v", got)
			}
			for _, name := range test.among {
				without, no := strings.CutPrefix(name, "-")
				if slices.Contains(got.Among, without) == no {
					t.Errorf("among %q: %s", got.Among, name)
				}
			}
			for _, name := range got.Among {
				if p, ok := lbprofile.Lookup(name); !ok || p.Name != name {
					t.Errorf("%q has no profile", name)
				}
			}
		})
	}
}

// TestGRPCProbes: some probers have a profile of their own for gRPC.
func TestGRPCProbes(t *testing.T) {
	call := func(target, agent string) Request {
		return Request{
			Method: "POST", Target: target, Proto: "HTTP/2.0", Peer: peer, Ordered: true, Host: "a", HasHost: true,
			Fields: []Field{{":method", "POST"}, {":path", target}, {"content-type", "application/grpc"}, {"user-agent", agent}, {"te", "trailers"}},
		}
	}
	const health = "/grpc.health.v1.Health/Check"
	for name, test := range map[string]struct {
		request Request
		want    string
		how     Confidence
	}{
		"kubelet":       {call(health, "kube-probe/1.31"), "kubelet-grpc", Claim},
		"ALB":           {call("/AWS.ALB/healthcheck", "ELB-HealthChecker/2.0"), "alb-grpc", Likely},
		"ALB elsewhere": {call("/shop.Cart/Get", "ELB-HealthChecker/2.0"), "alb-grpc", Claim},
		"ALB's method":  {call("/AWS.ALB/healthcheck", "x"), "alb-grpc", Claim},
		"Envoy":         {call(health, "Envoy/HC"), "envoy", Claim},
		"HTTP/2's own fields are no more than it sends": {Request{Method: "GET", Target: "/", Proto: "HTTP/2.0", Peer: peer, Ordered: true,
			Fields: []Field{{":method", "GET"}, {":path", "/"}, {"x-haproxy-server-state", "UP"}}}, "haproxy", Likely},
		"grpc-go":  {call(health, "grpc-go/1.85.0"), "", Claim}, // one of several; see TestLibraries
		"HTTP/1.1": {func() Request { r := call(health, "kube-probe/1.31"); r.Proto = "HTTP/1.1"; return r }(), "kubelet", Claim},
	} {
		if got := Recognise(test.request, nil); got.Name != test.want || got.Confidence != test.how {
			t.Errorf("%s: %+v, want %q, %s", name, got, test.want, test.how)
		}
	}
}

// TestLibraries: a User-Agent that many share names nobody, but some.
func TestLibraries(t *testing.T) {
	for head, among := range map[string][]string{
		"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n":                                                   {"docker"},
		"GET / HTTP/2.0\r\nhost: a\r\nuser-agent: Go-http-client/2.0\r\n\r\n":                                                           {"traefik", "caddy"},
		"POST /grpc.health.v1.Health/Check HTTP/2.0\r\nhost: a\r\ncontent-type: application/grpc\r\nuser-agent: grpc-go/1.85.0\r\n\r\n": {"traefik", "consul", "blackbox"},
		"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: curly/1\r\n\r\n":                                                                      nil,
	} {
		got := Recognise(ParseHead([]byte(head), peer), nil)
		if got.Name != "" || !slices.Equal(got.Among, among) {
			t.Errorf("%q: %+v, want one of %q", head, got, among)
		}
	}
	got := Recognise(ParseHead([]byte("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n"), peer), nil)
	if got.Name != "" || got.Confidence != Claim || !slices.Contains(got.Among, "caddy") || !slices.Contains(got.Among, "traefik") || slices.Contains(got.Among, "kubelet") {
		t.Errorf("%+v", got)
	}
}
