package proxy

import (
	"maps"
	"net/http"
	"net/textproto"
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
	realIP         = "X-Real-Ip"
)

// setForwarded writes the forwarding fields of a request to a target. Out is
// its header, without whatever fields of that kind the caller chose to remove;
// in is the request as it came.
//
// A stranger's fields are dropped and replaced by what we know. So are those
// that we don't set, such as X-Forwarded-Port or X-Real-IP: a target that
// believes one of them believes us.
func (p *Proxy) setForwarded(out http.Header, in *http.Request) {
	peer := visitor.Peer(in.RemoteAddr)
	from := visitor.Of(in, p.TrustedProxies)
	believed := visitor.Trusts(p.TrustedProxies, peer)
	if believed {
		// Taken from the request as it came: it may have lost them on the way here.
		for _, name := range []string{forwarded, forwardedFor, forwardedHost} {
			if values := in.Header[name]; len(values) > 0 {
				out[name] = slices.Clone(values)
			}
		}
	}
	maps.DeleteFunc(out, func(name string, _ []string) bool { return p.isDropped(name, believed) })

	if peer.IsValid() {
		hops := slices.DeleteFunc(out[forwardedFor], func(v string) bool { return v == "" })
		out.Set(forwardedFor, strings.Join(append(hops, peer.String()), ", "))
	}
	out.Set(forwardedProto, from.Scheme)
	if !p.believesHost(out[forwardedHost]) {
		out.Del(forwardedHost)
		if in.Host != "" {
			out.Set(forwardedHost, in.Host)
		}
	}
	if out[realIP] != nil && p.LastHop {
		out.Set(realIP, from.Addr.String()) // valid, for it is a trusted proxy's field
	}
}

// believesHost reports whether a target may be told what a trusted proxy says the
// visitor asked for.
func (p *Proxy) believesHost(told []string) bool {
	switch {
	case len(told) == 0 || told[0] == "":
		return false
	case !p.LastHop:
		return true
	}
	return len(told) == 1 && (p.AllowHost == nil || p.AllowHost(told[0]))
}

// isDropped reports whether a field, by its name, is not passed on, given whether
// its sender is believed.
func (p *Proxy) isDropped(name string, believed bool) bool {
	plain := plainName(name)
	switch {
	case plain == "Proxy": // see isForwarding
		return true
	case !isForwarding(plain):
		return false
	case !believed || plain != name:
		return true
	}
	return p.LastHop && ambiguous[name]
}

// isForwarding reports whether a field, by its plain name, claims something about
// the client that only a proxy can know, or changes what is asked for as only a
// proxy may. Frameworks believe each of them.
//
// Proxy is no field at all, but CGI hands it to programs as HTTP_PROXY, the setting
// by which they choose a proxy for their own requests (https://httpoxy.org).
func isForwarding(plain string) bool {
	return ambiguous[plain] || plain == "Proxy" || plain == realIP || strings.HasPrefix(plain, "X-Forwarded")
}

// plainName returns the canonical name that a field has in programs that read it
// from CGI's variables, WSGI's and PHP's among them. There HTTP_X_FORWARDED_FOR may
// be X-Forwarded-For or X_Forwarded_For, and for some servers even
// X.Forwarded.For. Nginx by default drops all names with underscores for that
// reason (underscores_in_headers).
func plainName(name string) string {
	if strings.IndexFunc(name, isOdd) < 0 {
		return name
	}
	return textproto.CanonicalMIMEHeaderKey(strings.Map(func(r rune) rune {
		if isOdd(r) {
			return '-'
		}
		return r
	}, name))
}

// isOdd reports whether a character of a field's name is neither a letter nor a
// digit nor a dash.
func isOdd(r rune) bool {
	return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// ambiguous are forwarding fields that say what X-Forwarded-For, -Proto and -Host
// or the request line say already, and so can say something else. A proxy that does
// not write one passes on its visitor's.
var ambiguous = map[string]bool{
	forwarded: true,

	// The client's address.
	"Cf-Connecting-Ip":         true, // Cloudflare
	"Client-Ip":                true, // Rails believes it
	"Fastly-Client-Ip":         true,
	"Fly-Client-Ip":            true,
	"Forwarded-For":            true,
	"Proxy-Client-Ip":          true, // Java programs ask for this and the next, see WebLogic
	"Wl-Proxy-Client-Ip":       true,
	"True-Client-Ip":           true, // Akamai, Cloudflare
	"X-Azure-Clientip":         true,
	"X-Client-Ip":              true, // Apache's mod_remoteip
	"X-Cluster-Client-Ip":      true, // Rackspace
	"X-Envoy-External-Address": true,
	"X-Forwarded":              true,
	"X-Original-For":           true, // ASP.NET
	"X-Original-Forwarded-For": true, // ingress-nginx

	// The scheme and the port.
	"Front-End-Https":      true, // Microsoft
	"X-Forwarded-Port":     true,
	"X-Forwarded-Protocol": true, // gunicorn believes it
	"X-Forwarded-Scheme":   true, // Rack believes it
	"X-Forwarded-Ssl":      true, // Rack and gunicorn believe it
	"X-Original-Proto":     true, // ASP.NET
	"X-Scheme":             true,
	"X-Url-Scheme":         true,

	// The host.
	"X-Forwarded-Server":   true, // Apache
	"X-Host":               true,
	"X-Http-Host-Override": true,
	"X-Original-Host":      true, // ASP.NET, Azure's Application Gateway

	// The target.
	"X-Original-Uri": true, // ingress-nginx
	"X-Original-Url": true, // IIS, and frameworks that take it for the request's target
	"X-Rewrite-Url":  true, // the same
}
