package dialect

import (
	"slices"
	"strings"

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

// WithField asks with that field in place of one of the same name, or with one
// more; an empty value takes it away.
func (p Probe) WithField(name, value string) Probe {
	p = p.clone()
	p.setField(name, value)
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

// fitHead leaves out of a HEAD what Go's client adds to any other request by
// itself: the wish for a compressed body.
func (p *Probe) fitHead() {
	own := lbprofile.Field{Name: "Accept-Encoding", Value: "gzip"}
	if p.Profile.Client != lbprofile.ClientGo || !slices.Contains(p.Profile.Fields, own) {
		return
	}
	p.Request.Fields = slices.DeleteFunc(p.Request.Fields, func(f exchange.Field) bool {
		return strings.EqualFold(f.Name, own.Name) && f.Value == own.Value
	})
}

// WithAddress dials another address, host:port or unix:/path. Host, server name
// and URL stay: ask what is asked, of somebody else.
func (p Probe) WithAddress(address string) Probe {
	p = p.clone()
	p.Request.Address = address
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
