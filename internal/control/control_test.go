package control

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "x.sock")
	if _, err := Ask(t.Context(), path, http.MethodGet, "/"); !errors.Is(err, ErrNobody) {
		t.Errorf("asking where no socket is gave %v, want ErrNobody", err)
	}

	// What a dead process leaves behind is replaced.
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := Ask(t.Context(), path, http.MethodGet, "/"); !errors.Is(err, ErrNobody) {
		t.Errorf("asking a dead process gave %v, want ErrNobody", err)
	}
	listener, err := Listen(path)
	if err != nil {
		t.Fatalf("a stale socket is in the way: %v", err)
	}
	defer listener.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, %v; want 0600", info.Mode(), err)
	}

	// One that lives is not.
	if _, err := Listen(path); !errors.Is(err, ErrTaken) {
		t.Errorf("a second process gave %v, want ErrTaken", err)
	}

	// What is no socket is not touched.
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file in the way gave %v", err)
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != "mine" {
		t.Errorf("the file is now %q, %v", kept, err)
	}
}

func TestListenMakesTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "x.sock")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v, %v; want 0700", info.Mode(), err)
	}
}

func TestAsk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.sock")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, r.Method+" "+r.URL.RequestURI()+"\n")
		io.WriteString(w, strings.Repeat("x", 2*maxAnswer))
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() { server.Close(); <-ended }()

	answer, err := Ask(t.Context(), path, http.MethodPost, "/drain?x=1")
	if err != nil {
		t.Fatal(err)
	}
	if want := "POST /drain?x=1\n"; answer.Status != http.StatusConflict || !strings.HasPrefix(string(answer.Body), want) || len(answer.Body) != maxAnswer {
		t.Errorf("the answer is %d with %d bytes that begin %.30q; want 409 with %d that begin %q",
			answer.Status, len(answer.Body), answer.Body, maxAnswer, want)
	}
}

func TestDir(t *testing.T) {
	if os.Getuid() == 0 {
		if got := Dir(); got != "/run/inservice" {
			t.Errorf("root's folder is %s", got)
		}
		return
	}
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	if got, want := Dir(), "/run/user/7/inservice"; got != want {
		t.Errorf("Dir is %s, want %s", got, want)
	}
}

// Who may write to the folder could put a socket of their own there.
func TestListenRefusesFoldersOfOthers(t *testing.T) {
	folder := func(mode os.FileMode) string {
		dir := filepath.Join(t.TempDir(), "made")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	link := func(to string) string {
		name := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, dir, want string // empty: it is taken
	}{
		{"its owner's alone", folder(0o700), ""},
		{"others may read", folder(0o755), ""},
		{"a link to one", link(folder(0o700)), ""},
		{"the group may write", folder(0o770), "others may write"},
		{"all may write", folder(0o1777), "others may write"},
		{"a link to one that all may write to", link(folder(0o777)), "others may write"},
		{"no folder", file, "not a directory"},
	} {
		listener, err := Listen(filepath.Join(test.dir, "x.sock"))
		if err == nil {
			listener.Close()
		}
		if refused := test.want != ""; errors.Is(err, ErrUnusable) != refused || refused && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	if os.Getuid() != 0 {
		return // who can't give a folder away
	}
	for _, linked := range []bool{false, true} {
		dir := folder(0o700)
		if linked {
			dir = link(dir)
		}
		if err := os.Lchown(dir, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		listener, err := Listen(filepath.Join(dir, "x.sock"))
		if err == nil {
			listener.Close()
		}
		if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "belongs to user 12345") {
			t.Errorf("one of somebody else (link: %t): %v", linked, err)
		}
	}
}
