package exchange

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"time"
)

// DialError is a fault of Request.Dial itself: it panicked, or returned neither a
// connection nor an error.
type DialError struct {
	Text  string
	Stack []byte // of a panic
}

func (e *DialError) Error() string { return e.Text }

func (t *talk) dial(ctx context.Context) (net.Conn, error) {
	began := time.Now()
	network, address := t.ask.network()
	if limit := t.ask.ConnectTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, ErrTimeout)
		defer cancel()
	}
	dial := t.ask.Dial
	if dial == nil {
		dial = dialer(network, t.ask.Source).DialContext
	}
	conn, err := call(ctx, dial, network, address)
	t.answer.Phases.Dial = time.Since(began)
	if err == nil {
		return conn, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, stopped(cause, err)
	}
	if deadline, ok := ctx.Deadline(); ok && isTimeout(err) && !time.Now().Before(deadline) {
		// The dialer's own clock was a little faster than that of ctx.
		return nil, stopped(ErrTimeout, err)
	}
	failure := dialFailure(err, network, t.ask.Source)
	if own := ownLack(err); own != nil && !errors.Is(err, own) {
		err = fmt.Errorf("%w: %w", err, own)
	}
	return nil, &fault{failure, err}
}

// dialer opens connections for one exchange, which are too short-lived to be
// asked whether they are still alive.
func dialer(network string, source netip.Addr) *net.Dialer {
	d := &net.Dialer{KeepAlive: -1}
	if source.IsValid() && network != "unix" {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	return d
}

func call(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), network, address string) (conn net.Conn, err error) {
	defer func() {
		if p := recover(); p != nil {
			conn, err = nil, &DialError{fmt.Sprintf("Dial panicked: %v", p), debug.Stack()}
		}
	}()
	conn, err = dial(ctx, network, address)
	if conn == nil && err == nil {
		err = &DialError{Text: "Dial returned neither a connection nor an error"}
	}
	return conn, err
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
