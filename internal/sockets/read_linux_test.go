package sockets

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listen opens a listener that the test's end closes, and returns where.
func listen(t *testing.T, network, address string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// readAt reads the table and returns the sockets on the port.
func readAt(t *testing.T, port uint16) (Table, []Socket) {
	t.Helper()
	table, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	var here []Socket
	for _, s := range table.Sockets {
		if s.Local.Port() == port {
			here = append(here, s)
		}
	}
	return table, here
}

func TestReadFindsOwnListeners(t *testing.T) {
	self, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		network, address, local string
		only                    bool
	}{
		{"tcp4", "127.0.0.1:0", "127.0.0.1", false},
		{"tcp4", "0.0.0.0:0", "0.0.0.0", false},
		{"tcp6", "[::1]:0", "::1", false},
		{"tcp", "[::]:0", "::", false},
		{"tcp6", "[::]:0", "::", true},
		{"tcp", "[::ffff:127.0.0.1]:0", "127.0.0.1", false},
	} {
		t.Run(c.network+" "+c.address, func(t *testing.T) {
			at := listen(t, c.network, c.address)
			_, here := readAt(t, at.Port())
			if len(here) != 1 {
				t.Fatalf("sockets on port %d: %v, want one", at.Port(), here)
			}
			s := here[0]
			if got := s.Local.Addr().String(); got != c.local {
				t.Errorf("listens on %s, want %s", got, c.local)
			}
			if s.Local.Addr().IsUnspecified() && s.OnlyIPv6 != c.only {
				t.Errorf("OnlyIPv6 is %v, want %v", s.OnlyIPv6, c.only)
			}
			if s.PID != os.Getpid() || s.Process != strings.TrimSpace(string(self)) {
				t.Errorf("held by %q, pid %d; want %q, pid %d", s.Process, s.PID, self, os.Getpid())
			}
			if s.Backlog == 0 || s.Queue != 0 {
				t.Errorf("queue %d of %d, want 0 of more than 0", s.Queue, s.Backlog)
			}
		})
	}
}

// TestReadForgetsClosed: what listens no longer, and what is only connected, is
// not in the table.
func TestReadForgetsClosed(t *testing.T) {
	// A listener of multipath TCP, Go's own choice, goes on for a moment after it was closed.
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	c, err := net.Dial("tcp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	local := c.LocalAddr().(*net.TCPAddr).AddrPort()
	if _, here := readAt(t, local.Port()); len(here) != 0 {
		t.Errorf("a client's socket is listed: %v", here)
	}
	l.Close()
	if _, here := readAt(t, at.Port()); len(here) != 0 {
		t.Errorf("a closed listener is listed: %v", here)
	}
}

// fillQueue opens a listener that is never accepted from and connects until its
// queue is full.
func fillQueue(t *testing.T, backlog int) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, backlog); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*syscall.SockaddrInet4).Port))
	for range backlog + 1 {
		c, err := net.Dial("tcp4", at.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	return at
}

func TestReadFullQueue(t *testing.T) {
	at := fillQueue(t, 1)
	table, here := readAt(t, at.Port())
	if len(here) != 1 || here[0].Queue != 2 || here[0].Backlog != 1 {
		t.Fatalf("sockets %+v, want one with 2 of 1 in its queue", here)
	}
	// The next one hangs: what the finding says is true.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if c, err := new(net.Dialer).DialContext(ctx, "tcp4", at.String()); err == nil {
		c.Close()
		t.Error("a connection came in though the queue is full")
	}
	found := table.Findings(at.Port(), at.Addr())
	if len(found) == 0 || found[0].Cause != "worker_saturated" || found[0].Severity != Fault {
		t.Errorf("findings %+v, want the full queue first", found)
	}
}

// TestProcAgrees: the fallback lists the same listeners, as far as it sees.
func TestProcAgrees(t *testing.T) {
	full := fillQueue(t, 3)
	want := []netip.AddrPort{full, listen(t, "tcp4", "127.0.0.1:0"), listen(t, "tcp6", "[::1]:0"), listen(t, "tcp", "[::]:0")}
	asked, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	fromProc, err := readProc()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range want {
		of := func(entries []entry) entry {
			i := slices.IndexFunc(entries, func(e entry) bool { return e.socket.Local == at })
			if i < 0 {
				t.Fatalf("%v is missing in %+v", at, entries)
			}
			return entries[i]
		}
		a, p := of(asked), of(fromProc)
		if a.inode != p.inode || a.inode == 0 || a.socket.Queue != p.socket.Queue {
			t.Errorf("%v: diagnosis says inode %d, queue %d; proc says inode %d, queue %d", at, a.inode, a.socket.Queue, p.inode, p.socket.Queue)
		}
	}
}

// leaveTo starts a program that holds a listener of its own, and no other does.
func leaveTo(t *testing.T) (netip.AddrPort, int) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "300")
	cmd.ExtraFiles = []*os.File{file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	file.Close()
	l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort(), cmd.Process.Pid
}

func TestReadNamesOtherProcess(t *testing.T) {
	at, pid := leaveTo(t)
	_, here := readAt(t, at.Port())
	if len(here) != 1 || here[0].PID != pid || here[0].Process != "sleep" {
		t.Errorf("sockets %+v, want one of sleep, pid %d", here, pid)
	}
}

// TestReadWithoutPrivilege reads as an ordinary user, on a thread that ends with
// the test's goroutine.
func TestReadWithoutPrivilege(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	at, _ := leaveTo(t)
	type result struct {
		table Table
		err   error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its user
		const nobody = 65534
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			done <- result{err: errno}
			return
		}
		table, err := Read()
		done <- result{table, err}
	}()
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	i := slices.IndexFunc(got.table.Sockets, func(s Socket) bool { return s.Local == at })
	if i < 0 || got.table.Sockets[i].PID != 0 || got.table.Sockets[i].Backlog == 0 {
		t.Errorf("socket %d of %+v: want it without a process and with its backlog", i, got.table.Sockets)
	}
	if notes := strings.Join(got.table.Notes, "\n"); !strings.Contains(notes, "need root") {
		t.Errorf("notes %q do not say that names need root", notes)
	}
}

// TestReadDevice: a socket bound to an interface says so.
func TestReadDevice(t *testing.T) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = syscall.BindToDevice(int(fd), "lo") }); err != nil {
			return err
		}
		return failed
	}}
	l, err := config.Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Skipf("not allowed to bind to an interface: %v", err)
	}
	defer l.Close()
	_, here := readAt(t, l.Addr().(*net.TCPAddr).AddrPort().Port())
	if len(here) != 1 || here[0].Device != "lo" {
		t.Errorf("sockets %+v, want one on lo", here)
	}
}

// tree makes a directory like /proc: for each process its name and the inodes of
// its sockets.
func tree(t *testing.T, processes map[int]string, sockets map[int][]uint64) string {
	t.Helper()
	dir := t.TempDir()
	for pid, name := range processes {
		fd := filepath.Join(dir, strconv.Itoa(pid), "fd")
		if err := os.MkdirAll(fd, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(fd), "comm"), []byte(name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for i, inode := range sockets[pid] {
			if err := os.Symlink("socket:["+strconv.FormatUint(inode, 10)+"]", filepath.Join(fd, strconv.Itoa(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestFindHolders(t *testing.T) {
	dir := tree(t, map[int]string{1: "systemd", 20: "gunicorn", 100: "gunicorn", 9: "ssh\x1b[2Jd"},
		map[int][]uint64{1: {7, 8}, 20: {7}, 100: {7}, 9: {9}})
	entries := []entry{{inode: 7}, {inode: 8}, {inode: 9}, {inode: 0}}
	found, note := findHolders(dir, entries, time.Now().Add(time.Hour))
	want := map[uint64]holder{7: {20, "gunicorn"}, 8: {1, "systemd"}, 9: {9, "ssh\\x1b[2Jd"}}
	for inode, h := range want {
		if found[inode] != h {
			t.Errorf("socket %d is held by %+v, want %+v", inode, found[inode], h)
		}
	}
	if len(found) != len(want) || note != "" {
		t.Errorf("found %v with note %q, want %v without one", found, note, want)
	}
	if _, note := findHolders(dir, append(entries, entry{inode: 99}), time.Now().Add(-time.Second)); !strings.Contains(note, "of 4 listening sockets were not found in time") {
		t.Errorf("note %q, want one that time ran out", note)
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		if _, err := Read(); err != nil {
			b.Fatal(err)
		}
	}
}
