package diagnose

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
)

// Factors that a change can change.
const (
	fHost   = "host"   // the Host field; arg is its value, empty: none
	fField  = "field"  // another field; arg is "Name: value", label names the kind
	fClient = "client" // the fields by which a browser is known
	fPath   = "path"   // target of the request line
	fMethod = "method"
	fHTTP   = "http" // version: "1.0", "1.1" (with a Host, which it needs), "2"
	fTLS    = "tls"  // "on", "off"; or the oldest version offered: "1.0"
	fSNI    = "sni"
	fCert   = "cert"   // a client certificate of our own making
	fProxy  = "proxy"  // PROXY header
	fSource = "source" // address to ask from
	fAddr   = "addr"   // address to ask, same port
	fPort   = "port"
	fTalk   = "talk"    // other bytes instead of a request
	fAsk    = "ask"     // a request where the load balancer only connects
	fWait   = "timeout" // "longer"
	fAgain  = "again"   // nothing
)

// change is a difference in one factor.
type change struct {
	factor string
	label  string // part of the experiment's name
	arg    string // the value itself, if the label is not
}

func (c change) value() string {
	if c.arg != "" || c.factor == fHost {
		return c.arg
	}
	return c.label
}

func (c change) name() string { return c.factor + "=" + c.label }

// setting is a set of changes to the load balancer's probe, in the order in which
// they were added; the empty setting is the probe itself. It is a value: with
// returns another.
type setting struct{ changes []change }

func (s setting) with(c change) setting {
	return setting{append(slices.Clip(s.changes), c)}
}

func (s setting) name() string {
	if len(s.changes) == 0 {
		return "probe"
	}
	names := make([]string, len(s.changes))
	for i, c := range s.changes {
		names[i] = c.name()
	}
	return strings.Join(names, "+")
}

// has reports whether the factor was changed already.
func (s setting) has(factor string) bool {
	return slices.ContainsFunc(s.changes, func(c change) bool { return c.factor == factor })
}

// experiment is s as a probe.
func (s setting) experiment(p dialect.Probe) Experiment {
	e := Experiment{Name: s.name(), Change: "the load balancer's own probe"}
	for _, c := range s.changes {
		p = c.apply(p)
	}
	if n := len(s.changes); n > 0 {
		last := s.changes[n-1]
		e.Base, e.Factor = setting{s.changes[:n-1]}.name(), last.factor
		texts := make([]string, n)
		for i, c := range s.changes {
			texts[i] = c.text()
		}
		e.Change = strings.Join(texts, ", and ")
	}
	e.Probe = p
	return e
}

// apply returns p with the change made. It never changes what p shares with
// others.
func (c change) apply(p dialect.Probe) dialect.Probe {
	r := p.Request
	r.Fields = slices.Clone(r.Fields)
	switch c.factor {
	case fHost:
		r.Fields = withHost(r.Fields, c.arg)
	case fField:
		name, value, _ := strings.Cut(c.arg, ": ")
		r.Fields = withField(r.Fields, name, value)
	case fHTTPSWords:
		for _, f := range httpsWords {
			r.Fields = withField(r.Fields, f.Name, f.Value)
		}
	case fClient:
		for _, f := range browser {
			r.Fields = withField(r.Fields, f.Name, f.Value)
		}
	case fPath:
		r.Path = c.value()
	case fMethod:
		r.Method = c.label
	case fHTTP:
		r = withVersion(r, c)
	case fTLS:
		r = withTLS(r, c.label)
	case fSNI:
		t := cloneTLS(r.TLS)
		t.ServerName = c.arg
		r.TLS = t
	case fCert:
		t := cloneTLS(r.TLS)
		if own, ok := ownCertificate(); ok {
			t.Certificates = []tls.Certificate{own}
		}
		r.TLS = t
	case fProxy:
		r.Proxy = exchange.ProxyHeader(c.label)
	case fSource:
		r.Source, _ = netip.ParseAddr(c.label)
	case fAddr:
		_, port := splitAddress(r.Address)
		r.Address, r.Network = net.JoinHostPort(c.label, port), ""
	case fPort:
		host, _ := splitAddress(r.Address)
		r.Address = net.JoinHostPort(host, c.label)
	case fTalk:
		r.Protocol, r.Raw = exchange.HTTP1, []byte(c.arg)
	case fAsk:
		given := r.Fields
		r.Protocol, r.Method = exchange.HTTP1, c.label
		r.Fields = []exchange.Field{{Name: "Host", Value: r.Address}, {Name: "User-Agent", Value: "inservice-probe/1.0"}, {Name: "Accept", Value: "*/*"}, {Name: "Connection", Value: "close"}}
		for _, f := range given {
			r.Fields = withField(r.Fields, f.Name, f.Value)
		}
	}
	p.Request = r
	return p
}

// browser is what a browser sends, in its order.
var browser = []exchange.Field{
	{Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"},
	{Name: "Accept", Value: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
	{Name: "Accept-Language", Value: "en-US,en;q=0.9"},
}

// withField returns fields with this one replaced where it stands, or added.
func withField(fields []exchange.Field, name, value string) []exchange.Field {
	for i, f := range fields {
		if strings.EqualFold(f.Name, name) {
			fields[i].Value = value
			return fields
		}
	}
	return append(fields, exchange.Field{Name: name, Value: value})
}

// withHost returns fields with another Host, or with none. A Host that was not
// there comes first, as clients write it.
func withHost(fields []exchange.Field, host string) []exchange.Field {
	is := func(f exchange.Field) bool { return strings.EqualFold(f.Name, "Host") }
	switch {
	case host == "":
		return slices.DeleteFunc(fields, is)
	case slices.ContainsFunc(fields, is):
		return withField(fields, "Host", host)
	}
	return slices.Insert(fields, 0, exchange.Field{Name: "Host", Value: host})
}

// withVersion sets the version of HTTP. HTTP/1.1 needs a Host: arg is the one to
// add if there is none.
func withVersion(r exchange.Request, c change) exchange.Request {
	if c.label == "2" {
		r.Protocol, r.Version = exchange.HTTP2, ""
		// Fields that speak of a connection are forbidden there (RFC 9113, section 8.2.2).
		r.Fields = slices.DeleteFunc(r.Fields, func(f exchange.Field) bool {
			switch strings.ToLower(f.Name) {
			case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
				return true
			}
			return false
		})
		if r.TLS != nil {
			t := cloneTLS(r.TLS)
			t.ALPN = []string{"h2"}
			r.TLS = t
		}
		return r
	}
	r.Protocol, r.Version = exchange.HTTP1, "HTTP/"+c.label
	if c.label == "1.1" && hostOf(r) == "" {
		r.Fields = withHost(r.Fields, c.arg)
	}
	if r.TLS != nil && slices.Contains(r.TLS.ALPN, "h2") {
		t := cloneTLS(r.TLS)
		t.ALPN = []string{"http/1.1"}
		r.TLS = t
	}
	return r
}

// withTLS turns TLS on or off, offers old versions, or leaves the certificate unchecked.
func withTLS(r exchange.Request, how string) exchange.Request {
	switch how {
	case "off":
		r.TLS = nil
	case "1.0":
		t := cloneTLS(r.TLS)
		t.Min, t.Max = tls.VersionTLS10, 0
		r.TLS = t
	case "unverified":
		t := cloneTLS(r.TLS)
		t.Verify = false
		r.TLS = t
	default:
		t := &exchange.TLS{}
		if r.Protocol == exchange.HTTP2 || r.Protocol == exchange.GRPC {
			t.ALPN = []string{"h2"}
		}
		r.TLS = t
	}
	return r
}

// cloneTLS copies what a change may change; of nothing it makes an empty one.
func cloneTLS(t *exchange.TLS) *exchange.TLS {
	if t == nil {
		return &exchange.TLS{}
	}
	clone := *t
	clone.ALPN = slices.Clone(t.ALPN)
	clone.Certificates = slices.Clone(t.Certificates)
	return &clone
}

// hostOf is the value of the Host field; empty if there is none.
func hostOf(r exchange.Request) string {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, "Host") {
			return f.Value
		}
	}
	return ""
}

// splitAddress parts host and port; an address without a port is all host.
func splitAddress(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, ""
	}
	return host, port
}

// bareHost is a Host value without its port and brackets, in lower case.
func bareHost(value string) string {
	if host, _, err := net.SplitHostPort(value); err == nil {
		value = host
	}
	return strings.ToLower(strings.Trim(value, "[]"))
}
