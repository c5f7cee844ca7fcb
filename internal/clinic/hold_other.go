//go:build !linux

package clinic

import "errors"

// The clinic is for Linux, as the real servers are: see package realserver.
func hold(string) (int, error)        { return 0, errors.ErrUnsupported }
func lend(int) error                  { return errors.ErrUnsupported }
func release(int)                     {}
func listenShort(string) (int, error) { return 0, errors.ErrUnsupported }
