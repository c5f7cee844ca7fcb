package firewall

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/mdlayher/netlink"
)

// Requests to the kernel's nftables: the subsystem in the upper byte.
const (
	netlinkNetfilter = 12
	subsystem        = 10 << 8
	getChain         = subsystem | 4
	getRule          = subsystem | 7
	getSet           = subsystem | 10
	getElements      = subsystem | 13

	// mostTries bounds how often rules are read again that changed meanwhile.
	mostTries = 3
)

func read() (Ruleset, error) {
	var r Ruleset
	conn, err := netlink.Dial(netlinkNetfilter, nil)
	if err == nil {
		defer conn.Close()
		err = r.ask(conn)
	}
	switch {
	case err == nil:
		r.read = true
	case errors.Is(err, os.ErrPermission):
		r.Notes = append(r.Notes, "firewall rules are hidden: reading them needs root (CAP_NET_ADMIN)")
	case slices.ContainsFunc([]error{syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT, syscall.EOPNOTSUPP, syscall.EINVAL, os.ErrNotExist}, func(e error) bool { return errors.Is(err, e) }):
		r.Notes = append(r.Notes, fmt.Sprintf("this kernel has no nftables (%v)", err))
	default:
		return r, fmt.Errorf("firewall: read the rules of nftables: %w", err)
	}
	r.Notes = append(r.Notes, legacy(os.ReadFile)...)
	return r, nil
}

// ask reads everything, again if the rules changed meanwhile.
func (r *Ruleset) ask(conn *netlink.Conn) error {
	var err error
	for range mostTries {
		if err = r.askOnce(conn); !errors.Is(err, errChanged) {
			return err
		}
	}
	return err
}

// errChanged says that the kernel's list was cut short by a change.
var errChanged = errors.New("the rules change too fast")

func (r *Ruleset) askOnce(conn *netlink.Conn) error {
	r.chains, r.sets = nil, make(map[setName]*set)
	err := dump(conn, getChain, []byte{0, 0, 0, 0}, func(b []byte) error {
		c, err := parseChain(b)
		if err == nil {
			r.chains = append(r.chains, c)
		}
		return err
	})
	if err != nil || len(r.chains) == 0 {
		return err
	}
	byName := make(map[setName]*chain)
	for _, c := range r.chains {
		byName[setName{c.family, c.table + "\x00", c.name}] = c
	}
	err = dump(conn, getRule, []byte{0, 0, 0, 0}, func(b []byte) error {
		family, table, in, one, err := parseRule(b)
		if err != nil {
			return err
		}
		c, ok := byName[setName{family, table + "\x00", in}]
		if !ok {
			return errChanged // made after the chains were listed
		}
		c.rules = append(c.rules, one)
		return nil
	})
	if err != nil {
		return err
	}
	return r.askSets(conn)
}

// askSets reads the sets, and the elements of those that rules ask.
func (r *Ruleset) askSets(conn *netlink.Conn) error {
	wanted := make(map[setName]bool)
	for _, c := range r.chains {
		for _, one := range c.rules {
			for _, x := range one.exprs {
				if x.name == "lookup" {
					wanted[setName{c.family, c.table, x.data.text(1)}] = true
				}
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	err := dump(conn, getSet, []byte{0, 0, 0, 0}, func(b []byte) error {
		name, s, err := parseSet(b)
		if err == nil && wanted[name] {
			r.sets[name] = s
		}
		return err
	})
	if err != nil {
		return err
	}
	for name, s := range r.sets {
		request, err := netlink.MarshalAttributes([]netlink.Attribute{
			{Type: 1, Data: append([]byte(name.table), 0)},
			{Type: 2, Data: append([]byte(name.name), 0)},
		})
		if err != nil {
			return err
		}
		err = dump(conn, getElements, append([]byte{name.family, 0, 0, 0}, request...), func(b []byte) error {
			elements, err := parseElements(b)
			s.elements = append(s.elements, elements...)
			return err
		})
		if errors.Is(err, os.ErrNotExist) { // removed meanwhile, or called by a name that is no text
			delete(r.sets, name)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dump asks for a list and hands over its items.
func dump(conn *netlink.Conn, kind netlink.HeaderType, request []byte, each func([]byte) error) error {
	answers, err := conn.Execute(netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump}, Data: request})
	if errors.Is(err, syscall.EINTR) {
		return errChanged
	}
	if err != nil {
		return err
	}
	for _, answer := range answers {
		if answer.Header.Flags&netlink.DumpInterrupted != 0 {
			return errChanged
		}
		if err := each(answer.Data); err != nil {
			return err
		}
	}
	return nil
}
