// Package control is the unix socket on which a running process takes commands
// from the same program in another terminal.
//
// What it guarantees: the socket belongs to the user who runs the process and
// nobody else but root may connect, nor put another in its place; one that a dead
// process has left behind is replaced, one that answers is not.
//
// Commands are HTTP requests, so that a handler is all a process needs. The
// functions may be called from any goroutine.
package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Errors that a program may want to tell apart.
var (
	ErrNobody = errors.New("nobody answers")           // on the socket, or there is none
	ErrTaken  = errors.New("another process has this") // the socket
	// ErrUnusable: no socket can be in that folder, which can't be made or is not
	// ours alone.
	ErrUnusable = errors.New("the folder can't be used")
)

// timeout bounds one command, and maxAnswer what is read of its answer.
const (
	timeout   = 5 * time.Second
	maxAnswer = 1 << 20
)

// Dir is the folder for sockets that nobody has named: /run/inservice for root,
// and a folder of the user's own for others. It need not exist.
func Dir() string {
	if os.Getuid() == 0 {
		return "/run/inservice"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "inservice")
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "inservice")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("inservice-%d", os.Getuid()))
}

// Listen binds the socket at path and makes its folder if that is missing. The
// error is [ErrTaken] if a process answers there, and [ErrUnusable] if the folder
// can't be made, belongs to somebody else (root excepted), or others than its owner
// may write to it: they could put a socket of their own there. Closing the listener
// removes the socket.
func Listen(path string) (net.Listener, error) {
	if err := usable(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("the control socket: %w: %w", ErrUnusable, err)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("the control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("the control socket: %s is there and is not a socket", path)
	default:
		if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
			conn.Close()
			return nil, fmt.Errorf("%w: it answers on %s", ErrTaken, path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("the control socket: %w", err)
		}
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("the control socket: %w", err), listener.Close())
	}
	return listener, nil
}

// usable makes the folder if it is missing and says why no socket may be in it.
func usable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// A link is as good as a folder if it is ours as well: else it could lead
	// elsewhere in a moment.
	for _, look := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
		info, err := look(dir)
		if err != nil {
			return err
		}
		if owner, known := ownerOf(info); known && owner != 0 && owner != os.Geteuid() {
			return fmt.Errorf("%s belongs to user %d, who is neither root nor the one that this runs as, %d; name a socket in a folder of your own",
				dir, owner, os.Geteuid())
		}
		if mode := info.Mode(); mode.IsDir() && mode.Perm()&0o022 != 0 && permissionsCount {
			return fmt.Errorf("others may write to %s, whose mode is %v; 'chmod go-w' it, or name a socket in a folder of your own", dir, mode.Perm())
		}
	}
	return nil
}

// An Answer is what a process said to a command.
type Answer struct {
	Status int    // of HTTP
	Body   []byte // without white space around it, at most 1 MiB
}

// Ask sends a command, such as POST /drain, to the process that listens at path.
// The error is [ErrNobody] if there is none. A process that does not answer
// within 5 seconds is an error too.
func Ask(ctx context.Context, path, method, target string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", path)
		},
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://control"+target, nil)
	if err != nil {
		return Answer{}, err
	}
	response, err := transport.RoundTrip(request)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return Answer{}, fmt.Errorf("%w on %s", ErrNobody, path)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("asking on %s: %w", path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return Answer{}, fmt.Errorf("asking on %s: %w", path, err)
	}
	return Answer{Status: response.StatusCode, Body: bytes.TrimSpace(body)}, nil
}
