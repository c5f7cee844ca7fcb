package fingerprint

import (
	"strings"

	"github.com/inservice/inservice/internal/lbprofile"
)

// sketch is what the rules look at, found in one pass over the fields.
type sketch struct {
	userAgent   string // the User-Agent's value
	hasAgent    bool   // there is one, if only an empty one
	agent       *agent // whom it names; nil: nobody known
	accept      string
	serverState string // HAProxy's field
	frontDoor   bool   // Azure Front Door's field
	closes      bool   // Connection: close
	through     string // the field that tells of a proxy in between
	others      int    // fields besides Host, User-Agent, Connection: close, Content-Length: 0 and HAProxy's own
	lower       bool   // no field's name has a capital letter, and there are fields
}

// agent is a User-Agent that names a prober.
type agent struct {
	text    string // the User-Agent, or its beginning
	starts  bool
	profile *lbprofile.Profile
}

var (
	profiles = lbprofile.All()
	agents   = agentsOf(profiles)
	google   = find("gcp")
	azure    = find("azure-lb")
)

// agentsOf lists the User-Agents of all profiles. Where two share one, the first
// has it; the rules tell them apart.
func agentsOf(profiles []lbprofile.Profile) []agent {
	var all []agent
	for i := range profiles {
		for _, pattern := range profiles[i].Agents {
			text, starts := strings.CutSuffix(pattern, "*")
			all = append(all, agent{text: text, starts: starts, profile: &profiles[i]})
		}
	}
	return all
}

func find(name string) *lbprofile.Profile {
	for i := range profiles {
		if profiles[i].Name == name {
			return &profiles[i]
		}
	}
	panic("fingerprint: lbprofile has no " + name)
}

// agentOf returns whom a User-Agent names. The text of a prober must be the whole
// of it or, where the rest varies, its beginning: a browser that has such a text
// further on is a browser.
func agentOf(userAgent string) *agent {
	for i := range agents {
		a := &agents[i]
		if userAgent == a.text || a.starts && strings.HasPrefix(userAgent, a.text) {
			return a
		}
	}
	return nil
}

func sketchOf(r *Request) sketch {
	s := sketch{lower: len(r.Fields) > 0}
	for i := range r.Fields {
		f := &r.Fields[i]
		if hasCapital(f.Name) {
			s.lower = false
		}
		if !s.note(f) {
			s.others++
		}
	}
	return s
}

// note takes down what f tells, and reports whether f is a field that bare
// probes have.
func (s *sketch) note(f *Field) bool {
	switch {
	case is(f.Name, "Host"), strings.HasPrefix(f.Name, ":"): // HTTP/2's own are no choice of the sender's
		return true
	case is(f.Name, "User-Agent"):
		if !s.hasAgent {
			s.userAgent, s.hasAgent, s.agent = f.Value, true, agentOf(f.Value)
		}
		return true
	case is(f.Name, "Connection"):
		s.closes = is(f.Value, "close")
		return s.closes
	case is(f.Name, "Content-Length"):
		return f.Value == "0"
	case is(f.Name, "X-Haproxy-Server-State"):
		s.serverState = f.Value
		return true
	case is(f.Name, "Accept"):
		s.accept = f.Value
	case is(f.Name, "X-FD-HealthProbe"):
		s.frontDoor = f.Value == "1"
	case is(f.Name, "X-Forwarded-For"), is(f.Name, "Forwarded"), is(f.Name, "Via"):
		s.through = f.Name
	}
	return false
}

// is reports whether a and b are equal but for case. Most pairs differ in length.
func is(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func hasCapital(s string) bool {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return true
		}
	}
	return false
}
