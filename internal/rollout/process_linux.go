package rollout

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel kill the process when this one dies, be it of a
// test's -timeout. A Ctrl-C on the terminal is not for it.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
