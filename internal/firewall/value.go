package firewall

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/visible"
)

// answer is whether something holds, as far as is known.
type answer int8

const (
	no answer = iota
	maybe
	yes
)

func (a answer) not() answer { return yes - a }

// kind is how a value is written for people.
type kind uint8

const (
	asHex kind = iota
	asService
	asAddress
	asProtocol
	asFamily
	asName
	asState
	asFlags
	asHostNumber
	asNumber
	asAddressType
	asEtherType
)

// field is a part of a packet, or what a rule made of it, in a register: bytes of
// which some bits are known.
type field struct {
	label string // in nft's words: "tcp dport"
	kind  kind
	port  bool // it is the port asked about
	bytes []byte
	known []byte   // of the same length: bits that are
	never [][]byte // values that it certainly has not
	mask  []byte   // what it was masked with, nil if it was not
	size  int      // of the address that it is the beginning of; 0 if it is no beginning
	floor []byte   // it is no less than this, nil if that is not known
}

// open is a field of which nothing is known.
func open(label string, k kind, size int) field {
	return field{label: label, kind: k, bytes: make([]byte, size), known: make([]byte, size)}
}

// fixed is a field that is known.
func fixed(label string, k kind, value []byte) field {
	return field{label: label, kind: k, bytes: value, known: bytes.Repeat([]byte{0xff}, len(value))}
}

func (f field) whole() bool {
	return !slices.ContainsFunc(f.known, func(b byte) bool { return b != 0xff })
}

// equals compares with value, which may be shorter: then only so much is compared.
func (f field) equals(value []byte) answer {
	if len(value) > len(f.bytes) {
		return maybe
	}
	if f.floor != nil && bytes.Compare(value, f.floor) < 0 {
		return no
	}
	known := yes
	for i, b := range value {
		if (b^f.bytes[i])&f.known[i] != 0 {
			return no
		}
		if f.known[i] != 0xff {
			known = maybe
		}
	}
	for _, n := range f.never {
		// A name may be compared only as far as the zero byte at its end.
		whole := len(value) == len(n) || f.kind == asName && slices.Contains(value, 0)
		if known == maybe && whole && bytes.HasPrefix(n, value) {
			return no
		}
	}
	return known
}

// between reports whether low <= f <= high.
func (f field) between(low, high []byte) answer {
	if len(low) != len(f.bytes) || len(high) != len(f.bytes) {
		return maybe
	}
	smallest, greatest := make([]byte, len(f.bytes)), make([]byte, len(f.bytes))
	for i := range f.bytes {
		smallest[i] = f.bytes[i] & f.known[i]
		greatest[i] = smallest[i] | ^f.known[i]
	}
	if bytes.Compare(smallest, f.floor) < 0 {
		smallest = f.floor
	}
	switch {
	case bytes.Compare(greatest, low) < 0 || bytes.Compare(smallest, high) > 0:
		return no
	case bytes.Compare(smallest, low) >= 0 && bytes.Compare(greatest, high) <= 0:
		return yes
	}
	return maybe
}

// compare is the operation of the expression cmp.
func (f field) compare(op uint32, value []byte) answer {
	zeros, ones := make([]byte, len(value)), bytes.Repeat([]byte{0xff}, len(value))
	switch op {
	case 0:
		return f.equals(value)
	case 1:
		return f.equals(value).not()
	case 2: // less than: not from value on
		return f.between(value, ones).not()
	case 3:
		return f.between(zeros, value)
	case 4:
		return f.between(zeros, value).not()
	case 5:
		return f.between(value, ones)
	}
	return maybe
}

// masked is (f & mask) ^ xor.
func (f field) masked(mask, xor []byte) field {
	out := field{label: f.label, kind: f.kind, port: f.port, size: f.size, bytes: slices.Clone(f.bytes), known: slices.Clone(f.known), mask: mask}
	for i := range out.bytes {
		m, x := byte(0xff), byte(0)
		if i < len(mask) {
			m = mask[i]
		}
		if i < len(xor) {
			x = xor[i]
		}
		out.bytes[i] = out.bytes[i]&out.known[i]&m ^ x
		out.known[i] |= ^m
	}
	return out
}

// swapped turns units of the size round, as between byte orders.
func (f field) swapped(size int) field {
	out := f
	out.bytes, out.known, out.never = slices.Clone(f.bytes), slices.Clone(f.known), nil
	out.floor = nil
	if size < 2 || size > 8 {
		return out
	}
	for i := 0; i+size <= len(out.bytes); i += size {
		slices.Reverse(out.bytes[i : i+size])
		slices.Reverse(out.known[i : i+size])
	}
	switch out.kind {
	case asHostNumber:
		out.kind = asNumber
	case asNumber:
		out.kind = asHostNumber
	}
	return out
}

// is renders a comparison of the field.
func (f field) is(op uint32, value []byte) string {
	word := []string{"", "!= ", "< ", "<= ", "> ", ">= "}[min(op, 5)]
	if f.size > len(value) { // as nft loads a prefix that ends at a byte
		return fmt.Sprintf("%s %s%s/%d", f.label, word, f.kind.write(append(slices.Clone(value), make([]byte, f.size-len(value))...)), len(value)*8)
	}
	if f.mask == nil {
		return f.label + " " + word + f.kind.write(value)
	}
	zero := !slices.ContainsFunc(value, func(b byte) bool { return b != 0 })
	switch ones, prefix := prefixLength(f.mask); {
	case f.kind == asAddress && prefix && op < 2:
		return fmt.Sprintf("%s %s%s/%d", f.label, word, f.kind.write(value), ones)
	case (f.kind == asState || f.kind == asFlags) && zero && op == 1:
		return f.label + " " + f.kind.write(f.mask)
	}
	return fmt.Sprintf("%s & %s %s %s", f.label, f.kind.write(f.mask), []string{"==", "!=", "<", "<=", ">", ">="}[min(op, 5)], f.kind.write(value))
}

// prefixLength counts the leading ones of a mask; ok if only zeros follow.
func prefixLength(mask []byte) (ones int, ok bool) {
	for i, b := range mask {
		n := bits.LeadingZeros8(^b)
		ones += n
		if n < 8 {
			rest := b << n
			return ones, rest == 0 && !slices.ContainsFunc(mask[i+1:], func(b byte) bool { return b != 0 })
		}
	}
	return ones, true
}

var (
	protocols    = map[uint64]string{1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp", 47: "gre", 50: "esp"}
	families     = map[uint64]string{2: "ipv4", 10: "ipv6"}
	addressTypes = map[uint64]string{1: "unicast", 2: "local", 3: "broadcast", 5: "multicast", 6: "blackhole", 7: "unreachable"}
	etherTypes   = map[uint64]string{0x0800: "ip", 0x86dd: "ip6", 0x0806: "arp"}
	states       = []string{"invalid", "established", "related", "new", "", "", "untracked"}
	flags        = []string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"}
)

// write renders a value of the kind.
func (k kind) write(value []byte) string {
	switch k {
	case asAddress:
		if addr, ok := netip.AddrFromSlice(value); ok {
			return addr.String()
		}
	case asName:
		name, _, _ := strings.Cut(string(value), "\x00")
		if !slices.Contains(value, 0) {
			name += "*" // compared as far as it goes
		}
		return strconv.Quote(visible.Line(name, 0))
	case asState:
		return words(number(value, true), states)
	case asFlags:
		return words(number(value, false), flags)
	case asHostNumber:
		return strconv.FormatUint(number(value, true), 10)
	case asService, asNumber:
		return strconv.FormatUint(number(value, false), 10)
	case asProtocol:
		return named(protocols, number(value, false))
	case asFamily:
		return named(families, number(value, false))
	case asAddressType:
		return named(addressTypes, number(value, true))
	case asEtherType:
		return named(etherTypes, number(value, false))
	}
	return fmt.Sprintf("0x%x", value)
}

// number reads up to 8 bytes.
func number(value []byte, host bool) uint64 {
	if len(value) > 8 {
		value = value[:8]
	}
	b := make([]byte, 8)
	copy(b[8-len(value):], value)
	if host && binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		slices.Reverse(b[8-len(value):])
	}
	return binary.BigEndian.Uint64(b)
}

func named(names map[uint64]string, n uint64) string {
	if name, ok := names[n]; ok {
		return name
	}
	return strconv.FormatUint(n, 10)
}

// words names the bits that are set.
func words(n uint64, names []string) string {
	var found []string
	for i, name := range names {
		if n&(1<<i) != 0 && name != "" {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return strconv.FormatUint(n, 10)
	}
	return strings.Join(found, ",")
}
