package realserver

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// redisConfig is the configuration, for a port and a password. Each command is
// in the append-only file before it is answered, so it outlives Kill; nothing
// waits for the disk. DEBUG is allowed, so that a test can make the server load
// its data while it serves.
const redisConfig = `bind 127.0.0.1
port %[1]d
daemonize no
databases 16
save ""
appendonly yes
appendfsync no
enable-debug-command local
requirepass %[2]s
user %[3]s on >%[2]s ~* &* +@all
`

// Redis starts Redis with empty databases. The password is really asked for: of
// the user that DSN names and, the same one, of the user "default".
//
// Queries counts commands as MONITOR shows them, each word in quotes: "get"
// "key". Of AUTH it hides the words after the first.
func Redis(t TB) *Server {
	t.Helper()
	program := programs(t, "Redis", "redis-server", "redis-server")[0]
	password := rand.Text()
	log := new(redisLog)
	return start(t, kind{
		name:    "Redis",
		debian:  "redis-server",
		users:   []string{"redis"},
		prepare: func(*Server) error { return nil },
		command: func(s *Server) (*exec.Cmd, error) {
			if err := s.writeFile("redis.conf", fmt.Sprintf(redisConfig, s.port, password, databaseUser)); err != nil {
				return nil, err
			}
			return exec.Command(program, "redis.conf"), nil
		},
		ready: func(s *Server) error {
			conn, err := redisReady(s, password)
			if err != nil {
				return err
			}
			return log.follow(s, conn)
		},
		dsn: func(s *Server) string {
			u := url.URL{Scheme: "redis", User: url.UserPassword(databaseUser, password), Host: s.Addr(), Path: "/0"}
			return u.String()
		},
		queryLog:  redisQueries,
		statement: redisCommand,
		killed:    func(*Server) { log.wait() },
	})
}

// redisQueries is the file in the server's directory that redisLog writes.
const redisQueries = "queries"

// redisCommand finds a command in a line of MONITOR: a time, the database and
// the client in brackets, the words of the command.
var redisCommand = regexp.MustCompile(`(?m)^\+[0-9.]+ \[[^\]]*\] (.*?)\r?$`)

// redisReady returns a connection that has logged in and whose PING was
// answered, which the server refuses while it loads its data.
func redisReady(s *Server, password string) (net.Conn, error) {
	const limit = 2 * time.Second
	conn, err := net.DialTimeout("tcp", s.Addr(), limit)
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(limit))
	if err == nil {
		err = redisAsk(conn, "AUTH "+databaseUser+" "+password, "+OK")
	}
	if err == nil {
		err = redisAsk(conn, "PING", "+PONG")
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// redisAsk sends a command and wants exactly one answer.
func redisAsk(conn net.Conn, command, want string) error {
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return err
	}
	want += "\r\n"
	answer := make([]byte, len(want)) // no answer is shorter than these
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != want {
		return fmt.Errorf("it does not serve yet (answer %q)", answer)
	}
	return nil
}

// redisLog keeps a server's log of commands, as it has none of its own: it
// follows MONITOR for as long as the server runs. Its methods are called with
// the server's lock held.
type redisLog struct {
	followed chan struct{} // closed when the server has ended; nil before the first start
}

// follow takes over a connection that has logged in.
func (l *redisLog) follow(s *Server, conn net.Conn) error {
	if err := redisAsk(conn, "MONITOR", "+OK"); err != nil {
		conn.Close()
		return err
	}
	file, err := os.OpenFile(filepath.Join(s.dir, redisQueries), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		conn.Close()
		return err
	}
	followed := make(chan struct{})
	l.followed = followed
	go func() {
		defer close(followed)
		io.Copy(file, conn) // the server's end is the end of it, however it comes
		conn.Close()
		file.Close()
	}()
	return nil
}

func (l *redisLog) wait() {
	if l.followed != nil {
		<-l.followed
	}
}
