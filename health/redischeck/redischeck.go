// Package redischeck checks that a Redis server, or one that speaks its
// protocol, answers PING.
//
// Each run opens a connection of its own, logs in, selects the database, asks
// PING and closes: what a new client of the server would meet. No client
// library is needed. An answer that isn't PONG is told in words: a server that
// still loads its data, a replica without its master, one that can't save.
//
// No more than 512 bytes of an answer are read, and no error holds the
// password.
package redischeck

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// maxReply bounds one line of an answer. Redis's longest refusals have about 400.
const maxReply = 512

// Server is what is asked. The zero value of each field but Address is a good
// choice. It must not be changed once its Run is in use, which may then be
// called from any goroutine.
type Server struct {
	// Address is host:port, or the path of a Unix socket, which begins with a
	// slash.
	Address string

	// Username and Password log in. With neither there is no login; without
	// Username it is that of the user "default", as before Redis 6.
	Username string
	Password string

	// Database is the number of the database to select. Zero is selected from
	// the start, so nothing is sent for it.
	Database int

	// TLS, if set, is how to speak TLS. An empty ServerName in it means the host
	// of Address.
	TLS *tls.Config

	// Dial opens the connection, to Address over the network "tcp" or "unix". TLS
	// is spoken on top of it. Nil means a plain net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Ping returns a check that passes when the server at address answers PING
// without a login. It goes into health.Check's Run.
func Ping(address string) func(context.Context) error { return Server{Address: address}.Run }

// Run asks once. It goes into health.Check's Run, and is bounded by the context.
func (s Server) Run(ctx context.Context) error {
	if s.Database < 0 {
		return fmt.Errorf("database is %d: it must be 0 or above", s.Database)
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("no connection: %w", err) // err names the address
	}
	defer conn.Close()
	// Closing ends a read and a write that are under way.
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	replies := bufio.NewReaderSize(conn, maxReply)
	for i, c := range s.commands() {
		reply, err := ask(conn, replies, c)
		switch {
		case err == nil:
		case ctx.Err() != nil: // which closed the connection
			return fmt.Errorf("redis at %s did not answer %s: %w", s.Address, c.name(), ctx.Err())
		case i == 0 && s.TLS == nil && hungUp(err): // as a Redis does that speaks TLS
			return fmt.Errorf("redis at %s hung up on %s, does it want TLS? %w", s.Address, c.name(), err)
		default:
			return fmt.Errorf("redis at %s did not answer %s: %w", s.Address, c.name(), err)
		}
		if err := s.judge(c, reply); err != nil {
			return fmt.Errorf("redis at %s %w", s.Address, err)
		}
	}
	return nil
}

func (s Server) dial(ctx context.Context) (net.Conn, error) {
	network := "tcp"
	if strings.HasPrefix(s.Address, "/") {
		network = "unix"
	}
	dial := s.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	plain, err := dial(ctx, network, s.Address)
	if err != nil || s.TLS == nil {
		return plain, err
	}
	config := s.TLS
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = s.host()
	}
	secure := tls.Client(plain, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, err
	}
	return secure, nil
}

// host is the host of Address.
func (s Server) host() string {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return s.Address // the path of a socket
	}
	return host
}

// command is the words of a command; the first is its name.
type command []string

func (c command) name() string { return c[0] }

func (s Server) commands() []command {
	var all []command
	switch {
	case s.Username != "":
		all = append(all, command{"AUTH", s.Username, s.Password})
	case s.Password != "":
		all = append(all, command{"AUTH", s.Password})
	}
	if s.Database != 0 {
		all = append(all, command{"SELECT", strconv.Itoa(s.Database)})
	}
	return append(all, command{"PING"})
}

// hungUp reports whether an error is that of a connection closed from afar.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// ask sends a command and reads one line, without its end. The form is an
// array of strings that tell their length, so that any byte may be in a
// password: https://redis.io/docs/latest/develop/reference/protocol-spec/
func ask(conn net.Conn, replies *bufio.Reader, c command) (string, error) {
	request := fmt.Appendf(nil, "*%d\r\n", len(c))
	for _, word := range c {
		request = fmt.Appendf(request, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := conn.Write(request); err != nil {
		return "", err
	}
	line, err := replies.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("more than %d bytes without an end of line: that is not Redis", maxReply)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}
