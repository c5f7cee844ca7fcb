package realserver

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Recipe says how to run a server that this package has no function for. In
// Args, Env and the contents of Files {dir} stands for the server's directory,
// which is also its working directory, and {addr} and {port} for Addr.
type Recipe struct {
	Name    string   // for people: "Apache"
	Debian  string   // the Debian package that brings it
	Program string   // looked for in PATH, then where Debian keeps servers
	Needs   []string // patterns of files that must be there too, such as a framework's
	Args    []string
	Env     []string          // NAME=value, beside PATH, HOME, TMPDIR and LC_ALL
	Files   map[string]string // by their paths below the directory
	Users   []string          // whom it runs as under root, the first that exists; nobody if none does

	// Listens are the addresses, ip:port, on which it listens when it is ready;
	// {addr} and {port} stand there too. Nothing connects to them to see: the first
	// connection is the test's. Empty: Addr alone.
	Listens []string
}

// Start starts a server by its recipe and returns it when it listens. Unlike the
// servers that this package knows, it may still have to think before its first
// answer. Queries are not counted, and DSN is an http:// URL.
func Start(t TB, r Recipe) *Server {
	t.Helper()
	program := programs(t, r.Name, r.Debian, r.Program)[0]
	for _, pattern := range r.Needs {
		if found, err := filepath.Glob(pattern); err != nil || len(found) == 0 {
			absent(t, "%s is not installed, no file %s (Debian package: %s)", r.Name, pattern, r.Debian)
		}
	}
	listens := r.Listens
	if len(listens) == 0 {
		listens = []string{"{addr}"}
	}
	for _, addr := range listens {
		if _, err := netip.ParseAddrPort(strings.NewReplacer("{addr}", "127.0.0.1:1", "{port}", "1").Replace(addr)); err != nil {
			t.Fatalf("realserver: start %s: it is to listen on %q, which is not an ip:port", r.Name, addr)
		}
	}
	return start(t, kind{
		name:    r.Name,
		debian:  filepath.Base(r.Program), // names the directory, and one recipe may need several packages
		users:   r.Users,
		prepare: func(*Server) error { return nil },
		command: func(s *Server) (*exec.Cmd, error) {
			fill := strings.NewReplacer("{dir}", s.dir, "{addr}", s.Addr(), "{port}", fmt.Sprint(s.port))
			for name, content := range r.Files {
				if err := s.makeDirs(filepath.Dir(name)); err != nil {
					return nil, err
				}
				if err := s.writeFile(name, fill.Replace(content)); err != nil {
					return nil, err
				}
			}
			cmd := exec.Command(program)
			for _, arg := range r.Args {
				cmd.Args = append(cmd.Args, fill.Replace(arg))
			}
			for _, variable := range r.Env {
				cmd.Env = append(cmd.Env, fill.Replace(variable))
			}
			return cmd, nil
		},
		ready: func(s *Server) error {
			fill := strings.NewReplacer("{addr}", s.Addr(), "{port}", fmt.Sprint(s.port))
			for _, addr := range listens {
				want, err := netip.ParseAddrPort(fill.Replace(addr))
				if err != nil {
					return err
				}
				if err := listening(want); err != nil {
					return err
				}
			}
			return nil
		},
		dsn: func(s *Server) string { return "http://" + s.Addr() },
	})
}

// makeDirs makes a directory below the server's, and those above it.
func (s *Server) makeDirs(name string) error {
	at := s.dir
	for part := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		at = filepath.Join(at, part)
		if at == s.dir {
			continue
		}
		if err := os.MkdirAll(at, 0o700); err != nil {
			return err
		}
		if err := s.user.own(at); err != nil {
			return err
		}
	}
	return nil
}
