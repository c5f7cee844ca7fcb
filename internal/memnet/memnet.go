// Package memnet is a network in memory, for tests in a testing/synctest
// bubble: there a goroutine that waits on a real socket keeps virtual time from
// passing, one that waits on a connection of this package does not.
//
// Connections are those of net.Pipe: without a buffer, so that a write waits
// for its reader, with deadlines, and without half-close. A connection has no
// queue to wait in either: dialling succeeds when the listener accepts. A
// listener that never accepts is therefore a host that never answers.
//
// A [Network] and all it hands out may be used from any number of goroutines.
// It starts none.
package memnet

import (
	"context"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// Network holds listeners by address. The zero Network is empty and ready for
// use; it must not be copied.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener // guarded by mu
	dials     int                  // guarded by mu; numbers the clients' ports
}

// Listen opens a listener at addr, any host:port. Nothing is looked up or
// resolved: an address is the string it is. An address in use gives
// EADDRINUSE, as on a real network.
func (n *Network) Listen(addr string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: address(addr), Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return nil, failure("listen", "bind", addr, syscall.EADDRINUSE)
	}
	l := &listener{
		network: n,
		addr:    address(addr),
		arrived: make(chan net.Conn),
		closed:  make(chan struct{}),
	}
	if n.listeners == nil {
		n.listeners = make(map[string]*listener)
	}
	n.listeners[addr] = l
	return l, nil
}

// Dial connects to the listener at addr and returns when that has accepted. It
// gives ECONNREFUSED if there is no listener or it closes meanwhile, and the
// error of ctx if that ends first. The network named is not looked at. The
// method has the shape of net.Dialer.DialContext.
func (n *Network) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.dials++
	// Clients call from the block of addresses kept for documentation
	// (RFC 5737), each from a port of its own.
	client := address("192.0.2.1:" + strconv.Itoa(1024+n.dials%60000))
	n.mu.Unlock()
	if l == nil {
		return nil, failure("dial", "connect", addr, syscall.ECONNREFUSED)
	}
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: l.addr, Err: err}
	}
	ours, theirs := net.Pipe()
	select {
	case l.arrived <- &conn{Conn: theirs, local: l.addr, remote: client}:
		return &conn{Conn: ours, local: client, remote: l.addr}, nil
	case <-l.closed:
		return nil, failure("dial", "connect", addr, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: l.addr, Err: ctx.Err()}
	}
}

func failure(op, call, addr string, number syscall.Errno) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: address(addr), Err: os.NewSyscallError(call, number)}
}

// listener is one address of a Network.
type listener struct {
	network *Network
	addr    address
	arrived chan net.Conn // from Dial to Accept
	closed  chan struct{} // closed by Close, once
	closing sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrived:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
}

// Close frees the address and unblocks every Accept, and every Dial not yet
// accepted. Connections that were accepted live on.
func (l *listener) Close() error {
	err := error(&net.OpError{Op: "close", Net: "tcp", Addr: l.addr, Err: net.ErrClosed})
	l.closing.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, string(l.addr))
		l.network.mu.Unlock()
		close(l.closed)
		err = nil
	})
	return err
}

func (l *listener) Addr() net.Addr { return l.addr }

// conn is one end of a pipe that knows both addresses.
type conn struct {
	net.Conn
	local, remote address
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// address is a host:port, as it was given.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
