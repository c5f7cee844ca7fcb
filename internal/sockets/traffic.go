package sockets

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Traffic is what goes through a listening port at one moment, as TCP sees it.
//
// It knows when data last came and went, and nothing of what they were: over TLS a
// first request is not told from a handshake that is done, and a stream that
// pauses, or a WebSocket, may look like a request without an answer. It does not
// see what a port hands on by other ways than TCP (a socket in the file system),
// nor other network namespaces.
type Traffic struct {
	Clients   []Conn // connections to the port, the longest Unanswered first
	Upstreams []Conn // connections that its programs have made, likewise
	Seen      bool   // the programs could be looked at: what Upstreams lacks, they have not made by TCP
}

// Conn is one established TCP connection.
type Conn struct {
	Peer       netip.AddrPort // its other end
	Unanswered time.Duration  // how long a request has waited without a byte of an answer; 0 if none does

	// Answered: an answer to something earlier has come over it. What waits on such
	// a connection may be a request like any other, and may be half of a
	// conversation, as a WebSocket is, that owes nobody an answer.
	Answered bool
}

// Watch asks the kernel what goes through a port of this machine at an address, an
// addr that is not valid standing for every one. It works on Linux; elsewhere the
// error wraps errors.ErrUnsupported. It takes less than half a second, however
// many connections there are.
func Watch(port uint16, addr netip.Addr) (Traffic, error) {
	return watch(port, addr.Unmap().WithZone(""), watchLimit)
}

// watchLimit is for each of the two questions that Watch asks.
const watchLimit = 200 * time.Millisecond

// Longest is how long the request of a client has waited that waits longest; 0 if
// none does.
func (t Traffic) Longest() time.Duration {
	if len(t.Clients) == 0 {
		return 0
	}
	return t.Clients[0].Unanswered
}

// LongestFirst is Longest of the clients that have had no byte of an answer yet:
// they wait for the first.
func (t Traffic) LongestFirst() time.Duration {
	for _, c := range t.Clients {
		if !c.Answered {
			return c.Unanswered
		}
	}
	return 0
}

// sortByWait puts first what waits longest.
func sortByWait(conns []Conn) {
	slices.SortStableFunc(conns, func(a, b Conn) int { return cmp.Compare(b.Unanswered, a.Unanswered) })
}

// Where what we need lies in struct tcp_info (linux/tcp.h); the kernel only ever
// adds to its end. Times are milliseconds ago.
const (
	infoLastSent     = 44
	infoLastReceived = 52
	infoAcked        = 120 // bytes that the other end has; a side that connected counts one for its SYN
	infoReceived     = 128
	infoEnd          = 136
)

// openConn is an established connection as the kernel lists it.
type openConn struct {
	local, peer        netip.AddrPort
	inode              uint64
	unsent             uint32 // bytes that the other end has not acknowledged
	sentAgo, gotAgo    time.Duration
	delivered, arrived uint64 // bytes
}

// openRequest asks for the established TCP connections of a family with their
// times, on this local port alone if it is not 0.
func openRequest(family byte, port uint16) []byte {
	b := make([]byte, diagRequest)
	b[0], b[1] = family, protocolTCP
	b[2] = 1 << (diagInfo - 1)
	binary.NativeEndian.PutUint32(b[4:], 1<<stateOpen)
	binary.BigEndian.PutUint16(b[8:], port)
	return b
}

// parseOpen reads one struct inet_diag_msg of a connection. ok is false for what is
// no established one.
func parseOpen(b []byte) (c openConn, ok bool, err error) {
	if len(b) < diagAnswer {
		return openConn{}, false, fmt.Errorf("socket of %d bytes, want at least %d", len(b), diagAnswer)
	}
	var local, peer netip.Addr
	switch family := b[0]; family {
	case familyInet:
		local, peer = netip.AddrFrom4([4]byte(b[8:12])), netip.AddrFrom4([4]byte(b[24:28]))
	case familyInet6:
		local, peer = netip.AddrFrom16([16]byte(b[8:24])).Unmap(), netip.AddrFrom16([16]byte(b[24:40])).Unmap()
	default:
		return openConn{}, false, fmt.Errorf("socket of address family %d", family)
	}
	info, err := attribute(b[diagAnswer:], diagInfo)
	if err != nil || len(info) < infoEnd || b[1] != stateOpen {
		return openConn{}, false, err // a kernel before 4.1 tells no bytes
	}
	ago := func(at int) time.Duration {
		return time.Duration(binary.NativeEndian.Uint32(info[at:])) * time.Millisecond
	}
	return openConn{
		local:   netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[4:])),
		peer:    netip.AddrPortFrom(peer, binary.BigEndian.Uint16(b[6:])),
		inode:   uint64(binary.NativeEndian.Uint32(b[68:])),
		unsent:  binary.NativeEndian.Uint32(b[60:]),
		sentAgo: ago(infoLastSent), gotAgo: ago(infoLastReceived),
		delivered: binary.NativeEndian.Uint64(info[infoAcked:]), arrived: binary.NativeEndian.Uint64(info[infoReceived:]),
	}, true, nil
}

// owes is how long this side has owed the other an answer: data came, and none
// went since. The times have the grain of the kernel's clock, so that a quick
// answer may bear the time of its question: then only a side that never sent owes.
func (c openConn) owes() time.Duration {
	if c.arrived > 0 && c.unsent == 0 && (c.delivered == 0 || c.gotAgo < c.sentAgo) {
		return max(c.gotAgo, 1)
	}
	return 0
}

// waits is how long this side, which connected, has waited for an answer.
func (c openConn) waits() time.Duration {
	if c.delivered > 1 && (c.arrived == 0 || c.sentAgo < c.gotAgo) {
		return max(c.sentAgo, 1)
	}
	return 0
}
