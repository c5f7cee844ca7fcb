package sockets

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Severity says how much a Finding explains.
type Severity string

// The Severities.
const (
	Fault   Severity = "fault"   // by itself makes a probe fail
	Warning Severity = "warning" // may make it fail, or soon will
	Info    Severity = "info"    // worth knowing
)

// Finding is one thing that only the machine knows of a port.
type Finding struct {
	Cause    string // id in the table of causes; empty if it stands for none
	Severity Severity
	Text     string // a clause without a full stop, safe to print
}

// Ids in the table of causes.
const (
	causeRefused   = "refused"
	causeWrongPort = "wrong_port"
	causeBound     = "bound_to_other_address"
	causeIPv6Only  = "ipv6_only"
	causeSaturated = "worker_saturated"
)

// mostOthers is how many listeners on other ports a Finding names.
const mostOthers = 5

// takes reports whether the kernel gives s a connection to addr; how near is 2 for
// a socket on this very address, 1 for one on all addresses of the family, and 0
// for an IPv6 socket that takes IPv4 too. The nearest wins.
func (s Socket) takes(addr netip.Addr) (near int, ok bool) {
	local := s.Local.Addr().WithZone("")
	switch {
	case local == addr:
		return 2, true
	case !local.IsUnspecified():
		return 0, false
	case local.Is4() == addr.Is4():
		return 1, true
	default:
		return 0, local.Is6() && !s.OnlyIPv6
	}
}

// Takers are the sockets that would take a connection to addr and port, several
// if they share it (SO_REUSEPORT) or are bound to one network interface each. An
// addr that is not valid stands for an address of this machine that is neither
// loopback nor known: then only sockets on all addresses count.
func (t Table) Takers(port uint16, addr netip.Addr) []Socket {
	addr = addr.Unmap().WithZone("")
	var takers []Socket
	nearest := -1
	for _, s := range t.Sockets {
		if s.Local.Port() != port {
			continue
		}
		near, ok := 1, s.Local.Addr().IsUnspecified()
		if addr.IsValid() {
			near, ok = s.takes(addr)
		}
		switch {
		case !ok || near < nearest:
		case near > nearest:
			nearest, takers = near, []Socket{s}
		default:
			takers = append(takers, s)
		}
	}
	return takers
}

// Others are sockets that would take a connection to addr at another port, one
// for each port, the nearest port number first.
func (t Table) Others(port uint16, addr netip.Addr) []Socket {
	var others []Socket
	seen := map[uint16]bool{port: true}
	for _, s := range t.Sockets {
		p := s.Local.Port()
		if seen[p] {
			continue
		}
		seen[p] = true
		if takers := t.Takers(p, addr); len(takers) > 0 {
			others = append(others, takers[0])
		}
	}
	slices.SortStableFunc(others, func(a, b Socket) int {
		return cmp.Compare(distance(a.Local.Port(), port), distance(b.Local.Port(), port))
	})
	return others
}

func distance(a, b uint16) int { return max(int(a)-int(b), int(b)-int(a)) }

// Findings says what the Table knows of connections to addr and port, the
// gravest first. An addr that is not valid is as for Takers. It is pure: what
// the table does not hold, such as another machine's address, it does not know.
func (t Table) Findings(port uint16, addr netip.Addr) []Finding {
	addr = addr.Unmap().WithZone("")
	takers := t.Takers(port, addr)
	if len(takers) == 0 {
		return []Finding{t.untaken(port, addr)}
	}
	var found []Finding
	if f, ok := fullQueue(takers); ok {
		found = append(found, f)
	}
	found = append(found, t.reach(port, addr, takers)...)
	return append(found, Finding{Severity: Info, Text: "connections go to " + list(takers, len(takers))})
}

// untaken says why nobody takes the connections.
func (t Table) untaken(port uint16, addr netip.Addr) Finding {
	var here []Socket
	for _, s := range t.Sockets {
		if s.Local.Port() == port {
			here = append(here, s)
		}
	}
	if len(here) == 0 {
		others := t.Others(port, addr)
		if len(others) == 0 {
			return Finding{Cause: causeRefused, Severity: Fault, Text: fmt.Sprintf("nothing listens on port %d, nor on any other port that %s reaches", port, addressed(addr))}
		}
		text := fmt.Sprintf("nothing listens on port %d; others do: %s", port, list(others, mostOthers))
		return Finding{Cause: causeWrongPort, Severity: Fault, Text: text}
	}
	refused := "connections to " + addressed(addr) + " are refused"
	switch {
	case addr.Is4() && all(here, func(s Socket) bool { return s.Local.Addr().IsUnspecified() && s.OnlyIPv6 }):
		return Finding{Cause: causeIPv6Only, Severity: Fault, Text: "IPv6 only: " + list(here, len(here)) + "; " + refused}
	case addr.Is6() && all(here, func(s Socket) bool { return s.Local.Addr() == netip.IPv4Unspecified() }):
		return Finding{Cause: causeBound, Severity: Fault, Text: "IPv4 only: " + list(here, len(here)) + "; " + refused}
	}
	return Finding{Cause: causeBound, Severity: Fault, Text: list(here, len(here)) + " only; " + refused}
}

// reach says who else than the prober can't come in where the prober can: a probe
// from the machine itself to 127.0.0.1 says nothing about a load balancer's.
func (t Table) reach(port uint16, addr netip.Addr, takers []Socket) []Finding {
	var found []Finding
	if addr.IsLoopback() && all(takers, func(s Socket) bool { return s.Local.Addr().IsLoopback() }) && len(t.Takers(port, netip.Addr{})) == 0 {
		found = append(found, Finding{Cause: causeBound, Severity: Warning,
			Text: list(takers, len(takers)) + " is reached from this machine alone; a load balancer on another one is refused"})
	}
	for _, s := range takers {
		if s.Device != "" {
			found = append(found, Finding{Severity: Warning, Text: fmt.Sprintf("%s takes only what comes by the interface %s", s, s.Device)})
		}
	}
	return found
}

// fullQueue finds the accept queue that is fullest for its length. The kernel lets
// one more wait than the backlog says, then drops what a client says: its
// connects hang.
func fullQueue(takers []Socket) (Finding, bool) {
	full := slices.DeleteFunc(slices.Clone(takers), func(s Socket) bool { return s.Queue <= s.Backlog || s.Backlog == 0 })
	if len(full) > 0 {
		text := fmt.Sprintf("accept queue full: %d wait, %d may, at %s: the program does not accept", full[0].Queue, full[0].Backlog, full[0])
		severity := Fault
		if len(full) < len(takers) {
			text += fmt.Sprintf("; so %d of %d sockets that share the port", len(full), len(takers))
			severity = Warning
		}
		return Finding{Cause: causeSaturated, Severity: severity, Text: text}, true
	}
	var most Socket
	for _, s := range takers {
		if s.Queue > most.Queue {
			most = s
		}
	}
	switch {
	case most.Queue == 0:
		return Finding{}, false
	case most.Backlog == 0:
		return Finding{Severity: Info, Text: fmt.Sprintf("%d connections wait to be accepted at %s; how many may is not known", most.Queue, most)}, true
	case most.Queue*2 >= most.Backlog:
		return Finding{Cause: causeSaturated, Severity: Warning, Text: fmt.Sprintf("accept queue filling: %d wait, %d may, at %s", most.Queue, most.Backlog, most)}, true
	}
	return Finding{Severity: Info, Text: fmt.Sprintf("%d connections wait to be accepted, %d may, at %s", most.Queue, most.Backlog, most)}, true
}

// String names the socket for people: "127.0.0.1:8000 (gunicorn, pid 123)".
func (s Socket) String() string {
	local := s.Local.String()
	if s.OnlyIPv6 && s.Local.Addr().IsUnspecified() {
		local += " without IPv4"
	}
	switch {
	case s.Process != "":
		return fmt.Sprintf("%s (%s, pid %d)", local, s.Process, s.PID)
	case s.PID != 0:
		return fmt.Sprintf("%s (pid %d)", local, s.PID)
	}
	return local
}

func addressed(addr netip.Addr) string {
	if !addr.IsValid() {
		return "this machine's other addresses"
	}
	return addr.String()
}

func all(sockets []Socket, is func(Socket) bool) bool {
	return !slices.ContainsFunc(sockets, func(s Socket) bool { return !is(s) })
}

// list names sockets, each once, at most so many.
func list(sockets []Socket, most int) string {
	var names []string
	for _, s := range sockets {
		if name := s.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > most {
		names = append(names[:most:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, ", ")
}
