package redischeck_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/health/redischeck"
	"github.com/inservice/inservice/internal/realserver"
)

// timeout is what a check of a server that answers never needs.
const timeout = 20 * time.Second

func run(t *testing.T, check redischeck.Server) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return check.Run(ctx)
}

// login is the check of a real server, with the login of its DSN.
func login(t *testing.T, server *realserver.Server) redischeck.Server {
	t.Helper()
	u, err := url.Parse(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return redischeck.Server{Address: server.Addr(), Username: u.User.Username(), Password: password}
}

// client is a connection of the test's own, to bring the server into a state.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, check redischeck.Server) *client {
	t.Helper()
	conn, err := net.Dial("tcp", check.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn, in: bufio.NewReader(conn)}
	c.want("+OK", "AUTH "+check.Password)
	return c
}

func (c *client) send(command string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, command+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimRight(line, "\r\n")
}

func (c *client) want(want, command string) {
	c.t.Helper()
	c.send(command)
	if got := c.line(); got != want {
		c.t.Fatalf("%s: the server answered %q, want %q", command, got, want)
	}
}

// await runs the check until it says want; a state of the server may begin a
// little after the command that asks for it.
func await(t *testing.T, check redischeck.Server, want string) {
	t.Helper()
	deadline := time.After(timeout)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := run(t, check)
		if (want == "" && err == nil) || (want != "" && err != nil && strings.HasSuffix(err.Error(), want)) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("the check says %v, want %q", err, want)
		case <-tick.C:
		}
	}
}

func TestServerThatFails(t *testing.T) {
	server := realserver.Redis(t)
	check := login(t, server)
	if err := run(t, check); err != nil {
		t.Fatalf("started: %v", err)
	}

	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := check.Run(ctx)
	if want := "redis at " + server.Addr() + " did not answer AUTH: context deadline exceeded"; err == nil || err.Error() != want {
		t.Errorf("frozen: error is %v, want %q", err, want)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("frozen: error %v is not context.DeadlineExceeded", err)
	}
	server.Thaw()
	if err := run(t, check); err != nil {
		t.Errorf("thawed: %v", err)
	}

	server.Kill()
	if err := run(t, check); !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), server.Addr()) {
		t.Errorf("killed: error is %v, want connection refused by %s", err, server.Addr())
	}
	server.Restart()
	if err := run(t, check); err != nil {
		t.Errorf("started again: %v", err)
	}
}

func TestLogin(t *testing.T) {
	server := realserver.Redis(t)
	good := login(t, server)
	tests := []struct {
		name               string
		username, password string
		database           int
		want               string // empty means a pass
	}{
		{"user and password", good.Username, good.Password, 0, ""},
		{"password alone", "", good.Password, 0, ""},
		{"database", good.Username, good.Password, 15, ""},
		{"no password", "", "", 0, " asks for a password, and none was sent (PING: NOAUTH)"},
		{"no password, database", "", "", 1, " asks for a password, and none was sent (SELECT: NOAUTH)"},
		{"wrong password", good.Username, "wr ong\r\nQUIT", 0, " refused the user name or the password (AUTH: WRONGPASS)"},
		{"user without password", good.Username, "", 0, " refused the user name or the password (AUTH: WRONGPASS)"},
		{"no such user", "nobody", good.Password, 0, " refused the user name or the password (AUTH: WRONGPASS)"},
		{"no such database", good.Username, good.Password, 16, " has no such database (SELECT: ERR)"},
		{"bad database", good.Username, good.Password, -1, "database is -1: it must be 0 or above"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check := good
			check.Username, check.Password, check.Database = test.username, test.password, test.database
			err := run(t, check)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("the check failed: %v", err)
			case test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), test.want)):
				t.Errorf("error is %v, want it to end in %q", err, test.want)
			case err != nil && test.password != "" && strings.Contains(err.Error(), test.password):
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// Each state is one that a real server is brought into and out of.
func TestServerThatCannotServe(t *testing.T) {
	server := realserver.Redis(t)
	check := login(t, server)
	admin := dial(t, check)
	admin.want("+OK", "set key value")

	t.Run("can't save", func(t *testing.T) {
		admin.send("config get dir")
		var dir string
		for range 5 { // *2, a length, "dir", a length, the value
			dir = admin.line()
		}
		// The server moves what it saved to this name, which a directory prevents.
		obstacle := filepath.Join(dir, "dump.rdb")
		if err := os.Mkdir(obstacle, 0o755); err != nil {
			t.Fatal(err)
		}
		admin.want("+OK", `config set save "900 1"`)
		admin.want("+Background saving started", "bgsave")
		await(t, check, " refuses work because it can't save its data to the disk (PING: MISCONF)")
		if err := os.Remove(obstacle); err != nil {
			t.Fatal(err)
		}
		admin.want("+OK", `config set save ""`)
		await(t, check, "")
	})

	t.Run("replica without master", func(t *testing.T) {
		admin.want("+OK", "config set replica-serve-stale-data no")
		admin.want("+OK", "replicaof 127.0.0.1 1")
		await(t, check, " is a replica that has lost its master and may not serve old data (PING: MASTERDOWN)")
		admin.want("+OK", "replicaof no one")
		await(t, check, "")
	})

	t.Run("busy", func(t *testing.T) {
		admin.want("+OK", "config set busy-reply-threshold 10")
		dial(t, check).send(`eval "while true do end" 0`)
		await(t, check, " is busy with a script that runs too long (PING: BUSY)")
		admin.want("+OK", "script kill")
		await(t, check, "")
	})

	t.Run("loading", func(t *testing.T) {
		admin.want("+OK", "debug populate 2000 key 100")
		admin.want("+OK", "config set loading-process-events-interval-bytes 1024")
		admin.want("+OK", "config set key-load-delay 1000") // µs for each key
		admin.send("debug reload")
		await(t, check, " is still loading its data (PING: LOADING)")
		if got := admin.line(); got != "+OK" {
			t.Fatalf("the server answered %q to debug reload", got)
		}
		await(t, check, "")
	})

	t.Run("not allowed", func(t *testing.T) {
		admin.want("+OK", "acl setuser guest on >pw +auth")
		guest := check
		guest.Username, guest.Password = "guest", "pw"
		await(t, guest, " does not allow this user the command (PING: NOPERM)")
	})
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // t.TempDir's name may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	server := realserver.Redis(t)
	check := login(t, server)
	socket, err := net.Listen("unix", filepath.Join(dir, "redis.sock"))
	if err != nil {
		t.Fatal(err)
	}
	forward(t, socket, server.Addr())
	check.Address = socket.Addr().String()
	if err := run(t, check); err != nil {
		t.Error(err)
	}
}

// The TLS is Go's, what is behind it is Redis.
func TestTLS(t *testing.T) {
	identity := httptest.NewTLSServer(http.NotFoundHandler())
	identity.Close()
	server := realserver.Redis(t)
	check := login(t, server)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: identity.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	forward(t, listener, server.Addr())
	check.Address = listener.Addr().String()

	roots := x509.NewCertPool()
	roots.AddCert(identity.Certificate())
	tests := []struct {
		name   string
		config *tls.Config
		want   string // in the error; empty means a pass
	}{
		{"address is in the certificate", &tls.Config{RootCAs: roots}, ""},
		{"own name", &tls.Config{RootCAs: roots, ServerName: "example.com"}, ""},
		{"name not in it", &tls.Config{RootCAs: roots, ServerName: "redis.example"}, "not redis.example"},
		{"unknown authority", &tls.Config{}, "certificate signed by unknown authority"},
		{"no TLS", nil, " hung up on AUTH, does it want TLS? "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check.TLS = test.config
			err := run(t, check)
			if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want it to say %q", err, test.want)
			}
		})
	}
}

// forward connects each client of the listener with a server until the test
// ends.
func forward(t *testing.T, listener net.Listener, server string) {
	var open sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer client.Close()
				conn, err := net.Dial("tcp", server)
				if err != nil {
					return // the client sees it
				}
				defer conn.Close()
				open.Go(func() { io.Copy(client, conn); client.Close() })
				io.Copy(conn, client)
			})
		}
	})
}

// The server's own log shows what it costs to be checked.
func TestRunAsksOnce(t *testing.T) {
	server := realserver.Redis(t)
	check := login(t, server)
	check.Database = 3
	for range 2 {
		if err := run(t, check); err != nil {
			t.Fatal(err)
		}
	}
	await(t, check, "") // the third: MONITOR shows the others before it
	deadline := time.After(timeout)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for server.Queries(`"PING"`) < 3 {
		select {
		case <-deadline:
			t.Fatalf("the server was asked PING %d times, want 3", server.Queries(`"PING"`))
		case <-tick.C:
		}
	}
	if pings, all := server.Queries(`"PING"`), server.Queries(""); pings != 3 || all != 9 {
		t.Errorf("3 runs asked PING %d times and %d commands in all, want 3 and 9 (AUTH, SELECT, PING)", pings, all)
	}
}
