// Package inspect listens, and tells of everything that arrives: the exact bytes,
// who may have sent them, how often, and which common server rules would refuse
// them. It answers what it was told to answer, so that a load balancer can go
// green while somebody watches.
//
// On every port it takes plain HTTP/1 and HTTP/0.9, HTTP/2 by prior knowledge, the
// same inside TLS (with a certificate made for the name that was asked for), gRPC
// health questions, a PROXY protocol header in front of any of them, connections
// on which nothing is said, and garbage.
//
// What it guarantees:
//
//   - Memory, connections and time are bounded, whatever arrives (see [Limits]).
//   - What an [Arrival] holds is as it came. Package visible makes it fit to be
//     shown; nothing of it must reach a terminal otherwise.
//   - Open binds and starts nothing; Run returns when every goroutine that it
//     started has ended.
//
// Nothing that arrives is acted on: no name is looked up, no address called.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// TLSMode says where TLS is spoken.
type TLSMode uint8

// The TLSModes.
const (
	TLSDetected TLSMode = iota // on every connection that begins like TLS
	TLSOnly                    // what does not begin like TLS is told and not answered
	TLSNever                   // a TLS hello is told as the bytes it is, and not answered
)

// DefaultAddress is listened on if no other is named.
const DefaultAddress = ":8080"

// Options says where to listen and what to answer. The zero Options listens on
// DefaultAddress and answers 200.
type Options struct {
	Addresses []string // host:port each; none means DefaultAddress
	TLS       TLSMode
	Script    Script // what is answered; zero: 200 always

	// Own says whether an address is this machine's; see fingerprint.Recognise.
	// It may be nil.
	Own func(netip.Addr) bool

	// Once ends Run when the first arrival was told and answered.
	Once bool

	// OnArrival is told of every arrival before it is answered, OnOutcome of what
	// became of it. They are called one at a time, by any goroutine, and hold up
	// everything if they block. They may be nil.
	OnArrival func(Arrival)
	OnOutcome func(Outcome)

	Limits Limits
}

// Limits bounds what strangers can make a Server keep. Zero fields mean the
// defaults, which are named here.
type Limits struct {
	Connections int           // at one time; more are closed as they come: 512
	PerPeer     int           // of them for one address, or one /64 of IPv6: 128, and no more than a quarter of Connections
	Bytes       int           // kept of one arrival: 16 KiB
	Arrivals    int           // kept of one sender: 64
	Senders     int           // kept; the one longest silent is forgotten: 1000
	Memory      int           // bytes kept of all arrivals together: 32 MiB
	Silence     time.Duration // after this, a connection on which nothing was said is told: 5 s
	Head        time.Duration // from the first byte of a question to its last: 10 s
	Idle        time.Duration // between questions: 2 min
	Life        time.Duration // of a connection, held ones included: 1 h
}

// The defaults of Limits.
const (
	defaultConnections = 512
	defaultShare       = 4 // a peer has one in so many of Connections
	defaultBytes       = 16 << 10
	defaultArrivals    = 64
	defaultSenders     = 1000
	defaultMemory      = 32 << 20
	defaultSilence     = 5 * time.Second
	defaultHead        = 10 * time.Second
	defaultIdle        = 2 * time.Minute
	defaultLife        = time.Hour
)

func (l Limits) filled() Limits {
	fill(&l.Connections, defaultConnections)
	fill(&l.PerPeer, max(l.Connections/defaultShare, 1))
	fill(&l.Bytes, defaultBytes)
	fill(&l.Arrivals, defaultArrivals)
	fill(&l.Senders, defaultSenders)
	fill(&l.Memory, defaultMemory)
	fill(&l.Silence, defaultSilence)
	fill(&l.Head, defaultHead)
	fill(&l.Idle, defaultIdle)
	fill(&l.Life, defaultLife)
	return l
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Stats counts what happened on the connections.
type Stats struct {
	Connections int // accepted, TurnedAway included
	Open        int // now
	TurnedAway  int // closed unseen: Limits.Connections were open, or Limits.PerPeer of that peer
	Arrivals    int // told
	Forgotten   int // senders forgotten for newer ones
}

// Server listens and tells. Its methods may be called by any number of
// goroutines; Run once.
type Server struct {
	options   Options
	limits    Limits
	listeners []net.Listener
	names     []string // of the listeners, as arrivals tell them
	makeTLS   *certificates

	// telling is held while an arrival is numbered and told, so that arrivals are
	// told in order. It is locked before mu.
	telling sync.Mutex

	mu      sync.Mutex // guards all below
	senders *senders
	stats   Stats
	open    map[netip.Prefix]int // connections of each peer, none of them zero
}

// Open binds every address of o, or none. Close frees them if Run is never called.
func Open(o Options) (*Server, error) {
	if err := o.Script.Check(); err != nil {
		return nil, err
	}
	if len(o.Addresses) == 0 {
		o.Addresses = []string{DefaultAddress}
	}
	s := newServer(o)
	for _, address := range o.Addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.add(l)
	}
	return s, nil
}

func newServer(o Options) *Server {
	limits := o.Limits.filled()
	return &Server{options: o, limits: limits, makeTLS: newCertificates(), senders: newSenders(limits), open: map[netip.Prefix]int{}}
}

func (s *Server) add(l net.Listener) {
	s.listeners = append(s.listeners, l)
	s.names = append(s.names, shortAddress(l.Addr()))
}

// shortAddress leaves out the host of an address that stands for all of them.
func shortAddress(a net.Addr) string {
	if ap, err := netip.ParseAddrPort(a.String()); err == nil && ap.Addr().IsUnspecified() {
		return fmt.Sprintf(":%d", ap.Port())
	}
	return a.String()
}

// Addresses returns where the Server listens, in the order of Options.Addresses,
// with the ports that were chosen for port 0. An arrival's Listener is one of
// them.
func (s *Server) Addresses() []string { return append([]string(nil), s.names...) }

// Close frees the addresses. Run does so by itself.
func (s *Server) Close() error {
	var all error
	for _, l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Senders returns what is known of each sender, the one that was met first
// first.
func (s *Server) Senders() []Sender {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.senders.list()
}

// Run serves until ctx ends, or until Options.Once is fulfilled, and returns nil
// then. It closes all connections and returns when all it started has ended.
// An error is one of a listener.
func (s *Server) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// Closing a listener is what ends its Accept.
	context.AfterFunc(ctx, func() { _ = s.Close() })

	var running sync.WaitGroup
	for i, l := range s.listeners {
		running.Go(func() {
			if err := s.accept(ctx, l, s.names[i], &running, stop); err != nil {
				stop(err)
			}
		})
	}
	<-ctx.Done()
	running.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errOnce) {
		return err
	}
	return nil
}

// errOnce ends Run when there was one arrival and no more is wanted.
var errOnce = errors.New("one arrival was wanted")

// accept takes connections from l until it is closed. A failure that may pass,
// such as a lack of descriptors, is waited out.
func (s *Server) accept(ctx context.Context, l net.Listener, name string, running *sync.WaitGroup, stop context.CancelCauseFunc) error {
	const longest = time.Second
	pause := 5 * time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("listening on %s: %w", name, err)
		case err != nil:
			wait(ctx, pause)
			pause = min(2*pause, longest)
			continue
		}
		pause = 5 * time.Millisecond
		peer := neighbours(peerOf(conn).Addr())
		number, admitted := s.admit(peer)
		if !admitted {
			_ = conn.Close()
			continue
		}
		running.Go(func() {
			c := newCall(s, conn, name, number)
			c.serve(ctx)
			s.release(peer)
			if c.toldFirst && s.options.Once {
				stop(errOnce)
			}
		})
	}
}

// neighbours are the addresses that one peer can easily have: of IPv4 that one, of
// IPv6 its network.
func neighbours(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // no address has no neighbours
	return p
}

// admit counts a connection of peer in, if there is room for it: one peer must not
// shut out the others.
func (s *Server) admit(peer netip.Prefix) (number int, admitted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Connections++
	if s.stats.Open >= s.limits.Connections || s.open[peer] >= s.limits.PerPeer {
		s.stats.TurnedAway++
		return 0, false
	}
	s.stats.Open++
	s.open[peer]++
	return s.stats.Connections, true
}

// release counts a connection of peer out.
func (s *Server) release(peer netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Open--
	if s.open[peer]--; s.open[peer] == 0 {
		delete(s.open, peer)
	}
}

// tell numbers a, keeps it, chooses its answer and tells of it. It reports false
// if nobody wants to hear of it any more.
func (s *Server) tell(a *Arrival) bool {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	if s.options.Once && s.stats.Arrivals > 0 {
		s.mu.Unlock()
		return false
	}
	s.stats.Arrivals++
	a.Number = s.stats.Arrivals
	s.senders.add(a, s.options.Script)
	s.stats.Forgotten = s.senders.forgotten
	s.mu.Unlock()
	if s.options.OnArrival != nil {
		s.options.OnArrival(*a)
	}
	return true
}

// told tells what became of a.
func (s *Server) told(a *Arrival, o Outcome) {
	o.Number = a.Number
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	s.senders.outcome(a, o)
	s.mu.Unlock()
	if s.options.OnOutcome != nil {
		s.options.OnOutcome(o)
	}
}

// wait returns after d, or false as soon as ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// peerOf is the address of the other end; zero where it has none.
func peerOf(conn net.Conn) netip.AddrPort {
	ap, err := netip.ParseAddrPort(strings.TrimSpace(conn.RemoteAddr().String()))
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
