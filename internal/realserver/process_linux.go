package realserver

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// signalLimit bounds the time until a signal has had its effect.
const signalLimit = 10 * time.Second

// supported says why servers can't be run on this system.
func supported() error { return nil }

// process is a running program with all its descendants. They are found by
// their parents, in /proc: process groups would not do, as the children of
// PostgreSQL each leave theirs.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the first process has ended and been waited for
}

// startProcess starts cmd as the user, in a session of its own: a Ctrl-C on
// the terminal of the test is not for the server.
func startProcess(cmd *exec.Cmd, u *user) (*process, error) {
	detach(cmd)
	if u != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	return p, nil
}

// detach keeps signals from the terminal away from cmd.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// freeze stops the process and its descendants and returns their ids, each
// parent before its children.
func (p *process) freeze() ([]int, error) {
	return freezeTree(p.cmd.Process.Pid)
}

// freezeTree stops a process before it looks for its children, so that no
// child is born unseen; and a stopped parent can't take note of a child's end,
// so that none of the ids goes to another process meanwhile.
func freezeTree(pid int) ([]int, error) {
	if err := signal(pid, syscall.SIGSTOP); err != nil {
		return nil, err
	}
	// A signal takes effect a little after kill(2) has returned.
	if err := await(pid, "stop", func(st stat) bool { return strings.ContainsAny(st.state, "TtZX") }); err != nil {
		return nil, err
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	tree := []int{pid}
	for _, st := range all {
		if st.parent != pid {
			continue
		}
		below, err := freezeTree(st.pid)
		if err != nil {
			return nil, err
		}
		tree = append(tree, below...)
	}
	return tree, nil
}

// thaw lets a frozen process and its descendants go on, children first.
func (p *process) thaw() error {
	tree, err := p.freeze()
	if err != nil {
		return err
	}
	for _, pid := range slices.Backward(tree) {
		err = cmp.Or(err, signal(pid, syscall.SIGCONT))
	}
	return err
}

// kill ends the process and its descendants and returns when they are gone.
func (p *process) kill() error {
	select {
	case <-p.done:
		return nil // it ended by itself, and its id may be another's by now
	default:
	}
	tree, err := p.freeze()
	if err != nil {
		return err
	}
	for _, pid := range tree {
		err = cmp.Or(err, signal(pid, syscall.SIGKILL))
	}
	if err != nil {
		return err
	}
	<-p.done
	for _, pid := range tree[1:] {
		// A zombie holds nothing any more; it waits for its new parent, whose
		// business it is.
		if err := await(pid, "end", func(st stat) bool { return strings.ContainsAny(st.state, "ZX") }); err != nil {
			return err
		}
	}
	return nil
}

// cpuTime returns the processor time of the process and its descendants.
func (p *process) cpuTime() (time.Duration, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	tree := []int{p.cmd.Process.Pid}
	for len(tree) > 0 {
		pid := tree[0]
		tree = tree[1:]
		for _, st := range all {
			if st.pid == pid {
				sum += st.cpu
			}
			if st.parent == pid {
				tree = append(tree, st.pid)
			}
		}
	}
	return sum, nil
}

// signal sends sig; a process that is gone has had it.
func signal(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%v to process %d: %w", sig, pid, err)
	}
	return nil
}

// await waits until the process is as wanted, or gone.
func await(pid int, verb string, wanted func(stat) bool) error {
	deadline := time.Now().Add(signalLimit)
	for {
		st, err := readStat(pid)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			return nil
		}
		if err != nil {
			return err
		}
		if wanted(st) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d did not %s within %v, state %s", pid, verb, signalLimit, st.state)
		}
		time.Sleep(time.Millisecond)
	}
}

// stat is what we need of /proc/PID/stat, see proc_pid_stat(5).
type stat struct {
	pid, parent int
	state       string
	cpu         time.Duration
}

// processes lists every process of the machine.
func processes() ([]stat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []stat
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		st, err := readStat(pid)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, nil
}

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(pid, string(b))
}

// parseStat reads the fields after the program's name, which stands in
// parentheses and may itself contain spaces and parentheses.
func parseStat(pid int, line string) (stat, error) {
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 13 {
		return stat{}, fmt.Errorf("/proc/%d/stat: cannot read %q", pid, line)
	}
	var numbers [3]int
	for i, field := range []string{fields[1], fields[11], fields[12]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return stat{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		numbers[i] = n
	}
	// Linux counts in ticks of 1/100 s on every architecture that Go runs on.
	cpu := time.Duration(numbers[1]+numbers[2]) * 10 * time.Millisecond
	return stat{pid: pid, parent: numbers[0], state: fields[0], cpu: cpu}, nil
}
