package dialect

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
)

// clone returns a copy that shares nothing with p that a With method changes.
func (p Probe) clone() Probe {
	p.Request.Fields = slices.Clone(p.Request.Fields)
	p.unknown = slices.Clone(p.unknown)
	if p.Request.TLS != nil {
		h := *p.Request.TLS
		h.ALPN = slices.Clone(h.ALPN)
		p.Request.TLS = &h
	}
	return p
}

// WithHost asks with that Host field, or with none if it is empty; nil changes
// nothing. The server name of a handshake follows where the prober takes it from
// Host. The place in the order and the case of the name are the dialect's.
func (p Probe) WithHost(host *string) Probe {
	p = p.clone()
	if host == nil {
		return p
	}
	p.setField("Host", *host)
	p.dropUnknown("Host")
	if h := p.Request.TLS; h != nil && p.Profile.SNI == lbprofile.SNIHost {
		h.ServerName = nameOnly(hostname(*host))
	}
	return p
}

// WithField asks with that field in place of one of the same name, or with one
// more; an empty value takes it away.
func (p Probe) WithField(name, value string) Probe {
	p = p.clone()
	p.setField(name, value)
	return p
}

// WithPath asks for another path, with its query.
func (p Probe) WithPath(path string) Probe {
	p = p.clone()
	p.Request.Path = path
	if u, err := url.Parse(p.URL); err == nil {
		p.URL = u.Scheme + "://" + u.Host + strings.TrimSuffix(path, "*")
	}
	return p
}

// WithMethod asks with another method, as it is written.
func (p Probe) WithMethod(method string) Probe {
	p = p.clone()
	p.Request.Method = method
	p.fitMethod()
	return p
}

// WithVersion asks in another version of HTTP: "1.0", "1.1", or "2", which is
// offered in the handshake where there is one and spoken by prior knowledge where
// there is none. Fields stay, but for those that the dialect sends in one version
// only. Any other version changes nothing, and so does any version of a probe
// that is no HTTP probe.
func (p Probe) WithVersion(version string) Probe {
	p = p.clone()
	r := &p.Request
	if r.Protocol != exchange.HTTP1 && r.Protocol != exchange.HTTP2 {
		return p
	}
	switch version {
	case "1.0", "1.1":
		r.Protocol, r.Version = exchange.HTTP1, "HTTP/"+version
		if r.TLS != nil {
			r.TLS.ALPN = slices.DeleteFunc(r.TLS.ALPN, func(id string) bool { return id == "h2" })
		}
		for _, f := range p.Profile.Fields11 {
			if version == "1.1" && !isHost(exchange.Field(f)) {
				p.setField(f.Name, f.Value)
			}
		}
	case "2":
		r.Protocol, r.Version = exchange.HTTP2, ""
		if r.TLS != nil {
			r.TLS.ALPN = []string{"h2"}
		}
		r.Fields = slices.DeleteFunc(r.Fields, func(f exchange.Field) bool { return strings.EqualFold(f.Name, "Connection") })
	}
	p.fitVersion()
	return p
}

// The orders in which clients write the pseudo-fields of HTTP/2: Go's, curl's and
// grpc-go's. All three are measured, by the tests of module conformance.
var (
	pseudoGo   = []string{":authority", ":method", ":path", ":scheme"}
	pseudoCurl = []string{":method", ":path", ":scheme", ":authority"}
	pseudoGRPC = []string{":method", ":scheme", ":path", ":authority"}
)

// fitVersion writes what a client writes in one version of HTTP only: the order
// of HTTP/2's pseudo-fields, and the version within Go's own User-Agent.
func (p *Probe) fitVersion() {
	r := &p.Request
	was, is := "Go-http-client/2.0", "Go-http-client/1.1"
	r.Pseudo = nil
	if r.Protocol == exchange.HTTP2 {
		was, is = is, was
		switch p.Profile.Client {
		case lbprofile.ClientGo:
			r.Pseudo = slices.Clone(pseudoGo)
		case lbprofile.ClientCurl:
			r.Pseudo = slices.Clone(pseudoCurl)
		}
	}
	at := slices.IndexFunc(r.Fields, func(f exchange.Field) bool { return strings.EqualFold(f.Name, "User-Agent") && f.Value == was })
	if at < 0 {
		return
	}
	agent := exchange.Field{Name: r.Fields[at].Name, Value: is}
	rest := slices.Delete(r.Fields, at, at+1)
	if r.Protocol == exchange.HTTP2 { // what the client adds by itself comes last, this at the very end
		r.Fields = append(rest, agent)
		return
	}
	r.Fields = slices.Insert(rest, goPlace(rest, agent.Name), agent)
}

// fitMethod leaves out of a HEAD what Go's client adds to any other request by
// itself: the wish for a compressed body.
func (p *Probe) fitMethod() {
	const name, value = "Accept-Encoding", "gzip"
	adds := slices.Contains(p.Profile.Fields, lbprofile.Field{Name: name, Value: value})
	if p.Profile.Client != lbprofile.ClientGo || !adds {
		return
	}
	at := slices.IndexFunc(p.Request.Fields, func(f exchange.Field) bool { return strings.EqualFold(f.Name, name) })
	switch {
	case p.Request.Method != "HEAD" && at < 0:
		p.setField(name, value)
	case p.Request.Method == "HEAD" && at >= 0 && p.Request.Fields[at].Value == value:
		p.setField(name, "")
	}
}

// WithTLS asks over TLS, as the dialect shakes hands, or without.
func (p Probe) WithTLS(on bool) Probe {
	p = p.clone()
	u, err := url.Parse(p.URL)
	if err != nil || on == (p.Request.TLS != nil) {
		return p
	}
	plain := map[string]string{"https": "http", "tls": "tcp", "grpcs": "grpc"}
	secure := map[string]string{"http": "https", "tcp": "tls", "grpc": "grpcs"}
	if !on {
		p.Request.TLS = nil
		p.URL = retold(u, cmp.Or(plain[u.Scheme], u.Scheme))
		return p
	}
	scheme := cmp.Or(secure[u.Scheme], u.Scheme)
	p.URL = retold(u, scheme)
	h := p.handshake(target{scheme: scheme, host: u.Hostname()}, Options{})
	if p.Request.Protocol == exchange.HTTP2 {
		h.ALPN = []string{"h2"}
	}
	p.Request.TLS = h
	return p
}

// retold writes u with another scheme; a port that the URL left out is stated,
// for it is another one in the other scheme.
func retold(u *url.URL, scheme string) string {
	host := u.Host
	if u.Port() == "" && ports[u.Scheme] != "" {
		host += ":" + ports[u.Scheme]
	}
	if u.Path == "" {
		return scheme + "://" + host
	}
	return scheme + "://" + host + u.RequestURI()
}

// WithSNI sends that server name in the TLS handshake, or none if it is empty;
// nil, or a probe without TLS, changes nothing.
func (p Probe) WithSNI(name *string) Probe {
	p = p.clone()
	if h := p.Request.TLS; name != nil && h != nil {
		h.ServerName = *name
	}
	return p
}

// WithAddress dials another address, host:port or unix:/path. Host, server name
// and URL stay: ask what is asked, of somebody else.
func (p Probe) WithAddress(address string) Probe {
	p = p.clone()
	p.Request.Address = address
	return p
}

// WithSource asks from another address of this machine; the zero Addr leaves it
// to the system.
func (p Probe) WithSource(from netip.Addr) Probe {
	p = p.clone()
	p.Request.Source = from
	return p
}

// WithProxy sends that PROXY protocol header first.
func (p Probe) WithProxy(header exchange.ProxyHeader) Probe {
	p = p.clone()
	p.Request.Proxy = header
	return p
}

// WithTimeout waits for as long. Bounds for connecting and for answering by
// themselves go; zero or less changes nothing.
func (p Probe) WithTimeout(timeout time.Duration) Probe {
	p = p.clone()
	if timeout > 0 {
		bound(&p.Request, timeout)
	}
	return p
}

// WithVerify demands a certificate that verifies, or does not.
func (p Probe) WithVerify(on bool) Probe {
	p = p.clone()
	if h := p.Request.TLS; h != nil {
		h.Verify = on
		if u, err := url.Parse(p.URL); err == nil && on && h.ServerName == "" && h.VerifyName == "" {
			h.VerifyName = u.Hostname()
		}
	}
	return p
}

// setField writes a field where the dialect would: in place of those of that
// name, or where its client puts a new one. It writes into p.Request.Fields.
func (p *Probe) setField(name, value string) {
	fields := p.Request.Fields
	same := func(f exchange.Field) bool { return strings.EqualFold(f.Name, name) }
	at := slices.IndexFunc(fields, same)
	if value == "" {
		p.Request.Fields = slices.DeleteFunc(fields, same)
		return
	}
	if at >= 0 {
		fields[at].Value = value
		rest := slices.DeleteFunc(fields[at+1:], same)
		p.Request.Fields = fields[:at+1+len(rest)]
		return
	}
	if p.Request.Version == "HTTP/0.9" {
		p.Request.Version = "HTTP/1.1" // a request line without a version has no fields
	}
	f := exchange.Field{Name: name, Value: value}
	if p.Profile.LowerCase {
		f.Name = strings.ToLower(name)
	}
	p.Request.Fields = slices.Insert(fields, p.place(f), f)
}

// place is where a field that was not there goes.
func (p *Probe) place(f exchange.Field) int {
	fields := p.Request.Fields
	if isHost(f) {
		return 0
	}
	switch {
	case p.Profile.Client == lbprofile.ClientGo:
		return goPlace(fields, f.Name)
	case p.Profile.LowerCase && len(fields) > 0 && strings.EqualFold(fields[len(fields)-1].Name, "Connection"):
		return len(fields) - 1 // HAProxy writes it last
	}
	return len(fields)
}

// goPlace is where Go's client writes a field: Host, then User-Agent, then the
// request's own fields by name, then those that the client adds by itself, by
// name.
func goPlace(fields []exchange.Field, name string) int {
	rank := func(name string) string {
		switch strings.ToLower(name) {
		case "host":
			return "0"
		case "user-agent":
			return "1"
		case "accept-encoding", "connection":
			return "3" + name
		}
		return "2" + name
	}
	at := slices.IndexFunc(fields, func(f exchange.Field) bool { return rank(f.Name) > rank(name) })
	if at < 0 {
		return len(fields)
	}
	return at
}
