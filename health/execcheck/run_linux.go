package execcheck

import (
	"context"
	"os/exec"
	"syscall"
)

// run runs the program as the leader of a process group, and kills the group
// when the program has ended, or when ctx has, which it reports. On return no
// process of the group is left, and the program has been waited for.
func run(ctx context.Context, cmd *exec.Cmd) (killed bool, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	group := cmd.Process.Pid
	ended := make(chan struct{})
	go func() { awaitEnd(group); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		killed = true
	}
	// The program has not been waited for yet, so that its id is still its own.
	// Only a program that has become another user's can't be killed.
	syscall.Kill(-group, syscall.SIGKILL)
	<-ended
	err = cmd.Wait()
	reap(group)
	return killed, err
}

// awaitEnd returns when the process has ended, and leaves it to be waited for.
// See waitid(2).
func awaitEnd(pid int) {
	const byPid = 1 // P_PID
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPid, uintptr(pid), 0, syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}

// reap waits for those of the group that have become children of this process,
// as orphans do of process 1, which the agent is in a container of its own.
// Nobody else would, and they would stay as zombies.
func reap(group int) {
	for {
		_, err := syscall.Wait4(-group, nil, 0, nil)
		if err != nil && err != syscall.EINTR {
			return
		}
	}
}
