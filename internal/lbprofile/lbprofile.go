// Package lbprofile holds what is known about how load balancers, proxies,
// orchestrators and monitors probe: their defaults, what they send, and how they
// judge the answer.
//
// It is data. Every value of a [Profile] is backed by at least one [Fact], which
// says how well it is known and names its source; where sources disagree, the
// Fact is Disputed and tells both sides. What is not known is left at its zero
// value: nothing here was guessed.
//
// The data does not change while the program runs, so any number of goroutines
// may ask. A Profile's slices are shared by all who asked for it: read them, and
// clone what you want to change.
package lbprofile

import (
	"net/netip"
	"slices"
	"time"
)

// Profile is how one kind of prober works as long as nobody configures it
// otherwise. A zero value means that there is no default or that none is known;
// the Facts say which.
//
// Texts may hold placeholders, in angle brackets: <address> and <port> of the
// target, <host> for the value that Host tells, <path>, and <version>, <id> and
// the like for parts that vary.
type Profile struct {
	Name    string   // the name in configuration, logs and metrics: "alb"
	Aliases []string // other names that Lookup takes for it
	Title   string   // the name for people: "AWS Application Load Balancer"

	Protocols []string // kinds of probe it can make, the default first: "http", "https", "tcp", "tls", "grpc", …

	Interval   time.Duration // from one probe to the next, of one of its nodes
	Timeout    time.Duration // of an HTTP probe (of a TCP or gRPC probe, where it makes no other); what it bounds, Covers says
	TimeoutTCP time.Duration // of a TCP probe, where that differs
	TimeoutTLS time.Duration // of an https probe, where that differs
	Connect    time.Duration // for connecting alone, where that has a bound of its own
	Answer     time.Duration // from the connection to the status line, where that has a bound of its own
	Covers     Covers        // what Timeout bounds
	Healthy    int           // passes in a row that bring a target back
	Unhealthy  int           // failures in a row that take a target out
	Monitor    bool          // it tells people, and sends no traffic by what it finds
	Start      Start         // a target without a result
	AllDown    AllDown       // no target passes

	IPv4       bool           // of a name's addresses it asks those of IPv4 alone
	Method     string         // of an HTTP probe
	Path       string         // the target of the request line
	Version    string         // "HTTP/1.1", "HTTP/1.0"; "HTTP/0.9" is a request line without a version
	Host       Host           // what the Host field says
	Fields     []Field        // of an HTTP probe, Host included, in the order and case they are sent if Exact
	Fields11   []Field        // in place of Fields over HTTP/1.1, if Version is older
	FieldsGRPC []Field        // of a gRPC probe, of a prober that makes HTTP probes too
	Exact      bool           // Fields is all it sends, in this order and case
	UserAgent  string         // the User-Agent it sends
	Fill       []Field        // what stands in for a part of Fields that varies: <version>, <id>
	Agents     []string       // User-Agents by which it may be known; one that ends in * stands for all that begin so
	Ranges     []netip.Prefix // addresses that its probes come from
	Connection Connection     // what becomes of the connection after the answer
	Client     Client         // whose HTTP client it is
	LowerCase  bool           // names of fields go out in lower case, those that are configured too

	Success   string    // status codes that pass, as package matcher reads them; empty: not (only) a matter of the code
	Warn      string    // status codes that pass with a warning
	GRPC      string    // gRPC codes that pass, lists and ranges; empty: code 0 with the status SERVING
	Redirects Redirects // what a 3xx means
	MaxHops   int       // redirects it follows at most; 0: no limit is known, or none are followed
	FirstLine bool      // it judges by the first line of the answer alone
	Interim   bool      // it takes an interim answer (1xx) for the answer
	HeadCut   bool      // a head that breaks off is taken as far as it came
	HeadBytes int       // of an answer's head; a longer one fails. 0: no limit below 64 KiB is known
	Body      BodyRule  // how it compares the body, if it is told what the body must hold
	BodyBytes int       // of the body's beginning, that it looks at; 0: no limit is known
	BodyEnd   BodyEnd   // what it makes of a body that breaks off

	TLS  TLS      // whether an https probe verifies the certificate
	SNI  SNI      // which server name it sends
	ALPN []string // protocols it offers in the TLS handshake

	Words   []Word   // what it says of each outcome
	Unknown []string // what of its probe is not known, and what stands in for it

	Facts []Fact // what backs the values above, and what has no value of its own
}

// Field is one field of a request's head.
type Field struct{ Name, Value string }

// Host says what a prober puts into the Host field.
type Host string

// The kinds of Host.
const (
	HostUnknown    Host = ""
	HostNone       Host = "none"                                   // no Host field at all
	HostTargetPort Host = "target's address and port"              // always with the port
	HostTarget     Host = "target's address"                       // with a port only where it is not the protocol's own
	HostNode       Host = "balancer node's address, listener port" // not the target's
	HostLoopback   Host = "127.0.0.1"
	HostConfigured Host = "configured name, else target's address"
	HostNoPort     Host = "configured name, else target's address without a port"
	HostOptional   Host = "configured name, else none"
)

// Connection says what a prober does with its connection after the answer.
type Connection string

// The kinds of Connection.
const (
	ConnectionUnknown Connection = ""
	ConnectionClosed  Connection = "a new one for each probe"
	ConnectionKept    Connection = "kept for the next probe"
)

// Redirects says what a prober makes of a 3xx answer.
type Redirects string

// The kinds of Redirects.
const (
	RedirectsUnknown  Redirects = ""
	RedirectsJudged   Redirects = "not followed: the code itself passes or fails"
	RedirectsFollowed Redirects = "followed"
	RedirectsSameHost Redirects = "followed on the same host; another host passes unseen"
)

// TLS says whether a prober verifies the certificate of the target.
type TLS string

// The kinds of TLS.
const (
	TLSUnknown    TLS = ""
	TLSUnverified TLS = "not verified"
	TLSVerified   TLS = "verified"
	TLSConfigured TLS = "as configured for the traffic; without that, not verified"
	TLSDefaultOn  TLS = "as configured for the traffic; without that, verified"
	TLSNone       TLS = "no TLS probes"
)

// Start says what becomes of a target before its first result.
type Start string

// The kinds of Start.
const (
	StartUnknown Start = ""
	StartIn      Start = "gets traffic"
	StartOut     Start = "gets no traffic"
	StartOwn     Start = "has a state of its own"
)

// AllDown says what happens when no target passes.
type AllDown string

// The kinds of AllDown.
const (
	AllDownUnknown AllDown = ""
	AllDownOpen    AllDown = "traffic goes to all"
	AllDownClosed  AllDown = "no target gets traffic"
	AllDownVaries  AllDown = "depends on the product or its settings"
)

// Lookup returns the profile of that Name or alias. Names are lower case.
func Lookup(name string) (Profile, bool) {
	for i := range profiles {
		if p := &profiles[i]; p.Name == name || slices.Contains(p.Aliases, name) {
			return *p, true
		}
	}
	return Profile{}, false
}

// All returns every profile, the cloud vendors' first, relatives side by side.
func All() []Profile { return slices.Clone(profiles) }

var profiles = slices.Concat(aws, clouds, proxies, orchestrators, monitors)
