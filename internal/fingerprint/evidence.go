package fingerprint

import (
	"fmt"
	"math/bits"
	"strconv"
)

// note is one thing that speaks for a verdict or limits it.
type note uint32

// notes is a set of them.
type notes uint32

// The notes, in the order in which they are told.
const (
	noteAgent note = 1 << iota
	noteUnverifiedAgent
	noteServerState
	noteFrontDoor
	noteAccept
	noteRange
	noteNoRange
	noteLinkLocal
	noteHostOwn
	noteHostPeer
	noteHostForeign
	noteNoHostAddr
	noteOwnUnknown
	noteLoopbackHost
	noteExact
	noteBare
	noteLower
	noteAsterisk
	noteByHand
	noteCaseLost
	noteThrough
	noteProxyLocal
	noteProxied
	noteALBMethod
	noteNoServerName
)

func evidence(r *Request, s *sketch, v verdict) []string {
	words := make([]string, 0, bits.OnesCount32(uint32(v.notes)))
	for set := v.notes; set != 0; set &= set - 1 {
		words = append(words, inWords(note(set&-set), r, s))
	}
	return words
}

// inWords tells n to a person. What the request holds is quoted: a stranger chose
// it.
func inWords(n note, r *Request, s *sketch) string {
	switch n {
	case noteAgent:
		return fmt.Sprintf("User-Agent %s is its own, but anybody can send that", quote(s.userAgent))
	case noteUnverifiedAgent:
		return "no public source confirms that User-Agent"
	case noteServerState:
		return fmt.Sprintf("X-Haproxy-Server-State %s is what http-check send-state adds, but anybody can send that", quote(s.serverState))
	case noteFrontDoor:
		return "X-FD-HealthProbe: 1 marks its probes, but anybody can send that"
	case noteAccept:
		return fmt.Sprintf("Accept %s is its list", quote(s.accept))
	case noteRange:
		return fmt.Sprintf("the peer's address %s is one that its vendor documents for probes", r.Peer)
	case noteNoRange:
		return fmt.Sprintf("the peer's address %s is none that its vendor documents for probes", r.Peer)
	case noteLinkLocal:
		return fmt.Sprintf("the peer's address %s is link-local, as documented for its probes over IPv6", r.Peer)
	case noteHostOwn:
		return fmt.Sprintf("Host %s is an address of this machine: an Application Load Balancer asks by the target's address", quote(r.Host))
	case noteHostPeer:
		return fmt.Sprintf("Host %s is the peer's own address: a Network Load Balancer asks by that of its node", quote(r.Host))
	case noteHostForeign:
		return fmt.Sprintf("Host %s is no address of this machine: a Network Load Balancer asks by that of its node, an Application Load Balancer by the target's", quote(r.Host))
	case noteNoHostAddr:
		return fmt.Sprintf("Host %s is no address, so that Application and Network Load Balancer can't be told apart", quote(r.Host))
	case noteOwnUnknown:
		return "this machine's addresses are not known, so that Application and Network Load Balancer can't be told apart"
	case noteLoopbackHost:
		return fmt.Sprintf("Host %s came from another machine, %s, and without a User-Agent, as its default probe does", quote(r.Host), r.Peer)
	case noteExact:
		if r.Ordered {
			return "the whole request is as it sends it, in order and case"
		}
		return "the request holds the fields that it sends and no other"
	case noteBare:
		return "the request holds nothing else that it would not send"
	case noteLower:
		return "the request is bare, and names of fields are in lower case, as it writes them"
	case noteAsterisk:
		return "OPTIONS * with Host alone over HTTP/1.0 is its probe, and hardly anything else's"
	case noteByHand:
		return "the request is as bare as its probe, but so is one typed by hand"
	case noteCaseLost:
		return "order and case of the fields are not known: HAProxy's probe with a Host looks the same"
	case noteThrough:
		return fmt.Sprintf("field %s says that it came through a proxy, so that the peer's address and a bare form prove nothing", quote(s.through))
	case noteProxyLocal:
		return fmt.Sprintf("the PROXY v%d header in front speaks for nobody but the proxy, as those of HAProxy's probes (check-send-proxy), Varnish's and a Network Load Balancer's do", r.Front.Proxy)
	case noteProxied:
		return fmt.Sprintf("the PROXY v%d header in front says that it came for %s, so that the peer's address and a bare form prove nothing", r.Front.Proxy, r.Front.ProxySource)
	case noteALBMethod:
		return "the method called is the one that an Application Load Balancer calls unless told otherwise, but anybody can call it"
	case noteNoServerName:
		return "its TLS hello names no server and offers no protocols"
	}
	return fmt.Sprintf("note(%d)", n)
}

// quote makes a stranger's text safe to print on one line, and short.
func quote(s string) string {
	const most = 160
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
