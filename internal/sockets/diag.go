package sockets

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// What the kernel's socket diagnosis speaks (linux/inet_diag.h, sock_diag.h):
// they are the same on every architecture, but for the byte order of whole
// numbers.
const (
	diagByFamily  = 20 // SOCK_DIAG_BY_FAMILY, type of request and answer
	diagV6Only    = 11 // INET_DIAG_SKV6ONLY, an attribute of one byte
	diagInfo      = 2  // INET_DIAG_INFO, an attribute: struct tcp_info (linux/tcp.h)
	diagAnswer    = 72 // size of struct inet_diag_msg, attributes follow
	diagRequest   = 56 // size of struct inet_diag_req_v2
	protocolTCP   = 6
	stateListen   = 10
	stateOpen     = 1 // TCP_ESTABLISHED
	familyInet    = 2
	familyInet6   = 10
	attributeHead = 4
)

// entry is a listening socket as the kernel lists it.
type entry struct {
	socket Socket
	inode  uint64 // 0: no process holds it
	device uint32 // index of the interface that it is bound to; 0: none
}

// listenRequest asks for the listening TCP sockets of a family.
func listenRequest(family byte) []byte {
	b := make([]byte, diagRequest)
	b[0], b[1] = family, protocolTCP
	binary.NativeEndian.PutUint32(b[4:], 1<<stateListen)
	return b
}

// parseDiag reads one struct inet_diag_msg with its attributes. ok is false for
// a socket that does not listen.
func parseDiag(b []byte) (e entry, ok bool, err error) {
	if len(b) < diagAnswer {
		return entry{}, false, fmt.Errorf("socket of %d bytes, want at least %d", len(b), diagAnswer)
	}
	var addr netip.Addr
	switch family := b[0]; family {
	case familyInet:
		addr = netip.AddrFrom4([4]byte(b[8:12]))
	case familyInet6:
		addr = netip.AddrFrom16([16]byte(b[8:24])).Unmap()
	default:
		return entry{}, false, fmt.Errorf("socket of address family %d", family)
	}
	e.socket = Socket{
		Local:   netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[4:])),
		Queue:   int(binary.NativeEndian.Uint32(b[56:])),
		Backlog: int(binary.NativeEndian.Uint32(b[60:])),
	}
	e.device = binary.NativeEndian.Uint32(b[40:])
	e.inode = uint64(binary.NativeEndian.Uint32(b[68:]))
	only, err := v6Only(b[diagAnswer:])
	e.socket.OnlyIPv6 = only && addr.Is6()
	return e, b[1] == stateListen, err
}

// v6Only looks for the attribute that says so.
func v6Only(attributes []byte) (bool, error) {
	only, err := attribute(attributes, diagV6Only)
	return len(only) > 0 && only[0] != 0, err
}

// attribute is the value of the first attribute of a kind; nil if there is none.
func attribute(attributes []byte, wanted uint16) ([]byte, error) {
	for len(attributes) >= attributeHead {
		size, kind := int(binary.NativeEndian.Uint16(attributes)), binary.NativeEndian.Uint16(attributes[2:])
		if size < attributeHead || size > len(attributes) {
			return nil, fmt.Errorf("attribute of %d bytes, %d are left", size, len(attributes))
		}
		if kind == wanted {
			return attributes[attributeHead:size], nil
		}
		attributes = attributes[min((size+3)&^3, len(attributes)):]
	}
	return nil, nil
}
