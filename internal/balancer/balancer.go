// Package balancer is the balancer side as a process: it listens, probes the
// targets of its groups, and sends each request to a target that is in service.
//
// What a [Balancer] guarantees:
//
//   - [Balancer.Open] binds everything or nothing and starts nothing. A busy port
//     is an error, not a log line.
//   - Nobody is sent to a target before it was asked: connections wait in the
//     listener's queue until a target of the group is in service, or all have a
//     first probe result, or the probe's timeout has passed.
//   - A request that fails at a target (no connection, no whole answer, a 5xx)
//     has that target probed at once instead of at its next turn, and so has one
//     that waits for its answer for longer than a probe may take. The probe
//     decides, not the request.
//   - When its context ends, [Balancer.Run] serves on for PartingTime and has
//     each answer end its connection, accepts what is in the listener's queue and
//     nothing more, lets the requests in flight finish within DrainTimeout, and
//     returns when everything that it started has ended.
//
// So a client loses no request at the end if it keeps its connection and uses it
// within PartingTime. One whose kept connection was idle for all of it can lose
// the request that crosses the closing on its way; HTTP clients repeat those that
// may be repeated. New connections are refused once the listener is being closed;
// see package front. To lose none of these either, stop sending clients here first.
//
// Towards clients it speaks HTTP/1.1 with these bounds: 10 seconds for a request's
// header, 64 KiB for its size (above it, 431), 16 KiB for its target (above it,
// 414), and 75 seconds for a connection without a request. There is none on how long
// a body may take in all, for uploads and event streams last as long as they last;
// see package proxy for pauses in them.
package balancer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inservice/inservice/internal/front"
	"github.com/inservice/inservice/internal/monitor"
	"github.com/inservice/inservice/internal/pool"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/threshold"
)

const (
	defaultDrainTimeout = 30 * time.Second
	// Busy clients use each of their connections within a second.
	defaultPartingTime = time.Second
)

// Target is a server that a group sends traffic to.
type Target struct {
	Address      string // host:port for traffic; names the target in its group, so it is unique there
	ProbeAddress string // host:port for probes; empty means Address
}

// Group is a target group.
type Group struct {
	Name    string // unique, not empty
	Targets []Target

	// Closed says what happens while no target is in service. False: the group
	// fails open, and traffic goes to all of them. True: requests get a 503.
	Closed bool

	// Probe is what every target is asked. Its Address is set for each target.
	Probe probe.Probe

	Interval  time.Duration    // between two probes of a target; zero means monitor.DefaultInterval
	Threshold threshold.Policy // zero means two results of either kind
}

// Listener is an address that accepts requests for a group.
type Listener struct {
	Address string // host:port, as for net.Listen; port 0 takes a free one
	Group   string // name of a Group
}

// Balancer is a load balancer. Fill in its fields, then call Open, then Run,
// each once. The fields must not change after Open.
type Balancer struct {
	Listeners []Listener // at least one
	Groups    []Group    // each with at least one target

	// TrustedProxies are the networks whose forwarding fields are believed; see
	// package proxy. Empty: nobody's.
	TrustedProxies []netip.Prefix

	// DrainTimeout is how long it may take to finish all requests once Run's
	// context has ended. What is left then is cut off. Zero means 30 seconds.
	DrainTimeout time.Duration

	// PartingTime is the part of DrainTimeout in which requests are still taken,
	// while each answer tells its client to send no more on its connection. It is
	// cut short when no client is connected. Zero means one second, or half of
	// DrainTimeout if that is less.
	PartingTime time.Duration

	// Log is told of every change of a target's status, of every failed probe, of
	// every failed request (at most 10 a second), and when a group loses its last
	// target in service or has one again. Successes are silent. Nil means
	// slog.Default().
	Log *slog.Logger

	// OnEvent, if not nil, is called for each finished probe, after Snapshot shows
	// it: for one target in order, for different targets at the same time. It must
	// not block, because the target's next probe waits for it.
	OnEvent func(group string, e monitor.Event)

	// Both are set by Open and do not change after it.
	groups    map[string]*group
	entrances []entrance

	ran atomic.Bool
}

// Open checks the fields and binds every listener. It starts nothing: whoever
// connects waits until Run has been called. After an error nothing is bound, and
// the error tells everything that is wrong, or which address could not be bound.
//
// After a success, Run must be called; it is what closes the listeners.
func (b *Balancer) Open() error {
	if b.groups != nil {
		return errors.New("balancer: Open was called before")
	}
	if err := b.validate(); err != nil {
		return fmt.Errorf("balancer: %w", err)
	}
	groups := make(map[string]*group, len(b.Groups))
	for _, g := range b.Groups {
		groups[g.Name] = newGroup(b, g)
	}
	var entrances []entrance
	for _, l := range b.Listeners {
		socket, err := front.Listen(context.Background(), l.Address)
		if err != nil {
			for _, e := range entrances {
				e.front.Socket.Close()
			}
			return fmt.Errorf("balancer: can't listen on %s for target group %q; stop what uses that address or choose another: %w", l.Address, l.Group, err)
		}
		entrances = append(entrances, newEntrance(socket, groups[l.Group], b.log()))
	}
	b.groups, b.entrances = groups, entrances
	return nil
}

// Addrs returns the bound addresses in the order of Listeners, with the ports
// that were taken for port 0. It is empty before Open.
func (b *Balancer) Addrs() []net.Addr {
	var addrs []net.Addr
	for _, e := range b.entrances {
		addrs = append(addrs, e.front.Socket.Addr())
	}
	return addrs
}

// Snapshot returns the state of a group now, and nil if there is no such group
// or Open has not been called. It may be called from any goroutine once Open
// has returned, and shows the last state after Run has ended.
func (b *Balancer) Snapshot(group string) *pool.Snapshot {
	g := b.groups[group]
	if g == nil {
		return nil
	}
	return g.pool.Snapshot()
}

// Run probes and serves until ctx ends, drains, and returns nil when all that it
// started has ended. If a listener breaks, the others are drained too and Run
// returns the error. A ctx that has ended already makes Run close the listeners
// and return.
func (b *Balancer) Run(ctx context.Context) error {
	if b.groups == nil {
		return errors.New("balancer: Run needs a successful Open before it")
	}
	if b.ran.Swap(true) {
		return errors.New("balancer: Run was called before")
	}

	// Probes go on while requests finish, so that what people watch stays true.
	probing, stopProbing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopProbing()
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()

	var probers, servers sync.WaitGroup
	errs := make(chan error, len(b.groups)+len(b.entrances))
	for _, g := range b.groups {
		probers.Go(func() {
			if err := g.monitor.Run(probing); err != nil {
				errs <- fmt.Errorf("balancer: target group %q: %w", g.name, err)
				stopServing()
			}
		})
	}
	for _, e := range b.entrances {
		servers.Go(func() {
			if err := e.run(serving, b.leave); err != nil {
				errs <- fmt.Errorf("balancer: listener %s: %w", e.front.Socket.Addr(), err)
				stopServing()
			}
		})
	}
	servers.Wait()
	stopProbing()
	probers.Wait()
	for _, g := range b.groups {
		g.proxy.Close()
	}
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (b *Balancer) drainTimeout() time.Duration {
	return cmp.Or(b.DrainTimeout, defaultDrainTimeout)
}

// leave is how long the entrances may take to leave.
func (b *Balancer) leave() (partingTime, drainTimeout time.Duration) {
	return b.partingTime(), b.drainTimeout()
}

func (b *Balancer) partingTime() time.Duration {
	return cmp.Or(b.PartingTime, min(defaultPartingTime, b.drainTimeout()/2))
}

func (b *Balancer) log() *slog.Logger {
	return cmp.Or(b.Log, slog.Default())
}
