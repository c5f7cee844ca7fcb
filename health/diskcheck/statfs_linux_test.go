package diskcheck_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/diskcheck"
)

// ownMounts is the environment variable of a test binary whose mounts nobody
// else sees.
const ownMounts = "INSERVICE_TEST_OWN_MOUNTS"

// isolated runs the test again in a namespace of its own, so that what it
// mounts vanishes with it, however it ends. It reports whether this is that
// second run.
func isolated(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownMounts) == "1" {
		// What is mounted from here on must not spread to the outer namespace.
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	t.Parallel() // it only waits
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), ownMounts+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		// In a namespace of users of its own anybody is root.
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("a filesystem of a test's own takes root or user namespaces: %v", err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "--- PASS: "+t.Name()) {
		t.Errorf("in a namespace of its own: %v\n%s", err, &out)
	}
	return false
}

// tmpfs mounts a filesystem of 1 MiB and 20 inodes.
func tmpfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,nr_inodes=20"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func remount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, ""); err != nil {
		t.Fatal(err)
	}
}

// says fails the test unless the check does what is wanted: pass, or end its
// error so.
func says(t *testing.T, f diskcheck.Filesystem, want string) {
	t.Helper()
	err := f.Run(t.Context())
	if (want == "") != (err == nil) || err != nil && !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%+v: error is %v, want it to end in %q", f, err, want)
	}
}

func TestSpaceRunsOut(t *testing.T) {
	if !isolated(t) {
		return
	}
	dir := tmpfs(t)
	f := diskcheck.Filesystem{Path: dir, MinPercent: 25, MinInodes: 1, Writable: true}
	says(t, f, "")
	says(t, diskcheck.Filesystem{Path: dir},
		": 1 MiB of 1 MiB are free (100.0 %), at least 100 MiB must be; 19 of 20 inodes are free (95.0 %), at least 1000 must be")
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, 768<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, f, "") // just enough
	if err := os.WriteFile(big, make([]byte, 772<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, f, ": 252 KiB of 1 MiB are free (24.6 %), at least 25 % must be")
	if err := os.WriteFile(big, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, f, ": 0 bytes of 1 MiB are free (0.0 %), at least 25 % must be")
	if err := os.Remove(big); err != nil {
		t.Fatal(err)
	}
	says(t, f, "")
}

func TestInodesRunOut(t *testing.T) {
	if !isolated(t) {
		return
	}
	dir := tmpfs(t)
	f := diskcheck.Filesystem{Path: dir, MinBytes: 1, MinInodes: 3}
	for i := range 16 {
		says(t, f, "")
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	says(t, f, "") // just enough
	if err := os.Mkdir(filepath.Join(dir, "last"), 0o700); err != nil {
		t.Fatal(err)
	}
	says(t, f, ": 2 of 20 inodes are free (10.0 %), at least 3 must be")
}

func TestReadOnly(t *testing.T) {
	if !isolated(t) {
		return
	}
	dir := tmpfs(t)
	f := diskcheck.Filesystem{Path: dir, MinBytes: 1, MinInodes: 1}
	says(t, f, "")
	remount(t, dir, syscall.MS_RDONLY)
	says(t, f, ": the filesystem is read-only")
	remount(t, dir, 0)
	says(t, f, "")
	// The mount alone, not the filesystem: as a container sees a volume.
	remount(t, dir, syscall.MS_BIND|syscall.MS_RDONLY)
	says(t, f, ": the filesystem is read-only")
	remount(t, dir, syscall.MS_BIND)
	says(t, f, "")
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	long := time.Now().Add(-time.Hour)
	touched := func(f diskcheck.Filesystem) bool {
		t.Helper()
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
		says(t, f, "")
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return !info.ModTime().Equal(long)
	}
	f := diskcheck.Filesystem{Path: dir, MinBytes: 1, MinInodes: 1}
	if touched(f) {
		t.Error("without Writable, the directory was written to")
	}
	f.Writable = true
	if !touched(f) {
		t.Error("with Writable, the directory was not written to")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.Path = file
	err := f.Run(t.Context())
	if !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), file+": can't be written to: ") {
		t.Errorf("a file as directory gave %v", err)
	}
}

func TestPathMissing(t *testing.T) {
	err := diskcheck.Free(filepath.Join(t.TempDir(), "none"))(t.Context())
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/none: ") {
		t.Errorf("error is %v, want one that names the path and says that it does not exist", err)
	}
}

func TestEndedContextWritesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// The path is no directory, so an attempt to write would give another error.
	err := diskcheck.Filesystem{Path: os.Args[0], MinBytes: 1, MinInodes: 1, Writable: true}.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}

func ExampleFilesystem() {
	check := health.Check{
		Name:          "uploads",
		Run:           diskcheck.Filesystem{Path: "/srv/no/uploads", MinPercent: 5, Writable: true}.Run,
		Interval:      time.Minute,
		ComponentType: "system",
	}
	fmt.Println(check.Run(context.Background()))
	// Output: /srv/no/uploads: no figures of the filesystem: no such file or directory
}
