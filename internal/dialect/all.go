package dialect

import "github.com/inservice/inservice/internal/lbprofile"

// Skipped is a dialect that cannot ask a target, and why.
type Skipped struct {
	Name string
	Why  string
}

// All returns the question of every dialect to one target, in the order of Names,
// and those that cannot ask it. A dialect that only calls by gRPC is left out of an
// HTTP target, which would fail for that reason alone; one that only connects is
// not, for that is what it makes of such a target.
//
// Of o, a dialect takes what fits it: what it cannot be told is left at its
// default, so that one table can hold all of them. An error means that no dialect
// at all can ask.
func All(rawURL string, o Options) ([]Probe, []Skipped, error) {
	t, err := parseTarget(rawURL)
	if err != nil {
		return nil, nil, err
	}
	var probes []Probe
	var skipped []Skipped
	for _, profile := range lbprofile.All() {
		if !askable(profile) {
			continue
		}
		if calls(profile) && (t.scheme == "http" || t.scheme == "https") {
			skipped = append(skipped, Skipped{profile.Name, "calls by gRPC; write grpc://" + t.long()})
			continue
		}
		if other := relative(profile, t); other.Name != profile.Name {
			skipped = append(skipped, Skipped{profile.Name, "asks " + t.scheme + " as " + other.Name + " does"})
			continue
		}
		p, err := build(profile, rawURL, o.fitting(profile, t))
		if err != nil {
			skipped = append(skipped, Skipped{profile.Name, err.Error()})
			continue
		}
		probes = append(probes, p)
	}
	if len(probes) == 0 {
		_, err := New("", rawURL, o)
		return nil, skipped, err
	}
	return probes, skipped, nil
}

// fitting drops from o what that dialect cannot be told.
func (o Options) fitting(p lbprofile.Profile, t target) Options {
	if p.Body == lbprofile.BodyIgnored {
		o.Body = ""
	}
	if connects(p) {
		o.Host, o.Path, o.Method, o.Matcher, o.Fields, o.Version, o.Body = nil, "", "", "", nil, "", ""
	}
	if calls(p) {
		o.Path, o.Method, o.Matcher, o.Version, o.Body = "", "", "", "", ""
	} else {
		o.Service = ""
	}
	return o
}
