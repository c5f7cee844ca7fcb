package prove

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/forwarder"
)

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// endpoint is what is dialled.
type endpoint struct{ network, address string }

// between stands between checks and everything that they connect to: a forwarder
// for each address, made when it is dialled first.
type between struct {
	ctx  context.Context // ends the forwarders
	stop context.CancelFunc
	work sync.WaitGroup

	mu         sync.Mutex
	closed     bool                              // guarded by mu
	forwarders map[endpoint]*forwarder.Forwarder // guarded by mu
	users      map[endpoint][]string             // guarded by mu; the checks that dialled it, each once
	fault      *fault                            // guarded by mu; nil: everything passes
}

// fault is what is broken now.
type fault struct {
	mode   forwarder.Mode
	delay  time.Duration
	checks []string   // whatever they dial is broken
	broken []endpoint // that are
}

// newBetween stands between until close is called: what was broken must be healed
// also when the proof is ended.
func newBetween() *between {
	b := &between{forwarders: map[endpoint]*forwarder.Forwarder{}, users: map[endpoint][]string{}}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// close ends every forwarder and waits for it.
func (b *between) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.stop()
	b.work.Wait()
}

// dial gives the dialler of one check.
func (b *between) dial(check string) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		f, err := b.through(check, endpoint{network, address})
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Addr: name(endpoint{network, address}), Err: err}
		}
		conn, err := new(net.Dialer).DialContext(ctx, f.Addr().Network(), f.Addr().String())
		if err != nil {
			return nil, named(endpoint{network, address}, err)
		}
		return &through{Conn: conn, to: endpoint{network, address}}, nil
	}
}

// through is the forwarder to an endpoint, in the mode that it must have for that
// check.
func (b *between) through(check string, e endpoint) (*forwarder.Forwarder, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.forwarders[e]
	if f == nil {
		if b.closed {
			return nil, errors.New("the proof has ended")
		}
		f = &forwarder.Forwarder{Network: e.network, Address: e.address}
		if err := f.Open(); err != nil {
			return nil, err
		}
		b.forwarders[e] = f
		b.work.Go(func() { f.Run(b.ctx) }) // what closing it meets concerns nobody any more
	}
	if !slices.Contains(b.users[e], check) {
		b.users[e] = append(b.users[e], check)
	}
	if x := b.fault; x != nil && slices.Contains(x.checks, check) && !slices.Contains(x.broken, e) {
		x.broken = append(x.broken, e)
		return f, f.Set(x.mode, x.delay)
	}
	return f, nil
}

// breakAll breaks endpoints, and whatever else the checks dial from now on.
func (b *between) breakAll(mode forwarder.Mode, delay time.Duration, endpoints []endpoint, checks []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	broken := slices.Clone(endpoints)
	if b.fault != nil { // what was broken stays so, and is healed together
		for _, e := range b.fault.broken {
			if !slices.Contains(broken, e) {
				broken = append(broken, e)
			}
		}
	}
	b.fault = &fault{mode: mode, delay: delay, checks: checks, broken: broken}
	return b.set(mode, delay)
}

// heal makes everything whole that is broken, and tells what that was.
func (b *between) heal() ([]endpoint, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault == nil {
		return nil, nil
	}
	err := b.set(forwarder.Pass, 0)
	broken := b.fault.broken
	b.fault = nil
	return broken, err
}

// set sets what is broken, with mu held.
func (b *between) set(mode forwarder.Mode, delay time.Duration) error {
	var errs []error
	for _, e := range b.fault.broken {
		errs = append(errs, b.forwarders[e].Set(mode, delay))
	}
	return errors.Join(errs...)
}

// dialled is what each check has dialled until now.
func (b *between) dialled() map[string][]endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := map[string][]endpoint{}
	for e, checks := range b.users {
		for _, check := range checks {
			found[check] = append(found[check], e)
		}
	}
	for _, list := range found {
		slices.SortFunc(list, byAddress)
	}
	return found
}

// settled reports whether it is known of everything that was dialled whether it can
// be reached.
func (b *between) settled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.forwarders {
		if s := f.Stats(); s.Reached == 0 && s.Err == nil {
			return false
		}
	}
	return true
}

// inVain reports whether there are endpoints, and not one of them was ever reached.
func (b *between) inVain(endpoints []endpoint) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(endpoints) > 0 && !slices.ContainsFunc(endpoints, func(e endpoint) bool { return b.forwarders[e].Stats().Reached > 0 })
}

// unreached says why endpoints can't be reached, as the forwarders have met it.
func (b *between) unreached(endpoints []endpoint) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range endpoints {
		if f := b.forwarders[e]; f != nil && f.Stats().Err != nil {
			return fmt.Errorf("%s can't be reached: %w", e.address, f.Stats().Err)
		}
	}
	return nil
}

// through is a connection through a forwarder that looks like one to what is behind
// it: a client may dial the same address once more, as PostgreSQL's does to cancel a
// query, and errors name it.
type through struct {
	net.Conn
	to endpoint
}

func (t *through) RemoteAddr() net.Addr { return name(t.to) }

func (t *through) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	return n, named(t.to, err)
}

func (t *through) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	return n, named(t.to, err)
}

// named is a network's error with the address that was meant.
func named(e endpoint, err error) error {
	if op, ok := err.(*net.OpError); ok { // as the outermost, so that nothing is lost
		clean := *op
		clean.Net, clean.Source, clean.Addr = e.network, nil, name(e)
		return &clean
	}
	return err
}

// name is an endpoint as an address.
type name endpoint

func (n name) Network() string { return n.network }
func (n name) String() string  { return n.address }
