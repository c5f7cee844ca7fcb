package fingerprint

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/lbprofile"
)

// Front is what came on a connection before the request. The zero Front is
// nothing, or not known.
type Front struct {
	Proxy int // version of the PROXY protocol's header; 0: none
	// ProxyLocal: that header speaks for nobody but the proxy itself. It says so, or
	// names the proxy's own end of the connection, as HAProxy's probes do.
	ProxyLocal  bool
	ProxySource netip.Addr // for whom it says to speak, if not for itself

	TLS        bool
	ServerName string // of the TLS hello (SNI); empty: none
	ALPN       bool   // the hello offered protocols
}

// speaksForOther reports whether a PROXY header says that the connection is
// somebody else's.
func (f *Front) speaksForOther() bool { return f.Proxy > 0 && !f.ProxyLocal && f.ProxySource.IsValid() }

// RecogniseSilence says who may have opened a connection and said nothing on it,
// or nothing but a TLS hello. Only Peer and Front of r are looked at. Without a
// vendor's address it is never more than a [Claim] and no single Name: who
// connects and closes looks like all others who do.
func RecogniseSilence(r Request) Guess {
	if r.Front.speaksForOther() {
		return Guess{}
	}
	peer := plain(r.Peer)
	for _, p := range []*lbprofile.Profile{azure, google} {
		if within(p, peer) {
			return Guess{Name: p.Name, Confidence: Strong, Evidence: []string{inWords(noteRange, &r, nil)}}
		}
	}
	how, words := "tcp", "nothing was said: so do TCP probes, and so do port scans and clients that connect in advance"
	if r.Front.TLS {
		how, words = "tls", "nothing was said inside TLS: so do probes that only shake hands"
	}
	g := Guess{Confidence: Claim, Evidence: []string{words}}
	if r.Front.Proxy > 0 {
		g.Among = named("haproxy-tcp", "haproxy", "nlb-tcp", "nlb")
		g.Evidence = append(g.Evidence, inWords(noteProxyLocal, &r, nil))
		return g
	}
	for i := range profiles {
		if p := &profiles[i]; slices.Contains(p.Protocols, how) && p.Name != "inservice" && p.Name != "generic" {
			g.Among = append(g.Among, p.Name)
		}
	}
	return g
}

// among is who may have sent a request whose User-Agent is that of a library, and
// so proves nothing: those who are known to use it.
func among(r *Request, s *sketch) Guess {
	var g Guess
	for i := range profiles {
		if p := &profiles[i]; s.hasAgent && s.agent == nil && (len(p.Agents) == 0 || isGRPC(r)) && ofLibrary(libraryAgent(p, r), s.userAgent) {
			g.Among = append(g.Among, p.Name)
		}
	}
	if len(g.Among) > 0 {
		g.Confidence = Claim
		g.Evidence = []string{"User-Agent " + quote(s.userAgent) + " is that of a library: these are known to use it, and so do many others"}
	}
	return g
}

// libraryAgent is the User-Agent that p has from the library by which it asks, for
// requests like r.
func libraryAgent(p *lbprofile.Profile, r *Request) string {
	switch {
	case isGRPC(r):
		for _, f := range p.FieldsGRPC {
			if is(f.Name, "User-Agent") {
				return f.Value
			}
		}
		return ""
	case strings.HasPrefix(r.Proto, "HTTP/2") && p.UserAgent == "Go-http-client/1.1":
		return "Go-http-client/2.0"
	}
	return p.UserAgent
}

// ofLibrary reports whether a User-Agent is that of a library, whose version may
// be anything.
func ofLibrary(library, userAgent string) bool {
	name, _, varies := strings.Cut(library, "<")
	if varies {
		return name != "" && strings.HasPrefix(userAgent, name)
	}
	return library != "" && userAgent == library
}

// named keeps of names those that have a profile; a name whose protocol variant
// is there already is left out.
func named(names ...string) []string {
	var known []string
	for _, name := range names {
		has := slices.ContainsFunc(profiles, func(p lbprofile.Profile) bool { return p.Name == name })
		if has && !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, name+"-") }) {
			known = append(known, name)
		}
	}
	return known
}

// The target that an Application Load Balancer calls by gRPC unless told
// otherwise.
const albMethod = "/AWS.ALB/healthcheck"

// spoken is the profile that name has for requests like r: some probers have one
// of their own for gRPC.
func spoken(name string, r *Request) string {
	if !isGRPC(r) {
		return name
	}
	for i := range profiles {
		if variant := profiles[i].Name; len(variant) == len(name)+len("-grpc") && strings.HasPrefix(variant, name) && strings.HasSuffix(variant, "-grpc") {
			return variant
		}
	}
	return name
}

func isGRPC(r *Request) bool {
	if r.Method != "POST" || !strings.HasPrefix(r.Proto, "HTTP/2") {
		return false
	}
	for i := range r.Fields {
		if f := &r.Fields[i]; is(f.Name, "Content-Type") {
			return strings.HasPrefix(f.Value, "application/grpc")
		}
	}
	return false
}
