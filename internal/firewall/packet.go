package firewall

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// hooks that a packet passes, as the kernel numbers them.
const (
	hookPrerouting  = 0
	hookInput       = 1
	hookForward     = 2
	hookOutput      = 3
	hookPostrouting = 4
	hookIngress     = 5 // of a chain of family inet; 0 of family netdev
)

// Bits of ct state.
const (
	stateEstablished = 2
	stateNew         = 8
)

// packet is what is known of the packets asked about: the first one of a
// connection, or what the server answers.
type packet struct {
	family    byte // familyIPv4 or familyIPv6
	answer    bool
	network   field // its IP header
	transport field // its TCP header, without options
	mark      field
	local     bool // it is for this machine: no rule has sent it on
}

// question is the first packet of a connection to q.
func question(q Question) packet {
	source, destination := q.Source.Unmap(), q.Destination.Unmap()
	p := packet{family: familyIPv4, local: true, mark: fixed("meta mark", asHostNumber, make([]byte, 4))}
	if destination.Is6() || !destination.IsValid() && source.Is6() {
		p.family = familyIPv6
	}
	if p.family == familyIPv4 {
		p.network = open("@nh", asHex, 20)
		p.network.set(9, 6)
		p.network.set(6, 0, 0) // no fragment; DF is open, see below
		p.network.known[6] = 0xbf
		p.network.address(12, source)
		p.network.address(16, destination)
	} else {
		p.network = open("@nh", asHex, 40)
		p.network.set(6, 6)
		p.network.address(8, source)
		p.network.address(24, destination)
	}
	p.transport = open("@th", asHex, 20)
	p.transport.set(2, byte(q.Port>>8), byte(q.Port))
	p.transport.set(13, 0x02) // SYN; ECN's bits are open
	p.transport.known[13] = 0x3f
	return p
}

// answered is what the server sends back: the ends change places.
func (p packet) answered() packet {
	swap := func(f field, a, b, n int) field {
		f.bytes, f.known = slices.Clone(f.bytes), slices.Clone(f.known)
		for i := range n {
			f.bytes[a+i], f.bytes[b+i] = f.bytes[b+i], f.bytes[a+i]
			f.known[a+i], f.known[b+i] = f.known[b+i], f.known[a+i]
		}
		return f
	}
	p.answer = true
	p.transport = swap(p.transport, 0, 2, 2)
	p.transport.bytes[13] |= 0x10
	if p.family == familyIPv4 {
		p.network = swap(p.network, 12, 16, 4)
	} else {
		p.network = swap(p.network, 8, 24, 16)
	}
	return p
}

// set makes bytes known.
func (f *field) set(at int, value ...byte) {
	copy(f.bytes[at:], value)
	for i := range value {
		f.known[at+i] = 0xff
	}
}

// address makes an address known, unless it only stands for those of a family:
// loopback ones never come from another machine.
func (f *field) address(at int, a netip.Addr) {
	if a.IsValid() && !a.IsLoopback() && !a.IsUnspecified() {
		f.set(at, a.AsSlice()...)
	}
}

// port is the server's.
func (p packet) port() uint16 {
	if p.answer {
		return binary.BigEndian.Uint16(p.transport.bytes)
	}
	return binary.BigEndian.Uint16(p.transport.bytes[2:])
}

// redirected is the packet with another destination.
func (p packet) redirected(port []byte, address []byte) packet {
	p.transport.bytes, p.network.bytes, p.network.known = slices.Clone(p.transport.bytes), slices.Clone(p.network.bytes), slices.Clone(p.network.known)
	if len(port) >= 2 {
		p.transport.set(2, port[:2]...)
	}
	switch {
	case p.family == familyIPv4 && len(address) == 4:
		p.network.set(16, address...)
	case p.family == familyIPv6 && len(address) == 16:
		p.network.set(24, address...)
	default:
		return p
	}
	addr, _ := netip.AddrFromSlice(address)
	p.local = addr.IsLoopback()
	return p
}

type place struct {
	offset, size uint32
	label        string
	kind         kind
}

var transportPlaces = []place{
	{0, 2, "tcp sport", asService}, {2, 2, "tcp dport", asService}, {4, 4, "tcp sequence", asNumber},
	{8, 4, "tcp ackseq", asNumber}, {13, 1, "tcp flags", asFlags}, {14, 2, "tcp window", asNumber},
}

var networkPlaces = map[byte][]place{
	familyIPv4: {{1, 1, "ip dscp", asHex}, {2, 2, "ip length", asNumber}, {4, 2, "ip id", asNumber}, {6, 2, "ip frag-off", asHex},
		{8, 1, "ip ttl", asNumber}, {9, 1, "ip protocol", asProtocol}, {12, 4, "ip saddr", asAddress}, {16, 4, "ip daddr", asAddress}},
	familyIPv6: {{4, 2, "ip6 length", asNumber}, {6, 1, "ip6 nexthdr", asProtocol}, {7, 1, "ip6 hoplimit", asNumber},
		{8, 16, "ip6 saddr", asAddress}, {24, 16, "ip6 daddr", asAddress}},
}

// payload is what the expression of that name loads.
func (p packet) payload(base, offset, size uint32) field {
	const most = 64 // bytes that a register can hold
	size = min(size, most)
	var header field
	var places []place
	name := "@ll"
	switch base {
	case 1:
		header, places, name = p.network, networkPlaces[p.family], "@nh"
	case 2:
		header, places, name = p.transport, transportPlaces, "@th"
	}
	f := open(fmt.Sprintf("%s,%d,%d", name, uint64(offset)*8, size*8), asHex, int(size))
	if uint64(offset)+uint64(size) > uint64(len(header.bytes)) {
		return f
	}
	f.bytes, f.known = slices.Clone(header.bytes[offset:offset+size]), slices.Clone(header.known[offset:offset+size])
	at := uint32(2)
	if p.answer {
		at = 0
	}
	f.port = base == 2 && offset <= at && offset+size >= at+2
	if base == 2 && offset == 2-at && size == 2 {
		f.floor = []byte{1024 >> 8, 0} // clients don't connect from ports below
	}
	for _, place := range places {
		if place.offset == offset && size <= place.size {
			f.label, f.kind = place.label, place.kind
			if size < place.size && place.kind == asAddress {
				f.size = int(place.size)
			} else if size < place.size {
				f.kind = asHex
			}
		}
	}
	return f
}

// metaNames are the keys of the expression meta that are open here.
var metaNames = map[uint32]string{0: "meta length", 2: "meta priority", 10: "meta skuid", 11: "meta skgid", 13: "meta rtclassid", 17: "meta ibrname",
	18: "meta obrname", 20: "meta cpu", 21: "iifgroup", 22: "oifgroup", 23: "meta cgroup", 24: "meta random", 25: "meta ipsec", 26: "iifkind", 27: "oifkind",
	31: "meta time", 32: "meta day", 33: "meta hour", 34: "sdif", 35: "sdifname"}

// loopback is what the interface lo is to rules, by name and by number: packets
// to and from another machine don't pass it.
var loopback = map[kind][]byte{
	asName:       append([]byte("lo"), make([]byte, 14)...),
	asHostNumber: binary.NativeEndian.AppendUint32(nil, 1),
}

// throughInterface is the interface on the far side, which only is not lo.
func throughInterface(label string, k kind) field {
	f := open(label, k, len(loopback[k]))
	f.never = [][]byte{loopback[k], make([]byte, len(loopback[k]))}
	return f
}

// meta is what the expression of that name loads.
func (p packet) meta(key uint32) field {
	incoming := !p.answer
	switch key {
	case 1:
		return fixed("meta protocol", asEtherType, map[byte][]byte{familyIPv4: {0x08, 0x00}, familyIPv6: {0x86, 0xdd}}[p.family])
	case 3:
		return p.mark
	case 4, 6:
		label, k := "iif", asHostNumber
		if key == 6 {
			label, k = "iifname", asName
		}
		if incoming {
			return throughInterface(label, k)
		}
		return fixed(label, k, make([]byte, len(loopback[k])))
	case 5, 7:
		label, k := "oif", asHostNumber
		if key == 7 {
			label, k = "oifname", asName
		}
		if !incoming || !p.local {
			return throughInterface(label, k)
		}
		return fixed(label, k, make([]byte, len(loopback[k])))
	case 8, 9:
		f := open(map[uint32]string{8: "iiftype", 9: "oiftype"}[key], asHostNumber, 2)
		f.never = [][]byte{binary.NativeEndian.AppendUint16(nil, 772)} // loopback
		return f
	case 15:
		return fixed("meta nfproto", asFamily, []byte{map[byte]byte{familyIPv4: 2, familyIPv6: 10}[p.family]})
	case 16:
		return fixed("meta l4proto", asProtocol, []byte{6})
	case 19:
		return fixed("meta pkttype", asNumber, []byte{0})
	}
	name, ok := metaNames[key]
	if !ok {
		name = fmt.Sprintf("meta key %d", key)
	}
	return open(name, asHex, 4)
}

// ct is what the expression of that name loads.
func (p packet) ct(key uint32) field {
	state, direction := uint32(stateNew), byte(0)
	if p.answer {
		state, direction = stateEstablished, 1
	}
	switch key {
	case 0:
		return fixed("ct state", asState, binary.NativeEndian.AppendUint32(nil, state))
	case 1:
		return fixed("ct direction", asNumber, []byte{direction})
	}
	name, ok := map[uint32]string{2: "ct status", 3: "ct mark", 4: "ct secmark", 5: "ct expiration", 6: "ct helper", 7: "ct l3proto", 10: "ct protocol"}[key]
	if !ok {
		name = fmt.Sprintf("ct key %d", key)
	}
	return open(name, asHex, 4)
}

// fib is what the expression of that name finds out. That there is a way back to
// who connects is taken for granted.
func (p packet) fib(result, flags uint32) field {
	const source, destination, present = 1, 2, 32
	switch {
	case result == 3 && flags&destination != 0 && !p.answer && p.local:
		return fixed("fib daddr type", asAddressType, binary.NativeEndian.AppendUint32(nil, 2))
	case result == 3:
		return open("fib type", asAddressType, 4)
	case flags&present != 0 && flags&source != 0:
		return fixed("fib saddr", asHostNumber, binary.NativeEndian.AppendUint32(nil, 1))
	}
	f := open("fib oif", asHostNumber, 4)
	if result == 2 {
		f = open("fib oifname", asName, 16)
	}
	f.never = [][]byte{make([]byte, len(f.bytes))}
	return f
}
