package forwarder

import (
	"context"
	"errors"
	"net"
	"time"
)

// accept takes clients of one listener until it is closed. It is called with mu
// held.
func (f *Forwarder) accept(listener net.Listener) {
	f.work.Go(func() {
		for f.take() {
			conn, err := listener.Accept()
			if err == nil {
				f.admit(conn) // which has the slot now
				continue
			}
			<-f.slots
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors or memory: that passes.
			pause := time.NewTimer(10 * time.Millisecond)
			select {
			case <-pause.C:
			case <-f.ended:
			}
			pause.Stop()
		}
	})
}

// take waits for a free slot. It reports false when the forwarder ends.
func (f *Forwarder) take() bool {
	select {
	case f.slots <- struct{}{}:
		return true
	case <-f.ended:
		return false
	}
}

// admit makes a link of a client that has a slot, which the link gives back.
func (f *Forwarder) admit(conn net.Conn) {
	l := &link{f: f, client: conn}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Accepted++
	if f.closed || f.mode == Refuse {
		l.end(true)
		<-f.slots
		return
	}
	f.links[l] = struct{}{}
	f.work.Go(func() {
		l.run()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.links, l)
		<-f.slots
	})
}

// dial connects to the server, for a link, and notes what came of it.
func (f *Forwarder) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dial := f.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	network := f.Network
	if network == "" {
		network = "tcp"
	}
	conn, err := dial(ctx, network, f.Address)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		f.stats.Reached++
		f.stats.Err = nil
	case !errors.Is(err, context.Canceled): // the client has left, or was made to
		f.stats.Err = err
	}
	return conn, err
}

// reset closes a connection so that its other end sees a reset, where the network
// has such.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0) // an error means that it is closed already
	}
	conn.Close()
}
