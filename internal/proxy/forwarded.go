package proxy

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/visitor"
)

// Canonical names of the forwarding fields that we set, and of the standard one
// (RFC 7239) that we only pass on.
const (
	forwarded      = "Forwarded"
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
	forwardedHost  = "X-Forwarded-Host"
)

// setForwarded writes the forwarding fields of a request to a target. Out is
// its header, without whatever fields of that kind the caller chose to remove;
// in is the request as it came.
//
// A stranger's fields are dropped and replaced by what we know. So are those
// that we don't set, such as X-Forwarded-Port or X-Real-IP: a target that
// believes one of them believes us. A name with underscores is another field
// and passes; only targets that write both kinds as one need to refuse it.
func setForwarded(out http.Header, in *http.Request, trusted []netip.Prefix) {
	peer := visitor.Peer(in.RemoteAddr)
	if visitor.Trusts(trusted, peer) {
		// Taken from the request as it came: it may have lost them on the way here.
		for _, name := range []string{forwarded, forwardedFor, forwardedProto, forwardedHost} {
			if values := in.Header[name]; len(values) > 0 {
				out[name] = slices.Clone(values)
			}
		}
	} else {
		maps.DeleteFunc(out, func(name string, _ []string) bool { return isForwarding(name) })
	}

	if peer.IsValid() {
		hops := slices.DeleteFunc(out[forwardedFor], func(v string) bool { return v == "" })
		out.Set(forwardedFor, strings.Join(append(hops, peer.String()), ", "))
	}
	if out.Get(forwardedProto) == "" {
		proto := "http"
		if in.TLS != nil {
			proto = "https"
		}
		out.Set(forwardedProto, proto)
	}
	if out.Get(forwardedHost) == "" && in.Host != "" {
		out.Set(forwardedHost, in.Host)
	}
}

// isForwarding reports whether a field, by its canonical name, claims something
// about the client that only a proxy can know. Beside the X-Forwarded family
// there are those in which nginx, Akamai, Apache, Rackspace and Cloudflare name
// the client's address; frameworks believe them too.
func isForwarding(name string) bool {
	switch name {
	case forwarded, "X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Cf-Connecting-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded")
}
