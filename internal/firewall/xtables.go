package firewall

import (
	"encoding/binary"
	"fmt"
)

// foreign does a match or a target of iptables (iptables-nft writes rules that
// hold them). A few, without which nothing could be said of such a rule, are
// decoded (linux/netfilter/xt_*.h); the others make the rule's outcome open and
// are named.
func (e *evaluation) foreign(x expression) {
	name, revision, info := x.data.text(1), x.data.number(2), x.data[3]
	if x.name == "target" {
		e.target(name, revision, info)
		return
	}
	a, text := maybe, "-m "+name+" (not decoded)"
	switch name {
	case "tcp":
		if len(info) >= 12 {
			a, text = e.xtTCP(info)
		}
	case "multiport":
		if len(info) >= 48 && revision == 1 {
			a, text = e.xtMultiport(info)
		}
	case "conntrack":
		if len(info) >= 154 && revision >= 2 {
			a, text = e.xtConntrack(info)
		}
	case "state":
		if len(info) >= 4 {
			a, text = e.xtState(binary.NativeEndian.Uint32(info))
		}
	case "addrtype":
		if len(info) >= 8 && binary.NativeEndian.Uint16(info) == 0 && binary.NativeEndian.Uint16(info[2:]) == 1<<2 &&
			binary.NativeEndian.Uint32(info[4:])&3 == 0 && e.packet.local && !e.packet.answer {
			a, text = yes, "-m addrtype --dst-type LOCAL"
		}
	case "udp", "icmp", "icmp6", "sctp", "dccp":
		a, text = no, "-m "+name
	case "comment":
		return
	}
	e.condition(a, text)
}

func (e *evaluation) target(name string, revision uint32, info []byte) {
	switch name {
	case "REJECT":
		e.ends = append(e.ends, ending{rejects: true, holds: e.holds, text: "reject"})
	case "LOG", "NFLOG", "ULOG", "AUDIT", "TCPMSS", "CHECKSUM", "CT", "TRACE", "DSCP", "TOS", "TTL", "HL", "CLASSIFY", "MASQUERADE", "SNAT", "CONNSECMARK", "SECMARK":
		e.texts = append(e.texts, "-j "+name)
	case "MARK", "CONNMARK":
		e.texts = append(e.texts, "-j "+name)
		e.packet.mark = open("meta mark", asHostNumber, 4)
	case "DNAT", "REDIRECT":
		address, port, ok := natRange(revision, info)
		switch {
		case !ok:
			e.elsewhere = name + " (where to is not decoded)"
			e.end(verdict{code: verdictQueue}) // anything may come of it
		case name == "DNAT":
			e.divert("dnat", address, port)
		default:
			e.divert("redirect", nil, port)
		}
	default:
		e.texts = append(e.texts, "-j "+name+" (not decoded)")
		e.end(verdict{code: verdictQueue})
	}
}

// xtTCP reads struct xt_tcp.
func (e *evaluation) xtTCP(info []byte) (answer, string) {
	const invertSource, invertDestination, invertFlags, invertOption = 1, 2, 4, 8
	inverted := info[11]
	a, text := yes, "tcp"
	ports := func(label string, f field, low, high uint16, invert bool) {
		if low == 0 && high == 65535 {
			return
		}
		holds, word := f.between(binary.BigEndian.AppendUint16(nil, low), binary.BigEndian.AppendUint16(nil, high)), " "
		if invert {
			holds, word = holds.not(), " != "
		}
		e.names = e.names || f.port && holds != no
		a = min(a, holds)
		text += " " + label + word + fmt.Sprint(low)
		if high != low {
			text += fmt.Sprintf("-%d", high)
		}
	}
	n := binary.NativeEndian.Uint16
	ports("sport", e.packet.payload(2, 0, 2), n(info), n(info[2:]), inverted&invertSource != 0)
	ports("dport", e.packet.payload(2, 2, 2), n(info[4:]), n(info[6:]), inverted&invertDestination != 0)
	if mask := info[9]; mask != 0 {
		holds := e.packet.payload(2, 13, 1).masked([]byte{mask}, nil).equals([]byte{info[10]})
		if inverted&invertFlags != 0 {
			holds = holds.not()
		}
		a = min(a, holds)
		text += fmt.Sprintf(" flags & %s == %s", asFlags.write([]byte{mask}), asFlags.write([]byte{info[10]}))
	}
	if info[8] != 0 || inverted&invertOption != 0 {
		a = min(a, maybe)
		text += fmt.Sprintf(" option %d", info[8])
	}
	return a, text
}

// xtMultiport reads struct xt_multiport_v1.
func (e *evaluation) xtMultiport(info []byte) (answer, string) {
	which, count, inverted := info[0], min(int(info[1]), 15), info[47] != 0
	sides := map[byte][]field{0: {e.packet.payload(2, 0, 2)}, 1: {e.packet.payload(2, 2, 2)}, 2: {e.packet.payload(2, 0, 2), e.packet.payload(2, 2, 2)}}[which]
	a, text := no, "tcp "+map[byte]string{0: "sport", 1: "dport", 2: "sport or dport"}[which]+" { "
	port := false
	for i := 0; i < count; i++ {
		low := binary.NativeEndian.Uint16(info[2+2*i:])
		high := low
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(low)
		if info[32+i] != 0 && i+1 < count { // the first port of a range
			i++
			high = binary.NativeEndian.Uint16(info[2+2*i:])
			text += fmt.Sprintf("-%d", high)
		}
		for _, f := range sides {
			a = max(a, f.between(binary.BigEndian.AppendUint16(nil, low), binary.BigEndian.AppendUint16(nil, high)))
			port = port || f.port
		}
	}
	if inverted {
		a, text = a.not(), "not "+text
	}
	e.names = e.names || port && a != no
	return a, text + " }"
}

// xtConntrack reads what struct xt_conntrack_mtinfo2 and mtinfo3 have in common.
func (e *evaluation) xtConntrack(info []byte) (answer, string) {
	const state, alias = 1, 1 << 13 // alias: it was written -m state
	match, invert := binary.NativeEndian.Uint16(info[146:]), binary.NativeEndian.Uint16(info[148:])
	if match&^alias != state {
		return maybe, "-m conntrack (not decoded)"
	}
	a, text := e.xtState(uint32(binary.NativeEndian.Uint16(info[150:])))
	if invert&state != 0 {
		a, text = a.not(), "not "+text
	}
	return a, text
}

func (e *evaluation) xtState(mask uint32) (answer, string) {
	// Bits as of ct state, but for the virtual ones above.
	f := e.packet.ct(0).masked(binary.NativeEndian.AppendUint32(nil, mask), nil)
	return f.equals(make([]byte, 4)).not(), "ct state " + words(uint64(mask), states)
}

// natRange reads struct nf_nat_ipv4_multi_range_compat (revision 0) or
// nf_nat_range2 (revision 2), if it holds one address and one port at the most.
func natRange(revision uint32, info []byte) (address, port []byte, ok bool) {
	const addresses, ports = 1, 2
	var flags uint32
	var low, high []byte
	switch {
	case revision == 0 && len(info) >= 20 && binary.NativeEndian.Uint32(info) == 1:
		flags, low, high, port, info = binary.NativeEndian.Uint32(info[4:]), info[8:12], info[12:16], info[16:18], info[18:20]
	case revision == 2 && len(info) >= 40:
		flags, low, high, port, info = binary.NativeEndian.Uint32(info), info[4:20], info[20:36], info[36:38], info[38:40]
	default:
		return nil, nil, false
	}
	if flags&ports == 0 {
		port = nil
	}
	if flags&addresses == 0 {
		return nil, port, port == nil || string(port) == string(info[:2])
	}
	if revision == 2 && string(low[4:]) == string(make([]byte, 12)) {
		low, high = low[:4], high[:4] // IPv4 has the first four of the sixteen
	}
	return low, port, string(low) == string(high) && (port == nil || string(port) == string(info[:2]))
}
