package firewall

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// met is how a rule meets a packet.
type met struct {
	holds     answer
	names     bool // it names the port
	texts     []string
	open      []string // those of the texts that are not known to hold
	ends      []ending
	packet    packet // as the rule leaves it
	elsewhere string // where the rule sends the packet: "redirect to :8080"
}

// ending is one verdict that a rule may come to; there are several only if it
// looks its verdict up in a map.
type ending struct {
	verdict verdict
	rejects bool
	holds   answer
	text    string
}

// evaluation is one rule at work.
type evaluation struct {
	met
	rules     *Ruleset
	chain     *chain
	registers map[uint32]field // by their first slot of 4 bytes
}

func (r *Ruleset) evaluate(c *chain, one rule, p packet) met {
	e := &evaluation{met: met{holds: yes, packet: p}, rules: r, chain: c, registers: make(map[uint32]field)}
	for _, x := range one.exprs {
		e.step(x)
		if e.holds == no {
			break
		}
	}
	e.tidy()
	return e.met
}

// slot makes one numbering of the kernel's two: registers 1 to 4 have 16 bytes
// each, registers 8 to 23 are the same 64 bytes in pieces of 4.
func slot(register uint32) uint32 {
	if register < 8 {
		return (register - 1) * 4
	}
	return register - 8
}

// get is a register's content, n bytes of it, which may be of several fields.
func (e *evaluation) get(register uint32, n int) []field {
	var found []field
	for at := slot(register); n > 0; {
		f, ok := e.registers[at]
		if !ok || len(f.bytes) == 0 {
			return append(found, open("?", asHex, n))
		}
		found = append(found, f)
		slots := uint32(len(f.bytes)+3) / 4
		at, n = at+slots, n-int(slots)*4
	}
	return found
}

func (e *evaluation) one(register uint32) field { return e.get(register, 1)[0] }

func (e *evaluation) put(register uint32, f field) { e.registers[slot(register)] = f }

// condition takes note of a comparison.
func (e *evaluation) condition(a answer, text string) {
	e.texts = append(e.texts, text)
	if a == maybe {
		e.open = append(e.open, text)
	}
	e.holds = min(e.holds, a)
}

func (e *evaluation) end(v verdict) {
	e.ends = append(e.ends, ending{verdict: v, holds: e.holds, text: v.String()})
}

// step does one expression. One that is not known may fail to match: it makes the
// rule's outcome open and is named.
func (e *evaluation) step(x expression) {
	d := x.data
	switch x.name {
	case "payload":
		if _, writes := d[5]; !writes {
			e.put(d.number(1), e.packet.payload(d.number(2), d.number(3), d.number(4)))
		}
	case "meta":
		e.meta(d)
	case "ct":
		if _, writes := d[4]; !writes {
			e.put(d.number(1), e.packet.ct(d.number(2)))
		}
	case "fib":
		e.put(d.number(1), e.packet.fib(d.number(2), d.number(3)))
	case "bitwise":
		f := e.one(d.number(1))
		if d.number(6) == 0 {
			e.put(d.number(2), f.masked(d.value(4), d.value(5)))
		} else {
			e.put(d.number(2), open(f.label+" shifted", asHex, len(f.bytes)))
		}
	case "byteorder":
		e.put(d.number(2), e.one(d.number(1)).swapped(int(d.number(5))))
	case "cmp":
		e.compare(d)
	case "range":
		e.between(d)
	case "lookup":
		e.lookup(d)
	case "immediate":
		v, err := parseVerdict(d[2])
		switch {
		case err == nil && v != nil:
			e.end(*v)
		default:
			e.put(d.number(1), fixed("value", asHex, d.value(2)))
		}
	case "reject":
		e.ends = append(e.ends, ending{rejects: true, holds: e.holds, text: "reject"})
	case "queue":
		e.end(verdict{code: verdictQueue})
	case "nat", "redir", "tproxy":
		e.translate(x)
	case "match", "target":
		e.foreign(x)
	case "counter":
		e.texts = append(e.texts, fmt.Sprintf("counter packets %d", d.long(2)))
	case "masq", "log", "notrack", "last", "dup", "secmark", "flow_offload":
		e.texts = append(e.texts, x.name)
	case "objref":
		if kind := d.number(1); kind != 1 && kind != 3 { // a counter, a helper
			e.condition(maybe, "object "+d.text(2))
		}
	case "limit":
		word := "limit rate"
		if d.number(5)&1 != 0 {
			word = "limit rate over"
		}
		e.condition(maybe, fmt.Sprintf("%s %d per %d s", word, d.long(1), d.long(2)))
	case "dynset":
		e.condition(maybe, "set @"+d.text(1))
	default:
		e.condition(maybe, "("+cmp.Or(x.name, "nameless")+", not decoded)")
	}
}

func (e *evaluation) compare(d attributes) {
	f, op, value := e.one(d.number(1)), d.number(2), d.value(3)
	a := f.compare(op, value)
	e.names = e.names || f.port && a != no
	e.condition(a, f.is(op, value))
}

func (e *evaluation) between(d attributes) {
	f, low, high := e.one(d.number(1)), d.value(3), d.value(4)
	a, word := f.between(low, high), ""
	if d.number(2) == 1 {
		a, word = a.not(), "!= "
	}
	e.names = e.names || f.port && a != no
	e.condition(a, fmt.Sprintf("%s %s%s-%s", f.label, word, f.kind.write(low), f.kind.write(high)))
}

func (e *evaluation) meta(d attributes) {
	if _, writes := d[3]; !writes {
		e.put(d.number(1), e.packet.meta(d.number(2)))
		return
	}
	if d.number(2) == 3 {
		mark := e.one(d.number(3))
		e.texts = append(e.texts, "meta mark set")
		if e.holds != yes || len(mark.bytes) != 4 {
			mark = open("meta mark", asHostNumber, 4)
		}
		e.packet.mark = field{label: "meta mark", kind: asHostNumber, bytes: mark.bytes, known: mark.known}
	}
}

// translate follows a change of the destination.
func (e *evaluation) translate(x expression) {
	d := x.data
	addressKey, portKey := uint16(3), uint16(5)
	switch x.name {
	case "redir":
		addressKey, portKey = 0, 1
	case "tproxy":
		addressKey, portKey = 2, 3
	}
	if x.name == "nat" && d.number(1) == 0 {
		e.texts = append(e.texts, "snat")
		return
	}
	var address, port []byte
	if r := d.number(addressKey); addressKey != 0 && r != 0 {
		if f := e.one(r); f.whole() {
			address = f.bytes
		}
	}
	if r := d.number(portKey); r != 0 {
		if f := e.one(r); f.whole() && len(f.bytes) >= 2 {
			port = f.bytes[:2]
		}
	}
	e.divert(map[string]string{"nat": "dnat", "redir": "redirect", "tproxy": "tproxy"}[x.name], address, port)
}

// divert sends the packet on, to another address or another port if they are not
// nil. That ends the base chain.
func (e *evaluation) divert(how string, address, port []byte) {
	e.elsewhere = how + " to "
	if address != nil {
		e.elsewhere += asAddress.write(address)
	}
	if port != nil {
		e.elsewhere += ":" + asService.write(port)
	}
	if how != "tproxy" && e.holds == yes {
		e.packet = e.packet.redirected(port, address)
	}
	e.end(verdict{code: verdictAccept})
}

// lookup asks a set or a map.
func (e *evaluation) lookup(d attributes) {
	name := d.text(1)
	s, ok := e.rules.sets[setName{e.chain.family, e.chain.table, name}]
	if !ok {
		s = &set{elements: []element{}}
	}
	size := 0
	for _, el := range s.elements {
		size = max(size, len(el.key))
	}
	fields := e.get(d.number(2), max(size, 1))
	var labels []string
	port := false
	for _, f := range fields {
		labels, port = append(labels, f.label), port || f.port
	}
	label := strings.Join(labels, " . ")
	register, isMap := d[3]
	word := ""
	if d.number(5)&1 != 0 {
		word = "!= "
	}
	text := label + " " + word + s.write(name, fields)
	holds, matching := s.find(fields)
	if !ok {
		holds = maybe // a set that could not be read
	}
	switch {
	case !isMap:
		if word != "" {
			holds = holds.not()
		}
		e.names = e.names || port && holds != no
		e.condition(holds, text)
	case len(register) >= 4 && binary.BigEndian.Uint32(register) != 0:
		e.condition(holds, label+" map @"+name)
		value := open("map @"+name, asHex, 4)
		if len(matching) == 1 && matching[0].holds == yes {
			value = fixed("map @"+name, asHex, matching[0].data)
		}
		e.put(d.number(3), value)
	default:
		e.names = e.names || port && holds != no
		e.texts = append(e.texts, label+" vmap "+s.write(name, fields))
		for _, m := range matching {
			if m.verdict == nil {
				continue
			}
			holds := min(m.holds, e.holds)
			e.ends = append(e.ends, ending{verdict: *m.verdict, holds: holds, text: m.verdict.String()})
		}
		e.holds = min(e.holds, holds)
	}
}

// candidate is an element that a field is in, or may be in.
type candidate struct {
	element
	holds answer
}

// find tells whether the fields, one after another, are in the set.
func (s *set) find(fields []field) (answer, []candidate) {
	best := no
	var found []candidate
	var rest *element
	for _, el := range s.intervals() {
		if el.catchall {
			rest = &el
			continue
		}
		if a := el.holds(fields, s.interval && len(fields) == 1); a != no {
			best = max(best, a)
			found = append(found, candidate{el, a})
		}
	}
	if rest != nil && best != yes {
		found = append(found, candidate{*rest, best.not()})
		best = yes
	}
	return best, found
}

// intervals gives the elements with both ends of their intervals. Without fields
// joined, the kernel lists an interval as its first value and the first one
// behind it.
func (s *set) intervals() []element {
	if !s.interval {
		return s.elements
	}
	var out []element
	sorted := slices.Clone(s.elements)
	slices.SortStableFunc(sorted, func(a, b element) int {
		// Where one interval ends and the next begins, the end comes first.
		return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(b2i(b.end), b2i(a.end)))
	})
	for i, el := range sorted {
		switch {
		case el.end:
		case el.catchall || el.keyEnd != nil:
			out = append(out, el)
		default:
			el.keyEnd = bytes.Repeat([]byte{0xff}, len(el.key))
			if i+1 < len(sorted) && !sorted[i+1].catchall && len(sorted[i+1].key) == len(el.key) {
				el.keyEnd = before(sorted[i+1].key)
			}
			out = append(out, el)
		}
	}
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// before is the value below b, of the same size.
func before(b []byte) []byte {
	out := slices.Clone(b)
	for i := len(out) - 1; i >= 0; i-- {
		out[i]--
		if out[i] != 0xff {
			break
		}
	}
	return out
}

// holds compares each of the fields with its part of the key.
func (el element) holds(fields []field, whole bool) answer {
	a := yes
	key, end := el.key, el.keyEnd
	for _, f := range fields {
		n := len(f.bytes)
		if n > len(key) || end != nil && n > len(end) {
			return min(a, maybe)
		}
		if end != nil {
			a = min(a, f.between(key[:n], end[:n]))
			end = end[min((n+3)&^3, len(end)):]
		} else {
			a = min(a, f.equals(key[:n]))
		}
		key = key[min((n+3)&^3, len(key)):]
	}
	return a
}

// write renders the set as a rule has it.
func (s *set) write(name string, fields []field) string {
	if !s.anonymous {
		return "@" + name
	}
	const most = 6
	var all []string
	for _, el := range s.intervals() {
		if len(all) == most {
			all = append(all, "…")
			break
		}
		text := el.write(fields)
		if el.verdict != nil {
			text += " : " + el.verdict.String()
		}
		all = append(all, text)
	}
	return "{ " + strings.Join(all, ", ") + " }"
}

func (el element) write(fields []field) string {
	if el.catchall {
		return "*"
	}
	var parts []string
	key, end := el.key, el.keyEnd
	for _, f := range fields {
		n := min(len(f.bytes), len(key))
		text := f.kind.write(key[:n])
		if len(end) >= n && !bytes.Equal(key[:n], end[:n]) {
			text += "-" + f.kind.write(end[:n])
		}
		parts = append(parts, text)
		key, end = key[min((n+3)&^3, len(key)):], end[min((n+3)&^3, len(end)):]
	}
	return strings.Join(parts, " . ")
}

// tidy writes as nft does: without the protocol in front of its port, and with the
// ends of a range together.
func (e *evaluation) tidy() {
	for i := 0; i+1 < len(e.texts); i++ {
		label, low, ok := strings.Cut(e.texts[i], " >= ")
		if high, both := strings.CutPrefix(e.texts[i+1], label+" <= "); ok && both {
			e.texts = slices.Replace(e.texts, i, i+2, label+" "+low+"-"+high)
		}
	}
	has := func(prefix string) bool {
		return slices.ContainsFunc(e.texts, func(t string) bool { return strings.HasPrefix(t, prefix) })
	}
	e.texts = slices.DeleteFunc(e.texts, func(t string) bool {
		return t == "meta l4proto tcp" && has("tcp ") || t == "meta nfproto ipv4" && has("ip ") || t == "meta nfproto ipv6" && has("ip6 ")
	})
}
