package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// fault is an error of which it is known what Failure it makes.
type fault struct {
	failure Failure
	err     error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

func malformed(format string, args ...any) error {
	return &fault{Malformed, fmt.Errorf(format, args...)}
}

// stopped is the error of what ended because ctx did, with that cause.
func stopped(cause, err error) error {
	failure := OwnFault
	if cause == ErrTimeout {
		failure = TimedOut
	}
	if !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return &fault{failure, err}
}

// failure says what err makes of the exchange.
func (t *talk) failure(ctx context.Context, err error) (Failure, error) {
	if t.answer.TLS != nil {
		err = t.tlsError(err)
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f.failure, f.err
	}
	// What is left are errors of the connection, and we may have closed it.
	if cause := context.Cause(ctx); cause != nil {
		f := stopped(cause, err).(*fault)
		return f.failure, f.err
	}
	return connFailure(err), err
}

// connFailure is what an error of reading or writing means.
func connFailure(err error) Failure {
	switch {
	case isEnd(err), errors.Is(err, io.ErrClosedPipe):
		return Closed
	case errors.Is(err, syscall.ETIMEDOUT):
		return TimedOut // the server's machine does not acknowledge any more
	case isUnreachable(err):
		return Unreachable
	case ownLack(err) != nil:
		return OwnFault
	}
	return Reset
}

// isEnd reports whether err is the orderly end of a connection, made by the server.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// dialFailure is what an error of connecting means.
func dialFailure(err error, network string, source netip.Addr) Failure {
	lookup, isLookup := errors.AsType[*net.DNSError](err)
	_, isDialFault := errors.AsType[*DialError](err)
	_, isAddrError := errors.AsType[*net.AddrError](err)
	unix := network == "unix"
	switch {
	case isDialFault, ownLack(err) != nil:
		return OwnFault
	case isLookup && lookup.IsTimeout, isTimeout(err):
		return TimedOut // the name server or the system gave up before we did
	case isLookup:
		return NoSuchHost
	case errors.Is(err, syscall.ECONNREFUSED), unix && errors.Is(err, syscall.ENOENT):
		return Refused
	case errors.Is(err, syscall.ECONNRESET):
		return Reset
	case source.IsValid() && (isAddrError || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EINVAL)):
		return OwnFault // a source address from where this one cannot be reached
	case isAddrError:
		return NoSuchHost // none of that family
	case unix && (errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)):
		return OwnFault
	}
	return Unreachable
}

func isUnreachable(err error) bool {
	for _, number := range []syscall.Errno{
		syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN,
		syscall.EPERM, syscall.EACCES, // a firewall's
	} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// ownLack gives what this machine ran out of, if that is why err came: then
// every server would seem to fail at the same moment, and none of them would be
// to blame. EADDRNOTAVAIL is what connecting gives when no local port is left,
// or when the source address is not one of this machine's.
//
// A failed look-up of a name tells the reason in its text only. The C library's
// resolver, where Go has to use that, may say "no such host" when it could not
// open its files; nothing tells that apart from a name that does not exist.
func ownLack(err error) error {
	lookup, isLookup := errors.AsType[*net.DNSError](err)
	for _, own := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, own) || isLookup && strings.HasSuffix(lookup.Err, own.Error()) {
			return own
		}
	}
	return nil
}
