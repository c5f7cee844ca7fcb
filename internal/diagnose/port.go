package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// target is the address and port asked, if the address is one, or localhost.
func (v view) target() (addr netip.Addr, port uint16, ok bool) {
	host, p := splitAddress(v.request().Address)
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	n, err2 := strconv.ParseUint(p, 10, 16)
	return addr.Unmap(), uint16(n), err == nil && err2 == nil
}

// home reports whether the target is this machine, as far as the question tells.
func (d *desk) home(v view) bool {
	addr, _, ok := v.target()
	return ok && (addr.IsLoopback() || slices.Contains(d.q.Local, addr) || len(d.q.Machine.Sockets) > 0)
}

// takers are the listening sockets that a connection to the target goes to.
func (d *desk) takers(v view) []sockets.Socket {
	addr, port, ok := v.target()
	if !ok {
		return nil
	}
	return d.q.Machine.Takers(port, addr)
}

// unconnected explains why there is no connection.
func (d *desk) unconnected(v view) outcome {
	switch a := v.answer(); a.Failure {
	case exchange.Refused:
		return d.nobodyThere(v)
	case exchange.TimedOut, exchange.Unreachable:
		return d.blocked(v)
	}
	return outcome{}
}

// nobodyThere: the connection is refused. Where else is the server, if it runs?
func (d *desk) nobodyThere(v view) outcome {
	addr, port, isAddr := v.target()
	if takers := d.takers(v); len(takers) > 0 {
		f := seen("filtered", 0.88, fmt.Sprintf("The connection is refused, and yet %s listens there: a firewall rejects it.", takers[0]), v)
		if w := d.otherSource(v); w.ok && w.answer().Failure != exchange.Refused {
			f.Confidence = 0.95
			f = f.also("From %s there is %s.", w.request().Source, told(w.answer()))
			f.Decided = append(f.Decided, w.name)
		}
		return only(f)
	}
	var tried []view
	for _, c := range d.addresses(v) {
		w := d.see(v.at.with(c))
		tried = append(tried, w)
		if !w.connects() || w.answer().Failure == exchange.TimedOut && !w.speaks() {
			d.rule(w, v)
			continue
		}
		other, _, _ := w.target()
		f := flipped("bound_to_other_address", 0.96, v, w)
		if isAddr && addr.Is4() && other.Is6() {
			f = flipped("ipv6_only", 0.96, v, w)
			if other != netip.IPv6Loopback() && !d.wildcard6(port) {
				f.Cause = "bound_to_other_address"
			}
		}
		if w.passes() {
			return outcome{chain: []Finding{f}, solved: true}
		}
		f.Confidence = 0.85
		behind := d.explain(w.at)
		return outcome{chain: append([]Finding{f}, behind.chain...), others: behind.others, solved: behind.solved}
	}
	if f, ok := d.elsewhere(v, tried); ok {
		return only(f)
	}
	o, asked, ok := d.otherPort(v)
	if ok {
		return o
	}
	f := seen("refused", 0.8, "The connection is refused: nothing listens on the port.", append([]view{v}, tried...)...)
	switch {
	case len(d.q.Machine.Sockets) > 0 && !d.listed(port):
		f.Confidence = 0.95
		f = f.also("The kernel's table knows no listener on it at any address of this machine.")
		if asked > 0 {
			f = f.also("Nor does any of the %d other ports that were asked give an answer that passes.", asked)
		}
	case len(tried) > 0:
		f.Confidence = 0.88
		f = f.also("So it is at the machine's other addresses.")
	}
	return only(f)
}

// elsewhere finds in the kernel's table alone that the asked port is listened on at
// other addresses of this machine only, though none of them could be reached: as
// where a firewall, or a machine without an IPv6 loopback, is in the way.
func (d *desk) elsewhere(v view, tried []view) (Finding, bool) {
	addr, port, ok := v.target()
	if !ok {
		return Finding{}, false
	}
	for _, s := range d.q.Machine.Sockets {
		a := s.Local.Addr()
		if s.Local.Port() != port || a.IsUnspecified() && a.Is4() || a.Unmap() == addr {
			continue
		}
		f := seen("bound_to_other_address", 0.85, "", append([]view{v}, tried...)...)
		if addr.Is4() && a.Is6() && (a.IsUnspecified() || a.IsLoopback()) {
			f.Cause, f.Confidence = "ipv6_only", 0.9
		}
		f = f.also("The connection is refused, and the kernel's table shows %s: on that port it listens there, and not at %s.", s, addr)
		f.Values["app"] = s.Local.String()
		return f, true
	}
	return Finding{}, false
}

// listed reports whether the kernel's table has a listener on a port at any address.
func (d *desk) listed(port uint16) bool {
	return slices.ContainsFunc(d.q.Machine.Sockets, func(s sockets.Socket) bool { return s.Local.Port() == port })
}

// wildcard6 reports whether the port is bound to all of IPv6.
func (d *desk) wildcard6(port uint16) bool {
	return slices.ContainsFunc(d.q.Machine.Sockets, func(s sockets.Socket) bool {
		return s.Local.Port() == port && s.Local.Addr() == netip.IPv6Unspecified()
	})
}

// addresses are the machine's other addresses where the same port may answer: from
// the kernel's table, or without it the loopback ones and Local.
func (d *desk) addresses(v view) []change {
	addr, port, ok := v.target()
	if !ok || !d.home(v) {
		return nil
	}
	var list []netip.Addr
	add := func(a netip.Addr) {
		if a = a.WithZone(""); a.IsValid() && a != addr && !slices.Contains(list, a) && len(list) < 4 {
			list = append(list, a)
		}
	}
	if len(d.q.Machine.Sockets) > 0 {
		for _, s := range d.q.Machine.Sockets {
			switch a := s.Local.Addr(); {
			case s.Local.Port() != port:
			case a == netip.IPv6Unspecified():
				add(netip.IPv6Loopback())
			case a.IsUnspecified():
				add(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
			default:
				add(a.Unmap())
			}
		}
	} else {
		add(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		add(netip.IPv6Loopback())
		for _, l := range d.q.Local {
			add(l)
		}
	}
	var changes []change
	for _, a := range list {
		changes = append(changes, change{factor: fAddr, label: a.String()})
	}
	return changes
}

// otherSource asks from another address.
func (d *desk) otherSource(v view) view {
	for _, c := range d.sources(v) {
		if w := d.see(v.at.with(c)); w.ok {
			return w
		}
	}
	return view{}
}

// blocked: the connect times out, or somebody on the way says no.
func (d *desk) blocked(v view) outcome {
	a := v.answer()
	for _, s := range d.takers(v) {
		if s.Queue > 0 && s.Queue >= s.Backlog { // a backlog of none lets one wait
			f := seen("worker_saturated", 0.93, fmt.Sprintf("The queue of connections that wait to be accepted is full: %d wait at %s, %d may. The program does not accept.", s.Queue, s, s.Backlog), v)
			return only(f, seen("filtered", 0.2, "", v))
		}
	}
	f := seen("filtered", 0.8, "Nothing answers the attempt to connect: "+told(a)+".", v)
	if a.Failure == exchange.Unreachable {
		f = seen("filtered", 0.85, "The connection is forbidden or there is no way: unreachable.", v)
	}
	if d.home(v) {
		// A port where nothing listens tells whether the machine itself answers.
		if w := d.see(v.at.with(change{factor: fPort, label: strconv.Itoa(d.closedPort())})); w.ok && w.answer().Failure == exchange.Refused {
			f.Confidence = 0.96
			f = f.also("Another port of the same address refuses at once: the machine is there, and only this port is blocked.")
			f.Decided = append(f.Decided, w.name)
		}
		if w := d.otherSource(v); w.connects() {
			f.Confidence = 0.97
			f = f.also("From %s the connection stands: a rule about the address that asks.", w.request().Source)
			f.Decided = append(f.Decided, w.name)
		}
	}
	return only(f)
}

// closedPort is a port where the table knows no listener.
func (d *desk) closedPort() int {
	for _, p := range []uint16{1, 9, 4} {
		if !slices.ContainsFunc(d.q.Machine.Sockets, func(s sockets.Socket) bool { return s.Local.Port() == p }) {
			return int(p)
		}
	}
	return 1
}
