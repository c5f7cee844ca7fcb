package diagnose

import (
	"fmt"
	"slices"

	"github.com/inservice/inservice/internal/exchange"
)

// unauthorized explains a 401 or 407: credentials are wanted, unless another Host
// or method passes without.
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

// forbidden explains a 403 or 451: a rule about the Host, the client, the address
// that asks or the path, or credentials that are wanted without saying so.
func (d *desk) forbidden(v view) outcome {
	trials := slices.Concat(d.prelude(v), d.hostTrials(v), pastRefusal(d.clientTrials(v)), d.sourceTrials(v))
	if o, ok := d.try(v, trials); ok {
		return eitherHost(v, o)
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
			others = append(others, seen("host_not_allowed", 0.4, "It may refuse the Host: ask with --site www.example.com to find out.", v))
		}
		return only(f, others...)
	}
	f := seen("auth_required", 0.55, "Every path is forbidden by the app, whatever is changed: it wants credentials, or knows the client.", v, random)
	if d.q.Site == "" {
		return only(seen("host_not_allowed", 0.5, "Every path is forbidden by the app. It may refuse the Host: ask with --site www.example.com to find out.", v, random), f)
	}
	return only(f, seen("forbidden_source", 0.35, "It may be a rule about the address that asks.", v))
}

// pastRefusal makes trials take for progress, too, that a failure of the server
// comes in place of a refusal: nobody is told of it who is not let in.
func pastRefusal(trials []trial) []trial {
	for i, t := range trials {
		trials[i].further = func(from, to view) bool {
			return from.status()/100 == 4 && to.status() >= 500 || t.further != nil && t.further(from, to)
		}
	}
	return trials
}

// eitherHost names the other cause of a front server's own 403 that the Host flips:
// a rule about it, and a default server that denies all, look the same.
func eitherHost(v view, o outcome) outcome {
	if !v.frontPage() || len(o.chain) != 1 {
		return o
	}
	switch f := o.chain[0]; f.Cause {
	case "host_not_allowed":
		o.others = append(o.others, seen("vhost_mismatch", 0.45, "Or another virtual host takes the request, and denies everything: the front server's configuration tells which.", v))
	case "vhost_mismatch":
		o.others = append(o.others, seen("host_not_allowed", 0.45, "Or a rule about the Host denies it: the front server's configuration tells which.", v))
	}
	return o
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
