// Package dialect turns what package lbprofile knows of a prober into the
// question that it would ask of a target, and an answer into the verdict that it
// would give, in its own words. It is pure: package exchange asks.
//
//	New → Request → (exchange) → answers → Next → … → Judge → Verdict
//
// What it guarantees:
//
//   - A request holds what the profile says, what Options replaced, and nothing
//     invented. What is not known of a prober, [Probe.Unknowns] tells.
//   - The same Probe and the same answers always give the same Verdict. Nothing
//     here reads a clock, the network or the environment.
//   - A Verdict passes if and only if its Outcome is Pass; then Reason is empty.
//     A failure always has a Reason.
//   - What comes from the server is quoted before it gets into a Verdict, which is
//     one line and safe to print.
//
// Everything may be used by any number of goroutines at once. A Probe is a plain
// value; the With methods return another one that shares nothing with it.
package dialect

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
)

// Default is the dialect that New takes for the name "".
const Default = "alb"

// Options replaces what a dialect would do by itself. The zero Options replaces
// nothing.
type Options struct {
	Host     *string          // of the Host field; empty: no Host field at all
	Path     string           // of the request line, with its query
	Port     uint16           // dialled, and in a Host that has the target's port
	Method   string           // as sent
	Matcher  string           // as package matcher reads it; of a gRPC probe, gRPC codes
	Timeout  time.Duration    // as this dialect means it: what it bounds, Profile.Covers says
	Fields   []exchange.Field // added, or in place of fields of the same name; one with an empty value is left out
	SNI      *string          // server name sent; empty: none
	Resolve  string           // host:port or host dialled in place of the URL's
	Proxy    *exchange.ProxyHeader
	Body     string // what the body must hold, where the dialect looks into the body; a regular expression if it begins and ends in a slash
	Source   netip.Addr
	Verify   *bool  // whether the certificate must verify
	Version  string // of HTTP: "1.0", "1.1", "2"
	Service  string // of a gRPC health question
	Redirect *bool  // whether redirects are followed

	// Local is the address from which connections to the target come. It is what
	// a prober that puts its own address into Host says (AWS's Network Load
	// Balancer), and nothing else. Zero: Source if that is set, or else the
	// target's own address, as between two programs of one machine.
	Local netip.Addr
}

// Probe is one question with the rules by which its answers are judged.
type Probe struct {
	Profile lbprofile.Profile
	Request exchange.Request
	Rules   Rules

	// URL is what is asked, as the prober would write it: in its own words about
	// a failure, and for what a redirect is relative to. It is none that can be
	// dialled where Options.Resolve says another address; Request.Address can.
	URL string

	unknown []string
}

// Rules is how the answers are judged: what the profile has, with the Options
// in place.
type Rules struct {
	Success   string // as package matcher reads it; empty: any answer, or a matter of the body
	GRPC      string // gRPC codes that pass, as lists and ranges; empty: code 0 with the status SERVING
	Body      string // as Options.Body has it
	Redirects lbprofile.Redirects
	Hops      int // redirects followed at most
}

// Outcome is what a prober makes of the answers.
type Outcome string

// The Outcomes.
const (
	Pass    Outcome = "pass"
	Fail    Outcome = "fail"
	Unknown Outcome = "unknown" // how this prober judges such an answer is not published, or it throws such a result away
)

// Verdict is what the prober would say.
type Verdict struct {
	Outcome Outcome
	Reason  string          // its own word for a failure: "Target.ResponseCodeMismatch", "L7STS/301"; empty if it passes
	Text    string          // its own words in one line, safe to print: "Health checks failed with these codes: [301]"
	Event   lbprofile.Event // what happened, in words that all dialects share
}

// Names returns the name of every dialect, in lbprofile's order: of every profile
// that can make a request of its own.
func Names() []string {
	var names []string
	for _, p := range lbprofile.All() {
		if askable(p) {
			names = append(names, p.Name)
		}
	}
	return names
}

// askable reports whether a profile says enough to ask as it does.
func askable(p lbprofile.Profile) bool { return len(p.Protocols) > 0 && len(p.Words) > 0 }

// Ask asks p's question by do, follows redirects as p does, and returns every
// answer with the verdict. It has no side effects but those of do.
func Ask(ctx context.Context, p Probe, do func(context.Context, exchange.Request) exchange.Answer) ([]exchange.Answer, Verdict) {
	answers := []exchange.Answer{do(ctx, p.Request)}
	for {
		next, more := p.Next(answers)
		if !more {
			return answers, p.Judge(answers)
		}
		answers = append(answers, do(ctx, next))
	}
}

// Unknowns tells what is not known of this probe, and what stands in for it, in
// words for a person. What Options or a With method replaced is not among them.
func (p Probe) Unknowns() []string { return slices.Clone(p.unknown) }
