//go:build !linux

package firewall

import (
	"errors"
	"fmt"
	"runtime"
)

func read() (Ruleset, error) {
	return Ruleset{}, fmt.Errorf("firewall: the packet filter is not read on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
