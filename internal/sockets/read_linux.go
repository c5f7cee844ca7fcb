package sockets

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/inservice/inservice/internal/visible"
)

const (
	netlinkSockDiag = 4 // NETLINK_SOCK_DIAG
	proc            = "/proc"
	// namesLimit bounds the search for the processes that hold the sockets: a
	// machine may have a million open files.
	namesLimit = 200 * time.Millisecond
)

func read() (Table, error) {
	var t Table
	entries, err := ask()
	if err != nil {
		t.Notes = append(t.Notes, fmt.Sprintf("the kernel's socket diagnosis can't be asked (%v): limits of accept queues, and whether an IPv6 socket takes IPv4, are not known", err))
		if entries, err = readProc(); err != nil {
			return t, fmt.Errorf("sockets: listening sockets can't be read: %w", err)
		}
	}
	holders, note := findHolders(proc, entries, time.Now().Add(namesLimit))
	if note != "" {
		t.Notes = append(t.Notes, note)
	}
	for _, e := range entries {
		s := e.socket
		if h, ok := holders[e.inode]; ok {
			s.PID, s.Process = h.pid, h.name
		}
		if e.device != 0 {
			s.Device = deviceName(int(e.device))
		}
		t.Sockets = append(t.Sockets, s)
	}
	slices.SortStableFunc(t.Sockets, func(a, b Socket) int {
		return cmp.Or(cmp.Compare(a.Local.Port(), b.Local.Port()), a.Local.Addr().Compare(b.Local.Addr()), cmp.Compare(a.PID, b.PID))
	})
	return t, nil
}

func deviceName(index int) string {
	if i, err := net.InterfaceByIndex(index); err == nil {
		return i.Name
	}
	return "interface " + strconv.Itoa(index)
}

// ask lists the sockets by the kernel's socket diagnosis.
func ask() ([]entry, error) {
	var all []entry
	err := dump(listenRequest, time.Time{}, func(b []byte) error {
		e, listens, err := parseDiag(b)
		if listens && err == nil {
			all = append(all, e)
		}
		return err
	})
	return all, err
}

// dump asks the kernel's socket diagnosis for the sockets of each family and gives
// them to each one at a time. A kernel without IPv6 has no answer for that family,
// which is no error.
func dump(request func(family byte) []byte, deadline time.Time, each func([]byte) error) error {
	conn, err := netlink.Dial(netlinkSockDiag, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	for _, family := range []byte{familyInet, familyInet6} {
		answers, err := conn.Execute(netlink.Message{
			Header: netlink.Header{Type: diagByFamily, Flags: netlink.Request | netlink.Dump},
			Data:   request(family),
		})
		if family == familyInet6 && errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		for _, answer := range answers {
			if err := each(answer.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

func readProc() ([]entry, error) {
	var all []entry
	for _, name := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(proc + "/net/" + name)
		if name == "tcp6" && errors.Is(err, fs.ErrNotExist) {
			break // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		entries, err := parseProc(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s/net/%s: %w", proc, name, err)
		}
		all = append(all, entries...)
	}
	return all, nil
}

// holder is a process that has a socket open.
type holder struct {
	pid  int
	name string
}

// findHolders looks in the open files of every process under dir for the
// entries' sockets. The lowest process id wins, which is the master of a server
// with workers; process 1 comes last, as it holds the sockets of services that it
// starts on demand beside their own. note says what stayed hidden.
func findHolders(dir string, entries []entry, deadline time.Time) (found map[uint64]holder, note string) {
	found = make(map[uint64]holder)
	wanted := make(map[uint64]bool)
	for _, e := range entries {
		if e.inode != 0 {
			wanted[e.inode] = true
		}
	}
	var denied, late bool
	for _, pid := range processes(dir) {
		if len(found) == len(wanted) {
			break
		}
		if late = time.Now().After(deadline); late {
			break
		}
		held, err := socketsOf(dir, pid)
		denied = denied || errors.Is(err, fs.ErrPermission)
		for _, inode := range held {
			if _, taken := found[inode]; !wanted[inode] || taken {
				continue
			}
			// A process that has ended meanwhile has no name any more.
			comm, _ := os.ReadFile(fmt.Sprintf("%s/%d/comm", dir, pid))
			found[inode] = holder{pid: pid, name: visible.Line(strings.TrimRight(string(comm), "\n"), 0)}
		}
	}
	missing := len(wanted) - len(found)
	switch {
	case missing == 0:
	case late:
		note = fmt.Sprintf("this machine has many open files: the programs of %d listening sockets were not found in time", missing)
	case denied:
		note = fmt.Sprintf("the programs of %d listening sockets are hidden: process names of other users need root", missing)
	}
	return found, note
}

// processes lists the process ids under dir, ascending, but 1 last.
func processes(dir string) []int {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.SortFunc(pids, func(a, b int) int {
		if (a == 1) != (b == 1) {
			return cmp.Compare(b, a)
		}
		return cmp.Compare(a, b)
	})
	return pids
}

// socketsOf lists the sockets that a process holds.
func socketsOf(dir string, pid int) ([]uint64, error) {
	path := fmt.Sprintf("%s/%d/fd", dir, pid)
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var held []uint64
	for _, name := range names {
		link, err := os.Readlink(path + "/" + name)
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := socketInode(link); ok {
			held = append(held, inode)
		}
	}
	return held, nil
}
