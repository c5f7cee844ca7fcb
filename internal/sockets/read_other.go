//go:build !linux

package sockets

import (
	"errors"
	"fmt"
	"runtime"
)

func read() (Table, error) {
	return Table{}, fmt.Errorf("sockets: listening sockets are not read on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
