package diagnose

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

// methodTrials: what the checker's own method spoils.
func (d *desk) methodTrials(v view) []trial {
	r := v.request()
	if v.at.has(fMethod) || r.Protocol != exchange.HTTP1 {
		return nil
	}
	methods := []string{"GET"}
	if r.Method == "" || r.Method == "GET" {
		if s := v.status(); s != 405 && s != 501 {
			return nil
		}
		methods = nil
		allow := strings.ToUpper(v.answer().Get("Allow"))
		for _, m := range []string{"HEAD", "OPTIONS"} {
			if allow == "" || strings.Contains(allow, m) {
				methods = append(methods, m)
			}
		}
	}
	var trials []trial
	for _, m := range methods {
		trials = append(trials, trial{change{factor: fMethod, label: m}, meaning("method_not_allowed", 0.96), func(from, to view) bool {
			s := to.status()
			return m == "GET" && to.speaks() && differs(from, to) && s != 405 && s != 501 && s != 400 && s != 404
		}})
	}
	return trials
}

// versionTrials: an old version of HTTP, or no Host.
func (d *desk) versionTrials(v view) []trial {
	r := v.request()
	if r.Protocol != exchange.HTTP1 || v.at.has(fHTTP) {
		return nil
	}
	old := r.Version == "HTTP/1.0" || r.Version == "HTTP/0.9"
	if !old && hostOf(r) != "" {
		return nil
	}
	address := r.Address
	var trials []trial
	if hostOf(r) == "" && r.Version != "HTTP/0.9" {
		trials = append(trials, trial{change{factor: fHost, label: "target", arg: address}, func(from, to view) Finding {
			return flipped("http_version_rejected", 0.93, from, to).also("The server wants a Host, and the load balancer sends none.")
		}, nil})
		for _, t := range d.hostTrials(v) {
			if t.change.label != "location" {
				trials = append(trials, t)
			}
		}
	}
	if old {
		trials = append(trials, trial{change{factor: fHTTP, label: "1.1", arg: address}, meaning("http_version_rejected", 0.95), func(from, to view) bool {
			return to.speaks() && differs(from, to) && (from.status() == 426 || from.status() == 505 || from.status() == 400 || !from.speaks())
		}})
	}
	return trials
}

// prelude is what is worth trying first whatever the answer is, because the
// checker is unusual.
func (d *desk) prelude(v view) []trial {
	return append(d.methodTrials(v), d.versionTrials(v)...)
}

// tlsTrial: the port may want TLS.
func (d *desk) tlsTrial(v view) []trial {
	if v.request().TLS != nil || v.at.has(fTLS) || v.request().Protocol == exchange.Bare {
		return nil
	}
	return []trial{{change{factor: fTLS, label: "on"}, meaning("wrong_protocol_tls", 0.97), speaksTLS}}
}

// speaksTLS reports whether a TLS server was met: the handshake stood, or it was
// refused in TLS's own words.
func speaksTLS(_, to view) bool {
	a := to.answer()
	return to.ok && (a.TLS != nil && a.TLS.Version != 0 || a.Failure == exchange.TLSRefused || a.Failure == exchange.TLSVersion)
}

// proxyTrial: the port may want a PROXY header.
func (d *desk) proxyTrial(v view) []trial {
	if v.request().Proxy != exchange.NoProxyHeader {
		return nil
	}
	got := func(_, to view) bool { return to.speaks() && to.status() != 400 }
	return []trial{
		{change{factor: fProxy, label: "v1"}, meaning("proxy_protocol_expected", 0.97), got},
		{change{factor: fProxy, label: "v2"}, meaning("proxy_protocol_expected", 0.97), got},
	}
}

// http2Trial: the port may speak HTTP/2 only.
func (d *desk) http2Trial(v view) []trial {
	if v.request().Protocol != exchange.HTTP1 {
		return nil
	}
	return []trial{{change{factor: fHTTP, label: "2"}, meaning("http2_only", 0.96), func(_, to view) bool { return to.speaks() && to.status() != 400 }}}
}

// forwarded are the fields that a load balancer adds to users' requests and not to
// its own.
var forwarded = []change{
	{factor: fField, label: "X-Forwarded-For", arg: "X-Forwarded-For: 192.0.2.7"},
	{factor: fField, label: "X-Forwarded-Proto", arg: "X-Forwarded-Proto: https"},
	{factor: fField, label: "X-Real-IP", arg: "X-Real-IP: 192.0.2.7"},
	{factor: fField, label: "X-Forwarded-Host", arg: "X-Forwarded-Host: app.example.com"},
	{factor: fField, label: "X-Forwarded-Port", arg: "X-Forwarded-Port: 443"},
	{factor: fField, label: "Forwarded", arg: "Forwarded: for=192.0.2.7;proto=https"},
	{factor: fField, label: "X-Request-ID", arg: "X-Request-ID: 7d1c6c1e-6a1f-4d0b-9d0e-2f6f3c9b1a77"},
}

// forwardedTrials send so many of these fields, one at a time.
func (d *desk) forwardedTrials(v view, most int) []trial {
	var trials []trial
	for _, c := range forwarded[:most] {
		if c.label == "X-Forwarded-Host" && d.q.Site != "" {
			c.arg = "X-Forwarded-Host: " + d.q.Site
		}
		trials = append(trials, trial{c, func(from, to view) Finding {
			return flipped("needs_forwarded_header", 0.95, from, to)
		}, func(from, to view) bool {
			return to.speaks() && differs(from, to) && to.status() < 500 && to.status() != 400
		}})
	}
	return trials
}

// clientTrials: rules about who asks.
func (d *desk) clientTrials(v view) []trial {
	if v.request().Protocol == exchange.Bare || v.at.has(fClient) {
		return nil
	}
	past := func(from, to view) bool {
		return to.speaks() && differs(from, to) && to.status() < 500 && to.status() != 403
	}
	return []trial{
		{change{factor: fField, label: "User-Agent", arg: "User-Agent: " + browser[0].Value}, meaning("forbidden_client", 0.95), past},
		{change{factor: fClient, label: "browser"}, meaning("forbidden_client", 0.93), past},
	}
}

// sources are other addresses to ask from.
func (d *desk) sources(v view) []change {
	host, _ := splitAddress(v.request().Address)
	target, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return nil
	}
	var from []netip.Addr
	if target.Is4() && target.IsLoopback() {
		from = append(from, netip.AddrFrom4([4]byte{127, 0, 0, 9}), netip.AddrFrom4([4]byte{127, 0, 0, 3}))
	}
	for _, l := range d.q.Local {
		if l.Is4() == target.Is4() && l != target && l.IsLoopback() == target.IsLoopback() && !slices.Contains(from, l) {
			from = append(from, l)
		}
	}
	if target.Is4() && !target.IsLoopback() && slices.Contains(d.q.Local, target) {
		from = append(from, target)
	}
	var changes []change
	for _, s := range from {
		if len(changes) < 2 && s != v.request().Source {
			changes = append(changes, change{factor: fSource, label: s.String()})
		}
	}
	return changes
}

// sourceTrials ask from other addresses.
func (d *desk) sourceTrials(v view) []trial {
	var trials []trial
	for _, c := range d.sources(v) {
		trials = append(trials, trial{c, meaning("forbidden_source", 0.95), func(from, to view) bool {
			return to.speaks() && differs(from, to) && to.status() != 403
		}})
	}
	return trials
}

// fieldChange is a change of one field.
func fieldChange(name, value string) change {
	return change{factor: fField, label: name, arg: name + ": " + value}
}
