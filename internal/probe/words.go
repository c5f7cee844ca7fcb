package probe

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// maxWords bounds a description in characters: some errors quote the answer.
const maxWords = 200

// mismatchError is an answer with a status code that does not pass.
type mismatchError int

func (e mismatchError) Error() string {
	return fmt.Sprintf("status code %d does not match", int(e))
}

// bodyError is a body that could not be read to its end.
type bodyError struct {
	got, want int64 // bytes; want is -1 if the answer did not say
	err       error
}

func (e *bodyError) Error() string { return "reading the body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// conclude sets the outcome of an attempt that did not pass.
func (a *attempt) conclude(reason Reason, description string, err error) {
	a.result.Reason = reason
	a.result.Description = oneLine(description)
	a.result.Err = err
}

func (a *attempt) internal(why string, err error) {
	a.conclude(InternalError, "Internal error: "+why, err)
}

func (a *attempt) timedOut(err error) {
	within := " within " + a.timeout.String()
	words := map[phase]string{
		dialling:    "no connection" + within,
		handshaking: "TLS handshake not finished" + within,
		sending:     "request not taken" + within,
		waiting:     "no byte of an answer" + within,
		readingHead: "header of the answer not complete" + within,
		readingBody: "body of the answer not complete" + within,
	}[a.phase]
	a.conclude(Timeout, "Request timed out ("+words+")", fmt.Errorf("%w: %w", errTimeout, err))
}

// failed sets the outcome of an attempt that ended by itself, with err.
func (a *attempt) failed(err error) {
	if mismatch, ok := errors.AsType[mismatchError](err); ok {
		a.conclude(ResponseCodeMismatch, fmt.Sprintf("Health checks failed with these codes: [%d]", int(mismatch)), err)
		return
	}
	if fault, ok := errors.AsType[*dialError](err); ok {
		first, _, _ := strings.Cut(fault.text, "\n")
		a.internal(first, err)
		return
	}
	if own := ownFault(err); own != nil {
		a.internal("no connection could be opened here: "+own.Error(), err)
		return
	}
	if a.phase == dialling && isTimeout(err) {
		// The name server or the operating system gave up before we did.
		a.conclude(Timeout, "Request timed out (no connection: "+bare(err).Error()+")", err)
		return
	}
	a.conclude(FailedHealthChecks, "Health checks failed: "+a.explain(err), err)
}

// ownFault gives what this machine ran out of, if that is why err came: then
// every target would seem to fail at the same moment, and none of them would be
// to blame. EADDRNOTAVAIL is what connecting gives when no local port is left.
//
// A failed look-up of a name tells the reason in its text only. The C library's
// resolver, where Go has to use that, may say "no such host" when it could not
// open its files; nothing tells that apart from a name that does not exist.
func ownFault(err error) error {
	lookup, isLookup := errors.AsType[*net.DNSError](err)
	for _, own := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, own) || isLookup && strings.HasSuffix(lookup.Err, own.Error()) {
			return own
		}
	}
	return nil
}

// explain says in a few words what went wrong in the present phase.
func (a *attempt) explain(err error) string {
	eof := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe)
	switch {
	case a.phase == dialling:
		return explainDial(err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset by the target " + map[phase]string{
			handshaking: "during the TLS handshake",
			sending:     "before it took the request",
			waiting:     "before it answered",
			readingHead: "in the header of its answer",
			readingBody: "in the body of its answer",
		}[a.phase]
	case a.phase == handshaking && eof:
		return "the target closed the connection during the TLS handshake"
	case a.phase == handshaking:
		return explainHandshake(err)
	case errors.Is(err, errTooLong):
		return fmt.Sprintf("header of the answer exceeds %d KiB", maxAnswer>>10)
	case errors.Is(err, errTooManyInterim):
		return err.Error()
	case a.phase == readingBody:
		return explainBody(err, eof)
	case a.phase == sending && eof:
		return "the target closed the connection before it took the request"
	case a.phase == waiting && eof:
		return "the target closed the connection without an answer"
	case eof:
		return "answer broken off in its header" + a.hint()
	}
	return "answer not understood: " + err.Error() + a.hint()
}

func explainDial(err error) string {
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		if name.IsNotFound {
			return "no such host: " + name.Name
		}
		return "looking up " + name.Name + ": " + name.Err
	}
	return bare(err).Error()
}

func explainHandshake(err error) string {
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		// crypto/tls keeps five bytes of what it took for a record.
		if bytes.HasPrefix(header.RecordHeader[:], []byte("HTTP")) {
			return "the target answered the TLS handshake in plain HTTP (is this port meant for https?)"
		}
		return "the target does not speak TLS: " + header.Msg
	}
	return "TLS handshake: " + bare(err).Error()
}

func explainBody(err error, eof bool) string {
	body, ok := errors.AsType[*bodyError](err)
	if ok && eof && body.want >= 0 {
		return fmt.Sprintf("body of the answer cut short: %d of %d bytes", body.got, body.want)
	}
	if ok && eof {
		return fmt.Sprintf("body of the answer cut short after %d bytes", body.got)
	}
	if ok {
		err = body.err
	}
	return "body not understood: " + err.Error()
}

// hint names the two protocols that are most often found where HTTP/1 was
// expected, going by the first bytes that came.
func (a *attempt) hint() string {
	got := a.wire.received
	switch {
	case len(got) > 1 && (got[0] == 0x15 || got[0] == 0x16) && got[1] == 3: // an alert or handshake record of TLS (RFC 8446, section 5.1)
		return " (the target speaks TLS: is this port meant for http?)"
	case len(got) > 4 && got[3] == 4 && got[4]&^1 == 0 && got[0] == 0: // a SETTINGS frame (RFC 9113, section 4.1)
		return " (the target speaks HTTP/2)"
	}
	return ""
}

// bare strips net's "dial tcp 10.0.0.5:80: connect: ": the address stands
// beside every description, and the phase says the rest.
func bare(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return op.Err
	}
	return err
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// oneLine makes s fit for one line of a terminal: nothing in it controls
// anything, and it has an end. Parts of s may come from the target.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "?")
	n := 0
	return strings.Map(func(r rune) rune {
		switch n++; {
		case n > maxWords:
			return -1
		case n == maxWords:
			return '…'
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}

// round shortens a duration to three digits or so, for people.
func round(d time.Duration) time.Duration {
	for unit := time.Duration(1); unit < time.Hour; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Minute)
}
