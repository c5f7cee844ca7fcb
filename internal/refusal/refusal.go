// Package refusal says by which rules common servers would refuse a request
// before any of their own code sees it: rules about the Host field, about https,
// and about the form of a request. A load balancer's probe runs into them often,
// for it calls a machine by its address.
//
// Each rule is the algorithm of the server that it is named after, as far as it
// concerns probes, with the value that would have to be allowed. Whether the rule
// is in force there, nobody can tell from the request: a [Refusal] says what
// happens if it is, and what to write so that it does not.
//
// Everything here is pure. The texts may hold what a stranger chose, such as the
// value of a Host field, quoted so that it is safe to print.
package refusal

import (
	"strings"

	"github.com/inservice/inservice/internal/fingerprint"
)

// Request is what a server sees.
type Request struct {
	fingerprint.Request
	TLS bool // it came inside TLS
}

// Refusal is a rule that refuses a request unless something is done.
type Refusal struct {
	Rule    string // id, stable: "django-allowed-hosts"
	Server  string // for people: "Django"
	Setting string // what the rule is called there: "ALLOWED_HOSTS"
	Answers string // what the prober gets: "400"
	Why     string // in words, safe to print
	Verb    string // what the setting must do with Allow: "allows", "names", "exempts"
	Allow   string // the value to allow; empty: no value helps
	Fix     string // a line to write, or what else to do
	Always  bool   // the rule is in force whatever the settings
	Source  string // where the rule was read
}

// rule is one row of the table.
type rule struct {
	id, server, setting, answers, verb, source string
	always                                     bool
	applies                                    func(*Request) (why, allow, fix string, refuses bool)
}

// Of returns the rules that refuse r, those first that are always in force.
func Of(r Request) []Refusal {
	if r.Method == "" && r.Proto == "" && len(r.Fields) == 0 {
		return nil
	}
	var all []Refusal
	for i := range rules {
		row := &rules[i]
		why, allow, fix, refuses := row.applies(&r)
		if !refuses {
			continue
		}
		if strings.ContainsFunc(allow, func(c rune) bool { return c < ' ' || c > '~' }) {
			allow = quote(allow)
		}
		all = append(all, Refusal{
			Rule: row.id, Server: row.server, Setting: row.setting, Answers: row.answers,
			Why: why, Verb: row.verb, Allow: allow, Fix: fix, Always: row.always, Source: row.source,
		})
	}
	return all
}

// hosts returns the values of all Host fields.
func (r *Request) hosts() []string {
	var all []string
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, "Host") {
			all = append(all, f.Value)
		}
	}
	return all
}

// isHTTP11 reports whether the request must have a Host field (RFC 9112, 3.2).
func (r *Request) isHTTP11() bool { return r.Proto == "HTTP/1.1" }

// get returns the value of the first field of that name.
func (r *Request) get(name string) string {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}
