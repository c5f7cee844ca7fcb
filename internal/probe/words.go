package probe

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/visible"
)

// maxWords bounds a description in characters: some errors quote the answer.
const maxWords = 200

// maxInterim is how many interim answers package exchange reads.
const maxInterim = 16

// mismatchError is an answer with a status code that does not pass.
type mismatchError int

func (e mismatchError) Error() string {
	return fmt.Sprintf("status code %d does not match", int(e))
}

// conclude sets the outcome of an attempt that did not pass.
func (a *attempt) conclude(reason Reason, description string, err error) {
	a.result.Reason = reason
	a.result.Description = visible.Line(description, maxWords)
	a.result.Err = err
}

func (a *attempt) internal(why string, err error) {
	a.conclude(InternalError, "Internal error: "+why, err)
}

// ownFault sets the outcome of an attempt that failed for want of something here.
func (a *attempt) ownFault(err error) {
	if fault, ok := errors.AsType[*exchange.DialError](err); ok {
		a.internal(fault.Text, err)
		return
	}
	a.internal("no connection could be opened here: "+bare(err).Error(), err)
}

func (a *attempt) timedOut(err error) {
	within := " within " + a.probe.timeout().String()
	words := map[exchange.Stage]string{
		exchange.Dialling:    "no connection" + within,
		exchange.Handshaking: "TLS handshake not finished" + within,
		exchange.Sending:     "request not taken" + within,
		exchange.Waiting:     "no byte of an answer" + within,
		exchange.ReadingHead: "header of the answer not complete" + within,
		exchange.ReadingBody: "body of the answer not complete" + within,
	}[a.answer.Stage]
	switch {
	case errors.Is(err, exchange.ErrTimeout):
	case a.answer.Stage == exchange.Dialling:
		// The name server or the operating system gave up before we did.
		words = "no connection: " + bare(err).Error()
	default:
		words = bare(err).Error()
	}
	a.conclude(Timeout, "Request timed out ("+words+")", err)
}

// explain says in a few words what went wrong.
func (a *attempt) explain(err error) string {
	stage := a.answer.Stage
	eof := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe)
	switch failure := a.answer.Failure; {
	case stage == exchange.Dialling:
		return explainDial(err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset by the target " + map[exchange.Stage]string{
			exchange.Handshaking: "during the TLS handshake",
			exchange.Sending:     "before it took the request",
			exchange.Waiting:     "before it answered",
			exchange.ReadingHead: "in the header of its answer",
			exchange.ReadingBody: "in the body of its answer",
		}[stage]
	case stage == exchange.Handshaking && eof:
		return "the target closed the connection during the TLS handshake"
	case stage == exchange.Handshaking, failure == exchange.TLSRefused:
		return explainHandshake(err)
	case failure == exchange.HeadTooLong, len(a.answer.Interim) > maxInterim:
		return err.Error()
	case failure == exchange.BodyCutShort:
		return a.explainShortBody()
	case stage == exchange.ReadingBody:
		return "body not understood: " + err.Error()
	case stage == exchange.Sending && eof:
		return "the target closed the connection before it took the request"
	case stage == exchange.Waiting && eof:
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

func (a *attempt) explainShortBody() string {
	got, want := a.answer.BodySize, a.answer.Get("Content-Length")
	if want != "" && a.answer.Get("Transfer-Encoding") == "" {
		return fmt.Sprintf("body of the answer cut short: %d of %s bytes", got, want)
	}
	return fmt.Sprintf("body of the answer cut short after %d bytes", got)
}

// hint names the two protocols that are most often found where HTTP/1 was
// expected, going by the first bytes that came.
func (a *attempt) hint() string {
	got := a.answer.Received
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

// round shortens a duration to three digits or so, for people.
func round(d time.Duration) time.Duration {
	for unit := time.Duration(1); unit < time.Hour; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Minute)
}
