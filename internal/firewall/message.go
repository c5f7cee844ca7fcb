package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/inservice/inservice/internal/visible"
)

// The kernel's numbers (linux/netfilter/nf_tables.h, nfnetlink.h). They are the
// same on every architecture; whole numbers in attributes are big endian.
const (
	attributeHead = 4
	attributeType = 0x3fff // without the flags for nesting and byte order
	familyHead    = 4      // struct nfgenmsg, before the attributes of a message

	familyInet, familyIPv4, familyNetdev, familyBridge, familyIPv6 = 1, 2, 5, 7, 10
)

var familyNames = map[byte]string{familyInet: "inet", familyIPv4: "ip", 3: "arp", familyNetdev: "netdev", familyBridge: "bridge", familyIPv6: "ip6"}

var errShort = errors.New("it ends too early")

// attributes is a list of netlink attributes by type. One that occurs twice is
// there once; lists are read by elements.
type attributes map[uint16][]byte

func parseAttributes(b []byte) (attributes, error) {
	found := make(attributes)
	err := eachAttribute(b, func(kind uint16, value []byte) error {
		found[kind] = value
		return nil
	})
	return found, err
}

func eachAttribute(b []byte, do func(kind uint16, value []byte) error) error {
	for len(b) >= attributeHead {
		size := int(binary.NativeEndian.Uint16(b))
		if size < attributeHead || size > len(b) {
			return fmt.Errorf("attribute of %d bytes, %d are left: %w", size, len(b), errShort)
		}
		if err := do(binary.NativeEndian.Uint16(b[2:])&attributeType, b[attributeHead:size]); err != nil {
			return err
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// number is a whole number of 32 bits; zero if it is missing.
func (a attributes) number(kind uint16) uint32 {
	if b := a[kind]; len(b) >= 4 {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (a attributes) long(kind uint16) uint64 {
	if b := a[kind]; len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text is a string, which may end in a zero byte, safe to print.
func (a attributes) text(kind uint16) string {
	text, _, _ := strings.Cut(string(a[kind]), "\x00")
	return visible.Line(text, 0)
}

// value is the bytes of NFTA_DATA_VALUE in a nested attribute.
func (a attributes) value(kind uint16) []byte {
	nested, err := parseAttributes(a[kind])
	if err != nil {
		return nil
	}
	return nested[1]
}

// chain is a chain with its rules. hook is -1 if packets only come by a jump.
type chain struct {
	family   byte
	table    string
	name     string
	hook     int
	priority int32
	drops    bool   // its policy
	kind     string // filter, nat, route
	device   string // of a netdev chain
	rules    []rule
}

func (c *chain) String() string {
	return "table " + familyNames[c.family] + " " + c.table + " chain " + c.name
}

type rule struct {
	handle uint64
	exprs  []expression
}

// expression is one step of a rule, such as payload, cmp or immediate.
type expression struct {
	name string
	data attributes
}

func parseChain(b []byte) (*chain, error) {
	if len(b) < familyHead {
		return nil, errShort
	}
	a, err := parseAttributes(b[familyHead:])
	if err != nil {
		return nil, err
	}
	c := &chain{family: b[0], table: a.text(1), name: a.text(3), hook: -1, kind: a.text(7)}
	_, hasPolicy := a[5]
	c.drops = hasPolicy && a.number(5) == 0
	if nested, ok := a[4]; ok {
		hook, err := parseAttributes(nested)
		if err != nil {
			return nil, err
		}
		c.hook, c.priority, c.device = int(int32(hook.number(1))), int32(hook.number(2)), hook.text(3)
	}
	return c, nil
}

// parseRule reads a rule and the names of its table and chain.
func parseRule(b []byte) (family byte, table, in string, r rule, err error) {
	if len(b) < familyHead {
		return 0, "", "", rule{}, errShort
	}
	a, err := parseAttributes(b[familyHead:])
	if err != nil {
		return 0, "", "", rule{}, err
	}
	r.handle = a.long(3)
	r.exprs, err = parseExpressions(a[4])
	return b[0], a.text(1), a.text(2), r, err
}

func parseExpressions(b []byte) ([]expression, error) {
	var exprs []expression
	err := eachAttribute(b, func(_ uint16, element []byte) error {
		a, err := parseAttributes(element)
		if err != nil {
			return err
		}
		data, err := parseAttributes(a[2])
		if err != nil {
			return err
		}
		exprs = append(exprs, expression{name: a.text(1), data: data})
		return nil
	})
	return exprs, err
}

// setName is what rules call a set by.
type setName struct {
	family      byte
	table, name string
}

// set is a set or a map, with its elements in no certain order.
type set struct {
	anonymous, interval, isMap bool
	elements                   []element
}

type element struct {
	key, keyEnd []byte // keyEnd: of an interval of fields
	end         bool   // the key is the first one behind an interval
	catchall    bool   // for what is in no other element
	data        []byte
	verdict     *verdict
}

func parseSet(b []byte) (setName, *set, error) {
	if len(b) < familyHead {
		return setName{}, nil, errShort
	}
	a, err := parseAttributes(b[familyHead:])
	if err != nil {
		return setName{}, nil, err
	}
	flags := a.number(3)
	return setName{b[0], a.text(1), a.text(2)}, &set{anonymous: flags&1 != 0, interval: flags&4 != 0, isMap: flags&8 != 0}, nil
}

func parseElements(b []byte) ([]element, error) {
	if len(b) < familyHead {
		return nil, errShort
	}
	a, err := parseAttributes(b[familyHead:])
	if err != nil {
		return nil, err
	}
	var found []element
	err = eachAttribute(a[3], func(_ uint16, nested []byte) error {
		e, err := parseAttributes(nested)
		if err != nil {
			return err
		}
		flags := e.number(3)
		v, err := parseVerdict(e[2])
		if err != nil {
			return err
		}
		found = append(found, element{key: e.value(1), keyEnd: e.value(10), end: flags&1 != 0, catchall: flags&2 != 0, data: e.value(2), verdict: v})
		return nil
	})
	return found, err
}

// verdict is what a rule decides.
type verdict struct {
	code  int32
	chain string // jumped to
}

// The verdicts (linux/netfilter.h and nf_tables.h).
const (
	verdictDrop     = 0
	verdictAccept   = 1
	verdictQueue    = 3
	verdictContinue = -1
	verdictJump     = -3
	verdictGoto     = -4
	verdictReturn   = -5
)

// parseVerdict reads struct nft_data; nil if it holds a value, not a verdict.
func parseVerdict(b []byte) (*verdict, error) {
	a, err := parseAttributes(b)
	if err != nil {
		return nil, err
	}
	nested, ok := a[2]
	if !ok {
		return nil, nil
	}
	v, err := parseAttributes(nested)
	if err != nil {
		return nil, err
	}
	return &verdict{code: int32(v.number(1)), chain: v.text(2)}, nil
}

// queues reports whether a program decides; the upper half of the code is the
// number of its queue.
func (v verdict) queues() bool { return v.code >= 0 && v.code&0xff == verdictQueue }

func (v verdict) String() string {
	if v.queues() {
		return "queue"
	}
	switch v.code {
	case verdictDrop:
		return "drop"
	case verdictAccept:
		return "accept"
	case verdictContinue:
		return "continue"
	case verdictJump:
		return "jump " + v.chain
	case verdictGoto:
		return "goto " + v.chain
	case verdictReturn:
		return "return"
	}
	return fmt.Sprintf("verdict %d", v.code)
}
