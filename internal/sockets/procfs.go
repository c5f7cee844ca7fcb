package sockets

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// parseProc reads /proc/net/tcp or tcp6 (proc_pid_net(5)). It tells less than the
// socket diagnosis: neither the backlog nor whether an IPv6 socket takes IPv4.
func parseProc(text string) ([]entry, error) {
	var found []entry
	for i, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if i == 0 || len(f) == 0 {
			continue
		}
		if len(f) < 10 {
			return found, fmt.Errorf("line %d has %d fields, want at least 10", i+1, len(f))
		}
		if f[3] != "0A" {
			continue
		}
		local, err := parseProcAddr(f[1])
		if err != nil {
			return found, fmt.Errorf("line %d: %w", i+1, err)
		}
		_, rx, _ := strings.Cut(f[4], ":")
		queue, err := strconv.ParseUint(rx, 16, 32)
		if err != nil {
			return found, fmt.Errorf("line %d: queue %q is no hexadecimal number", i+1, f[4])
		}
		inode, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil {
			return found, fmt.Errorf("line %d: inode %q is no number", i+1, f[9])
		}
		found = append(found, entry{socket: Socket{Local: local, Queue: int(queue)}, inode: inode})
	}
	return found, nil
}

// parseProcAddr reads 0100007F:1F40: the address as whole numbers of 32 bits in
// the machine's byte order, the port as people write it.
func parseProcAddr(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, fmt.Errorf("address %q: want 8 or 32 hexadecimal digits", host)
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q is no hexadecimal number of 16 bits", port)
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(p)), nil
}

// socketInode reads what a file descriptor of a socket links to, socket:[4711].
func socketInode(link string) (uint64, bool) {
	digits, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(digits, 10, 64)
	return inode, err == nil
}
