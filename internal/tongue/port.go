package tongue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// portRetry is how long a port that can't be opened is left before the next try.
const portRetry = time.Second

// Port is a TCP port that is open while the server is in service, for balancers
// that can only connect. Out of service, connections are refused; in service they
// are accepted and closed without a byte.
//
// It is the weakest tongue: the kernel accepts in the name of a process that is
// frozen, so a hang of the agent itself goes unseen. A balancer that can ask over
// HTTP should.
type Port struct {
	// Herald watches the verdict. Required.
	Herald *Herald

	// Address is where to listen, "host:port" or ":port"; port 0 takes a free
	// one and keeps it. Required.
	Address string

	// Asked, if not nil, is told of each connection that is accepted: of whom. Green
	// is always true, for while the port is closed nobody hears of those who try.
	// One goroutine calls it at a time, and it must be quick.
	Asked func(peer netip.Addr, green bool)

	// Log gets what goes wrong. Nil discards it.
	Log *slog.Logger

	address net.Addr // set by Open
}

// Open finds out whether the address can be had, and leaves the port closed. It
// must be called before Run.
func (p *Port) Open() error {
	if p.Herald == nil {
		return fmt.Errorf("tcp port: %w", errNoHerald)
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	listener, err := net.Listen("tcp", p.Address)
	if err != nil {
		return fmt.Errorf("the port that is open while in service: %w", err)
	}
	p.address = listener.Addr()
	return listener.Close()
}

// Addr is the address that Open found, with the port that was taken for port 0.
func (p *Port) Addr() net.Addr { return p.address }

// Run opens and closes the port as the verdict changes, until ctx ends. Somebody
// else may take a port that is closed: then it is tried again each second. Its
// only error is that Open was not called.
func (p *Port) Run(ctx context.Context) error {
	if p.address == nil {
		return errors.New("tcp port: call Open before Run")
	}
	changes, cancel := p.Herald.subscribe()
	defer cancel()
	var door *gate
	defer func() { door.shut() }()
	retry := time.NewTimer(0)
	defer retry.Stop()
	wanted, failed := false, false
	for {
		select {
		case <-ctx.Done():
			return nil
		case v := <-changes:
			wanted = v.inService()
		case <-door.broken():
			p.Log.Error("the port that is open while in service has closed by itself", "address", p.address.String(), "error", door.err)
			door.shut()
			door = nil
		case <-retry.C:
		}
		switch {
		case !wanted:
			door.shut()
			door = nil
		case door == nil:
			var err error
			if door, err = openGate(p.address.String(), p.Asked, p.Log); err != nil {
				if !failed {
					p.Log.Error("in service, but the port that says so can't be opened; trying on each second", "error", err)
				}
				retry.Reset(portRetry)
			} else if failed {
				p.Log.Info("the port that is open while in service could be opened again", "address", p.address.String())
			}
			failed = err != nil
		}
	}
}

// gate is an open port. A nil gate is a closed one.
type gate struct {
	crowd *crowd
	asked func(netip.Addr, bool) // or nil
	ended chan struct{}          // closed when nobody accepts any more
	err   error                  // why; read after ended
}

func openGate(address string, asked func(netip.Addr, bool), log *slog.Logger) (*gate, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	g := &gate{crowd: newCrowd(listener, 1, log), asked: asked, ended: make(chan struct{})}
	go g.accept()
	return g, nil
}

func (g *gate) accept() {
	defer close(g.ended)
	for {
		conn, err := g.crowd.Accept()
		if err != nil {
			g.err = err
			return
		}
		if g.asked != nil {
			g.asked(peerOf(conn.RemoteAddr()), true)
		}
		conn.Close()
	}
}

// broken is closed when the port has closed without shut.
func (g *gate) broken() <-chan struct{} {
	if g == nil {
		return nil
	}
	return g.ended
}

// shut closes the port. Those who connected and were not accepted yet are reset.
func (g *gate) shut() {
	if g == nil {
		return
	}
	g.crowd.Close()
	<-g.ended
}
