package firewall

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strings"
	"testing"
	"unicode"
)

// attr makes a netlink attribute of its parts, padded as the kernel does.
func attr(kind uint16, parts ...[]byte) []byte {
	var value []byte
	for _, p := range parts {
		value = append(value, p...)
	}
	b := binary.NativeEndian.AppendUint16(nil, uint16(len(value)+4))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

func n32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func str(s string) []byte { return append([]byte(s), 0) }
func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// expr makes an expression as a rule's message has it.
func expr(name string, data ...[]byte) []byte { return attr(1, attr(1, str(name)), attr(2, data...)) }

// data is a value within an expression.
func data(kind uint16, value []byte) []byte { return attr(kind, attr(1, value)) }

func decides(code int32) []byte {
	return expr("immediate", attr(1, n32(0)), attr(2, attr(2, attr(1, n32(uint32(code))))))
}

// withRule is a Ruleset of one chain that accepts by policy and one rule.
func withRule(t testing.TB, exprs ...[]byte) Ruleset {
	t.Helper()
	_, _, _, r, err := parseRule(join([]byte{familyInet, 0, 0, 0}, attr(1, str("f")), attr(2, str("in")), attr(3, make([]byte, 7), []byte{9}), attr(4, exprs...)))
	if err != nil {
		t.Fatal(err)
	}
	return Ruleset{read: true, chains: []*chain{{family: familyInet, table: "f", name: "in", hook: hookInput, rules: []rule{r}}}}
}

var dport8000 = join(expr("payload", attr(1, n32(1)), attr(2, n32(2)), attr(3, n32(2)), attr(4, n32(2))),
	expr("cmp", attr(1, n32(1)), attr(2, n32(0)), data(3, []byte{0x1f, 0x40})))

// TestUnknownExpression: a rule that holds what is not known is never taken for
// one that meets everything.
func TestUnknownExpression(t *testing.T) {
	r := withRule(t, dport8000, expr("osf", attr(1, n32(1))), decides(verdictDrop)).For(Question{Port: 8000})
	if r.Outcome != Depends || r.Rules[0].Certain || !strings.Contains(r.Text, "(osf, not decoded)") {
		t.Errorf("report %+v, want one that depends on osf", r)
	}
	// Nor is one whose set was not read.
	r = withRule(t, dport8000, expr("lookup", attr(1, str("gone")), attr(2, n32(1))), decides(verdictDrop)).For(Question{Port: 8000})
	if r.Outcome != Depends {
		t.Errorf("report %+v, want one that depends on a set", r)
	}
	// A program that decides.
	r = withRule(t, dport8000, expr("queue")).For(Question{Port: 8000})
	if r.Outcome != Depends || r.Rules[0].Does != "queue" {
		t.Errorf("report %+v, want one that depends on a program", r)
	}
	if r := (Ruleset{}).For(Question{Port: 8000}); r.Outcome != Unknown {
		t.Errorf("without rules having been read: %+v", r)
	}
}

func TestHandleAndDoes(t *testing.T) {
	r := withRule(t, dport8000, expr("reject")).For(Question{Port: 8000})
	if len(r.Rules) != 1 || r.Rules[0].Handle != 9 || r.Rules[0].Does != "reject" || !r.Rules[0].Names || !r.Rules[0].Certain {
		t.Errorf("rules %+v", r.Rules)
	}
	if r := withRule(t, dport8000, expr("reject")).For(Question{Port: 8001}); len(r.Rules) != 0 {
		t.Errorf("rules of another port are listed: %+v", r.Rules)
	}
}

// TestQuestion: addresses that stand for a family are not taken for the probe's.
func TestQuestion(t *testing.T) {
	daddr := func(offset uint32, value ...byte) Ruleset {
		return withRule(t, expr("payload", attr(1, n32(1)), attr(2, n32(1)), attr(3, n32(offset)), attr(4, n32(uint32(len(value))))),
			expr("cmp", attr(1, n32(1)), attr(2, n32(0)), data(3, value)), decides(verdictDrop))
	}
	to := daddr(16, 10, 0, 0, 5)
	for text, want := range map[string]Outcome{"10.0.0.5": Drops, "10.0.0.6": Accepts, "127.0.0.1": Depends, "0.0.0.0": Depends} {
		if r := to.For(Question{Port: 80, Destination: netip.MustParseAddr(text)}); r.Outcome != want {
			t.Errorf("probed at %s: %s (%s), want %s", text, r.Outcome, r.Text, want)
		}
	}
	from := daddr(8, netip.MustParseAddr("2001:db8::1").AsSlice()...)
	for text, want := range map[string]Outcome{"2001:db8::1": Drops, "2001:db8::2": Accepts, "::1": Depends} {
		if r := from.For(Question{Port: 80, Source: netip.MustParseAddr(text)}); r.Outcome != want {
			t.Errorf("from %s: %s (%s), want %s", text, r.Outcome, r.Text, want)
		}
	}
}

// TestOldIptables: iptables before 1.8.8 compares ports by its match tcp.
func TestOldIptables(t *testing.T) {
	n := binary.NativeEndian.AppendUint16
	tcp := func(low, high uint16, mask, flags, invert byte) []byte {
		return join(n(nil, 0), n(nil, 65535), n(nil, low), n(nil, high), []byte{0, mask, flags, invert})
	}
	for name, c := range map[string]struct {
		info []byte
		want Outcome
		text string
	}{
		"port":        {tcp(8000, 8000, 0, 0, 0), Drops, "tcp dport 8000 drop"},
		"range":       {tcp(7000, 8000, 0, 0, 0), Drops, "tcp dport 7000-8000 drop"},
		"other":       {tcp(8001, 8001, 0, 0, 0), Accepts, ""},
		"not other":   {tcp(8001, 8001, 0, 0, 2), Drops, "tcp dport != 8001 drop"},
		"syn":         {tcp(0, 65535, 0x17, 0x02, 0), Drops, "tcp flags & fin,syn,rst,ack == syn drop"},
		"not syn":     {tcp(0, 65535, 0x17, 0x02, 4), Accepts, ""},
		"option":      {join(tcp(8000, 8000, 0, 0, 0)[:8], []byte{2, 0, 0, 0}), Depends, "option 2"},
		"cut short":   {tcp(8000, 8000, 0, 0, 0)[:11], Depends, "-m tcp (not decoded)"},
		"no contents": {nil, Depends, "-m tcp (not decoded)"},
	} {
		r := withRule(t, expr("match", attr(1, str("tcp")), attr(2, n32(0)), attr(3, c.info)), decides(verdictDrop)).For(Question{Port: 8000})
		if r.Outcome != c.want || !strings.Contains(r.Text, c.text) {
			t.Errorf("%s: %s, %s; want %s, %s", name, r.Outcome, r.Text, c.want, c.text)
		}
	}
	if r := withRule(t, expr("match", attr(1, str("udp")), attr(3, tcp(8000, 8000, 0, 0, 0))), decides(verdictDrop)).For(Question{Port: 8000}); r.Outcome != Accepts {
		t.Errorf("a rule for udp: %+v", r)
	}
	if r := withRule(t, dport8000, expr("target", attr(1, str("WEIRD")))).For(Question{Port: 8000}); r.Outcome != Depends || !strings.Contains(r.Text, "-j WEIRD (not decoded)") {
		t.Errorf("an unknown target: %+v", r)
	}
}

// TestJumpsAreBounded: chains that jump to each other end.
func TestJumpsAreBounded(t *testing.T) {
	jump := func(to string) rule {
		return rule{exprs: []expression{{"immediate", attributes{1: n32(0), 2: attr(2, attr(1, n32(uint32(0xfffffffd))), attr(2, str(to)))}}}}
	}
	r := Ruleset{read: true, chains: []*chain{{family: familyInet, table: "f", name: "in", hook: hookInput, rules: []rule{jump("a"), jump("a"), jump("a")}}}}
	r.chains = append(r.chains, &chain{family: familyInet, table: "f", name: "a", hook: -1, rules: []rule{jump("a"), jump("a"), jump("a")}})
	if got := r.For(Question{Port: 1}); got.Outcome != Unknown || !strings.Contains(got.Text, "too many") {
		t.Errorf("%+v, want that they are too many", got)
	}
}

func TestLegacy(t *testing.T) {
	notes := legacy(func(name string) ([]byte, error) {
		if strings.Contains(name, "ip6") {
			return nil, os.ErrNotExist
		}
		return []byte("filter\nnat\n"), nil
	})
	if len(notes) != 1 || notes[0] != "legacy iptables rules are not read here (tables filter, nat): see iptables-legacy-save" {
		t.Errorf("notes %q", notes)
	}
	if notes := legacy(func(string) ([]byte, error) { return nil, nil }); len(notes) != 0 {
		t.Errorf("notes %q without tables", notes)
	}
}

func FuzzRule(f *testing.F) {
	f.Add(join(dport8000, decides(verdictDrop)), []byte{})
	f.Add(join(dport8000, expr("lookup", attr(1, str("s")), attr(2, n32(1)), attr(3, n32(0)))), attr(3, attr(1, data(1, []byte{0x1f, 0x40}), attr(2, attr(2, attr(1, n32(0)))))))
	f.Add(expr("bitwise", attr(1, n32(1)), attr(2, n32(1)), data(4, []byte{1, 2, 3}), data(5, []byte{1})), attr(3, attr(1, attr(3, n32(2)))))
	f.Add(join(expr("ct", attr(1, n32(1)), attr(2, n32(0))), expr("byteorder", attr(1, n32(1)), attr(2, n32(9)), attr(5, n32(4))), expr("match", attr(1, str("multiport")), attr(2, n32(1)), attr(3, make([]byte, 48)))), []byte{})
	f.Add(join(expr("meta", attr(1, n32(1)), attr(2, n32(3))), expr("fib", attr(1, n32(8))), expr("nat", attr(1, n32(1)), attr(3, n32(1)), attr(5, n32(8))), expr("target", attr(1, str("DNAT")), attr(2, n32(2)), attr(3, make([]byte, 40)))), []byte{})
	f.Fuzz(func(t *testing.T, exprs, elements []byte) {
		head := []byte{familyInet, 0, 0, 0}
		_, _, _, one, err := parseRule(join(head, attr(1, str("f")), attr(4, exprs)))
		if err != nil || len(exprs) > 60000 {
			return
		}
		found, err := parseElements(join(head, elements))
		if err != nil {
			found = nil
		}
		for _, s := range []*set{{elements: found}, {elements: found, interval: true}, {elements: found, anonymous: true, isMap: true, interval: true}} {
			r := Ruleset{read: true, sets: map[setName]*set{{familyInet, "f", "s"}: s}, chains: []*chain{
				{family: familyInet, table: "f", name: "in", hook: hookInput, rules: []rule{one}},
				{family: familyInet, table: "f", name: "out", hook: hookOutput, rules: []rule{one}},
			}}
			report := r.For(Question{Port: 8000})
			text := report.Text
			for _, r := range report.Rules {
				text += r.Text + r.Does
			}
			if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%q is not printable at %d", text, i)
			}
		}
	})
}

func FuzzChain(f *testing.F) {
	f.Add(join([]byte{familyInet, 0, 0, 0}, attr(1, str("f")), attr(3, str("in")), attr(4, attr(1, n32(1)), attr(2, n32(0))), attr(5, n32(0)), attr(7, str("filter"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseChain(b); err == nil {
			_ = c.String()
			_, _, _ = parseSet(b)
		}
	})
}
