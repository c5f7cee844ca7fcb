package fingerprint

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/lbprofile"
)

// verdict is a Guess whose evidence is not put into words yet.
type verdict struct {
	name       string
	confidence Confidence
	notes      notes
}

// judge applies the rules, the surest first.
func judge(r *Request, s *sketch, own func(netip.Addr) bool) verdict {
	var v verdict
	switch peer := plain(r.Peer); {
	case s.through == "" && !r.Front.speaksForOther() && within(azure, peer):
		v = verdict{azure.Name, Strong, notes(noteRange)}
	case s.serverState != "":
		v = verdict{"haproxy", Claim, notes(noteServerState)}
		if s.others == 0 && !r.Cut {
			v = v.raised(Likely, noteBare)
		}
	case s.agent != nil:
		v = judgeAgent(r, s, peer, own)
	case s.frontDoor:
		v = verdict{"azure-frontdoor", Claim, notes(noteFrontDoor)}
	case !s.hasAgent && s.others == 0 && !r.Cut && peer.IsValid() && !peer.IsLoopback() && r.Method == "GET" && isLoopbackHost(r.Host):
		v = verdict{"azure-appgw", Claim, notes(noteLoopbackHost)}
		if r.Host == "127.0.0.1" { // with a port it may be a forwarded one of a container
			v.confidence = Likely
		}
	case !s.hasAgent && s.others == 0 && !r.Cut:
		v = judgeBare(r, s)
	case r.Target == albMethod && isGRPC(r):
		v = verdict{spoken("alb", r), Claim, notes(noteALBMethod)}
	}
	v = judgeFront(r, v)
	if v.name != "" && s.through != "" {
		v.confidence = Claim
		v.notes |= notes(noteThrough)
	}
	return v
}

// judgeAgent judges a request whose User-Agent names a prober: what else speaks
// for it?
func judgeAgent(r *Request, s *sketch, peer netip.Addr, own func(netip.Addr) bool) verdict {
	p := s.agent.profile
	v := verdict{spoken(p.Name, r), Claim, notes(noteAgent)}
	if v.name != p.Name {
		if r.Target == albMethod && p.Name == "alb" {
			return v.raised(Likely, noteALBMethod)
		}
		return v
	}
	switch p.Name {
	case "alb":
		return judgeELB(r, v, peer, own)
	case "gcp":
		if s.through == "" && peer.IsValid() {
			if within(google, peer) {
				return v.raised(Strong, noteRange)
			}
			v.notes |= notes(noteNoRange)
			return v
		}
	case "azure-lb":
		v.notes |= notes(noteUnverifiedAgent)
		if peer.IsLinkLocalUnicast() {
			return v.raised(Likely, noteLinkLocal)
		}
	case "azure-frontdoor":
		if s.frontDoor {
			return v.raised(Likely, noteFrontDoor)
		}
	case "consul":
		if s.accept == "text/plain, text/*, */*" {
			return v.raised(Likely, noteAccept)
		}
	}
	if p.Exact && sameAs(r, p) {
		return v.raised(Likely, noteExact)
	}
	return v
}

// judgeELB tells AWS's two younger balancers apart, which share a User-Agent: one
// asks by the target's address, the other by that of its own node.
func judgeELB(r *Request, v verdict, peer netip.Addr, own func(netip.Addr) bool) verdict {
	host, isAddr := hostAddr(r.Host)
	switch {
	case r.Front.Proxy == 2 && r.Front.ProxyLocal:
		v.name = "nlb"
		v.confidence = Likely // judgeFront says why
	case !isAddr:
		v.notes |= notes(noteNoHostAddr)
	case own != nil && own(host):
		return v.raised(Likely, noteHostOwn)
	case host == peer && !peer.IsLoopback():
		v.name = "nlb"
		return v.raised(Likely, noteHostPeer)
	case own != nil:
		v.name = "nlb"
		v.notes |= notes(noteHostForeign)
	default:
		v.notes |= notes(noteOwnUnknown)
	}
	return v
}

// judgeBare judges a request that holds nothing but, perhaps, Host, Connection:
// close and Content-Length: 0. HAProxy writes names in lower case, which tells it
// apart as long as case is known.
func judgeBare(r *Request, s *sketch) verdict {
	lower := r.Ordered && s.lower
	bare := func(name string) verdict { return verdict{name, Claim, notes(noteByHand)} }
	switch r.Proto {
	case "":
		if r.Method == "GET" && len(r.Fields) == 0 && r.Target == "/" {
			return bare("f5")
		}
	case "HTTP/1.0", "HTTP/1.1":
		switch {
		case lower && (s.closes || r.HasHost && r.Proto == "HTTP/1.0"):
			return verdict{"haproxy", Likely, notes(noteLower)}
		case r.Proto == "HTTP/1.0" && !r.HasHost && isProbeMethod(r.Method) && (lower || len(r.Fields) == 0 || !r.Ordered):
			return bare("haproxy")
		case r.Proto == "HTTP/1.0" && r.HasHost && len(r.Fields) == 1:
			if r.Method == "OPTIONS" && r.Target == "*" {
				return verdict{"apache", Likely, notes(noteAsterisk)}
			}
			if r.Method == "GET" || r.Method == "HEAD" {
				return bare("apache")
			}
		case r.Proto == "HTTP/1.1" && r.Method == "GET" && s.closes && r.HasHost && len(r.Fields) == 2:
			if !r.Ordered {
				return verdict{"varnish", Claim, notes(noteByHand) | notes(noteCaseLost)}
			}
			if r.Fields[0].Name == "Host" {
				return bare("varnish")
			}
		}
	}
	return verdict{}
}

// judgeFront looks at what came before the request.
func judgeFront(r *Request, v verdict) verdict {
	switch f := &r.Front; {
	case v.name == "":
	case f.speaksForOther() && f.ProxySource != plain(r.Peer):
		v.confidence = Claim
		v.notes |= notes(noteProxied)
	case f.Proxy > 0 && (v.name == "nlb" || v.name == "haproxy" || v.name == "varnish"):
		v = v.raised(max(v.confidence, Likely), noteProxyLocal)
	case f.TLS && f.ServerName == "" && !f.ALPN && v.name == "haproxy":
		v.notes |= notes(noteNoServerName)
	}
	return v
}

// raised returns v with one more thing that speaks for it.
func (v verdict) raised(to Confidence, by note) verdict {
	v.confidence = to
	v.notes |= notes(by)
	return v
}

func isProbeMethod(method string) bool {
	return method == "OPTIONS" || method == "GET" || method == "HEAD"
}

// sameAs reports whether r is the whole probe that p describes. Values that vary
// (in p with a placeholder) may be anything.
func sameAs(r *Request, p *lbprofile.Profile) bool {
	if r.Cut || r.Method != p.Method || r.Proto != p.Version || len(r.Fields) != len(p.Fields) {
		return false
	}
	for i, want := range p.Fields {
		varies := strings.Contains(want.Value, "<") || want.Name == "User-Agent"
		same := func(got Field) bool { return is(got.Name, want.Name) && (varies || got.Value == want.Value) }
		if r.Ordered && (r.Fields[i].Name != want.Name || !same(r.Fields[i])) || !slices.ContainsFunc(r.Fields, same) {
			return false
		}
	}
	return true
}

func within(p *lbprofile.Profile, addr netip.Addr) bool {
	for i := range p.Ranges {
		if p.Ranges[i].Contains(addr) {
			return true
		}
	}
	return false
}

// plain returns addr in the form in which addresses compare.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// hostAddr returns the address that a Host field holds, with or without a port.
func hostAddr(host string) (addr netip.Addr, isAddr bool) {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, _, _ = strings.Cut(inner, "]")
	} else if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host, ':') == i {
		host = host[:i]
	}
	if host == "" || strings.Trim(host, "0123456789abcdefABCDEF:.") != "" {
		return netip.Addr{}, false // spares the making of an error
	}
	addr, err := netip.ParseAddr(host)
	return plain(addr), err == nil
}

func isLoopbackHost(host string) bool {
	return host == "127.0.0.1" || strings.HasPrefix(host, "127.0.0.1:")
}
