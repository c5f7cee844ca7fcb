//go:build !linux

package front

import "errors"

// lock keeps newcomers out of a listener's queue, where that can be done.
func lock(any) error { return errors.ErrUnsupported }
