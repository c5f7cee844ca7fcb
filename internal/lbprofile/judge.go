package lbprofile

// Covers says what a prober's time-out bounds.
type Covers string

// The kinds of Covers.
const (
	CoversUnknown Covers = ""
	CoversWhole   Covers = "the whole probe, from connecting to the end of the answer"
	CoversHead    Covers = "the probe up to the end of the answer's head"
	CoversReads   Covers = "connecting, and each read and write, by itself"
)

// Client says whose HTTP client a prober uses, where that decides how it writes
// fields, follows redirects and words errors.
type Client string

// The kinds of Client.
const (
	ClientOwn  Client = ""
	ClientGo   Client = "Go's net/http"
	ClientCurl Client = "curl"
)

// BodyRule says how a prober compares the body with what it was told to expect.
// None of them looks into the body unless told.
type BodyRule string

// The kinds of BodyRule.
const (
	BodyIgnored  BodyRule = ""
	BodyHolds    BodyRule = "a text that the body must hold"
	BodyHoldsAny BodyRule = "a text that the body must hold, in any case"
	BodyMatches  BodyRule = "a regular expression that the body must match"
	AnswerHolds  BodyRule = "a text that the answer must hold, its head included"
)

// BodyEnd says what a prober makes of a body that breaks off, breaks the rules of
// chunks, or does not end in time.
type BodyEnd string

// The kinds of BodyEnd.
const (
	BodyEndUnknown BodyEnd = ""                                  // not published
	BodyUnread     BodyEnd = "the end of the body is not judged" // not read, or a fault only logged
	BodyChunks     BodyEnd = "the end of the body is not judged, but broken chunks are"
	BodyWhole      BodyEnd = "the body must come whole"
	BodyAnnounced  BodyEnd = "a body needs Content-Length or chunks" // what of one that breaks off is not published
	BodyThrown     BodyEnd = "such a result is thrown away"          // neither a pass nor a failure
)

// SNI says which server name a prober sends in the TLS handshake.
type SNI string

// The kinds of SNI. No prober sends an address.
const (
	SNIUnknown SNI = ""
	SNINone    SNI = "none is sent"
	SNITarget  SNI = "the target's name" // none if it has only an address
	SNIHost    SNI = "the name in Host"  // none if that is an address
)

// Event is an outcome of a probe, as far as probers tell outcomes apart.
type Event string

// The Events. A prober that has no Word for one uses that of the Event it leads
// to; see [Profile.Word].
const (
	Passed         Event = "passed"
	WrongCode      Event = "wrong status code"
	WrongBody      Event = "wrong body"
	Warned         Event = "passed with a warning"
	RedirectUnseen Event = "redirect not followed, and passed" // kubelet's
	Connected      Event = "connected"                         // by a probe that does no more
	Shaken         Event = "TLS handshake completed"
	Serving        Event = "gRPC call answered as it must be"
	TooManyHops    Event = "too many redirects"
	BadRedirect    Event = "redirect that leads nowhere"
	NoName         Event = "no such name"
	NoConnection   Event = "no connection"
	Unconnected    Event = "not connected, by a probe that does no more"
	ConnectTimeout Event = "no connection in time"
	NoHandshake    Event = "TLS handshake failed"
	NotTrusted     Event = "certificate not trusted"
	TLSTimeout     Event = "no TLS handshake in time"
	NoAnswer       Event = "closed without an answer"
	BrokenOff      Event = "connection reset without an answer"
	AnswerTimeout  Event = "no answer in time"
	NotHTTP        Event = "not an HTTP answer"
	BodyCut        Event = "body breaks off"
	BodyBroken     Event = "body breaks the rules of chunks"
	BodyTimeout    Event = "body does not end in time"
	NoService      Event = "gRPC method not implemented"
	WrongGRPC      Event = "wrong gRPC code"
	NotServing     Event = "gRPC health status is not SERVING"
	Failed         Event = "failed"
)

// leads is the Event whose Word serves where a prober has none.
var leads = map[Event]Event{
	WrongCode: Failed, WrongBody: Failed, TooManyHops: BadRedirect, BadRedirect: Failed,
	NoName: NoConnection, NoConnection: Failed, Unconnected: NoConnection, ConnectTimeout: AnswerTimeout,
	NoHandshake: Failed, NotTrusted: NoHandshake, TLSTimeout: AnswerTimeout,
	NoAnswer: Failed, BrokenOff: NoAnswer, AnswerTimeout: Failed, NotHTTP: Failed,
	BodyCut: Failed, BodyBroken: BodyCut, BodyTimeout: AnswerTimeout, WrongGRPC: WrongCode, NotServing: WrongGRPC,
	NoService: WrongGRPC, RedirectUnseen: Passed, Warned: Passed, Connected: Passed, Shaken: Connected, Serving: Passed,
}

// Word is what a prober says of an outcome.
//
// Reason and Text may hold placeholders: <code>, <status> (code and text),
// <reason> (text alone), <method>, <Method> (as Go writes it in errors), <url>,
// <address> (dialled), <host>, <timeout>, <expected>, <body>, <location>, <hops>,
// <grpc> (code), <grpc-name>, <grpc-title> (as Go writes it), <grpc-message>, <serving>, <kind> (HTTP, gRPC or TCP), <line>
// (the first of what came), <wanted> (in the body), <cut> (curl's words of a body that breaks off),
// <target> (host and port of the
// URL), <hostname> and <port> of it, <flags> (Varnish's); <error>, what happened in
// our words; <go>, the error in the words of Go's
// client, and <go-inner>, the same without method and address of the request;
// <awaiting>, what it adds where the time-out is its own; <dial-ms>, milliseconds to
// connect; <errno>, the operating system's words ("Connection refused"), <number>, its
// number.
type Word struct {
	On     Event
	Reason string // short, as in its API or status; empty of a pass
	Text   string // one line
}

// Word returns what the prober says of an Event: its own Word for it, else that
// of the Event that it leads to. It is the zero Word if there is none at all.
func (p Profile) Word(on Event) Word {
	for on != "" {
		for i := range p.Words {
			if p.Words[i].On == on {
				return p.Words[i]
			}
		}
		on = leads[on]
	}
	return Word{}
}
