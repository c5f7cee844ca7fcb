//go:build !linux

package forwarder

import "io"

// hold holds nothing: other systems let no second socket be bound beside one that
// listens.
func hold(address string) (io.Closer, string, error) { return nothing{}, address, nil }

// nothing is closed without effect.
type nothing struct{}

func (nothing) Close() error { return nil }
