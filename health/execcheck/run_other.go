//go:build !linux

package execcheck

import (
	"context"
	"os/exec"
)

// run runs the program and kills it when ctx ends, which it reports.
func run(ctx context.Context, cmd *exec.Cmd) (killed bool, err error) {
	if err := cmd.Start(); err != nil {
		return false, err
	}
	ended := make(chan struct{})
	go func() { err = cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		killed = true
		cmd.Process.Kill() // it may have ended just now
		<-ended
	}
	return killed, err
}
