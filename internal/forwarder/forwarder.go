// Package forwarder stands between a client and a server and breaks the
// connection between them on command, without touching either: it refuses, hangs,
// slows down or resets, and heals again.
//
// A [Forwarder] forwards bytes of TCP or of a unix socket and knows no protocol.
// [Forwarder.Set] changes what it does at any time, for connections that are open
// as well as for those to come, and returns when the change is in effect.
//
// What it guarantees:
//
//   - The server sees clients only while they are forwarded. One that comes while
//     the forwarder hangs, and leaves again, never reaches it. To the server a
//     connection that is cut is a client that hangs up, in order.
//   - The port stays the forwarder's while connecting to it is refused (on Linux;
//     elsewhere it may be lost to another program).
//   - Memory is bounded: MaxConns connections, and 64 KiB for each direction of one.
//
// Open and Run are called once, in that order. The other methods may be called
// from any goroutine once Open has returned.
package forwarder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// Mode is what a forwarder does to connections.
type Mode uint8

// The Modes.
const (
	Pass   Mode = iota // forwards
	Refuse             // nobody listens: connecting is refused, and open connections are reset
	Hang               // accepts, and nothing goes on in either direction; open connections freeze
	Slow               // forwards, each byte a delay after it came, in each direction
	Reset              // accepts, and resets who says something, others soon; open connections at once
)

// String returns "pass", "refuse", "hang", "slow" or "reset".
func (m Mode) String() string {
	if int(m) < len(modes) {
		return modes[m]
	}
	return "unknown"
}

var modes = [...]string{"pass", "refuse", "hang", "slow", "reset"}

// Defaults of a Forwarder's fields.
const (
	DefaultListen   = "127.0.0.1:0"
	DefaultMaxConns = 256
)

// dialTimeout bounds connecting to the server, as a kernel would that gives up
// early: nobody who waits for a health answer waits longer.
const dialTimeout = 10 * time.Second

// Forwarder is one address that is forwarded to one server. Set the fields, call
// Open and then Run.
type Forwarder struct {
	// Listen is where clients connect: host:port, of which port 0 takes a free one,
	// or "unix:" and the path of a socket, which must not be there yet. Empty means
	// DefaultListen.
	Listen string

	// Network and Address are the server's: "tcp" and host:port, or "unix" and the
	// path of a socket. Network may be left out for tcp. Address is required. It is
	// looked up anew for each connection.
	Network, Address string

	// MaxConns is how many connections may be open. Others wait in the kernel's
	// queue. Zero means DefaultMaxConns.
	MaxConns int

	// Dial connects to the server. Nil means a plain net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	listen func(network, address string) (net.Listener, error) // nil: net.Listen; for tests in memory

	// Set by Open, and not changed then.
	network, address string // where it listens, with the port that it has
	addr             net.Addr
	hold             io.Closer     // keeps the port; nil if nothing does
	slots            chan struct{} // one for each open connection
	ended            chan struct{} // closed when Run returns or Close was called
	ending           sync.Once

	work sync.WaitGroup // all goroutines

	mu       sync.Mutex
	running  bool               // guarded by mu
	closed   bool               // guarded by mu; nothing may be started any more
	mode     Mode               // guarded by mu
	delay    time.Duration      // guarded by mu
	changed  chan struct{}      // guarded by mu; closed and replaced when mode or delay changes
	listener net.Listener       // guarded by mu; nil while connecting is refused
	links    map[*link]struct{} // guarded by mu; the open connections
	stats    Stats              // guarded by mu; but for Open
}

// Stats is what a forwarder has seen since it was opened.
type Stats struct {
	Accepted int   // clients that connected, those that were reset included
	Reached  int   // connections to the server
	Open     int   // clients that are connected now
	Err      error // why the server could not be reached the last time; nil if it could, or nobody tried
}

// Open binds the address. Clients wait in the kernel's queue until Run. A mistake
// in the fields and a busy port are errors, after which nothing is bound.
func (f *Forwarder) Open() error {
	if f.Address == "" {
		return errors.New("forwarder: no address to forward to: set Address")
	}
	listen := cmp.Or(f.Listen, DefaultListen)
	f.network, f.address = "tcp", listen
	if path, ok := strings.CutPrefix(listen, "unix:"); ok {
		f.network, f.address = "unix", path
	}
	if f.network == "tcp" && f.listen == nil {
		var err error
		if f.hold, f.address, err = hold(f.address); err != nil {
			return fmt.Errorf("forwarder to %s: %w", f.Address, err)
		}
	}
	listener, err := f.bind()
	if err != nil {
		if f.hold != nil {
			f.hold.Close()
		}
		return fmt.Errorf("forwarder to %s: %w", f.Address, err)
	}
	f.addr = listener.Addr()
	f.address = f.addr.String()
	f.slots = make(chan struct{}, cmp.Or(f.MaxConns, DefaultMaxConns))
	f.ended = make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listener, f.changed, f.links = listener, make(chan struct{}), make(map[*link]struct{})
	return nil
}

// Addr is where clients connect. It stays the same in every mode.
func (f *Forwarder) Addr() net.Addr { return f.addr }

// bind listens at the forwarder's address.
func (f *Forwarder) bind() (net.Listener, error) {
	listen := f.listen
	if listen == nil {
		listen = net.Listen
	}
	listener, err := listen(f.network, f.address)
	if unix, ok := listener.(*net.UnixListener); ok && err == nil {
		unix.SetUnlinkOnClose(false) // a socket that refuses is one that is there
	}
	return listener, err
}

// Run forwards until ctx ends, and returns when every connection is closed and
// every goroutine has ended.
func (f *Forwarder) Run(ctx context.Context) error {
	f.mu.Lock()
	switch {
	case f.changed == nil:
		f.mu.Unlock()
		return errors.New("forwarder: Run was called without Open")
	case f.running || f.closed:
		f.mu.Unlock()
		return errors.New("forwarder: it runs already, or is closed")
	}
	f.running = true
	if f.listener != nil {
		f.accept(f.listener)
	}
	f.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-f.ended:
	}
	return f.Close()
}

// Close ends the forwarder: connections are closed and the address is free. It
// returns when every goroutine has ended. Calling it again does nothing.
func (f *Forwarder) Close() error {
	f.mu.Lock()
	if f.changed == nil { // never opened
		f.mu.Unlock()
		return nil
	}
	first := !f.closed
	f.closed = true
	var err error
	if first {
		f.ending.Do(func() { close(f.ended) })
		err = f.shut()
		for l := range f.links {
			l.end(false)
		}
		if f.hold != nil {
			err = errors.Join(err, f.hold.Close())
		}
		if f.network == "unix" {
			err = errors.Join(err, os.Remove(f.address))
		}
	}
	f.mu.Unlock()
	f.work.Wait()
	return err
}

// Set changes what the forwarder does. The delay is that of Slow, in each
// direction. It returns when the change is in effect: after Refuse connecting is
// refused, and after a change away from it that is accepted. An error means that
// the address can't be listened on again; it goes on refusing then.
func (f *Forwarder) Set(mode Mode, delay time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil || f.closed {
		return errors.New("forwarder: it is not open")
	}
	if mode == Refuse {
		if err := f.shut(); err != nil {
			return err
		}
	} else if f.listener == nil {
		if err := f.reopen(); err != nil {
			return err
		}
	}
	if mode == Refuse || mode == Reset {
		for l := range f.links {
			l.end(true)
		}
	}
	f.mode, f.delay = mode, max(0, delay)
	close(f.changed)
	f.changed = make(chan struct{})
	return nil
}

// Stats is what the forwarder has seen until now.
func (f *Forwarder) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Open = len(f.links)
	return s
}

// shut stops listening, with mu held. Who waits in the kernel's queue is reset.
func (f *Forwarder) shut() error {
	if f.listener == nil {
		return nil
	}
	err := f.listener.Close()
	f.listener = nil
	return err
}

// reopen listens again, with mu held.
func (f *Forwarder) reopen() error {
	if f.network == "unix" {
		if err := os.Remove(f.address); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forwarder: %w", err)
		}
	}
	listener, err := f.bind()
	if err != nil {
		return fmt.Errorf("forwarder: listen again: %w", err)
	}
	f.listener = listener
	if f.running {
		f.accept(listener)
	}
	return nil
}

// state is what is to be done now, and a channel that is closed when that changes.
func (f *Forwarder) state() (mode Mode, delay time.Duration, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mode, f.delay, f.changed
}
