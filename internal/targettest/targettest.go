// Package targettest runs a target that misbehaves on command, for the tests
// of whatever probes targets or sends traffic to them.
//
//	target := targettest.Start(t, targettest.Status(200, "ok"))
//	… ask target.Addr() …
//	target.Set(targettest.Hang)
//
// A Target answers one request on each connection and then closes it. It speaks
// HTTP/1.1 by hand, because an HTTP server's library would refuse to do most of
// what is wanted here. It ends with the test: its listener, connections and
// goroutines are gone when the test's cleanup has run.
package targettest

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Target is a server under a test's command. Its methods may be called from any
// goroutine.
type Target struct {
	listener net.Listener
	serving  sync.WaitGroup
	ctx      context.Context // ends when the Target closes
	cancel   context.CancelFunc

	mu        sync.Mutex
	behaviour Behaviour          // guarded by mu, as is all below
	open      map[*Conn]struct{} // connections being served
	accepts   int
	requests  []Request
}

// Request is what a Target has seen of one request.
type Request struct {
	Head       string // request line and headers as they came, with the blank line that ends them
	ServerName string // asked for in the TLS handshake (SNI); empty without TLS
}

// Start runs a Target on a free port of 127.0.0.1.
func Start(t testing.TB, b Behaviour) *Target {
	t.Helper()
	return StartOn(t, listen(t, "127.0.0.1:0"), b)
}

// StartTLS is Start with TLS, under a certificate that the Target signs itself
// and nobody has reason to trust.
func StartTLS(t testing.TB, b Behaviour) *Target {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	return StartOn(t, tls.NewListener(listen(t, "127.0.0.1:0"), config), b)
}

// StartOn is Start on a listener of the caller's, which the Target will close.
func StartOn(t testing.TB, listener net.Listener, b Behaviour) *Target {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	target := &Target{
		listener:  listener,
		ctx:       ctx,
		cancel:    cancel,
		behaviour: b,
		open:      make(map[*Conn]struct{}),
	}
	target.serving.Go(target.accept)
	t.Cleanup(target.Close)
	return target
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("starting a target: %v", err)
	}
	return listener
}

// Addr is the address to ask, as host:port.
func (t *Target) Addr() string { return t.listener.Addr().String() }

// Set changes how connections accepted from now on are treated.
func (t *Target) Set(b Behaviour) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.behaviour = b
}

// Accepts is how many connections have been accepted.
func (t *Target) Accepts() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.accepts
}

// Requests is every request read so far, in the order of their arrival. Hang
// and all that answers has read the request; Reset and CloseAfterAccept have not.
func (t *Target) Requests() []Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.requests)
}

// Close stops the Target as a crash would: connections break, and from then on
// they are refused. It returns when every goroutine of the Target has ended. A
// second Close does nothing. The test's cleanup closes what is still open.
func (t *Target) Close() {
	t.cancel()
	t.listener.Close()
	t.mu.Lock()
	for c := range t.open {
		c.Conn.Close()
	}
	t.mu.Unlock()
	t.serving.Wait()
}

func (t *Target) accept() {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return // closed
		}
		c := &Conn{Conn: conn, target: t, reader: bufio.NewReader(conn)}
		t.mu.Lock()
		behave := t.behaviour
		t.accepts++
		t.open[c] = struct{}{}
		t.mu.Unlock()
		if t.ctx.Err() != nil {
			conn.Close() // Close has gone through t.open already
		}
		t.serving.Go(func() {
			defer func() {
				conn.Close()
				t.mu.Lock()
				delete(t.open, c)
				t.mu.Unlock()
			}()
			behave(c)
		})
	}
}

func (t *Target) record(r Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests = append(t.requests, r)
}

// sleep waits for d or until the Target closes.
func (t *Target) sleep(d time.Duration) {
	select {
	case <-t.ctx.Done():
	case <-time.After(d):
	}
}
