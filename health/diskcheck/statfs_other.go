//go:build !linux

package diskcheck

import (
	"errors"
	"fmt"
	"runtime"
)

func statfs(string) (usage, error) {
	return usage{}, fmt.Errorf("not on %s, only on Linux: %w", runtime.GOOS, errors.ErrUnsupported)
}
