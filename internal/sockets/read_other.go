//go:build !linux

package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"
)

func read() (Table, error) {
	return Table{}, fmt.Errorf("sockets: listening sockets are not read on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func watch(uint16, netip.Addr, time.Duration) (Traffic, error) {
	return Traffic{}, fmt.Errorf("sockets: connections are not read on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
