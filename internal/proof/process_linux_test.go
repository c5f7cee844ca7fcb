package proof

import (
	"os/exec"
	"syscall"
)

// endWithTest has the kernel kill the process when the test binary dies, be it
// of its own -timeout.
func endWithTest(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
