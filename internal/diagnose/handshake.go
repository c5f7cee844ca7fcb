package diagnose

import (
	"net/netip"
	"slices"

	"github.com/inservice/inservice/internal/exchange"
)

// sniTrials ask with a server name.
func (d *desk) sniTrials(v view) []trial {
	r := v.request()
	if r.TLS == nil || v.at.has(fSNI) {
		return nil
	}
	var names []string
	add := func(n string) {
		n = bareHost(n)
		if _, err := netip.ParseAddr(n); n != "" && err != nil && n != r.TLS.ServerName && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	add(d.q.Site)
	add(hostOf(r))
	var trials []trial
	for _, n := range names {
		trials = append(trials, trial{change{factor: fSNI, label: n, arg: n}, meaning("sni_required", 0.96), func(from, to view) bool {
			if !shaken(from) {
				return shaken(to)
			}
			return to.speaks() && differs(from, to) && to.status() != 421 && to.status() != 400
		}})
	}
	return trials
}

// shaken reports whether the TLS handshake came to its end.
func shaken(v view) bool {
	a := v.answer()
	return v.ok && a.TLS != nil && a.TLS.Version != 0 && a.Failure != exchange.TLSRefused && a.Failure != exchange.TLSVersion
}

func oldTLSTrial(v view) []trial {
	if v.request().TLS == nil || v.at.has(fTLS) {
		return nil
	}
	return []trial{{change{factor: fTLS, label: "1.0"}, meaning("tls_incompatible", 0.96), func(from, to view) bool { return from.answer().Status == 0 && speaksTLS(from, to) && to.speaks() }}}
}

func plainTrial(v view) []trial {
	if v.request().TLS == nil || v.at.has(fTLS) {
		return nil
	}
	return []trial{{change{factor: fTLS, label: "off"}, meaning("wrong_protocol_plain", 0.97), func(_, to view) bool {
		own, _ := to.ownPage()
		return to.speaks() && own.Page != "tls-required" && !tlsPortWords.MatchString(bodyText(to.answer()))
	}}}
}

// handshake explains why TLS did not come about.
func (d *desk) handshake(v view) outcome {
	a := v.answer()
	var alert uint8
	asks := false
	if a.TLS != nil {
		alert, asks = a.TLS.Alert, a.TLS.ClientAuth
	}
	if asks || alert == 116 {
		f := seen("client_cert_required", 0.9, "The server asks for a client certificate and breaks off without one: "+told(a)+".", v)
		if alert == 116 || alert == 42 || alert == 40 {
			f.Confidence = 0.96
		}
		if w := d.see(v.at.with(change{factor: fCert, label: "own"})); w.ok && told(w.answer()) != told(a) {
			f.Confidence = max(f.Confidence, 0.95)
			f = f.also("With a certificate that nobody trusts it breaks off otherwise: %s.", told(w.answer()))
			f.Decided = append(f.Decided, w.name)
		}
		return only(f)
	}
	plain, sni, old := plainTrial(v), d.sniTrials(v), oldTLSTrial(v)
	var trials []trial
	switch {
	case alert == 112:
		trials = slices.Concat(sni, old)
	case a.Failure == exchange.TLSVersion || alert == 70 || alert == 71 || alert == 86:
		trials = slices.Concat(old, sni)
	case alert == 120: // no application protocol in common
		trials = slices.Concat(d.http2Trial(v), sni)
	case a.Failure == exchange.TLSRefused:
		trials = slices.Concat(sni, old, plain)
	case a.Failure == exchange.NotTLS || v.silent():
		trials = slices.Concat(plain, d.proxyTrial(v), sni)
	default: // broken off
		trials = slices.Concat(plain, sni, old, d.proxyTrial(v))
	}
	if o, ok := d.try(v, trials); ok {
		return o
	}
	if len(plain) > 0 {
		if w := d.see(v.at.with(plain[0].change)); w.ok && len(w.answer().Received) > 0 && !w.speaks() {
			return d.garbage(w)
		}
	}
	name := "tell a public name of the site to find out"
	switch {
	case alert == 112:
		return only(seen("sni_required", 0.8, "It refuses the handshake with 'unrecognised name'; "+name+".", v))
	case a.Failure == exchange.TLSVersion || alert == 70 || alert == 71 || alert == 86:
		return only(seen("tls_incompatible", 0.88, "There is no TLS version or cipher in common: "+told(a)+".", v))
	case a.Failure == exchange.TLSRefused && d.q.Site == "" && (alert == 40 || alert == 80):
		return only(seen("sni_required", 0.5, "It refuses the handshake; it may want a server name: "+name+".", v), seen("tls_incompatible", 0.4, "Or there is no cipher in common.", v))
	case a.Failure == exchange.TLSRefused:
		return only(seen("tls_incompatible", 0.55, "It refuses the handshake whatever the server name: "+told(a)+".", v))
	case a.Failure == exchange.NotTLS:
		return only(seen("wrong_protocol_plain", 0.8, "What it answers to the TLS hello is no TLS: "+excerpt(a.Received)+".", v))
	case a.Failure == exchange.Untrusted:
		return outcome{}
	case v.silent():
		return only(seen("no_response", 0.6, "It accepts the connection and never answers the TLS hello, nor a plain request.", v))
	}
	if d.q.Site == "" {
		return only(seen("closed_no_response", 0.5, "It breaks off the TLS handshake, and a plain request as well.", v), seen("sni_required", 0.4, "It may want a server name: "+name+".", v))
	}
	return only(seen("closed_no_response", 0.7, "It breaks off the TLS handshake whatever the server name, and a plain request as well.", v))
}
