package diagnose

import (
	"fmt"

	"github.com/inservice/inservice/internal/cause"
)

// pathAlone: a Location with another name and another path. Many servers write their
// own name into every redirect: then the path alone is the matter.
func (d *desk) pathAlone(v view, to place) (outcome, bool) {
	if to.path == here(v).path {
		return outcome{}, false
	}
	path, means := pathTold(v, to)
	alone := d.see(v.at.with(path))
	if !alone.passes() {
		d.rule(alone, v)
		return outcome{}, false
	}
	f := means(v, alone)
	return outcome{chain: []Finding{f.also("The name in the Location is only how the server writes a URL: it is not asked for.")}, solved: true}, true
}

// nameAndPath: neither the name nor the path that a Location tells brings anything
// else by itself. Both may be wanted.
func (d *desk) nameAndPath(v view, to place, byName change) (outcome, bool) {
	if to.path == here(v).path {
		return outcome{}, false
	}
	path, means := pathTold(v, to)
	alone := d.see(v.at.with(path))
	both := d.see(v.at.with(byName).with(path))
	if !both.speaks() || redirects(both) {
		return outcome{}, false
	}
	host := flipped("canonical_host_redirect", 0.85, alone, d.see(v.at.with(path).with(byName)))
	host.Location = to.String()
	chain := []Finding{host, means(d.see(v.at.with(byName)), both)}
	if both.passes() {
		return outcome{chain: chain, solved: true}, true
	}
	if !differs(alone, both) { // the name is not what is in the way
		both, chain = alone, []Finding{means(v, alone)}
	}
	behind := d.explain(both.at)
	return outcome{chain: append(chain, behind.chain...), others: behind.others, solved: behind.solved}, behind.certain() >= 0.6
}

// pathTold is the change to the path that a Location names, and what it means where
// the probe passes with it.
func pathTold(v view, to place) (change, func(from, w view) Finding) {
	slash, _ := toggled(here(v).path)
	id, label := cause.ID("path_redirect"), "location"
	if slash == to.path {
		id, label = "trailing_slash", "slash"
	}
	return pathChange(label, to.path), func(from, w view) Finding {
		f := flipped("trailing_slash", 0.96, from, w)
		if id == "path_redirect" {
			f = flipped("path_redirect", 0.95, from, w)
			if loginForm.Match(w.answer().Body) {
				f = seen("login_redirect", 0.85, fmt.Sprintf("It redirects to %s, a page that asks for a password.", to), w, v)
			}
		}
		f.Location = to.String()
		return f
	}
}

// otherPath: the same site, another path.
func (d *desk) otherPath(v view, to place) outcome {
	path, means := pathTold(v, to)
	back := false
	past := func(from, w view) bool {
		l, ok := location(w)
		if ok && l.path == here(from).path && l.host == here(w).host {
			back = true
			return false
		}
		return w.speaks() || w.closed()
	}
	if o, ok := d.try(v, []trial{{path, means, past}}); ok {
		return o
	}
	if back {
		f := seen("redirect_loop", 0.93, fmt.Sprintf("It redirects to %s, and from there back.", to), v)
		f.Location = to.String()
		return only(f)
	}
	if o, ok := d.try(v, d.hostTrials(v)); ok && o.solved {
		return o
	}
	f := seen("path_redirect", 0.7, fmt.Sprintf("It redirects to %s.", to), v)
	if path.label == "slash" {
		f = seen("trailing_slash", 0.75, fmt.Sprintf("It redirects to %s: the same path but for the slash.", to), v)
	}
	f.Location = to.String()
	return only(f)
}
