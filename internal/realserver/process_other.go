//go:build !linux

package realserver

import (
	"errors"
	"net/netip"
	"os/exec"
	"time"
)

var errLinuxOnly = errors.New("real servers are run on Linux only, where /proc shows their processes")

func supported() error { return errLinuxOnly }

// process exists so that the package compiles; programs has ended the test
// before one could be started.
type process struct{ done chan struct{} }

func startProcess(*exec.Cmd, *user) (*process, error) { return nil, errLinuxOnly }
func detach(*exec.Cmd)                                {}
func (*process) freeze() ([]int, error)               { return nil, errLinuxOnly }
func (*process) thaw() error                          { return errLinuxOnly }
func (*process) kill() error                          { return errLinuxOnly }
func (*process) cpuTime() (time.Duration, error)      { return 0, errLinuxOnly }
func listening(netip.AddrPort) error                  { return errLinuxOnly }
