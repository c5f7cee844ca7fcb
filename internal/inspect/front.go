package inspect

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	proxyproto "github.com/pires/go-proxyproto"
)

// Beginnings of the two versions of the PROXY protocol, and bounds of its headers:
// that of version 1 is the specification's; version 2 may be longer than any
// sender makes it.
const (
	proxyV1   = "PROXY "
	proxyV2   = "\r\n\r\n\x00\r\nQUIT\n"
	maxProxy1 = 107
	maxProxy2 = 4 << 10
)

// begins reports whether what comes next is text. It takes nothing and waits for
// no more bytes than it needs to tell.
func begins(r *bufio.Reader, text string) (bool, error) {
	for i := range len(text) {
		got, err := r.Peek(i + 1)
		if err != nil {
			return false, err
		}
		if got[i] != text[i] {
			return false, nil
		}
	}
	return true, nil
}

// readProxy takes a PROXY header, if one comes next. With an error, or with
// Wrong, what came of it is in Bytes.
func readProxy(r *bufio.Reader) (*Proxy, error) {
	if is, err := begins(r, proxyV1); err != nil || is {
		if err != nil {
			return nil, err
		}
		return readProxyV1(r)
	}
	if is, err := begins(r, proxyV2); err != nil || !is {
		return nil, err
	}
	return readProxyV2(r)
}

func readProxyV1(r *bufio.Reader) (*Proxy, error) {
	p := &Proxy{Version: 1}
	for len(p.Bytes) < maxProxy1 {
		c, err := r.ReadByte()
		if err != nil {
			p.Wrong = "it breaks off"
			return p, err
		}
		p.Bytes = append(p.Bytes, c)
		if c == '\n' {
			return p.parsed(), nil
		}
	}
	p.Wrong = "it has no end within 107 bytes"
	return p, nil
}

func readProxyV2(r *bufio.Reader) (*Proxy, error) {
	p := &Proxy{Version: 2}
	const fixed = 16
	head, err := r.Peek(fixed)
	if err != nil {
		p.Bytes, p.Wrong = bytes.Clone(head), "it breaks off"
		_, _ = r.Discard(len(head))
		return p, err
	}
	length := fixed + int(binary.BigEndian.Uint16(head[14:]))
	if length > maxProxy2 {
		p.Bytes, p.Wrong = bytes.Clone(head), "it is longer than 4 KiB"
		_, _ = r.Discard(len(head))
		return p, nil
	}
	all, err := r.Peek(length)
	p.Bytes = bytes.Clone(all)
	_, _ = r.Discard(len(all))
	if err != nil {
		p.Wrong = "it breaks off"
		return p, err
	}
	return p.parsed(), nil
}

// parsed reads p's Bytes, which are a whole header.
func (p *Proxy) parsed() *Proxy {
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(p.Bytes), max(len(p.Bytes), 16)))
	if err != nil {
		p.Wrong = err.Error()
		return p
	}
	p.Local = h.Command.IsLocal() || h.TransportProtocol.IsUnspec()
	p.Source, p.Destination = addrPort(h.SourceAddr), addrPort(h.DestinationAddr)
	tlvs, err := h.TLVs()
	if err != nil && p.Version == 2 {
		p.Wrong = "its extensions break off"
	}
	for _, tlv := range tlvs {
		p.TLVs = append(p.TLVs, byte(tlv.Type))
	}
	return p
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.TCPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	case *net.UDPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
