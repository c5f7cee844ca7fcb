package dialect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// What is below was found by pointing the real probers at servers: the tests of
// module conformance do so again. These hold it without them.

// TestHead: Go's client does not ask for a compressed body where there is none.
func TestHead(t *testing.T) {
	has := func(p Probe) bool {
		return slices.ContainsFunc(p.Request.Fields, func(f exchange.Field) bool { return f.Name == "Accept-Encoding" })
	}
	head := must(t, "traefik", "http://10.0.0.5:80/", Options{Method: "HEAD"})
	if get := must(t, "traefik", "http://10.0.0.5:80/", Options{}); has(head) || !has(get) {
		t.Errorf("HEAD %v, GET %v", head.Request.Fields, get.Request.Fields)
	}
	chosen := Options{Method: "HEAD", Fields: []exchange.Field{{Name: "Accept-Encoding", Value: "br"}}}
	if p := must(t, "traefik", "http://10.0.0.5:80/", chosen); !has(p) {
		t.Errorf("a field that was chosen is gone: %v", p.Request.Fields)
	}
	without := Options{Fields: []exchange.Field{{Name: "Accept-Encoding"}}}
	if p := must(t, "traefik", "http://10.0.0.5:80/", without); has(p) {
		t.Errorf("a field that was taken away is back: %v", p.Request.Fields)
	}
	if p := must(t, "kubelet", "http://10.0.0.5:80/", Options{Method: "OPTIONS"}); has(p) {
		t.Errorf("the kubelet never asks for one: %v", p.Request.Fields)
	}
}

// TestHTTP2: each client has its own order, and Go's its own name.
func TestHTTP2(t *testing.T) {
	for name, want := range map[string]string{
		"caddy":   ":authority :method :path :scheme | Host Accept-Encoding User-Agent",
		"kubelet": ":authority :method :path :scheme | Host User-Agent Accept",
		"docker":  ":method :path :scheme :authority | Host User-Agent Accept",
		"alb":     " | Host User-Agent",
	} {
		p := must(t, name, "https://10.0.0.5/", Options{Version: "2"})
		var names []string
		for _, f := range p.Request.Fields {
			names = append(names, f.Name)
		}
		if got := strings.Join(p.Request.Pseudo, " ") + " | " + strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	two := must(t, "caddy", "https://10.0.0.5/", Options{Version: "2"})
	one := two.WithVersion("1.1")
	if at := one.Request.Fields[1]; two.Request.Fields[2].Value != "Go-http-client/2.0" || at.Value != "Go-http-client/1.1" || one.Request.Pseudo != nil {
		t.Errorf("HTTP/2 %v\nHTTP/1.1 %v", two.Request, one.Request)
	}
}

// TestGRPCFields: what grpc-go sends, in its order.
func TestGRPCFields(t *testing.T) {
	p := must(t, "consul", "grpc://10.0.0.5:50051", Options{Timeout: 1500 * time.Millisecond})
	want := []exchange.Field{{Name: "Host", Value: "10.0.0.5:50051"}, {Name: "content-type", Value: "application/grpc"}, {Name: "user-agent", Value: "grpc-go/1.58.3"},
		{Name: "te", Value: "trailers"}, {Name: "grpc-timeout", Value: "1500000u"}}
	if !slices.Equal(p.Request.Fields, want) || !slices.Equal(p.Request.Pseudo, pseudoGRPC) {
		t.Errorf("%v %v", p.Request.Pseudo, p.Request.Fields)
	}
}

// TestHeads: interim answers, heads that break off and heads that are long, for
// those who mind and for those who don't.
func TestHeads(t *testing.T) {
	long := func(n int) exchange.Answer {
		return exchange.Answer{Status: 200, Fields: []exchange.Field{{Name: "X-Long", Value: strings.Repeat("x", n)}}, Stage: exchange.Done}
	}
	cut := exchange.Answer{Status: 0, Stage: exchange.ReadingHead, Failure: exchange.Closed, Received: []byte("HTTP/1.1 200 OK\r\nConte")}
	interim := exchange.Answer{Status: 200, Interim: []int{103, 100}, Stage: exchange.Done}
	for _, c := range []struct {
		what, name string
		answer     exchange.Answer
		want       Outcome
		reason     string
	}{
		{"interim", "haproxy", interim, Fail, "L7STS/103"},
		{"interim", "varnish", interim, Fail, "sick"},
		{"interim", "apache", interim, Fail, "HcFl"},
		{"interim", "kubelet", interim, Pass, ""},
		{"head cut", "apache", cut, Pass, ""},
		{"head cut", "docker", cut, Pass, ""},
		{"head cut", "haproxy", cut, Fail, "L7RSP"},
		{"head cut", "consul", cut, Fail, "critical"},
		{"long head", "haproxy", long(4 << 10), Pass, ""},
		{"longer head", "haproxy", long(20 << 10), Fail, "L7RSP"},
		{"long head", "apache", long(4 << 10), Pass, ""},
		{"longer head", "apache", long(20 << 10), Fail, "HcFl"},
		{"longer head", "kubelet", long(20 << 10), Pass, ""},
	} {
		got := must(t, c.name, "http://10.0.0.5:80/health", Options{}).Judge([]exchange.Answer{c.answer})
		if got.Outcome != c.want || got.Reason != c.reason {
			t.Errorf("%s, %s: %s %q (%s), want %s %q", c.name, c.what, got.Outcome, got.Reason, got.Text, c.want, c.reason)
		}
	}
}
