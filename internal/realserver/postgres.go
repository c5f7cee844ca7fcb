package realserver

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const databaseUser = "inservice"

// Postgres starts PostgreSQL with an empty database, which DSN names. The
// password is really asked for (scram-sha-256). Nothing is flushed to the
// disk, but what is committed outlives Kill.
func Postgres(t TB) *Server {
	t.Helper()
	found := programs(t, "PostgreSQL", "postgresql", "postgres", "initdb")
	postgres, initdb := found[0], found[1]
	password := rand.Text()
	return start(t, kind{
		name:   "PostgreSQL",
		debian: "postgresql",
		users:  []string{"postgres"},
		prepare: func(s *Server) error {
			if err := s.writeFile("password", password); err != nil {
				return err
			}
			return s.run(initdb, "--pgdata=data", "--username="+databaseUser, "--pwfile=password",
				"--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync")
		},
		command: func(s *Server) (*exec.Cmd, error) {
			args := []string{"-D", "data"}
			for _, setting := range []string{
				"listen_addresses=127.0.0.1",
				"port=" + strconv.Itoa(s.port),
				"unix_socket_directories=",
				"fsync=off",
				"shared_buffers=4MB",
				"max_connections=50",
				"autovacuum=off",
				"logging_collector=off",
				"log_destination=stderr",
				"log_statement=all",
				// Parallel queries would otherwise leave files in /dev/shm when killed.
				"dynamic_shared_memory_type=mmap",
			} {
				args = append(args, "-c", setting)
			}
			return exec.Command(postgres, args...), nil
		},
		ready: postgresReady,
		dsn: func(s *Server) string {
			u := url.URL{
				Scheme: "postgres", User: url.UserPassword(databaseUser, password),
				Host: s.Addr(), Path: "/postgres", RawQuery: "sslmode=disable",
			}
			return u.String()
		},
		queryLog:  logName,
		statement: postgresStatement,
		killed:    removeSharedMemory,
	})
}

// postgresReady asks for a session as a client does. PostgreSQL asks for the
// password (a message of type R) only once it can serve; until then it answers
// with an error. The message: section "Message Formats" of its manual,
// StartupMessage, protocol version 3.0.
func postgresReady(s *Server) error {
	body := binary.BigEndian.AppendUint32(nil, 3<<16)
	body = append(body, "user\x00"+databaseUser+"\x00database\x00postgres\x00\x00"...)
	message := append(binary.BigEndian.AppendUint32(nil, uint32(4+len(body))), body...)
	kind, err := ask(s.Addr(), message, 1)
	if err != nil {
		return err
	}
	if kind[0] != 'R' {
		return fmt.Errorf("it does not accept sessions yet (message %q)", kind)
	}
	return nil
}

// ask connects, sends the question and returns the first n bytes of the answer.
func ask(addr string, question []byte, n int) ([]byte, error) {
	const limit = 2 * time.Second
	conn, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(question); err != nil {
		return nil, err
	}
	answer := make([]byte, n)
	_, err = io.ReadFull(conn, answer)
	return answer, err
}

// postgresStatement finds a statement in a line of the log: "statement" is one
// sent as text, "execute" one run of a prepared one.
var postgresStatement = regexp.MustCompile(`(?m)^.*? LOG:  (?:statement|execute [^:]*): (.*)$`)

// removeSharedMemory removes the 56 bytes of System V shared memory by which a
// server that was killed would still be known to the kernel: there is room for
// a few thousand such, and a test suite runs often. The seventh line of
// postmaster.pid names it by key and id. What can't be removed harms nobody
// for now, so errors are not reported.
func removeSharedMemory(s *Server) {
	b, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) < 7 {
		return
	}
	if fields := strings.Fields(lines[6]); len(fields) == 2 {
		_ = exec.Command("ipcrm", "-m", fields[1]).Run()
	}
}
