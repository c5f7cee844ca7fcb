// Package real asks as real load balancers, orchestrators and monitors do,
// because it is them that ask: Debian's HAProxy, Varnish, Apache, Caddy and curl,
// and the kubelet, Traefik, Consul and blackbox_exporter by their own code (see
// the folder probers).
//
// A prober takes a question in words that all of them share. What it cannot be
// told, [Prober.Fit] leaves out, so that the same question can be put to a
// dialect of package dialect.
//
// Everything here starts programs, which belong to the test that asked and end
// with it. A Prober's methods must be called from the goroutine of the test.
package real

import (
	"slices"
	"time"

	"github.com/inservice/inservice/conformance/probers/frame"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/realserver"
)

// Question is what to ask, Answer what the prober made of it.
type (
	Question = frame.Question
	Answer   = frame.Answer
)

// Prober is one real prober.
type Prober struct {
	Name  string // as the dialect of its HTTP probes
	Title string // for people

	// kinds are those of Question.Kind that it can ask, with the dialect's name
	// for each; secure those that it can ask over TLS.
	kinds  map[string]string
	secure []string

	methods []string // that it can be told; the first is its own. None: GET alone
	host    bool     // it can be told what the Host field says
	named   bool     // it can be told the server name of the handshake
	trusts  bool     // it is not told to verify a certificate

	// change makes of the dialect what this version of the prober is.
	change func(*dialect.Options)

	// ask asks all questions, whose addresses are all different.
	ask func(realserver.TB, []Question) []Answer
}

// All returns every real prober that is held against.
func All() []Prober {
	return []Prober{haproxy, varnish, apache, caddy, curl, kubelet, traefik, consul, blackbox}
}

// Lookup returns the prober of that Name.
func Lookup(name string) (Prober, bool) {
	i := slices.IndexFunc(All(), func(p Prober) bool { return p.Name == name })
	if i < 0 {
		return Prober{}, false
	}
	return All()[i], true
}

// Fit returns q as this prober can ask it, or false if it cannot ask such a
// thing at all.
func (p Prober) Fit(q Question) (Question, bool) {
	if p.kinds[q.Kind] == "" || q.TLS && !slices.Contains(p.secure, q.Kind) {
		return q, false
	}
	if !slices.Contains(p.methods, q.Method) || q.Kind != "http" {
		q.Method = ""
	}
	if !p.host || q.Kind != "http" {
		q.Host = ""
	}
	if p.trusts {
		q.Verify = false
	}
	if !p.named || !q.TLS {
		q.Name = ""
	}
	if q.Kind != "http" {
		q.Path = ""
	}
	return q, true
}

// Ask puts questions that Fit has fitted to the prober, and returns its answers
// in their order. No two may have the same Address.
func (p Prober) Ask(t realserver.TB, questions ...Question) []Answer {
	t.Helper()
	return p.ask(t, questions)
}

// Dialect returns our own probe for a question that Fit has fitted. Change, if it
// is not nil, changes the options.
func (p Prober) Dialect(q Question, change func(*dialect.Options)) (dialect.Probe, error) {
	o := dialect.Options{Method: q.Method, Timeout: q.Timeout}
	if q.Host != "" {
		o.Host = &q.Host
	}
	scheme := q.Kind
	if q.TLS {
		scheme = map[string]string{"http": "https", "tcp": "tls", "grpc": "grpcs"}[q.Kind]
		o.Verify = &q.Verify
		if q.Name != "" {
			o.SNI = &q.Name
		}
	}
	if p.change != nil && q.Kind == "http" {
		p.change(&o)
	}
	if change != nil {
		change(&o)
	}
	return dialect.New(p.kinds[q.Kind], scheme+"://"+q.Address+q.Path, o)
}

// longest is the longest time-out of questions.
func longest(questions []Question) time.Duration {
	var d time.Duration
	for _, q := range questions {
		d = max(d, q.Timeout)
	}
	return d
}

// starting bounds how long a program may take to its first probe, on a machine
// that is busy.
const starting = 30 * time.Second

// await calls found until it has an answer for every question, or it is too
// late: what is missing then has a Problem.
func await(questions []Question, limit time.Duration, found func() map[int]Answer) []Answer {
	deadline := time.Now().Add(limit)
	for {
		got := found()
		if len(got) < len(questions) && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond) // another program's time
			continue
		}
		answers := make([]Answer, len(questions))
		for i := range answers {
			a, ok := got[i]
			if !ok {
				a = Answer{Problem: "no result in time"}
			}
			answers[i] = a
		}
		return answers
	}
}

func verdict(pass bool, said string) Answer {
	if pass {
		return Answer{Outcome: frame.Pass, Said: said}
	}
	return Answer{Outcome: frame.Fail, Said: said}
}
