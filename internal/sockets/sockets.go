// Package sockets tells what only the machine itself knows of its ports: who
// listens where, how full the queues are, and what goes through one.
//
// Read and Watch ask the kernel and keep nothing; a Table and a Traffic are plain
// values, and what is concluded from them is pure. Everything may be used from any number of
// goroutines at once.
package sockets

import (
	"net"
	"net/netip"
)

// Socket is one listening TCP socket.
type Socket struct {
	Local    netip.AddrPort // an unspecified address is all of its family
	OnlyIPv6 bool           // an IPv6 socket that takes no IPv4
	Device   string         // the one interface it takes connections from; empty: all
	Queue    int            // connections that wait to be accepted
	Backlog  int            // how many may wait (one more is let in); 0 if not known
	PID      int            // of the oldest process that holds it; 0 if not known
	Process  string         // name of that program, safe to print; empty if not known
}

// Table is the machine's listening sockets at one moment, ordered by port and
// address. It is the view from this process's network namespace: a container
// sees its own.
type Table struct {
	Sockets []Socket
	Notes   []string // what could not be read, and why, for people
}

// Read asks the kernel. It works on Linux; elsewhere the error wraps
// errors.ErrUnsupported. What is hidden from this user is missing from the
// Table and named in its Notes, not an error.
func Read() (Table, error) { return read() }

// OwnAddress reports whether a connection to addr stays on this machine: a
// loopback address, an address of one of its interfaces, or the unspecified one.
// It is false if the interfaces can't be read.
func OwnAddress(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || addr.IsUnspecified() {
		return addr.IsValid()
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == addr {
				return true
			}
		}
	}
	return false
}
