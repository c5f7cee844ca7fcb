package realserver

import (
	"fmt"
	"io"
	"os/exec"
)

// guardScript ends a server and removes its directory ($1) as soon as its
// standard input closes without the word "dismissed". Each other line names
// the process to end; 0 stands for none. A parent is stopped before its
// children are looked for, so that it can't start another meanwhile.
const guardScript = `
end() {
	kill -STOP "$1"
	for status in $(grep -ls "^PPid:[[:space:]]$1\$" /proc/[0-9]*/status); do
		status=${status#/proc/}
		end "${status%/status}"
	done
	kill -KILL "$1"
}
pid=0
while read -r word; do
	[ "$word" = dismissed ] && exit
	pid=$word
done
[ "$pid" -eq 0 ] || end "$pid"
memory=$(sed -n '7s/.* //p' "$1/data/postmaster.pid") # see removeSharedMemory
[ -z "$memory" ] || ipcrm -m "$memory"
rm -rf -- "$1"
`

// guard is a shell that outlives this process by a moment and ends the server
// that was left behind. The kernel closes the guard's input whenever and
// however this process ends.
//
// The kernel's own means, a parent-death signal, would not do: it reaches the
// server's first process alone (frozen children of PostgreSQL and workers of
// nginx would stay), fires when the thread that started the server ends, and
// leaves the directory.
type guard struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

func startGuard(dir string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "guard", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.Dir = "/"
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	return &guard{cmd: cmd, in: in}, nil
}

// watch says which process the guard would have to end; 0 is none. A guard
// that is gone can't be told, and dismiss reports it.
func (g *guard) watch(pid int) { fmt.Fprintln(g.in, pid) }

// dismiss ends the guard without its doing anything.
func (g *guard) dismiss() error {
	if _, err := fmt.Fprintln(g.in, "dismissed"); err != nil {
		return fmt.Errorf("the guard is gone: %w", err)
	}
	g.in.Close()
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}
