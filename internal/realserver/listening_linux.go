package realserver

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// listenState is TCP_LISTEN as /proc/net/tcp writes it, see proc_net_tcp in the
// kernel's documentation.
const listenState = "0A"

// listening returns nil if somebody listens on the address, or on all addresses
// of its family and port. It asks the kernel and disturbs nobody.
func listening(want netip.AddrPort) error {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			fields := strings.Fields(line)
			if len(fields) < 4 || fields[3] != listenState {
				continue
			}
			local, err := parseSocket(fields[1])
			if err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
			if local.Port() == want.Port() && (local.Addr() == want.Addr() || local.Addr().IsUnspecified()) {
				return nil
			}
		}
	}
	return fmt.Errorf("nobody listens on %v", want)
}

// parseSocket reads an address of /proc/net/tcp: each 32 bits of it as a number
// in hexadecimal, in the machine's order, which is little-endian wherever these
// tests run; a colon and the port.
func parseSocket(s string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(address)
	if err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("cannot read the address %q", s)
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	ip, ok := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil || !ok {
		return netip.AddrPort{}, fmt.Errorf("cannot read the address %q", s)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), nil // Java listens on IPv4 with sockets of IPv6
}
