package diagnose

import (
	"fmt"
	"slices"

	"github.com/inservice/inservice/internal/lbprofile"
)

// status explains an HTTP answer that does not pass.
func (d *desk) status(v view) outcome {
	a := v.answer()
	if o, ok := d.saysTLS(v); ok {
		return o
	}
	if o, ok := d.wantsCertificate(v); ok {
		return o
	}
	switch {
	case a.Status/100 == 3:
		return d.redirect(v)
	case a.Status/100 == 2:
		return d.success(v)
	case a.Status == 401 || a.Status == 407:
		return d.unauthorized(v)
	case a.Status == 403 || a.Status == 451:
		return d.forbidden(v)
	case a.Status == 404 || a.Status == 410:
		return d.missing(v)
	case a.Status == 405 || a.Status == 501:
		return d.wrongMethod(v)
	case a.Status == 429:
		return d.limited(v)
	case a.Status >= 502 && a.Status <= 504:
		return d.gateway(v)
	case a.Status >= 500:
		return d.crash(v)
	}
	return d.refusedRequest(v)
}

// saysTLS: a TLS port that answers plain HTTP in words.
func (d *desk) saysTLS(v view) (outcome, bool) {
	a := v.answer()
	own, _ := v.ownPage()
	if v.request().TLS != nil || a.Status/100 == 2 || own.Page != "tls-required" && !tlsPortWords.MatchString(bodyText(a)) {
		return outcome{}, false
	}
	if o, ok := d.try(v, d.tlsTrial(v)); ok {
		return o, true
	}
	return only(seen("wrong_protocol_tls", 0.85, fmt.Sprintf("It answers %d and says that this port wants TLS: %q.", a.Status, quoted(bodyText(a))), v)), true
}

// wantsCertificate: TLS with a client certificate asked for, and a refusal.
func (d *desk) wantsCertificate(v view) (outcome, bool) {
	a := v.answer()
	if v.request().TLS == nil || a.TLS == nil {
		return outcome{}, false
	}
	own, _ := v.ownPage()
	says := own.Page == "cert-required" || clientCertWords.MatchString(bodyText(a)) || a.Status == 495 || a.Status == 496
	switch a.Status {
	case 400, 401, 403, 495, 496, 421:
	default:
		return outcome{}, false
	}
	if !a.TLS.ClientAuth && !says {
		return outcome{}, false
	}
	f := seen("client_cert_required", 0.75, fmt.Sprintf("The server asks for a client certificate in the handshake, and answers %d without one.", a.Status), v)
	if says {
		f.Confidence = 0.97
		f = f.also("Its answer says so: %q.", quoted(bodyText(a)))
	} else if o, ok := d.try(v, append(d.hostTrials(v), d.clientTrials(v)...)); ok && o.solved {
		return o, true
	}
	if w := d.see(v.at.with(change{factor: fCert, label: "own"})); w.ok && (kind(w) != kind(v) || bodyText(w.answer()) != bodyText(a)) {
		f.Confidence = max(f.Confidence, 0.93)
		f = f.also("With a certificate that nobody trusts it answers otherwise: %s.", told(w.answer()))
		f.Decided = append(f.Decided, w.name)
	}
	return only(f), true
}

// success: a 2xx that the matcher does not take, or a body that does not match.
func (d *desk) success(v view) outcome {
	a := v.answer()
	if o, ok := d.try(v, append(d.prelude(v), d.hostTrials(v)...)); ok && o.solved {
		return o
	}
	if v.o.Experiment.Probe.Rules.Body != "" && (a.Status == 200 || v.o.Experiment.Probe.Rules.Success == "") {
		f := seen("app_error", 0.4, fmt.Sprintf("It answers %d, but the body is not what the load balancer looks for: %q.", a.Status, quoted(bodyText(a))), v)
		if bad, ok := errorInBody(a); ok {
			f = seen("dependency_down", 0.6, "Its body says that something is wrong: "+bad, v)
		}
		return only(f)
	}
	f := seen("success_code_mismatch", 0.95, fmt.Sprintf("It answers %d: a success, but not one that the load balancer takes.", a.Status), v)
	unframed := a.BodySize > 0 && a.Get("Content-Length") == "" && a.Get("Transfer-Encoding") == ""
	if unframed && a.Status == 200 && v.o.Experiment.Probe.Profile.BodyEnd == lbprofile.BodyAnnounced {
		f.Evidence[0] = fmt.Sprintf("It answers %d with a body, and neither Content-Length nor chunks say where that ends: this load balancer takes no such answer.", a.Status)
	}
	f.Values["status"] = fmt.Sprint(a.Status)
	if r := d.random(v); r.ok {
		f.Decided = append(f.Decided, r.name)
		if r.speaks() && r.status() != a.Status {
			f = f.also("A path that cannot exist gives %s: this one is answered on purpose.", told(r.answer()))
		} else {
			f.Confidence = 0.85
			f = f.also("A path that cannot exist gives %s as well.", told(r.answer()))
		}
	}
	return only(f)
}

// refusedRequest explains the other 4xx: something in the request is not liked.
func (d *desk) refusedRequest(v view) outcome {
	a := v.answer()
	trials := slices.Concat(d.prelude(v), d.hostTrials(v))
	if a.Status == 406 || a.Status == 415 {
		trials = append(d.clientTrials(v), trials...)
	}
	if v.request().TLS != nil {
		trials = append(trials, d.sniTrials(v)...)
	}
	trials = append(trials, d.tlsTrial(v)...)
	trials = append(trials, d.forwardedTrials(v, 4)...)
	if o, ok := d.try(v, trials); ok {
		return o
	}
	random := d.random(v)
	trials = append(d.lastTrials(v), d.clientTrials(v)...)
	trials = append(trials, d.http2Trial(v)...)
	if a.Status != 406 {
		trials = append(trials, d.sourceTrials(v)...)
	}
	if a.Status == 400 && random.status() == 400 {
		trials = append(trials, d.proxyTrial(v)...)
	}
	if o, ok := d.try(v, trials); ok && o.solved {
		return o
	}
	everywhere := random.speaks() && random.status() == a.Status
	own, isOwn := v.ownPage()
	switch {
	case authWords.MatchString(bodyText(a)):
		return only(seen("auth_required", 0.7, fmt.Sprintf("It answers %d and asks for credentials: %q.", a.Status, quoted(bodyText(a))), v, random))
	case isOwn && own.Page == "host-refused":
		return only(seen("host_not_allowed", 0.85, fmt.Sprintf("The answer is what %s says to a Host that it does not know.", own.Title), v, random))
	case a.Status == 421:
		return only(seen("vhost_mismatch", 0.75, "421: it does not serve this Host on this connection.", v, random))
	case a.Status == 426 || a.Status == 505:
		return only(seen("http_version_rejected", 0.7, fmt.Sprintf("It answers %d: not this version of HTTP.", a.Status), v, random))
	case everywhere && d.q.Site == "":
		return only(seen("host_not_allowed", 0.5, fmt.Sprintf("It answers %d on every path: it may refuse the Host. Ask with --site www.example.com to find out.", a.Status), v, random))
	case everywhere:
		return only(seen("host_not_allowed", 0.35, fmt.Sprintf("It answers %d on every path, whatever was changed. The site's name as Host did not help; another name may.", a.Status), v, random))
	case a.Status == 400 || a.Status == 422:
		return only(seen("app_error", 0.55, fmt.Sprintf("Only this path answers %d, whatever was changed: the app wants something in the request that a load balancer does not send.", a.Status), v, random))
	}
	return only(seen("app_error", 0.4, fmt.Sprintf("It answers %d, whatever was changed.", a.Status), v, random))
}

// crash explains a 500.
func (d *desk) crash(v view) outcome {
	a := v.answer()
	trials := slices.Concat(d.prelude(v), d.forwardedTrials(v, 2), d.hostTrials(v))
	if clients := d.clientTrials(v); a.Phases.Total >= waited && len(clients) > 0 {
		// There is time for few, and who is kept waiting on purpose is known by this.
		trials = slices.Concat(d.prelude(v), clients[len(clients)-1:], d.hostTrials(v), d.forwardedTrials(v, 2))
	}
	if a.Status == 505 {
		trials = append(d.versionTrials(v), trials...)
	}
	if o, ok := d.try(v, trials); ok {
		return o
	}
	random, root := d.random(v), d.root(v)
	lives := func(w view) bool { return w.speaks() && w.status() < 500 }
	trials = slices.Concat(d.forwardedTrials(v, len(forwarded))[2:], d.clientTrials(v)[:min(2, len(d.clientTrials(v)))], d.slashTrial(v))
	if o, ok := d.try(v, trials); ok && o.solved {
		return o
	}
	f := seen("app_error", 0.85, fmt.Sprintf("%d whatever is changed: the app itself fails.", a.Status), v)
	switch {
	case lives(random):
		f.Confidence = 0.93
		f.Evidence[0] = fmt.Sprintf("Only this path fails: %s gives %s, and nothing in the request changes the %d.", quoted(random.request().Path), told(random.answer()), a.Status)
		f.Decided = append(f.Decided, random.name)
	case lives(root):
		f.Confidence = 0.9
		f.Evidence[0] = fmt.Sprintf("%s gives %s, and nothing in the request changes the %d.", quoted(root.request().Path), told(root.answer()), a.Status)
		f.Decided = append(f.Decided, root.name)
	case random.ok:
		f = f.also("Other paths fail as well: %s.", told(random.answer()))
	}
	if named, ok := namesDependency(a); ok {
		return only(f, seen("dependency_down", 0.45, "Its body names what is down: "+named, v))
	}
	return only(f)
}
