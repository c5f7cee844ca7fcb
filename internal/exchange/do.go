package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

const (
	// maxTranscript bounds what is kept of each direction.
	maxTranscript = 16 << 10
	// maxHead bounds the head of an answer, with all interim answers before it.
	maxHead = 64 << 10
	// maxInterim bounds the interim answers (1xx) before the final one.
	maxInterim = 16

	defaultMaxBody = 64 << 10
)

// ErrTimeout is in Answer.Err when the exchange used up its own time: that of
// the Request, not a limit of the system's.
var ErrTimeout = errors.New("out of time")

// talk is one exchange under way. The goroutine in Do owns it.
type talk struct {
	ask    Request
	answer Answer
	due    time.Time // when Timeout passes, or AnswerTimeout while it counts
	wire   *wire     // nil before there is a connection
	asked  time.Time // when sending the request began

	checked bool // whether the certificate was tried already

	giveUp func(cause error) // ends the exchange before its time
	timer  *time.Timer       // of AnswerTimeout, with Patience; nil while that bounds nothing
	whole  time.Time         // what due was before AnswerTimeout counted
}

// Do makes one exchange and returns when it is over, at the latest when Timeout
// and Patience have passed or ctx has ended.
func Do(ctx context.Context, r Request) Answer {
	began := time.Now()
	t := talk{ask: r, answer: Answer{Began: began, GRPCCode: -1}}
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	t.due = began.Add(timeout)
	bound := t.due
	if r.Patience > 0 {
		bound = bound.Add(r.Patience)
	}
	ctx, cancel := context.WithDeadlineCause(ctx, bound, ErrTimeout)
	defer cancel()
	ctx, t.giveUp = context.WithCancelCause(ctx)
	defer t.giveUp(nil)

	err := r.validate()
	if err == nil {
		err = t.converse(ctx)
	}
	end := time.Now()
	if err == nil {
		t.enter(Done, end)
	} else {
		t.enter(t.answer.Stage, end)
		t.answer.Failure, t.answer.Err = t.failure(ctx, err)
	}
	t.answer.Phases.Total = end.Sub(began)
	t.checkPeer() // costs nobody's time now
	return t.answer
}

// validate finds what no exchange can be made of.
func (r *Request) validate() error {
	switch r.Protocol {
	case Bare, HTTP1, HTTP2, GRPC:
	default:
		return &fault{OwnFault, fmt.Errorf("protocol %q is not known", r.Protocol)}
	}
	switch r.Proxy {
	case NoProxyHeader, ProxyV1, ProxyV2, ProxyV2Local:
	default:
		return &fault{OwnFault, fmt.Errorf("PROXY header %q is not known", r.Proxy)}
	}
	network, address := r.network()
	if network == "unix" {
		return nil
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return &fault{OwnFault, fmt.Errorf("address %q is not host:port: %w", address, err)}
	}
	return nil
}

func (r *Request) maxBody() int {
	if r.MaxBody <= 0 {
		return defaultMaxBody
	}
	return r.MaxBody
}

// network gives what to dial.
func (r *Request) network() (network, address string) {
	if path, ok := strings.CutPrefix(r.Address, "unix:"); ok {
		return "unix", path
	}
	return cmp.Or(r.Network, "tcp"), r.Address
}

// enter notes that a stage began. The stage left is Overdue if it was on when
// Timeout passed.
func (t *talk) enter(s Stage, at time.Time) {
	if a := &t.answer; t.ask.Patience > 0 && !a.Late && !at.Before(t.due) {
		a.Late, a.Overdue = true, a.Stage
	}
	t.answer.Stage = s
}

// converse does all there is to do on the wire. An error ends it in the stage
// that it has come to.
func (t *talk) converse(ctx context.Context) error {
	conn, err := t.dial(ctx)
	if err != nil {
		return err
	}
	t.wire = &wire{conn: conn}
	defer t.collect() // when nobody reads or writes any more
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
		t.wire.wait()
	}()
	if err := context.Cause(ctx); err != nil {
		return err // the connection came too late
	}
	t.answer.Remote, t.answer.Local = addressOf(conn.RemoteAddr()), addressOf(conn.LocalAddr())
	t.boundAnswer()
	defer t.unbound()

	before := proxyHeader(t.ask.Proxy, conn)
	if t.ask.TLS != nil {
		if err := t.say(before); err != nil {
			return err
		}
		before = nil
		secure, err := t.handshake(conn)
		if err != nil {
			return err
		}
		defer func() {
			t.wire.settle()
			secure.Close() // says goodbye, so that the server logs no broken session
		}()
	}
	switch t.ask.Protocol {
	case HTTP1:
		return t.http1(before)
	case HTTP2, GRPC:
		return t.http2(before)
	}
	return t.say(before)
}

// boundAnswer begins the time of AnswerTimeout, where that passes before Timeout.
func (t *talk) boundAnswer() {
	due := time.Now().Add(t.ask.AnswerTimeout)
	if t.ask.AnswerTimeout <= 0 || !due.Before(t.due) {
		return
	}
	t.due, t.whole = due, t.due
	t.timer = time.AfterFunc(t.ask.AnswerTimeout+max(0, t.ask.Patience), func() { t.giveUp(ErrTimeout) })
}

// unbound ends the time of AnswerTimeout. It reports whether that counted.
func (t *talk) unbound() bool { return t.timer != nil && t.timer.Stop() }

func addressOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// say sends b to its end, before anything is listened for.
func (t *talk) say(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	t.enter(Sending, time.Now())
	return t.wire.write(b)
}

// send begins to send the request, which the transcript tells as told if that is
// not nil. It is sent by a goroutine of its own, for a server may answer before it
// has taken everything, or speak first.
func (t *talk) send(b, told []byte) {
	t.asked = time.Now()
	t.enter(Sending, t.asked)
	t.wire.send(b, told)
}

// listen waits for the first byte of an answer.
func (t *talk) listen() error {
	if err := t.wire.fill(); err != nil {
		return t.silence(err)
	}
	t.heard()
	return nil
}

// heard notes that the answer has begun.
func (t *talk) heard() {
	now := time.Now()
	t.answer.Phases.FirstByte = now.Sub(t.asked)
	if t.wire.isWritten() {
		t.enter(Waiting, t.wire.writtenAt)
	}
	t.enter(ReadingHead, now)
}

// silence notes that err came in place of an answer. Of a server that closed at
// once it makes no difference whether that was seen by reading or by writing
// first.
func (t *talk) silence(err error) error {
	t.answer.Phases.FirstByte = time.Since(t.asked)
	if _, isFault := errors.AsType[*fault](err); !isFault {
		if unsent := t.wire.wait(); unsent != nil {
			return unsent
		}
	}
	if t.wire.isWritten() {
		t.enter(Waiting, t.wire.writtenAt)
	}
	return err
}

// collect moves the transcripts into the answer.
func (t *talk) collect() {
	w := t.wire
	t.answer.Sent, t.answer.Received = w.sent, w.received
}
