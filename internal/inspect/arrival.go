package inspect

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/refusal"
)

// Kind is what arrived.
type Kind string

// The Kinds.
const (
	Connect   Kind = "connect"  // a connection on which nothing was said
	Handshake Kind = "tls"      // a TLS hello, finished or not, and nothing said inside
	HTTP09    Kind = "http/0.9" // a request line without a version
	HTTP1     Kind = "http/1"   // an HTTP/1 request
	HTTP2     Kind = "h2"       // an HTTP/2 request
	GRPC      Kind = "grpc"     // a gRPC call
	Other     Kind = "other"    // bytes that are none of these
)

// Arrival is one thing that arrived. Nothing in it changes after it was told, and
// all text in it may hold what a stranger chose.
type Arrival struct {
	Number     int       // counts from 1
	Time       time.Time // of the connection, or of the first byte of a later question on it
	Listener   string    // address that it arrived at
	Peer       netip.AddrPort
	Connection int // counts from 1
	Nth        int // on that connection, from 1

	Kind  Kind
	Proxy *Proxy // the PROXY protocol header in front; nil if there was none
	TLS   *Hello // nil if plain

	// Bytes is what came, inside the encryption and without the PROXY header: of
	// HTTP/1 head and body, of HTTP/2 the frames of the connection up to the end
	// of the request (of the first on it, the preface too). At most Limits.Bytes.
	Bytes []byte
	More  bool // more came than Bytes holds

	// Request is what was asked. Of HTTP/2, Fields hold the pseudo-fields too, in
	// the order in which they came.
	Request fingerprint.Request
	Service string // of a gRPC health question
	Speaks  string // the protocol that an Other looks like: "Redis PING"; empty: none that is known here

	Ending   string        // of a Connect, Handshake or Other: how the connection ended or what was wrong, in words
	Lasted   time.Duration // from Time until it was told
	Guess    fingerprint.Guess
	Refusals []refusal.Refusal // by which common rules would such a request be refused
	Answer   Answer            // what it is answered

	// What is known of its sender with this arrival.
	Count  int  // of its arrivals, this one included
	Pace   Pace // of them
	Nodes  int  // see Sender.Nodes
	SameAs int  // Number of the arrival since which it sent just the same; 0: this is new
}

// Asks says in a few words what is asked: "GET /health", "connect", "SMTP". It
// holds what a stranger chose.
func (a *Arrival) Asks() string {
	switch a.Kind {
	case Connect:
		return "connect"
	case Handshake:
		return "TLS handshake"
	case Other:
		return cmp.Or(a.Speaks, "other bytes")
	case HTTP09, HTTP1, HTTP2, GRPC:
	}
	return a.Request.Method + " " + a.Request.Target
}

// front says in a word or two what came before the question.
func (a *Arrival) front() string {
	var words []string
	if a.Proxy != nil {
		words = append(words, "PROXY v"+strconv.Itoa(a.Proxy.Version))
	}
	if a.TLS != nil {
		words = append(words, "TLS")
	}
	return strings.Join(words, ", ")
}

// Outcome is what became of an arrival.
type Outcome struct {
	Number int // of the Arrival
	What   Result
	After  time.Duration // since its question was whole
}

// Result is how an arrival ended.
type Result string

// The Results.
const (
	Answered Result = "answered"
	GaveUp   Result = "gave up" // the other side closed before the answer was whole: its time-out
	CutOff   Result = "cut off" // this side closed without a whole answer, as it was told or because it ended
)

// Proxy is a header of the PROXY protocol (versions 1 and 2 of its
// specification).
type Proxy struct {
	Version             int  // 1 or 2
	Local               bool // the connection is the proxy's own: LOCAL, or UNKNOWN in version 1
	Source, Destination netip.AddrPort
	TLVs                []byte // types of the extensions of version 2, in their order
	Bytes               []byte // as it came
	Wrong               string // what is wrong with it; empty: nothing
}

// Hello is what a TLS client said first, and what came of it.
type Hello struct {
	ServerName string   // SNI; empty: none
	ALPN       []string // protocols offered
	Versions   []uint16 // offered, as crypto/tls numbers them
	Ciphers    []uint16 // offered
	Bytes      []byte   // the first 4 KiB that the client sent
	Version    uint16   // agreed on; 0: the handshake failed
	Protocol   string   // agreed on by ALPN
	Err        string   // why the handshake failed
}
