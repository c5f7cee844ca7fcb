package redischeck_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/redischeck"
)

// speak is a server that says something to each client as soon as it has asked
// something, and closes when the client does.
func speak(t *testing.T, answer string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
					io.WriteString(conn, answer) // a client that has left doesn't mind
				}
				io.Copy(io.Discard, conn)
			})
		}
	})
	return listener.Addr().String()
}

// What Redis itself can't be made to say at will, and what isn't Redis.
func TestAnswers(t *testing.T) {
	const password = "hidden!"
	tests := []struct {
		name, answer string
		password     string
		want         string // how the error ends; empty means a pass
	}{
		{"PONG", "+PONG\r\n", "", ""},
		{"OK is no PONG", "+OK\r\n", "", ` answered PING with "+OK": is it Redis?`},
		{"read only", "-READONLY You can't write against a read only replica.\r\n", "",
			" is a replica that can't be written to (PING: READONLY)"},
		{"protected mode", "-DENIED Redis is running in protected mode because protected mode is enabled\r\n", "",
			" is in protected mode, so it serves its own machine only (PING: DENIED)"},
		{"too many clients", "-ERR max number of clients reached\r\n", "", " has no connection left (PING: ERR)"},
		{"error that is not known", "-ERR out of cheese\r\n", "", ` answered PING with an error: "ERR out of cheese"`},
		{"long error", "-ERR " + strings.Repeat("x", 400) + "\r\n", "", `xxx…"`},
		{"control characters", "-ERR \x1b[31mred\r\n", "", `"ERR \x1b[31mred"`},
		{"web server", "HTTP/1.1 400 Bad Request\r\n\r\n", "", ` answered PING with "HTTP/1.1 400 Bad Request": is it Redis?`},
		{"flood", strings.Repeat("x", 1<<20), "", " did not answer PING: more than 512 bytes without an end of line: that is not Redis"},
		{"alert of TLS", "\x15\x03\x01\x00\x02\x02\x46\r\n", "", " speaks TLS: set TLS"},
		{"empty line", "\r\n", "", ` answered PING with "": is it Redis?`},

		{"no password is set, 5.0", "-ERR Client sent AUTH, but no password is set\r\n", password,
			" has no password, and one was sent (AUTH: ERR)"},
		{"no password is set", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n", password,
			" has no password, and one was sent (AUTH: ERR)"},
		{"wrong password, 5.0", "-ERR invalid password\r\n", password, " refused the password (AUTH: ERR)"},
		{"no user names, 5.0", "-ERR wrong number of arguments for 'auth' command\r\n", password,
			" knows no user names before version 6 (AUTH: ERR)"},
		{"unknown command", "-ERR unknown command 'AUTH', with args beginning with: 'hidden!' \r\n", password,
			" refused AUTH for a reason that may hold the password, so it is not shown"},
		{"cut echo", "-ERR unknown command 'AUTH', with args beginning with: 'hidd\r\n", password,
			" refused AUTH for a reason that may hold the password, so it is not shown"},
		{"echo", "*2 $4 AUTH $7 hidden!\r\n", password, " did not answer AUTH with OK: is it Redis?"},
		{"late echo", "+OK\r\n-ERR hidden! is no command\r\n", password, ` answered PING with an error: "ERR … is no command"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := run(t, redischeck.Server{Address: speak(t, test.answer), Password: test.password})
			switch {
			case test.want == "" && err != nil:
				t.Errorf("the check failed: %v", err)
			case test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), test.want)):
				t.Errorf("error is %v\nwant it to end in %q", err, test.want)
			case err != nil && (strings.Contains(err.Error(), "hidd") || len(err.Error()) > 250):
				t.Errorf("the error shows the password or is too long: %v", err)
			}
		})
	}
}

func TestServerThatCloses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	err = run(t, redischeck.Server{Address: listener.Addr().String()})
	if !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), " hung up on PING, does it want TLS? ") {
		t.Errorf("error is %v, want one of EOF", err)
	}
}

func TestRunEndsWithTheContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := listener.Accept(); err == nil {
			io.ReadFull(conn, make([]byte, len("*1\r\n$4\r\nPING\r\n")))
			io.WriteString(conn, "+PON") // and never the end of the line
			cancel()
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	err = redischeck.Ping(listener.Addr().String())(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), " did not answer PING: ") {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}

func TestAddressThatCannotBeDialled(t *testing.T) {
	for _, address := range []string{"", "localhost", "/no/such/socket"} {
		if err := redischeck.Ping(address)(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "no connection: ") {
			t.Errorf("%q gave %v, want no connection", address, err)
		}
	}
}

func ExampleServer() {
	check := health.Check{
		Name:          "cache",
		Run:           redischeck.Server{Address: "127.0.0.1:1", Password: "s3cret"}.Run,
		Interval:      10 * time.Second,
		Scope:         health.Shared,
		ComponentType: "datastore",
	}
	fmt.Println(check.Run(context.Background()))
	// Output: no connection: dial tcp 127.0.0.1:1: connect: connection refused
}
