package diagnose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// slashTrial asks for the path with, or without, a slash at its end.
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

// missing explains a 404 or 410: another virtual host took the request, or the
// path is wrong, and then where the right one is.
func (d *desk) missing(v view) outcome {
	trials := slices.Concat(d.prelude(v), sentElsewhere(d.hostTrials(v)), d.slashTrial(v))
	if o, ok := d.try(v, trials); ok {
		return o
	}
	if o, ok := d.hushed(v); ok {
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
	// What strangers may not see is hidden from them.
	if o, ok := d.try(v, d.sourceTrials(v)); ok && o.solved {
		return o
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
		return only(f, seen("vhost_mismatch", 0.4, "The 404 is the front server's own: its default server may have answered. Ask with --site www.example.com to find out.", v))
	}
	return only(f)
}

// sentElsewhere makes of trials of the Host that what fails as a front server's own
// words, in place of a 404 in others', was sent to another part of the server.
func sentElsewhere(trials []trial) []trial {
	for i, t := range trials {
		trials[i].meaning = func(from, to view) Finding {
			f := t.meaning(from, to)
			if f.Cause == "host_not_allowed" && to.frontPage() && to.status() >= 502 {
				f.Cause = "vhost_mismatch"
				f = f.also("By that name the front server sends it elsewhere.")
			}
			return f
		}
	}
	return trials
}

// hushed: by the site's name there was no answer in the time that an experiment
// has, where there is one at once without. That is another answer, though no word
// was heard: what takes the request there may try for seconds to reach an app that
// is down. It is asked once more, with all the time that is left.
func (d *desk) hushed(v view) (outcome, bool) {
	if d.q.Site == "" || v.at.has(fHost) || !v.quick() {
		return outcome{}, false
	}
	at := v.at.with(change{factor: fHost, label: "site", arg: d.q.Site})
	silent := d.see(at)
	if !silent.silent() {
		return outcome{}, false
	}
	w := d.see(at.with(change{factor: fWait, label: "longer"}))
	if !w.ok {
		w = silent
	}
	f := seen("vhost_mismatch", 0.8, fmt.Sprintf("With %s the same request is not answered within %.1f s; without, %s at once: by that name it goes to another part of the server.", at.changes[len(at.changes)-1].text(), silent.answer().Phases.Total.Seconds(), told(v.answer())), silent, v)
	behind := outcome{chain: []Finding{seen("upstream_timeout", 0.5, "What takes the request by that name waits for an app that does not answer, or tries again and again to reach one.", w)}}
	if w.speaks() {
		f = f.also("After %.1f s comes %s.", w.answer().Phases.Total.Seconds(), told(w.answer()))
		f.Decided = append([]string{w.name}, f.Decided...)
		behind = d.explain(w.at)
	}
	return outcome{chain: append([]Finding{f}, behind.chain...), others: behind.others, solved: behind.solved}, true
}

// wrongMethod explains a 405 or 501.
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
