package diagnose

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"

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

// renegotiated reports whether the handshake came to its end, and the server then
// began another one, which TLS up to 1.2 knows and we do not do.
func renegotiated(a exchange.Answer) bool {
	return a.Status == 0 && a.Failure == exchange.NotTLS && a.TLS != nil && a.TLS.Version != 0 && a.TLS.Version <= tls.VersionTLS12 &&
		a.Err != nil && strings.Contains(a.Err.Error(), "renegotiation") // crypto/tls tells its alerts in words only
}

// renegotiation: after the handshake, when it has read the request, the server
// wants another one. That is how servers ask for a client certificate for some
// paths only; TLS 1.3 has no such thing.
func (d *desk) renegotiation(v view) outcome {
	f := seen("client_cert_required", 0.8, "The handshake stands, and once the server has read the request it begins another one instead of an answer: so servers ask for a client certificate for some paths only.", v)
	for _, w := range []view{d.random(v), d.root(v)} {
		if w.name != v.name && w.speaks() {
			f.Confidence = 0.9
			f = f.also("%s needs no second handshake: it gives %s.", quoted(w.request().Path), told(w.answer()))
			f.Decided = append(f.Decided, w.name)
			break
		}
	}
	return only(f)
}

// oldTLSTrial offers old versions of TLS as well.
func oldTLSTrial(v view) []trial {
	if v.request().TLS == nil || v.at.has(fTLS) {
		return nil
	}
	return []trial{{change{factor: fTLS, label: "1.0"}, meaning("tls_incompatible", 0.96), func(from, to view) bool { return from.answer().Status == 0 && speaksTLS(from, to) && to.speaks() }}}
}

// plainTrial asks without TLS.
func plainTrial(v view) []trial {
	if v.request().TLS == nil || v.at.has(fTLS) {
		return nil
	}
	return []trial{{change{factor: fTLS, label: "off"}, meaning("wrong_protocol_plain", 0.97), func(_, to view) bool {
		own, _ := to.ownPage()
		return to.speaks() && own.Page != "tls-required" && !tlsPortWords.MatchString(bodyText(to.answer()))
	}}}
}

// unverified is the change that leaves the certificate unchecked.
var unverified = change{factor: fTLS, label: "unverified"}

// untrusted: the certificate does not verify, for which the closed list of causes has
// no name. A note tells what the experiments show: whether the server has another one
// for a name that it is asked by, and what comes where nobody looks at it. What is
// wrong behind it is explained as ever.
func (d *desk) untrusted(v view) outcome {
	if o, ok := d.try(v, d.sniTrials(v)); ok {
		o.chain[0] = o.chain[0].also("Without that name it shows a certificate that does not verify: %s.", quoted(d.distrust(v)))
		return o
	}
	w := d.see(v.at.with(unverified))
	if !w.ok || len(d.noted) > 0 {
		return outcome{}
	}
	n := Note{ID: "certificate", Grade: Caution, Evidence: []string{quoted(d.distrust(v)), fmt.Sprintf("With %s the same request gives %s; without, %s.", unverified.text(), told(w.answer()), told(v.answer()))}}
	if w.passes() {
		n.Text = "The certificate does not verify, and nothing else is wrong: where it is not looked at, the probe passes."
		d.noted = append(d.noted, n)
		return outcome{solved: true}
	}
	n.Text = "The certificate does not verify. Where it is not looked at, the probe fails as well: that is not all that is wrong."
	d.noted = append(d.noted, n)
	return d.explain(w.at)
}

// distrust is why a certificate does not verify, in the words of whoever looked.
func (d *desk) distrust(v view) string {
	a := v.answer()
	switch {
	case a.TLS != nil && a.TLS.VerifyError != nil:
		return a.TLS.VerifyError.Error()
	case a.Err != nil:
		return a.Err.Error()
	}
	return told(a)
}

// handshake explains why TLS did not come about.
func (d *desk) handshake(v view) outcome {
	if v.answer().Failure == exchange.Untrusted {
		return d.untrusted(v)
	}
	if o, ok := d.certificateWanted(v); ok {
		return o
	}
	a := v.answer()
	alert := alertOf(a)
	plain, sni, old := plainTrial(v), d.sniTrials(v), oldTLSTrial(v)
	var trials []trial
	switch {
	case alert == 112:
		trials = slices.Concat(sni, old)
	case a.Failure == exchange.TLSVersion || noVersion(alert):
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
	return d.failedHandshake(v)
}

// alertOf is the alert by which the server refused, 0 if it sent none.
func alertOf(a exchange.Answer) uint8 {
	if a.TLS == nil {
		return 0
	}
	return a.TLS.Alert
}

// noVersion reports whether an alert says that nothing was found in common.
func noVersion(alert uint8) bool { return alert == 70 || alert == 71 || alert == 86 }

// certificateWanted: the server asks for a client certificate and breaks off.
func (d *desk) certificateWanted(v view) (outcome, bool) {
	a := v.answer()
	alert := alertOf(a)
	if alert != 116 && (a.TLS == nil || !a.TLS.ClientAuth) {
		return outcome{}, false
	}
	f := seen("client_cert_required", 0.9, "The server asks for a client certificate and breaks off without one: "+told(a)+".", v)
	if alert == 116 || alert == 42 || alert == 40 {
		f.Confidence = 0.96
	}
	if w := d.see(v.at.with(change{factor: fCert, label: "own"})); w.ok && told(w.answer()) != told(a) {
		f.Confidence = max(f.Confidence, 0.95)
		f = f.also("With a certificate that nobody trusts it breaks off otherwise: %s.", told(w.answer()))
		f.Decided = append(f.Decided, w.name)
	}
	return only(f), true
}

// failedHandshake says what a handshake tells that no change mends.
func (d *desk) failedHandshake(v view) outcome {
	a := v.answer()
	alert := alertOf(a)
	name := "ask with --site www.example.com to find out"
	switch {
	case alert == 112:
		return only(seen("sni_required", 0.8, "It refuses the handshake with 'unrecognised name'; "+name+".", v))
	case a.Failure == exchange.TLSVersion || noVersion(alert):
		return only(seen("tls_incompatible", 0.88, "There is no TLS version or cipher in common: "+told(a)+".", v))
	case a.Failure == exchange.TLSRefused && d.q.Site == "" && (alert == 40 || alert == 80):
		return only(seen("sni_required", 0.5, "It refuses the handshake; it may want a server name: "+name+".", v), seen("tls_incompatible", 0.4, "Or there is no cipher in common.", v))
	case a.Failure == exchange.TLSRefused:
		return only(seen("tls_incompatible", 0.55, "It refuses the handshake whatever the server name: "+told(a)+".", v))
	case a.Failure == exchange.NotTLS && shaken(v):
		return only(seen("malformed_response", 0.5, "The handshake stands, and then come bytes that are no TLS, or none that can be read.", v), seen("closed_no_response", 0.4, "It breaks off once it was asked.", v))
	case a.Failure == exchange.NotTLS && len(a.Received) == 0:
		return only(seen("wrong_protocol_plain", 0.6, "What it answers to the TLS hello is no TLS.", v))
	case a.Failure == exchange.NotTLS:
		return only(seen("wrong_protocol_plain", 0.8, "What it answers to the TLS hello is no TLS: "+excerpt(a.Received)+".", v))
	case v.silent():
		return only(seen("no_response", 0.6, "It accepts the connection and never answers the TLS hello, nor a plain request.", v))
	}
	if d.q.Site == "" {
		return only(seen("closed_no_response", 0.5, "It breaks off the TLS handshake, and a plain request as well.", v), seen("sni_required", 0.4, "It may want a server name: "+name+".", v))
	}
	return only(seen("closed_no_response", 0.7, "It breaks off the TLS handshake whatever the server name, and a plain request as well.", v))
}
