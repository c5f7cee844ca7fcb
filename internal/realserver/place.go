package realserver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"slices"
	"strconv"
)

// programs finds the programs of a server, in the order asked for. Where one
// is missing it ends the test: skipped, or failed where servers are required.
func programs(t TB, name, debian string, wanted ...string) []string {
	t.Helper()
	if err := supported(); err != nil {
		absent(t, "%s: %v", name, err)
	}
	var found []string
	for _, program := range wanted {
		path, err := lookPath(program)
		if err != nil {
			absent(t, "%s is not installed, no program %s (Debian package: %s)", name, program, debian)
		}
		found = append(found, path)
	}
	return found
}

// absent ends the test because a server can't be had.
func absent(t TB, format string, args ...any) {
	t.Helper()
	// .ci/run looks for these words in the output of the tests.
	message := "needs a real server: " + fmt.Sprintf(format, args...)
	if os.Getenv(RequireVariable) == "1" {
		t.Fatalf("%s; %s=1 does not let it be skipped", message, RequireVariable)
	}
	t.Skipf("%s", message)
}

// lookPath looks for a program in PATH, then where Debian keeps servers: out
// of an ordinary user's PATH.
func lookPath(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return filepath.Abs(path)
	}
	places, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	for _, dir := range slices.Backward(append([]string{"/usr/local/sbin", "/usr/sbin"}, places...)) {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// user is whom a server runs as instead of root. The nil user is whoever runs
// the test.
type user struct {
	name     string
	uid, gid int
}

// unprivileged returns the first of the named users that exists, or nobody.
// The servers refuse to run as root, or should. Without root there is no
// choice, and unprivileged returns nil.
func unprivileged(names []string) (*user, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range append(slices.Clone(names), "nobody") {
		found, err := osuser.Lookup(name)
		if _, unknown := errors.AsType[osuser.UnknownUserError](err); unknown {
			continue
		}
		if err != nil {
			return nil, err
		}
		uid, err := strconv.Atoi(found.Uid)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.Atoi(found.Gid)
		if err != nil {
			return nil, err
		}
		return &user{name: name, uid: uid, gid: gid}, nil
	}
	return nil, fmt.Errorf("root may not run it, and there is no user %v or nobody", names)
}

// own gives a file to the user.
func (u *user) own(path string) error {
	if u == nil {
		return nil
	}
	return os.Chown(path, u.uid, u.gid)
}

// makeDir makes the directory of a server, which only the user can look into.
func makeDir(name string, u *user) (string, error) {
	parent, err := tempParent(u, os.TempDir(), "/tmp", "/var/tmp")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "inservice-"+name+"-")
	if err != nil {
		return "", err
	}
	return dir, u.own(dir)
}

// tempParent returns the first of the directories in which a server of the
// user can live: every directory above must let that user through (the
// temporary directory of a root shell may not), and the path of a Unix socket
// inside must fit into the 108 bytes that the kernel has for it.
func tempParent(u *user, candidates ...string) (string, error) {
	for _, dir := range candidates {
		dir, err := filepath.Abs(dir)
		if err == nil && len(dir) <= 60 && (u == nil || letsThrough(dir)) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("user %s can reach none of the directories %v, or their names are too long", u, candidates)
}

// letsThrough reports whether a stranger may pass dir and all directories
// above it.
func letsThrough(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

func (u *user) String() string {
	if u == nil {
		return "of this process"
	}
	return u.name
}

// freePort returns a loopback port that nobody listens on. It lies below
// Linux's usual range of ephemeral ports (32768 and up): a port in that range
// can become the near end of anybody's connection while the server is down, so
// that it can't be bound again, and a client that dials such a port on loopback
// can even meet itself and believe that it is connected.
func freePort() (int, error) {
	const low, high = 15000, 32000
	var err error
	for range 50 {
		port := low + rand.IntN(high-low)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d: %w", low, high, err)
}
