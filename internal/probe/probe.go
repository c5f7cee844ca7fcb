// Package probe asks one target once, as a load balancer does, and says what
// became of it.
//
// A [Probe] describes the question; [Probe.Run] asks it and returns a [Result]
// that holds the verdict, its reason in the words of AWS's Application Load
// Balancer (ALB), and the evidence: what was sent, what came back, and how long
// each phase took.
//
// What it guarantees:
//
//   - Every attempt uses a fresh connection, closed before Run returns. Nothing
//     is kept between attempts, and no environment variable (such as a proxy's)
//     changes where the probe goes.
//   - Redirects are judged like any other answer and never followed.
//   - The address dialled, the Host header and the TLS server name are set
//     apart from each other.
//   - Certificates are not verified: ALB does not either, and the question is
//     whether the target answers, not who it is. A probe therefore carries no
//     secret.
//   - Time and memory are bounded, whatever the target sends.
//
// Run may be called from any number of goroutines at once. It leaves no
// goroutine behind.
package probe

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/inservice/inservice/internal/matcher"
)

// Protocol is what a probe speaks to its target.
type Protocol string

const (
	TCP   Protocol = "tcp"   // passes when the connection opens; sends nothing
	HTTP  Protocol = "http"  // passes when the status code of a GET matches
	HTTPS Protocol = "https" // as HTTP, over TLS
)

// DefaultTimeout is how long an attempt may take when [Probe.Timeout] is zero.
const DefaultTimeout = 2 * time.Second

// Probe is one question to one target. It is a plain value: copy it and change
// the copy to ask another.
type Probe struct {
	Protocol Protocol // required
	Address  string   // host:port to connect to; required

	// Host is the Host header. Empty means Address. Ignored for TCP.
	Host string

	// Path is the path to ask for, with its query if any, percent-encoded and
	// beginning with a slash. Empty means "/". Ignored for TCP.
	Path string

	// ServerName is the name sent in the TLS handshake (SNI). Empty means the
	// host part of Host; an IP address is never sent. Used for HTTPS only.
	ServerName string

	// Timeout bounds the whole attempt, from looking up the name to the last
	// byte of the body. Zero means DefaultTimeout.
	Timeout time.Duration

	// Matcher holds the status codes that pass. The zero Set means 200 alone.
	Matcher matcher.Set

	// Dial opens the connection. Nil means a plain net.Dialer. It must return
	// when ctx ends: an attempt cannot end before its Dial does. A panic in it
	// is caught and becomes an InternalError, for a fault in asking must not
	// take down a process that serves traffic.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Reason says in one word why a target did not pass. The words are the reason
// codes that AWS's Elastic Load Balancing API gives for a target's health.
type Reason string

const (
	// Passed is the reason of a probe that passed.
	Passed Reason = ""
	// ResponseCodeMismatch: an answer came, and Matcher does not hold its status
	// code. It stays the reason whatever became of the answer's body.
	ResponseCodeMismatch Reason = "Target.ResponseCodeMismatch"
	// Timeout: the attempt did not finish within its Timeout, and no status code
	// had decided it before.
	Timeout Reason = "Target.Timeout"
	// FailedHealthChecks: no connection, or no well-formed answer.
	FailedHealthChecks Reason = "Target.FailedHealthChecks"
	// InternalError: the fault is on the asking side, so the result says
	// nothing about the target and must not be counted against it. The context
	// ended, the Probe is invalid, this machine ran out of file descriptors,
	// memory or local ports, or Dial panicked.
	InternalError Reason = "Elb.InternalError"
)

// Phases is the time spent in each part of an attempt. A phase never reached
// is zero; the phase in which an attempt failed holds the time until then.
type Phases struct {
	Dial      time.Duration // looking up the name and connecting
	TLS       time.Duration // TLS handshake
	FirstByte time.Duration // from beginning to send the request to the first byte of the answer
	Total     time.Duration // the whole attempt
}

// Result is what one attempt found. Nothing in it changes after Run returned it.
type Result struct {
	Pass   bool
	Reason Reason // Passed if and only if Pass

	// Description is one line for people, with AWS's words first: "Health
	// checks failed with these codes: [503]". It is empty when Pass.
	Description string

	Status  int       // status code of the answer; 0 if there was none
	Started time.Time // with monotonic reading
	Phases  Phases

	// Sent and Received are the first 16 KiB of the request and of the answer
	// as they were on the wire, for HTTPS inside the encryption. They come from
	// the target unfiltered: quote them before showing them on a terminal.
	Sent, Received []byte

	Remote string // address connected to; empty if there was no connection
	Err    error  // what failed, for programs; nil if Pass
}

// String tells the result in one line: "pass 200 in 3ms", or
// "Target.ResponseCodeMismatch: Health checks failed with these codes: [503]".
func (r Result) String() string {
	if !r.Pass {
		return string(r.Reason) + ": " + r.Description
	}
	s := "pass"
	if r.Status != 0 {
		s += " " + strconv.Itoa(r.Status)
	}
	return s + " in " + round(r.Phases.Total).String()
}

// Run makes one attempt and returns when it is over, at the latest when
// p.Timeout has passed or ctx has ended. Everything that can go wrong is in the
// Result.
func (p Probe) Run(ctx context.Context) Result {
	a := attempt{probe: p}
	if err := p.Validate(); err != nil {
		a.result.Started = time.Now()
		a.internal("invalid probe: "+err.Error(), err)
	} else {
		a.run(ctx)
	}
	return a.result
}

func (p Probe) timeout() time.Duration {
	if p.Timeout == 0 {
		return DefaultTimeout
	}
	return p.Timeout
}

func (p Probe) matches(status int) bool {
	if p.Matcher.IsZero() {
		return status == 200
	}
	return p.Matcher.Match(status)
}
