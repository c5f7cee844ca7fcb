package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"time"
)

// errTimeout is the cause with which an attempt's context ends when its own
// time is up, and not the caller's.
var errTimeout = errors.New("probe timed out")

// attempt is one run of a Probe. The goroutine in Run owns it.
type attempt struct {
	probe   Probe
	timeout time.Duration
	result  Result
	phase   phase
	wire    *wire // nil before there is a connection to speak HTTP on
}

// phase is what an attempt is busy with; a failure is explained by it.
type phase uint8

const (
	dialling phase = iota
	handshaking
	sending
	waiting     // for the first byte of the answer
	readingHead // of the answer, and of the interim ones before it
	readingBody
)

// run makes the attempt and leaves its outcome in a.result.
func (a *attempt) run(caller context.Context) {
	ctx, cancel := context.WithTimeoutCause(caller, a.timeout, errTimeout)
	defer cancel()
	err := a.converse(ctx)
	_, mismatch := errors.AsType[mismatchError](err)
	switch {
	case err == nil:
		a.result.Pass = true
	case mismatch: // the code is known, even if time ran out over the body
		a.failed(err)
	case context.Cause(ctx) == errTimeout:
		a.timedOut(err)
	case ctx.Err() != nil:
		a.internal("the probe was stopped before it finished", fmt.Errorf("%w: %w", err, context.Cause(ctx)))
	default:
		a.failed(err)
	}
}

// converse connects, asks and judges the answer. The error is nil if the target
// passed; a.phase says where it came up.
func (a *attempt) converse(ctx context.Context) error {
	conn, err := a.dial(ctx)
	if err != nil {
		return err
	}
	// Closing the connection is what ends any read or write on it. The defer
	// sees to it that this function leaves no goroutine behind.
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		conn.Close()
	})
	defer func() {
		conn.Close()
		if !stop() {
			<-closed
		}
	}()
	if err := context.Cause(ctx); err != nil {
		return err // the connection came too late
	}
	a.result.Remote = conn.RemoteAddr().String()

	switch a.probe.Protocol {
	case TCP:
		return nil
	case HTTPS:
		secure, err := a.handshake(ctx, conn)
		if err != nil {
			return err
		}
		defer secure.Close() // says goodbye, so that the target logs no broken session
		return a.exchange(secure)
	default:
		return a.exchange(conn)
	}
}

func (a *attempt) dial(ctx context.Context) (conn net.Conn, err error) {
	a.phase = dialling
	defer since(time.Now(), &a.result.Phases.Dial)
	dial := a.probe.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	defer func() {
		if p := recover(); p != nil {
			err = &dialError{fmt.Sprintf("Dial panicked: %v\n%s", p, debug.Stack())}
		}
	}()
	conn, err = dial(ctx, "tcp", a.probe.Address)
	if conn == nil && err == nil {
		err = &dialError{"Dial returned neither a connection nor an error"}
	}
	return conn, err
}

// dialError is a fault of Probe.Dial itself.
type dialError struct{ text string }

func (e *dialError) Error() string { return e.text }

func (a *attempt) handshake(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	a.phase = handshaking
	defer since(time.Now(), &a.result.Phases.TLS)
	secure := tls.Client(conn, &tls.Config{
		ServerName: a.probe.serverName(),
		// As ALB: neither certificate nor age of the protocol makes a target
		// unhealthy, and there is no secret to protect (see the package doc).
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
	})
	return secure, secure.HandshakeContext(ctx)
}

// exchange sends the request and judges the answer.
func (a *attempt) exchange(conn net.Conn) error {
	a.phase = sending
	began := time.Now()
	a.wire = &wire{conn: conn, left: maxAnswer}
	defer func() {
		a.result.Sent, a.result.Received = a.wire.sent, a.wire.received
		if first := a.wire.firstByte; !first.IsZero() {
			a.result.Phases.FirstByte = first.Sub(began)
		} else {
			a.result.Phases.FirstByte = time.Since(began)
		}
	}()
	if _, err := a.wire.Write(a.probe.request()); err != nil {
		return err
	}
	a.phase = waiting
	answer, err := readHead(a.wire)
	if err != nil {
		if !a.wire.firstByte.IsZero() {
			a.phase = readingHead
		}
		return err
	}
	a.phase = readingBody
	a.result.Status = answer.StatusCode
	a.wire.left = maxAnswer
	n, err := io.Copy(io.Discard, answer.Body)
	if !a.probe.matches(answer.StatusCode) {
		// Whatever became of the body, it was only wanted as evidence.
		return mismatchError(answer.StatusCode)
	}
	if err == nil || errors.Is(err, errTooLong) {
		return nil
	}
	return &bodyError{got: n, want: answer.ContentLength, err: err}
}

// since sets d to the time since began. It is made to be deferred.
func since(began time.Time, d *time.Duration) { *d = time.Since(began) }
