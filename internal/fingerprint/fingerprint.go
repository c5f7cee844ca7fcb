// Package fingerprint says who may have sent a request: which load balancer,
// proxy, orchestrator or monitor asks the health question. What it knows of them
// it has from package lbprofile.
//
// It serves labels, logs and metrics. It must never decide what somebody may see
// or do: whatever a request holds, anybody can send, and its [Confidence] says
// only how unlikely that is.
//
// Everything here is a pure function of its arguments, for any number of
// goroutines, and costs the same whatever a stranger sends: of a head only the
// first 16 KiB and 64 fields are looked at.
package fingerprint

import (
	"net/netip"
	"sync"
)

// Request is what of a request tells its sender. [FromHTTP] and [ParseHead] make
// one.
type Request struct {
	Method string // as sent
	Target string // of the request line, as sent
	Proto  string // "HTTP/1.1"; empty for a request line without a version

	// Fields are the fields of the head, Host included. A line that is no field
	// is kept as a Field without a name, so that it counts as something sent.
	Fields []Field

	Host    string // value of the first Host field, or what HTTP/2 has for it
	HasHost bool   // there was one

	Peer    netip.Addr // who is connected; the zero Addr if not known
	Ordered bool       // Fields have the order and case of the wire; net/http loses both
	Cut     bool       // the head was incomplete or out of bounds: there may be more Fields

	Front Front // what came before the request
}

// Field is one field of a request's head, its value without surrounding blanks.
type Field struct{ Name, Value string }

// Confidence says how far a Guess may be believed.
type Confidence uint8

// The Confidences, in rising order.
const (
	// None means that no prober was recognised.
	None Confidence = iota
	// Claim rests on one thing that costs nothing to send: a User-Agent, a
	// telling field, or a request as bare as one typed by hand.
	Claim
	// Likely rests on marks that agree with each other, or on a form of request
	// that hardly anything else has.
	Likely
	// Strong rests on the peer's address being one that this prober's vendor
	// documents for its probes.
	Strong
)

// String returns "none", "claim", "likely" or "strong".
func (c Confidence) String() string {
	switch c {
	case None:
		return "none"
	case Claim:
		return "claim"
	case Likely:
		return "likely"
	case Strong:
		return "strong"
	}
	return "invalid"
}

// Guess is who may have sent a request. The zero Guess is nobody known.
type Guess struct {
	Name       string // for lbprofile.Lookup
	Confidence Confidence
	Evidence   []string // what speaks for it, or limits it, in words for a person; safe to print

	// Among names those who may be meant where several can't be told apart, Name
	// being empty then.
	Among []string
}

// Recognise says who may have sent r, and why it thinks so.
//
// Own says whether an address is one of this machine's; it tells AWS's
// Application Load Balancer, which asks by the target's address, from its Network
// Load Balancer, which asks by its own. It may be nil: then both are "alb". It is
// called at most once, with no zone in the address.
func Recognise(r Request, own func(netip.Addr) bool) Guess {
	s := sketchOf(&r)
	v := judge(&r, &s, own)
	if v.name == "" {
		return among(&r, &s)
	}
	return Guess{Name: v.name, Confidence: v.confidence, Evidence: evidence(&r, &s, v)}
}

// Name is the Name that [Recognise] would give, without the work of giving
// reasons: for the path of every request.
func Name(r Request, own func(netip.Addr) bool) string {
	s := sketchOf(&r)
	return judge(&r, &s, own).name
}

// NameHead is [Name] of [ParseHead]. It does not allocate (but for a Host that
// looks like an address and is none) and keeps nothing of head.
func NameHead(head []byte, peer netip.Addr, own func(netip.Addr) bool) string {
	fields := spare.Get().(*[maxFields]Field)
	r := parse(borrow(head), peer, fields[:0])
	name := Name(r, own)
	clear(r.Fields) // they point into head
	spare.Put(fields)
	return name
}

// spare holds room for fields, zeroed, between calls of NameHead.
var spare = sync.Pool{New: func() any { return new([maxFields]Field) }}
