package exchange

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
)

// signature begins a PROXY header of version 2.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// proxyHeader is what the PROXY protocol puts in front of a connection, with
// the addresses of the connection itself.
func proxyHeader(kind ProxyHeader, conn net.Conn) []byte {
	if kind == NoProxyHeader {
		return nil
	}
	source, ok1 := endOf(conn.LocalAddr())
	destination, ok2 := endOf(conn.RemoteAddr())
	known := ok1 && ok2
	switch kind {
	case ProxyV1:
		if !known {
			return []byte("PROXY UNKNOWN\r\n")
		}
		family := " TCP6 "
		if source.Addr().Is4() {
			family = " TCP4 "
		}
		return []byte("PROXY" + family + source.Addr().String() + " " + destination.Addr().String() + " " +
			strconv.Itoa(int(source.Port())) + " " + strconv.Itoa(int(destination.Port())) + "\r\n")
	case ProxyV2:
		const command = "\x21" // version 2, PROXY
		if !known {
			return []byte(signature + command + "\x00\x00\x00")
		}
		family := byte(0x21) // TCP over IPv6
		if source.Addr().Is4() {
			family = 0x11
		}
		b := append([]byte(signature+command), family)
		addresses := append(source.Addr().AsSlice(), destination.Addr().AsSlice()...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(addresses)+4))
		b = append(b, addresses...)
		b = binary.BigEndian.AppendUint16(b, source.Port())
		return binary.BigEndian.AppendUint16(b, destination.Port())
	}
	return []byte(signature + "\x20\x00\x00\x00") // version 2, LOCAL
}

// endOf gives one end of a TCP connection. A zone means something on its own
// machine only.
func endOf(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	end := tcp.AddrPort()
	return netip.AddrPortFrom(end.Addr().Unmap().WithZone(""), end.Port()), end.IsValid()
}
