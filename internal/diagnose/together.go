package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/exchange"
)

// together asks as a user's browser would through the load balancer: every change
// at once. Two rules that answer alike hide each other from changes one at a time;
// where all of them pass, leaving one out at a time tells which are needed.
func (d *desk) together(v view) (outcome, bool) {
	if v.request().Protocol != exchange.HTTP1 {
		return outcome{}, false
	}
	switch s := v.status(); {
	case v.closed():
	case s >= 400 && s <= 500 && s != 401 && s != 405 && s != 407 && s != 429:
	default:
		return outcome{}, false
	}
	var changes []change
	if names := d.hostNames(v); len(names) > 0 {
		changes = append(changes, names[0])
	}
	changes = append(changes, forwarded[1], change{factor: fClient, label: "browser"}, forwarded[0], forwarded[2])
	if m := v.request().Method; m != "" && m != "GET" {
		changes = append(changes, change{factor: fMethod, label: "GET"})
	}
	if sources := d.sources(v); v.status() >= 400 && v.status() < 500 && len(sources) > 0 {
		changes = append(changes, sources[0])
	}
	sets := [][]change{changes}
	if other, ok := toggled(v.request().Path); ok && v.status() >= 400 && v.status() < 500 {
		sets = append(sets, append(slices.Clone(changes), pathChange("slash", other)))
	}
	for _, set := range sets {
		whole := d.see(v.at.all(set))
		if !whole.passes() {
			continue
		}
		var chain []Finding
		for i, c := range set {
			without := d.see(v.at.all(slices.Delete(slices.Clone(set), i, i+1)))
			if without.fails() {
				chain = append(chain, needed(c, whole, without))
			}
		}
		if len(chain) > 0 {
			return outcome{chain: chain, solved: true}, true
		}
	}
	return outcome{}, false
}

// all is s with several changes.
func (s setting) all(changes []change) setting {
	for _, c := range changes {
		s = s.with(c)
	}
	return s
}

// needed says what it means that all changes pass, and all but one do not.
func needed(c change, whole, without view) Finding {
	var id cause.ID
	switch c.factor {
	case fHost:
		id = hostMeans(without, whole).Cause
	case fClient:
		id = "forbidden_client"
	case fMethod:
		id = "method_not_allowed"
	case fSource:
		id = "forbidden_source"
	case fPath:
		id = "trailing_slash"
	default:
		id = "needs_forwarded_header"
		if l, ok := location(without); ok && l.scheme == "https" {
			id = "https_redirect"
		}
	}
	var texts []string
	for _, x := range whole.at.changes {
		texts = append(texts, x.text())
	}
	f := seen(id, 0.9, fmt.Sprintf("All of this together gives %s: %s. Without %s of it, %s.", told(whole.answer()), strings.Join(texts, "; "), c.text(), told(without.answer())), whole, without)
	if c.factor == fPath {
		f.Values["toggled"] = c.value()
	}
	return f
}
