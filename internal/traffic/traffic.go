// Package traffic judges a site by what its visitors get.
//
// Every answer a visitor got is added to a [Window], which covers the last half
// minute or so. Its [Verdict] says whether too many of them were bad: the site
// that is up, passes every check and misbehaves all the same.
//
// # What counts
//
// Good and bad answers count, each once; the share of bad ones decides, once
// there are enough of them in all. What is not the site's doing is never added:
// a visitor who left, a request that was refused before it reached the site. An
// answer that blames the visitor (4xx) is good.
//
// # One client can't do it
//
// Whoever finds the one page that fails, and asks for it all day, must not take
// the site from everybody else. So the evidence must hold without any one
// client: a Window says Warn or Fail only if it would say so too had any one of
// the clients with bad answers never come, with enough requests left. If only
// one client is seen at all, then either nobody else came (curl by hand) or a
// proxy in front tells nothing about its visitors; bad answers are a Warn then,
// never a Fail. That the visitors behind a proxy are told apart is up to the
// caller, who passes the visitor's address, not the proxy's.
//
// A client is an IPv4 address, or an IPv6 /64: that is what one household or one
// machine is given, so that addresses within it are free to make up. Visitors
// without a valid address are one client together.
//
// What this does not do: shares are of requests, not of clients. A client that
// gets very many good answers hides a fault that others see. And whoever
// commands several networks can pass for several clients.
//
// # Turning red, and healing
//
// Fail spends the evidence: the window starts anew, and what turned it red is
// never held against the site again. From then on:
//
//   - New evidence that is bad enough for Fail renews it and is spent, too.
//   - New evidence that comes to Pass heals at once. Less than that does not:
//     while the share is between Policy.Warn and Policy.Fail, red stays red.
//   - A Policy.Window after the last renewal Fail ends in any case, and the
//     Window says what the new evidence says: Warn, or NoEvidence if hardly
//     anybody came. A balancer that stops sending leaves it there, and then the
//     checks of the app decide. If they pass, traffic comes back, and is judged
//     again.
//
// A site that turns red again soon after it healed is one for which that was too
// quick: its checks pass and its visitors get errors. It stays red for a hold of
// twice the Window, whatever the new evidence; for four times the next time; and
// so on, up to [MaxHold]. The hold binds good evidence too, for a busy site
// collects enough of that in any good second, and would come and go with its
// balancer's patience. The price is paid where a fault that all servers share
// comes and goes: all are held, and a balancer that does not fail open sends
// nobody meanwhile. Ten minutes after healing all is forgotten.
//
// # Rules
//
// No clock and no goroutine: all follows from the times that the caller passes.
// A Window is not safe for concurrent use.
package traffic

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Outcome is how a visitor's request ended. The zero value is Good.
type Outcome uint8

const (
	// Good is an answer, 4xx included: the site did its work.
	Good Outcome = iota
	// Bad is a 5xx, no answer, or one that broke off.
	Bad
	// TimedOut is an answer that did not come in time. It weighs as Bad does.
	TimedOut
)

// Level is what the evidence comes to, from the least to the worst.
type Level uint8

const (
	// NoEvidence is the level of too few requests to judge by. It is the zero
	// value, and says neither good nor bad: other checks decide.
	NoEvidence Level = iota
	// Pass means that enough requests were seen and few enough were bad, or
	// would have been without some one client.
	Pass
	// Warn means that many requests were bad: degraded, still in service.
	Warn
	// Fail means that too many were: out of service.
	Fail
)

// String returns "no evidence", "pass", "warn" or "fail".
func (l Level) String() string {
	switch l {
	case NoEvidence:
		return "no evidence"
	case Pass:
		return "pass"
	case Warn:
		return "warn"
	case Fail:
		return "fail"
	}
	return "Level(" + strconv.Itoa(int(l)) + ")"
}

// A Verdict is a Level and what it rests on.
//
// While Level is Fail the counts are those that made it so, or renewed it last:
// they do not change until the next renewal. Otherwise they are those of the
// window as it is.
type Verdict struct {
	Level    Level
	Requests int     // in all, the bad ones included
	Bad      int     // 5xx, no answer or broken off; TimedOut not included
	TimedOut int     // no answer in time
	Clients  int     // from how many clients they came; at least so many if more than MaxClients came of late
	Share    float64 // (Bad + TimedOut) / Requests, from 0 to 1; 0 if there are no requests

	// Reason is one line for people: why Level is what it is. It is empty for a
	// Pass that nothing needs to be said about.
	Reason string

	// Until is when Fail ends if nobody comes any more. It moves when Fail is
	// renewed. Zero unless Level is Fail.
	Until time.Time
}

// Policy is how much bad is too much. The zero Policy has every default.
type Policy struct {
	// Window is how far back the evidence goes, from MinWindow to MaxHold.
	// Zero: 30 s. It moves on in steps of a thirtieth, so the oldest evidence
	// is between 29 and 30 thirtieths of it old.
	Window time.Duration

	// MinRequests is how many requests it takes to say anything, with those of
	// the worst client left out. Zero: 20.
	MinRequests int

	// Warn and Fail are the shares of bad answers, above 0 and up to 1, from
	// which on the level is that. Zero: 0.1 and 0.5.
	Warn, Fail float64
}

// The defaults of a Policy.
//
// The window is long enough to smooth a restart of one of the app's workers, and
// short enough to turn red before a balancer with common settings would have
// noticed a dead server (Application Load Balancer: twice 30 s). Twenty requests
// are the fewest of which a tenth is more than one.
const (
	DefaultWindow      = 30 * time.Second
	defaultMinRequests = 20
	defaultWarn        = 0.1
	defaultFail        = 0.5
)

const (
	// MinWindow is the shortest Policy.Window.
	MinWindow = time.Second
	// MaxHold is the longest hold after relapses, and the longest Policy.Window.
	MaxHold = 5 * time.Minute
	// MaxClients is how many clients are told apart within a window.
	//
	// When more come, those with bad answers are kept apart first. What is bad
	// without a client may then be under-estimated, by about a MaxClients-th of
	// all that is bad at the most.
	MaxClients = 64
)

// Validate says everything that is wrong with p, or returns nil.
func (p Policy) Validate() error {
	var problems []error
	if p.Window != 0 && (p.Window < MinWindow || p.Window > MaxHold) {
		problems = append(problems, fmt.Errorf("window %v is not between %v and %v", p.Window, MinWindow, MaxHold))
	}
	if p.MinRequests < 0 {
		problems = append(problems, fmt.Errorf("min requests %d is negative; give 1 or more, or leave it out for %d", p.MinRequests, defaultMinRequests))
	}
	warn, err := share("warn", p.Warn, defaultWarn)
	problems = append(problems, err)
	fail, failErr := share("fail", p.Fail, defaultFail)
	problems = append(problems, failErr)
	if err == nil && failErr == nil && warn > fail {
		problems = append(problems, fmt.Errorf("warn at %s is above fail at %s: nothing would ever be a warning; give a warn of %[2]s or less", percent(warn), percent(fail)))
	}
	return errors.Join(problems...)
}

// withDefaults replaces what is zero, and what Validate would refuse, so that a
// Window works whatever it was given.
func (p Policy) withDefaults() Policy {
	if p.Window < MinWindow || p.Window > MaxHold {
		p.Window = DefaultWindow
	}
	if p.MinRequests < 1 {
		p.MinRequests = defaultMinRequests
	}
	warn, warnErr := share("warn", p.Warn, defaultWarn)
	fail, failErr := share("fail", p.Fail, defaultFail)
	if warnErr != nil || failErr != nil || warn > fail {
		warn, fail = defaultWarn, defaultFail
	}
	p.Warn, p.Fail = warn, fail
	return p
}

// share returns v, or def for zero, and what is wrong with it.
func share(what string, v, def float64) (float64, error) {
	if v == 0 {
		return def, nil
	}
	if !(v > 0 && v <= 1) { // NaN is neither
		return def, fmt.Errorf("%s is a share of %v; give one above 0 and up to 1", what, v)
	}
	return v, nil
}
