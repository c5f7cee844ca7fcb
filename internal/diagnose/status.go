package diagnose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
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

func (d *desk) unauthorized(v view) outcome {
	a := v.answer()
	if o, ok := d.try(v, append(d.prelude(v), d.hostTrials(v)...)); ok && o.solved {
		return o
	}
	f := seen("auth_required", 0.9, fmt.Sprintf("It answers %d: it wants credentials.", a.Status), v)
	if how := a.Get("WWW-Authenticate"); how != "" {
		f.Confidence = 0.96
		f = f.also("WWW-Authenticate: %s.", quoted(how))
	}
	if r := d.random(v); r.speaks() {
		f.Decided = append(f.Decided, r.name)
		f = f.also("A path that cannot exist gives %s.", told(r.answer()))
	}
	return only(f)
}

func (d *desk) forbidden(v view) outcome {
	trials := slices.Concat(d.prelude(v), d.hostTrials(v), d.clientTrials(v), d.sourceTrials(v))
	if o, ok := d.try(v, trials); ok {
		return o
	}
	a := v.answer()
	random, root := d.random(v), d.root(v)
	if authWords.MatchString(bodyText(a)) || a.Get("WWW-Authenticate") != "" {
		f := seen("auth_required", 0.85, fmt.Sprintf("It answers %d and asks for credentials: %q.", a.Status, quoted(bodyText(a))), v, random)
		return only(f)
	}
	if o, ok := d.try(v, d.lastTrials(v)); ok && o.solved {
		return o
	}
	sourced := len(d.sources(v)) > 0
	others := func(w view) bool { return w.speaks() && w.status() != a.Status && w.status() < 500 }
	switch {
	case others(random) || others(root) && root.name != v.name:
		other := random
		if !others(random) {
			other = root
		}
		f := seen("forbidden_path", 0.93, fmt.Sprintf("Only this path is forbidden: %s gives %s, asked by the same client.", quoted(other.request().Path), told(other.answer())), v, other)
		if !sourced {
			f.Confidence = 0.75
			g := seen("forbidden_source", 0.3, "It could be a rule about the address that asks, for this path only: asking from an address that the server trusts would decide.", v)
			return only(f, g)
		}
		return only(f)
	case v.frontPage() || a.Status == 403 && len(a.Body) == 0:
		f := seen("forbidden_source", 0.6, "Every path is forbidden, whatever the Host and the User-Agent: what is left is the address that asks. Asking from an address that the server trusts would decide.", v, random)
		if sourced {
			f.Confidence = 0.45
		}
		others := []Finding{seen("auth_required", 0.3, "It may want credentials without saying so.", v)}
		if d.q.Site == "" {
			others = append(others, seen("host_not_allowed", 0.4, "It may refuse the Host: tell a public name of the site to find out.", v))
		}
		return only(f, others...)
	}
	f := seen("auth_required", 0.55, "Every path is forbidden by the app, whatever is changed: it wants credentials, or knows the client.", v, random)
	if d.q.Site == "" {
		return only(seen("host_not_allowed", 0.5, "Every path is forbidden by the app. It may refuse the Host: tell a public name of the site to find out.", v, random), f)
	}
	return only(f, seen("forbidden_source", 0.35, "It may be a rule about the address that asks.", v))
}

// lastTrials are the changes that are rarely the matter.
func (d *desk) lastTrials(v view) []trial {
	trials := d.forwardedTrials(v, 2)
	trials = append(trials, d.slashTrial(v)...)
	if v.request().TLS != nil {
		trials = append(trials, d.http2Trial(v)...) // spoken where it was not offered, and refused with a 4xx
	}
	if !v.at.has(fHost) && v.request().Protocol == exchange.HTTP1 && d.q.Site == "" {
		trials = append(trials, trial{change{factor: fHost, label: "localhost", arg: "localhost"}, hostMeans, nil})
	}
	return trials
}

func (d *desk) slashTrial(v view) []trial {
	other, ok := toggled(v.request().Path)
	if !ok || v.at.has(fPath) {
		return nil
	}
	return []trial{{pathChange("slash", other), func(from, to view) Finding {
		f := flipped("trailing_slash", 0.95, from, to)
		f.Values["toggled"] = other
		return f
	}, func(from, to view) bool {
		l, redirected := location(to)
		return to.speaks() && differs(from, to) && to.status() < 502 && to.status() != 400 && to.status() != 404 && to.status() != 410 && !(redirected && l.path == here(from).path)
	}}}
}

// wellKnown are health paths that many apps have.
var wellKnown = []string{"/health", "/healthz", "/health_check", "/healthcheck", "/health/", "/status", "/ping", "/up", "/api/health", "/actuator/health", "/ready", "/livez"}

var links = regexp.MustCompile(`(?i)(?:href|src|action)=["'](/[A-Za-z0-9._~-]+)/`)

// candidates are paths that could be the right one, the likeliest first.
func (d *desk) candidates(v, root view) []string {
	path, _, _ := strings.Cut(v.request().Path, "?")
	var prefixes []string
	if l, ok := location(root); ok && l.host == here(root).host && l.path != "/" {
		before, _, _ := strings.Cut(l.path, "?")
		prefixes = append(prefixes, strings.TrimRight(before, "/"))
	}
	if root.speaks() && root.status() == 200 {
		for _, m := range links.FindAllSubmatch(root.answer().Body, 20) {
			if p := string(m[1]); !slices.Contains(prefixes, p) && p != "/static" && p != "/assets" && len(prefixes) < 2 {
				prefixes = append(prefixes, p)
			}
		}
	}
	prefixes = append(prefixes, "/api", "/app")
	var list []string
	add := func(p string) {
		if p != path && !slices.Contains(list, p) && len(list) < 10 {
			list = append(list, p)
		}
	}
	for i, p := range prefixes {
		if i < 3 {
			add(p + path)
		}
	}
	if strings.Count(path, "/") > 1 {
		add(path[strings.LastIndex(path, "/"):])
	}
	for _, p := range wellKnown {
		add(p)
	}
	return list
}

func (d *desk) missing(v view) outcome {
	trials := slices.Concat(d.prelude(v), d.hostTrials(v), d.slashTrial(v))
	if o, ok := d.try(v, trials); ok {
		return o
	}
	a := v.answer()
	random := d.random(v)
	if !v.frontPage() || d.q.Site == "" {
		late := slices.Concat(d.lastTrials(v), d.clientTrials(v)[:min(1, len(d.clientTrials(v)))])
		if o, ok := d.try(v, late); ok && o.solved {
			return o
		}
	}
	root := d.root(v)
	f := seen("not_found", 0.85, fmt.Sprintf("A path that cannot exist gives %s too: there is nothing at %s.", told(random.answer()), quoted(v.request().Path)), v, random)
	if !random.ok {
		f = seen("not_found", 0.7, fmt.Sprintf("It answers %d.", a.Status), v)
	} else if random.status() != a.Status {
		f = seen("not_found", 0.7, fmt.Sprintf("It answers %d, whatever the Host, the method and the slash.", a.Status), v)
	}
	if root.speaks() && root.name != v.name {
		f = f.also("%s gives %s.", quoted(root.request().Path), told(root.answer()))
	}
	if len(v.at.changes) == 0 {
		for _, p := range d.candidates(v, root) {
			w := d.see(v.at.with(pathChange(p, p)))
			if w.passes() && !(random.ok && same(w, random)) {
				f.Confidence = 0.97
				f.Evidence = append([]string{fmt.Sprintf("Path %s gives %s; %s gives %s, as any path that does not exist.", quoted(p), told(w.answer()), quoted(v.request().Path), told(a))}, f.Evidence...)
				f.Decided = append([]string{w.name}, f.Decided...)
				f.Values["other"] = p
				break
			}
		}
	}
	if d.q.Site == "" && v.frontPage() && f.Confidence < 0.95 {
		f.Confidence = 0.6
		return only(f, seen("vhost_mismatch", 0.4, "The 404 is the front server's own: its default server may have answered. Tell a public name of the site to find out.", v))
	}
	return only(f)
}

func (d *desk) wrongMethod(v view) outcome {
	a := v.answer()
	trials := slices.Concat(d.prelude(v), d.hostTrials(v))
	if o, ok := d.try(v, trials); ok {
		return o
	}
	method := v.request().Method
	if method == "" {
		method = "GET"
	}
	f := seen("method_not_allowed", 0.85, fmt.Sprintf("It answers %d to %s.", a.Status, quoted(method)), v)
	if allow := a.Get("Allow"); allow != "" {
		f.Confidence = 0.92
		f = f.also("Allow: %s.", quoted(allow))
	}
	if r := d.random(v); r.speaks() {
		f.Decided = append(f.Decided, r.name)
		f = f.also("A path that cannot exist gives %s.", told(r.answer()))
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
		return only(seen("host_not_allowed", 0.5, fmt.Sprintf("It answers %d on every path: it may refuse the Host. Tell a public name of the site to find out.", a.Status), v, random))
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
