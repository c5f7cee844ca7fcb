package diagnose

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/cause"
)

// hostNames are names to ask by: the site's, those that the answer itself gives
// away, and those of the certificate.
func (d *desk) hostNames(v view) []change {
	var names []change
	add := func(label, name string) {
		name = strings.TrimSuffix(strings.ToLower(name), ".")
		if name == "" || strings.Contains(name, "*") || name == bareHost(hostOf(v.request())) {
			return
		}
		if !slices.ContainsFunc(names, func(c change) bool { return bareHost(c.arg) == bareHost(name) }) {
			names = append(names, change{factor: fHost, label: label, arg: name})
		}
	}
	add("site", d.q.Site)
	if l, ok := location(v); ok {
		if _, err := netip.ParseAddr(l.host); err != nil {
			add("location", l.host)
		}
	}
	if state := v.answer().TLS; d.q.Site == "" && state != nil && len(state.Peer) > 0 {
		for i, name := range state.Peer[0].DNSNames {
			if i < 2 {
				add("certificate", name)
			}
		}
	}
	return names
}

// hostTrials asks by other names.
func (d *desk) hostTrials(v view) []trial {
	var trials []trial
	if v.at.has(fHost) {
		return nil
	}
	for _, c := range d.hostNames(v) {
		trials = append(trials, trial{c, hostMeans, pastHost})
	}
	return trials
}

// awaited makes a change. Where the answer was quick and by the site's name nothing
// comes, it is asked by that name once more with all the time that is left: front
// servers try for seconds to reach an app that is dead.
func (d *desk) awaited(v view, c change) view {
	to := d.see(v.at.with(c))
	if c.factor != fHost || c.label != "site" || !to.silent() || !v.speaks() || !v.quick() {
		return to
	}
	patient := v.at.with(longer).with(c)
	if _, made := d.known[key(patient.name())]; !made && d.left() < 2500*time.Millisecond {
		return to
	}
	if w := d.see(patient); w.speaks() {
		return w
	}
	return to
}

// pastHost reports whether an answer to another Host came from behind what refused
// the first one.
func pastHost(from, to view) bool {
	if from.status() >= 500 && (to.closed() || to.status() == 400) {
		return true
	}
	if !to.speaks() || !differs(from, to) || sameRedirect(from, to) {
		return false
	}
	switch to.status() {
	case 400, 421, 429:
		return false
	case 403, 404:
		// A refusal in place of another is no progress, unless there was no answer
		// at all, or a front server's page gave way to the app's.
		switch from.status() {
		case 400, 403, 404, 410, 421:
			return from.frontPage() && !to.frontPage()
		}
	}
	return true
}

// hostMeans tells which of its causes a flip by Host is.
func hostMeans(from, to view) Finding {
	const sure, likely = 0.95, 0.75
	a := from.answer()
	own, isOwn := from.ownPage()
	f := func(id cause.ID, c float64) Finding { return flipped(id, c, from, to) }
	switch {
	case a.Status == 0:
		return f("vhost_mismatch", sure).also("No app closes a connection because of a Host: another virtual host took the request.")
	case a.Status/100 == 3:
		l, ok := location(from)
		if ok && l.host != here(from).host && l.scheme == here(from).scheme {
			g := f("canonical_host_redirect", sure)
			g.Location = l.String()
			return g
		}
		return f("vhost_mismatch", likely)
	case a.Status == 421 && (from.request().TLS != nil || isOwn):
		return f("vhost_mismatch", sure)
	case isOwn && own.Role == "front" && a.Status == 403:
		// A rule about the Host, or a default server that denies all.
		if own.Name == "nginx" {
			return f("vhost_mismatch", likely).also("The refusal is %s's own page: its default server denies.", own.Title)
		}
		return f("host_not_allowed", likely).also("The refusal is %s's own page: a rule about the Host.", own.Title)
	case isOwn && own.Page == "host-refused":
		return f("host_not_allowed", sure)
	case isOwn && (own.Role == "front" || own.Role == "appserver" && a.Status == 404):
		return f("vhost_mismatch", sure).also("The failing answer is %s's own page, not the app's: another virtual host took the request.", own.Title)
	case a.Status >= 502 && a.Status <= 504:
		return f("vhost_mismatch", likely)
	case a.Status == 401:
		return f("vhost_mismatch", 0.6)
	case a.Status >= 500:
		return f("host_not_allowed", 0.7)
	}
	if isOwn {
		return f("host_not_allowed", sure).also("The refusal is %s's.", own.Title)
	}
	return f("host_not_allowed", 0.9)
}
