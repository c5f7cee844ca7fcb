package dialect

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
)

// derivations are the With methods, in each of their uses.
var derivations = map[string]func(Probe) Probe{
	"host":        func(p Probe) Probe { return p.WithField("Host", "site.example") },
	"no host":     func(p Probe) Probe { return p.WithField("Host", "") },
	"field":       func(p Probe) Probe { return p.WithField("X-Forwarded-Proto", "https") },
	"field's end": func(p Probe) Probe { return p.WithField("User-Agent", "") },
	"HTTP/1.0":    func(p Probe) Probe { return p.WithVersion("1.0") },
	"HTTP/1.1":    func(p Probe) Probe { return p.WithVersion("1.1") },
	"HTTP/2":      func(p Probe) Probe { return p.WithVersion("2") },
	"HTTP/9":      func(p Probe) Probe { return p.WithVersion("9") },
	"address":     func(p Probe) Probe { return p.WithAddress("192.0.2.1:81") },
}

// TestWithIsPure: no derivation changes what it is derived from, or shares with it
// what the next one changes.
func TestWithIsPure(t *testing.T) {
	for _, url := range []string{"http://10.0.0.5:8080/health", "https://app.example.test/", "tcp://10.0.0.5:1", "grpc://10.0.0.5:1"} {
		probes, _, err := All(url, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range probes {
			before := fmt.Sprintf("%+v %+v", p, p.Request.TLS)
			for name, derive := range derivations {
				d := derive(p)
				for i := range d.Request.Fields {
					d.Request.Fields[i].Value = "spoilt"
				}
				if d.Request.TLS != nil {
					d.Request.TLS.ServerName = "spoilt"
					for i := range d.Request.TLS.ALPN {
						d.Request.TLS.ALPN[i] = "spoilt"
					}
				}
				if after := fmt.Sprintf("%+v %+v", p, p.Request.TLS); after != before {
					t.Fatalf("%s: %s changed its receiver:\n%s\n%s", p.Profile.Name, name, before, after)
				}
			}
		}
	}
	for _, p := range lbprofile.All() { // nor the table
		if slices.ContainsFunc(p.Fields, func(f lbprofile.Field) bool { return f.Value == "spoilt" }) {
			t.Errorf("%s: its fields are spoilt", p.Name)
		}
	}
}

// TestWith: each derivation changes what it says, and keeps the dialect's rules.
func TestWith(t *testing.T) {
	const plain, secure = "http://10.0.0.5:8080/health", "https://10.0.0.5/health"
	tests := []struct {
		name, dialect, url string
		derive             func(Probe) Probe
		want               func(*Probe) // of the probe before
	}{
		{"host, in lower case", "elb", plain, derivations["host"], func(p *Probe) { p.Request.Fields[0] = exchange.Field{Name: "host", Value: "site.example"} }},
		{"host where there was none", "haproxy", plain, derivations["host"], func(p *Probe) { p.Request.Fields = []exchange.Field{{Name: "host", Value: "site.example"}} }},
		{"no host", "varnish", plain, derivations["no host"], func(p *Probe) { p.Request.Fields = p.Request.Fields[1:] }},
		{"host gives F5 a version", "f5", plain, derivations["host"], func(p *Probe) {
			p.Request.Version, p.Request.Fields = "HTTP/1.1", []exchange.Field{{Name: "Host", Value: "site.example"}}
		}},
		{"field, as Go sorts", "consul", plain, derivations["field"], func(p *Probe) {
			p.Request.Fields = slices.Insert(p.Request.Fields, 3, exchange.Field{Name: "X-Forwarded-Proto", Value: "https"})
		}},
		{"field, before HAProxy's last", "haproxy", plain, func(p Probe) Probe { return p.WithVersion("1.1").WithField("X-A", "b") }, func(p *Probe) {
			p.Request.Version, p.Request.Fields = "HTTP/1.1", []exchange.Field{{Name: "x-a", Value: "b"}, {Name: "connection", Value: "close"}}
		}},
		{"field, at the end", "alb", plain, derivations["field"], func(p *Probe) {
			p.Request.Fields = append(p.Request.Fields, exchange.Field{Name: "X-Forwarded-Proto", Value: "https"})
		}},
		{"twice the same field is one", "alb", plain, func(p Probe) Probe { return p.WithField("A", "1").WithField("a", "2") }, func(p *Probe) {
			p.Request.Fields = append(p.Request.Fields, exchange.Field{Name: "A", Value: "2"})
		}},
		{"field taken away", "alb", plain, derivations["field's end"], func(p *Probe) { p.Request.Fields = p.Request.Fields[:2] }},
		{"HTTP/1.0", "alb", plain, derivations["HTTP/1.0"], func(p *Probe) { p.Request.Version = "HTTP/1.0" }},
		{"HTTP/2, in the clear", "alb", plain, derivations["HTTP/2"], func(p *Probe) {
			p.Request.Protocol, p.Request.Version = exchange.HTTP2, ""
			p.Request.Fields = slices.Delete(p.Request.Fields, 1, 2)
		}},
		{"HTTP/2, over TLS", "gatus", secure, derivations["HTTP/2"], func(p *Probe) {
			p.Request.Protocol, p.Request.Version, p.Request.TLS.ALPN = exchange.HTTP2, "", []string{"h2"}
			p.Request.Pseudo = pseudoGo
		}},
		{"and back", "alb", secure, func(p Probe) Probe { return p.WithVersion("2").WithVersion("1.1") }, func(p *Probe) {
			p.Request.TLS.ALPN = []string{}
			p.Request.Fields = slices.Delete(p.Request.Fields, 1, 2)
		}},
		{"a version that is none", "alb", plain, derivations["HTTP/9"], func(*Probe) {}},
		{"no version of TCP", "nlb-tcp", plain, derivations["HTTP/2"], func(*Probe) {}},
		{"address", "alb", plain, derivations["address"], func(p *Probe) { p.Request.Address = "192.0.2.1:81" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := must(t, tt.dialect, tt.url, Options{})
			got := tt.derive(p)
			want := p.clone()
			tt.want(&want)
			got.unknown, want.unknown = nil, nil // TestUnknowns
			opts := cmp.Options{
				cmp.Exporter(func(t reflect.Type) bool { return t == reflect.TypeFor[Probe]() }),
				cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
				cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
				cmp.Comparer(func(a, b []string) bool { return slices.Equal(a, b) }),
				cmp.FilterPath(func(p cmp.Path) bool {
					return p.Last().String() == ".Dial" || p.Last().String() == ".Roots" || p.Last().String() == ".Certificates"
				}, cmp.Ignore()),
			}
			if diff := cmp.Diff(want, got, opts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A prober that only connects takes the options of an HTTP question, sends none of
// it, and keeps it for whoever asks further.
func TestConnectKeepsTheQuestion(t *testing.T) {
	host := "10.0.0.5:80"
	p, err := New("nlb-tcp", "http://127.0.0.1:8000/x", Options{Path: "/health", Host: &host, Method: "GET", Matcher: "200", Fields: []exchange.Field{{Name: "A", Value: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := exchange.Request{
		Address: "127.0.0.1:8000", Timeout: p.Request.Timeout, Method: "GET", Path: "/health",
		Fields: []exchange.Field{{Name: "Host", Value: host}, {Name: "A", Value: "b"}},
	}
	if diff := cmp.Diff(want, p.Request, cmpopts.IgnoreFields(exchange.Request{}, "Source", "Dial")); diff != "" || p.Rules != (Rules{}) {
		t.Errorf("rules %+v, request -want +got:\n%s", p.Rules, diff)
	}
}
