// Package exchange holds one exchange with a server: it connects, says exactly
// the bytes it is told to say, and tells everything that came back. It gives no
// verdict; packages probe and dialect do.
//
// What it guarantees:
//
//   - Every exchange uses a fresh connection, closed before Do returns. Nothing
//     is kept, no redirect is followed, and no environment variable (such as a
//     proxy's) changes where the question goes.
//   - The address dialled, the Host field and the TLS server name are apart from
//     each other; nothing is sent that the Request does not name, but for what
//     HTTP/2 and gRPC can't do without.
//   - Nothing that it is told to send is checked: a line break in a Path or a
//     Field goes out as it is. Who takes them from strangers has to look first.
//   - Time and memory are bounded, whatever the server sends.
//
// Do may be called from any number of goroutines at once. It leaves no goroutine
// behind.
package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Field is one field of a message's head, in the case it has on the wire.
type Field struct{ Name, Value string }

// ProxyHeader is what goes before everything else on a connection, TLS included.
type ProxyHeader string

// The kinds of ProxyHeader (the PROXY protocol's specification, sections 2.1 and
// 2.2). Local is version 2 with the command LOCAL: a health check of the proxy's
// own.
const (
	NoProxyHeader ProxyHeader = ""
	ProxyV1       ProxyHeader = "v1"
	ProxyV2       ProxyHeader = "v2"
	ProxyV2Local  ProxyHeader = "v2-local"
)

// Protocol is what is spoken on the connection, inside TLS if there is TLS.
type Protocol string

// The Protocols.
const (
	Bare  Protocol = ""      // nothing is sent: connect (and shake hands if TLS), then close
	HTTP1 Protocol = "http1" // one HTTP/1 request, as told byte for byte
	HTTP2 Protocol = "http2" // one HTTP/2 request; without TLS by prior knowledge
	GRPC  Protocol = "grpc"  // one unary gRPC call of Path with an empty or a health request
)

// DefaultTimeout is how long an exchange may take when [Request.Timeout] is zero.
const DefaultTimeout = 5 * time.Second

// TLS is how to shake hands.
type TLS struct {
	ServerName   string         // the name sent (SNI); empty sends none
	ALPN         []string       // protocols offered, none if empty
	Verify       bool           // fail on a certificate that does not verify
	VerifyName   string         // name the certificate must have; empty: ServerName, else the address dialled
	Roots        *x509.CertPool // that may vouch for it; nil: the system's
	Certificates []tls.Certificate

	// Min and Max are versions, as crypto/tls has them. Zero: from TLS 1.0 on, up
	// to the newest. Ciphers are those of OpenSSL's clients, key exchange by RSA
	// among them; if Min or Max names a version below TLS 1.2, RC4 and 3DES too.
	Min, Max uint16

	// Unchecked leaves TLSState.VerifyError empty, for askers by the second that
	// do not mind who answers: checking costs time.
	Unchecked bool
}

// Request is one question. It is a plain value: copy it and change the copy to
// ask another (its slices are shared: clone what you change).
type Request struct {
	Network string // "tcp", "tcp4", "tcp6"; empty: tcp, or unix if Address begins with unix:
	Address string // host:port to connect to, or unix:/path; required
	Source  netip.Addr
	Proxy   ProxyHeader
	TLS     *TLS // nil: plain

	Protocol Protocol
	Method   string  // HTTP: as sent; empty GET
	Path     string  // target of the request line, as sent; empty "/"
	Version  string  // HTTP/1: "HTTP/1.1" (if empty), "HTTP/1.0", or "HTTP/0.9": a request line without a version
	Fields   []Field // in their order and case, Host included; HTTP/2 sends them in lower case and Host as :authority
	Body     []byte  // sent after the head; the Fields must announce it; over HTTP/2 at most 65535 bytes
	Raw      []byte  // HTTP/1: sent as they are in place of all of the above, if not nil (a captured request)
	Service  string  // GRPC: the service asked for, with Path grpc.health.v1.Health/Check

	// Pseudo is the order of HTTP/2's pseudo-fields (":method" and so on), which
	// clients differ in. Those that it leaves out follow in the order :method,
	// :scheme, :authority, :path.
	Pseudo []string

	// Timeout bounds the whole exchange. Zero means 5 s. ConnectTimeout, if not
	// zero, bounds connecting by itself, and AnswerTimeout what follows up to the
	// end of the answer's head.
	Timeout, ConnectTimeout, AnswerTimeout time.Duration

	// Patience is for how long the exchange goes on after Timeout, or after
	// AnswerTimeout, to see whether the answer is late or never comes. Answer.Late
	// tells that it was.
	Patience time.Duration

	// MaxBody is how many bytes of a body are read; zero means 64 KiB.
	MaxBody int

	// Dial opens the connection. Nil means a net.Dialer, with Source. It must
	// return when ctx ends: an exchange cannot end before its Dial does. A panic
	// in it is caught and becomes an OwnFault with a DialError.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Phases is the time spent in each part of an exchange. A phase never reached is
// zero; the phase in which it failed holds the time until then.
type Phases struct {
	Dial      time.Duration // looking up the name and connecting
	TLS       time.Duration // handshake
	FirstByte time.Duration // from beginning to send the request to the first byte of the answer
	Total     time.Duration // all of it
}

// Stage is how far an exchange came.
type Stage uint8

// The Stages, in their order.
const (
	Dialling    Stage = iota // looking up, connecting
	Handshaking              // TLS
	Sending
	Waiting     // for the first byte of the answer
	ReadingHead // of the answer, and of the interim ones before it
	ReadingBody
	Done // the answer is whole, or a Bare exchange came to its end
)

// Failure says in one word why there is no whole answer.
type Failure string

// The Failures. The Stage says when.
const (
	None         Failure = ""
	NoSuchHost   Failure = "no such host"   // the name has no address, or none could be found out
	Refused      Failure = "refused"        // connecting was refused; of a unix socket also that it does not exist
	Unreachable  Failure = "unreachable"    // no route, or forbidden by a firewall that says so
	TimedOut     Failure = "timed out"      // Timeout or AnswerTimeout (with Patience), or ConnectTimeout, ran out
	Reset        Failure = "reset"          // the server broke the connection
	Closed       Failure = "closed"         // the server closed the connection, in order, too early
	NotTLS       Failure = "not TLS"        // the server's bytes are no TLS; Received holds what is known of them
	TLSRefused   Failure = "TLS refused"    // the server sent an alert; Alert tells which
	TLSVersion   Failure = "TLS version"    // no version or cipher in common; Alert tells which alert said so, if one did
	Untrusted    Failure = "untrusted"      // the certificate does not verify
	Malformed    Failure = "malformed"      // bytes came that are no HTTP answer
	HeadTooLong  Failure = "head too long"  // the head of the answer exceeds 64 KiB
	BodyCutShort Failure = "body cut short" // closed before the body announced was whole
	BodyBroken   Failure = "body broken"    // chunks that are no chunks
	OwnFault     Failure = "own fault"      // the fault is on this side: descriptors, local ports, a source address that is not ours, or the context ended
)

// TLSState is what the handshake brought, as far as it came.
type TLSState struct {
	Version, Cipher uint16
	ALPN            string
	Peer            []*x509.Certificate // as sent, the leaf first
	VerifyError     error               // why the certificate would not verify for VerifyName, tried even if Verify is off
	ClientAuth      bool                // the server asked for a client certificate
	Alert           uint8               // sent by the server; 0 if none
}

// Answer is what came back. Nothing in it changes after Do returned it. What it
// holds comes from the server unfiltered: quote it before showing it on a terminal.
type Answer struct {
	Status  int    // 0 if there was no HTTP answer
	Text    string // of the status line
	Proto   string // "HTTP/1.1", …
	Fields  []Field
	Interim []int // status codes of interim answers before it

	Body     []byte // its beginning, up to MaxBody, without framing
	BodySize int64  // bytes of it that came (counting ends with MaxBody)
	BodyMore bool   // it is longer than MaxBody
	Trailers []Field

	GRPCCode    int    // of the trailers or the head; -1 if none
	GRPCMessage string // that came with it, percent-decoded
	GRPCStatus  string // of a health answer: "SERVING", …; empty if none

	TLS    *TLSState
	Phases Phases
	Began  time.Time
	Remote string // address connected to; empty if there was no connection
	Local  string

	// Sent and Received are the first 16 KiB of each direction as on the wire,
	// inside the encryption, PROXY header included. HTTP/2 is told in HTTP/1's
	// form.
	Sent, Received []byte

	Stage   Stage // how far it came; Done if nothing failed
	Failure Failure
	Err     error // what failed; nil if nothing did

	// Late tells that the exchange was not over at Timeout and went on with
	// Patience; Overdue is the stage in which Timeout had found it. Without
	// Patience nothing is late, but TimedOut.
	Late    bool
	Overdue Stage
}

// Get returns the value of the first field of that name, in any case.
func (a Answer) Get(name string) string { return get(a.Fields, name) }

func get(fields []Field, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Whole reports whether an answer came, all of it (or, of a body longer than
// MaxBody, all that was to be read).
func (a Answer) Whole() bool { return a.Failure == None && a.Stage == Done }
