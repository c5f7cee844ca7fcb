package sockets

import (
	"fmt"
	"net/netip"
	"time"
)

// watch asks two questions, each of which takes no longer than limit: who is
// connected, and what the port's programs are connected to.
func watch(port uint16, addr netip.Addr, limit time.Duration) (Traffic, error) {
	var t Traffic
	clients := func(family byte) []byte { return openRequest(family, port) }
	err := dump(clients, time.Now().Add(limit), func(b []byte) error {
		c, ok, err := parseOpen(b)
		if ok && c.local.Port() == port && (!addr.IsValid() || c.local.Addr() == addr) {
			t.Clients = append(t.Clients, Conn{Peer: c.peer, Unanswered: c.owes(), Answered: c.delivered > 0})
		}
		return err
	})
	if err != nil {
		return Traffic{}, fmt.Errorf("sockets: connections to port %d can't be read: %w", port, err)
	}
	sortByWait(t.Clients)
	t.Upstreams, t.Seen = upstreams(port, time.Now().Add(limit))
	return t, nil
}

// upstreams are the connections that the programs which listen on a port have made.
// seen is false if the programs are hidden from this user, or time was too short.
func upstreams(port uint16, deadline time.Time) (conns []Conn, seen bool) {
	listeners, err := ask()
	if err != nil {
		return nil, false
	}
	doors, taken := make(map[uint64]bool), make(map[uint16]bool)
	for _, e := range listeners {
		taken[e.socket.Local.Port()] = true
		if e.socket.Local.Port() == port && e.inode != 0 {
			doors[e.inode] = true
		}
	}
	made := make(map[uint64]Conn)
	every := func(family byte) []byte { return openRequest(family, 0) }
	err = dump(every, deadline, func(b []byte) error {
		c, ok, err := parseOpen(b)
		// What comes in at a listener's port was made by others, and a program that
		// asks itself is no upstream.
		if ok && c.inode != 0 && !taken[c.local.Port()] && c.peer.Port() != port {
			made[c.inode] = Conn{Peer: c.peer, Unanswered: c.waits(), Answered: c.arrived > 0}
		}
		return err
	})
	if err != nil {
		return nil, false
	}
	held, seen := heldBeside(proc, doors, deadline)
	for _, inode := range held {
		if c, ok := made[inode]; ok {
			conns = append(conns, c)
			delete(made, inode)
		}
	}
	sortByWait(conns)
	return conns, seen
}

// heldBeside lists the sockets of every process that holds one of these: of a
// server's workers, too, as they inherit its listener. Process 1 holds those of
// others. seen is false if there was none, or not all were looked at in time.
func heldBeside(dir string, these map[uint64]bool, deadline time.Time) (all []uint64, seen bool) {
	for _, pid := range processes(dir) {
		if pid == 1 {
			break
		}
		if time.Now().After(deadline) {
			return all, false
		}
		held, err := socketsOf(dir, pid)
		if err != nil {
			continue // not ours to see, or ended meanwhile
		}
		for _, inode := range held {
			if these[inode] {
				all, seen = append(all, held...), true
				break
			}
		}
	}
	return all, seen
}
