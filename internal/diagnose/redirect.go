package diagnose

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
)

// redirect explains a 3xx.
func (d *desk) redirect(v view) outcome {
	to, ok := location(v)
	if !ok {
		if o, ok := d.try(v, append(d.prelude(v), d.hostTrials(v)...)); ok {
			return o
		}
		return only(seen("path_redirect", 0.3, fmt.Sprintf("It answers %d without a Location that can be read.", v.status()), v))
	}
	from := here(v)
	if to.scheme == "http" && v.request().TLS == nil {
		from.scheme = "http" // what X-Forwarded-Proto says is for others to believe
	}
	if o, ok := d.try(v, d.methodTrials(v)); ok && o.solved {
		return o
	}
	switch {
	case isLogin(from, to):
		return d.login(v, to)
	case to.scheme == "https" && from.scheme == "http":
		return d.toHTTPS(v, to)
	case to.host != from.host:
		return d.canonical(v, to)
	case to.path == from.path && to.scheme == from.scheme:
		return d.loop(v, to)
	case to.scheme != from.scheme:
		return d.toHTTP(v, to)
	}
	return d.otherPath(v, to)
}

// login: the redirect leads to where one signs in. Is that so for all of the app?
func (d *desk) login(v view, to place) outcome {
	f := seen("login_redirect", 0.93, fmt.Sprintf("It redirects to a login page: %s.", to), v)
	f.Location = to.String()
	if r := d.random(v); r.speaks() {
		if l, ok := location(r); ok && isLogin(here(r), l) {
			f = f.also("A path that cannot exist is sent there too: the login stands before all of the app.")
		} else {
			f = f.also("A path that cannot exist gives %s: only some paths want a login.", told(r.answer()))
		}
		f.Decided = append(f.Decided, r.name)
	}
	return only(f)
}

// loop: the redirect leads to where it came from.
func (d *desk) loop(v view, to place) outcome {
	f := seen("redirect_loop", 0.95, fmt.Sprintf("The redirect leads to the very URL that was asked: %s.", to), v)
	f.Location = to.String()
	if hostOf(v.request()) == "" {
		if o, ok := d.try(v, d.versionTrials(v)); ok && o.solved {
			return o
		}
	}
	if o, ok := d.try(v, d.hostTrials(v)); ok && o.solved {
		o.chain[0].Confidence = 0.6
		return outcome{chain: []Finding{f}, others: o.chain, solved: false}
	}
	return only(f)
}

// toHTTPS: why is it sent to https, and what does the server take for https?
func (d *desk) toHTTPS(v view, to place) outcome {
	from := here(v)
	located := func(f Finding) Finding {
		f.Location = to.String()
		return f
	}
	says := func(from, to view) Finding {
		f := located(flipped("https_redirect", 0.95, from, to))
		last := to.at.changes[len(to.at.changes)-1]
		f.Values["status"] = fmt.Sprint(from.status())
		if last.label != "X-Forwarded-Proto" {
			f = f.also("It looks at %s, not at X-Forwarded-Proto.", last.label)
		}
		return f
	}
	past := func(_, w view) bool {
		if !w.speaks() {
			return w.closed()
		}
		l, ok := location(w)
		return !ok || l.scheme != "https" || unechoed(l.path, w) != unechoed(to.path, v) || l.host != here(w).host && to.host == from.host
	}
	xfp := fieldChange("X-Forwarded-Proto", "https")
	first := d.see(v.at.with(xfp))
	if o, ok := d.try(v, []trial{{xfp, says, past}}); ok {
		return o
	}
	if o, ok := d.httpsAndName(v, to, past); ok {
		return o
	}
	words := d.see(v.at.with(change{factor: fHTTPSWords, label: "all"}))
	if words.passes() || words.ok && past(v, words) && !sameRedirect(words, v) {
		var trials []trial
		for _, w := range httpsWords {
			trials = append(trials, trial{fieldChange(w.Name, w.Value), says, past})
		}
		if o, ok := d.try(v, trials); ok {
			return o
		}
	}
	d.rule(words, v)
	if o, ok := d.try(v, d.tlsTrial(v)); ok {
		return o
	}
	f := located(seen("https_redirect_xfp_ignored", 0.93, "", v, first))
	if !first.ok {
		f.Confidence = 0.5
		return only(f.also("It redirects to https; whether X-Forwarded-Proto: https prevents that was not tried."))
	}
	f = f.also("X-Forwarded-Proto: https changes nothing: %s.", told(first.answer()))
	if words.ok {
		f = f.also("Nor do the other fields that say the same (%s, …).", httpsWords[0].Name)
	}
	if names := d.hostNames(v); len(names) > 0 {
		f = f.also("Nor does Host: %s.", quoted(names[0].arg))
	}
	if w := d.securePort(v, to); speaksTLS(v, w) {
		_, port := splitAddress(w.request().Address)
		f = f.also("Port %s of this machine speaks TLS: there the same request gives %s.", port, told(w.answer()))
		f.Values["otherport"] = port
		f.Decided = append(f.Decided, w.name)
	}
	return only(f)
}

// securePort asks by TLS the port of this machine that a redirect to https leads to,
// or the usual ones for TLS, as far as somebody listens there.
func (d *desk) securePort(v view, to place) view {
	addr, own, ok := v.target()
	if !ok || v.request().TLS != nil || v.at.has(fPort) {
		return view{}
	}
	for _, label := range []string{cmp.Or(to.port, "443"), "443", "8443"} {
		port, err := strconv.ParseUint(label, 10, 16)
		if err != nil || uint16(port) == own || len(d.q.Machine.Takers(uint16(port), addr)) == 0 {
			continue
		}
		w := d.see(v.at.with(change{factor: fPort, label: label}).with(change{factor: fTLS, label: "on"}))
		if speaksTLS(v, w) {
			return w
		}
	}
	return view{}
}

// httpsAndName: two conditions at once, https and a name. The Location is the same as
// long as either is not met.
func (d *desk) httpsAndName(v view, to place, past func(_, w view) bool) (outcome, bool) {
	located := func(f Finding) Finding {
		f.Location = to.String()
		return f
	}
	xfp := fieldChange("X-Forwarded-Proto", "https")
	first := d.see(v.at.with(xfp))
	for _, name := range d.hostNames(v) {
		byName := d.see(v.at.with(name))
		if byName.passes() {
			return outcome{chain: []Finding{located(hostMeans(v, byName))}, solved: true}, true
		}
		both := d.see(v.at.with(xfp).with(name))
		d.rule(byName, v)
		if !both.passes() && (!both.speaks() || sameRedirect(both, v) || !past(v, both) || isHTTPSRedirect(both)) {
			continue
		}
		host := located(flipped("canonical_host_redirect", 0.9, first, both))
		if to.host == here(v).host {
			host = hostMeans(first, both)
		}
		scheme := located(flipped("https_redirect", 0.93, byName, d.see(v.at.with(name).with(xfp))))
		if both.passes() {
			return outcome{chain: []Finding{scheme, host}, solved: true}, true
		}
		if behind := d.explain(both.at); behind.certain() >= 0.6 {
			return outcome{chain: append([]Finding{scheme, host}, behind.chain...), others: behind.others, solved: behind.solved}, true
		}
	}
	return outcome{}, false
}

// isHTTPSRedirect reports whether a redirect leads to https at another host.
func isHTTPSRedirect(v view) bool {
	l, ok := location(v)
	return ok && l.scheme == "https" && l.host != here(v).host
}

// toHTTP: asked by TLS, sent to plain http.
func (d *desk) toHTTP(v view, to place) outcome {
	if o, ok := d.try(v, append([]trial{{fieldChange("X-Forwarded-Proto", "https"), meaning("needs_forwarded_header", 0.8), nil}}, d.hostTrials(v)...)); ok {
		return o
	}
	f := seen("redirect_loop", 0.4, fmt.Sprintf("Asked by TLS, it sends to %s; where that redirects back to https, it never ends.", to), v)
	f.Location = to.String()
	return only(f)
}

// canonical: another host name on the same scheme.
func (d *desk) canonical(v view, to place) outcome {
	name := to.host
	if to.port != "" && to.port != "80" && to.port != "443" {
		name = net.JoinHostPort(to.host, to.port)
	}
	located := func(f Finding) Finding {
		f.Location = to.String()
		return f
	}
	means := func(from, w view) Finding { return located(flipped("canonical_host_redirect", 0.96, from, w)) }
	past := func(_, w view) bool {
		l, ok := location(w)
		return w.closed() || w.speaks() && (!ok || l.host == here(w).host && !sameRedirect(v, w))
	}
	byName := change{factor: fHost, label: "location", arg: name}
	if !d.see(v.at.with(byName)).passes() {
		if o, ok := d.pathAlone(v, to); ok {
			return o
		}
	}
	if o, ok := d.try(v, []trial{{byName, means, past}}); ok {
		return o
	}
	if o, ok := d.nameAndPath(v, to, byName); ok {
		return o
	}
	if o, ok := d.try(v, append(d.versionTrials(v), d.hostTrials(v)...)); ok && o.solved {
		return o
	}
	f := located(seen("canonical_host_redirect", 0.7, fmt.Sprintf("It redirects to another host name: %s. Asked by that name, it redirects as well.", to), v))
	return only(f)
}
