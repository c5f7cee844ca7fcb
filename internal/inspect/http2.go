package inspect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// preface is what an HTTP/2 client says first (RFC 9113, 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Bounds of an HTTP/2 connection.
const (
	maxStreams  = 32      // at one time
	mostStreams = 10_000  // in the connection's life
	mostIdle    = 1_000   // frames between two questions that bring no part of one
	maxFrame    = 1 << 14 // the least that a peer must be allowed (RFC 9113, 4.2)
	firstWindow = 65535   // RFC 9113, 6.9.2
)

// session is one HTTP/2 connection. The goroutine of its call reads; each stream
// whose question is whole has a goroutine that answers it, and serveHTTP2 waits
// for them.
type session struct {
	call    *call
	wire    kept
	framer  *http2.Framer // reading is the call's; writing is guarded by writing
	streams map[uint32]*stream
	began   time.Time
	lastID  uint32
	met     int
	idle    int         // frames since a question that brought no part of one
	over    atomic.Bool // enough was answered: reading ends

	writing sync.Mutex // guards writing with framer, and all below
	head    bytes.Buffer
	encoder *hpack.Encoder
	window  int64         // bytes that may be sent on the connection
	initial int64         // of a new stream's window
	changed chan struct{} // closed and replaced when a window grows
}

// stream is one question.
type stream struct {
	id     uint32
	at     time.Time // as its Arrival tells
	came   time.Time // its first frame
	fields []hpack.HeaderField
	body   []byte // at most Limits.Bytes
	size   int    // of the body so far
	ended  bool   // the question is whole

	window int64         // guarded by session.writing
	gone   chan struct{} // closed when the other side gave up or the answer is out
	once   sync.Once
}

func (st *stream) leave() { st.once.Do(func() { close(st.gone) }) }

// kept is a reader that keeps the beginning of what went through it.
type kept struct {
	from  io.Reader
	bytes []byte
	bound int
}

func (k *kept) Read(p []byte) (int, error) {
	n, err := k.from.Read(p)
	k.bytes = append(k.bytes, p[:min(n, k.bound+1-len(k.bytes))]...)
	return n, err
}

// serveHTTP2 holds an HTTP/2 connection to its end.
func (c *call) serveHTTP2(ctx context.Context) {
	s := &session{
		call: c, began: time.Now(), wire: kept{from: c.r, bound: c.server.limits.Bytes}, streams: map[uint32]*stream{},
		window: firstWindow, initial: firstWindow, changed: make(chan struct{}),
	}
	s.encoder = hpack.NewEncoder(&s.head)
	s.encoder.SetMaxDynamicTableSize(0) // whatever the peer's bound is, this is within
	s.framer = http2.NewFramer(c.stream, &s.wire)
	s.framer.SetMaxReadFrameSize(maxFrame)
	s.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	s.framer.MaxHeaderListSize = uint32(c.server.limits.Bytes)

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var answering sync.WaitGroup
	err := s.read(ctx, &answering)
	if !leaves(err) {
		stop() // this side ends: what is not answered is cut off, and nobody gave up
	}
	if len(s.streams) == 0 && c.nth == 0 || s.unfinished() {
		a := c.arrival(Other, c.began)
		a.setBytes(s.wire.bytes, s.wire.bound)
		a.Speaks = "HTTP/2"
		a.Ending = "it is HTTP/2 without a whole request; " + endingHTTP2(err)
		c.tell(a)
	}
	for _, st := range s.streams {
		st.leave()
	}
	answering.Wait()
	s.write(func() error { return s.framer.WriteGoAway(s.lastID, codeOf(err), nil) })
	c.linger()
}

// unfinished reports whether a question was begun and never told.
func (s *session) unfinished() bool {
	for _, st := range s.streams {
		if !st.ended {
			return true
		}
	}
	return false
}

// leaves reports whether reading ended for err because the other side has gone.
func leaves(err error) bool {
	return err != nil && !errors.As(err, new(http2.ConnectionError)) && !isTimeout(err)
}

func endingHTTP2(err error) string {
	if errors.As(err, new(http2.ConnectionError)) || errors.As(err, new(http2.StreamError)) {
		return err.Error()
	}
	return ending(err)
}

func codeOf(err error) http2.ErrCode {
	if code, ok := errors.AsType[http2.ConnectionError](err); ok {
		return http2.ErrCode(code)
	}
	return http2.ErrCodeNo
}

// read takes frames until the connection ends, and says why it did.
func (s *session) read(ctx context.Context, answering *sync.WaitGroup) error {
	s.call.deadline(s.call.server.limits.Head)
	if _, err := io.CopyN(io.Discard, &s.wire, int64(len(preface))); err != nil {
		return err
	}
	if err := s.write(func() error {
		return s.framer.WriteSettings(
			http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: maxStreams},
			http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: s.framer.MaxHeaderListSize})
	}); err != nil {
		return err
	}
	for {
		s.call.until(s.patience())
		if s.over.Load() {
			return nil
		}
		frame, err := s.framer.ReadFrame()
		if broken, ok := errors.AsType[http2.StreamError](err); ok {
			s.reset(broken.StreamID, broken.Code)
			if _, begun := s.streams[broken.StreamID]; !begun {
				if s.met++; s.met > mostStreams {
					return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
				}
				s.tellBroken(broken)
			}
			s.drop(broken.StreamID)
			continue
		}
		if err != nil {
			return err
		}
		done, err := s.take(frame)
		if err != nil {
			return err
		}
		if done != nil {
			if !s.question(ctx, done, answering) {
				return nil
			}
		}
	}
}

// patience is until when the next frame must have come: a question that is begun
// must be whole within Limits.Head, however many frames it comes in, and so must
// the first. Who waits for an answer need not say anything.
func (s *session) patience() time.Time {
	limits := s.call.server.limits
	s.sweep()
	until := time.Now().Add(limits.Idle)
	switch {
	case s.met == 0:
		until = s.began.Add(limits.Head)
	case len(s.streams) > 0:
		until = s.call.ends
	}
	for _, st := range s.streams {
		if end := st.came.Add(limits.Head); !st.ended && end.Before(until) {
			until = end
		}
	}
	return until
}

// tellBroken tells of a request that HTTP/2 forbids.
func (s *session) tellBroken(why http2.StreamError) {
	a := s.call.arrival(Other, time.Now())
	a.setBytes(bytes.Clone(s.wire.bytes), s.wire.bound)
	s.wire.bytes = s.wire.bytes[:0]
	a.Speaks = "HTTP/2"
	a.Ending = "it is HTTP/2 with a request that is not allowed: " + why.Error()
	s.call.tell(a)
}

// take takes one frame. It returns the stream whose question that made whole.
func (s *session) take(frame http2.Frame) (*stream, error) {
	switch head := frame.Header(); {
	case head.Type == http2.FrameHeaders, head.Type == http2.FrameData && head.Length > 0:
	default:
		if err := s.idled(); err != nil {
			return nil, err
		}
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		return nil, s.settings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			return nil, s.write(func() error { return s.framer.WritePing(true, f.Data) })
		}
	case *http2.WindowUpdateFrame:
		return nil, s.grow(f.StreamID, int64(f.Increment))
	case *http2.RSTStreamFrame:
		s.drop(f.StreamID)
	case *http2.GoAwayFrame:
		return nil, io.EOF
	case *http2.MetaHeadersFrame:
		return s.headers(f)
	case *http2.DataFrame:
		return s.data(f)
	}
	return nil, nil
}

// idled counts a frame that brings no part of a question: of a flood the connection
// ends.
func (s *session) idled() error {
	if s.idle++; s.idle > mostIdle {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	return nil
}

func (s *session) headers(f *http2.MetaHeadersFrame) (*stream, error) {
	id := f.StreamID
	if st := s.streams[id]; st != nil && !st.ended { // trailers
		if !f.StreamEnded() {
			return nil, http2.ConnectionError(http2.ErrCodeProtocol)
		}
		st.fields = append(st.fields, f.Fields...)
		st.ended = true
		return st, nil
	}
	if id%2 == 0 || id <= s.lastID {
		return nil, http2.ConnectionError(http2.ErrCodeProtocol)
	}
	s.lastID = id
	if s.met++; s.met > mostStreams {
		return nil, http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	s.sweep()
	if len(s.streams) >= maxStreams {
		s.reset(id, http2.ErrCodeRefusedStream)
		return nil, nil
	}
	now := time.Now()
	st := &stream{id: id, at: now, came: now, fields: f.Fields, ended: f.StreamEnded(), gone: make(chan struct{})}
	if s.call.nth == 0 && len(s.streams) == 0 {
		st.at = s.call.began
	}
	s.writing.Lock()
	st.window = s.initial
	s.streams[id] = st
	s.writing.Unlock()
	if st.ended {
		return st, nil
	}
	return nil, nil
}

func (s *session) data(f *http2.DataFrame) (*stream, error) {
	n := uint32(f.Length)
	if n > 0 {
		if err := s.write(func() error { return s.framer.WriteWindowUpdate(0, n) }); err != nil {
			return nil, err
		}
	}
	st := s.streams[f.StreamID]
	if st == nil || st.ended { // one that was reset or answered
		return nil, s.idled()
	}
	st.body = append(st.body, f.Data()[:min(len(f.Data()), s.wire.bound-len(st.body))]...)
	if st.size += len(f.Data()); st.size > maxBody {
		s.reset(st.id, http2.ErrCodeEnhanceYourCalm)
		s.drop(st.id)
		return nil, nil
	}
	if f.StreamEnded() {
		st.ended = true
		return st, nil
	}
	if n > 0 {
		return nil, s.write(func() error { return s.framer.WriteWindowUpdate(st.id, n) })
	}
	return nil, nil
}

func (s *session) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if size, ok := f.Value(http2.SettingInitialWindowSize); ok {
		if size > math.MaxInt32 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		s.writing.Lock()
		for _, st := range s.streams {
			st.window += int64(size) - s.initial
		}
		s.initial = int64(size)
		s.wake()
		s.writing.Unlock()
	}
	return s.write(s.framer.WriteSettingsAck)
}

// grow adds to a window; id 0 is the connection's.
func (s *session) grow(id uint32, by int64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	defer s.wake()
	if id == 0 {
		if s.window += by; s.window > math.MaxInt32 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	} else if st := s.streams[id]; st != nil {
		st.window = min(st.window+by, math.MaxInt32)
	}
	return nil
}

// wake lets those go on who wait for a window. s.writing is held.
func (s *session) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *session) reset(id uint32, code http2.ErrCode) {
	_ = s.write(func() error { return s.framer.WriteRSTStream(id, code) })
}

// drop forgets a stream that is over.
func (s *session) drop(id uint32) {
	if st := s.streams[id]; st != nil {
		st.leave()
		s.writing.Lock()
		delete(s.streams, id)
		s.writing.Unlock()
	}
}

// sweep forgets the streams that were answered meanwhile.
func (s *session) sweep() {
	for id, st := range s.streams {
		select {
		case <-st.gone:
			s.drop(id)
		default:
		}
	}
}

// write does one write. No two overlap.
func (s *session) write(do func() error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.call.stream.SetWriteDeadline(time.Now().Add(s.call.server.limits.Head))
	return do()
}

// question tells of a question that is whole and lets it be answered. It reports
// false if the connection need not go on.
func (s *session) question(ctx context.Context, st *stream, answering *sync.WaitGroup) bool {
	s.idle = 0
	a := s.call.arrival(HTTP2, st.at)
	a.setBytes(bytes.Clone(s.wire.bytes), s.wire.bound)
	s.wire.bytes = s.wire.bytes[:0]
	a.More = a.More || st.size > len(st.body)
	a.Request = requestOf(st.fields)
	if contentType(&a.Request) {
		a.Kind = GRPC
		a.Service = serviceOf(st.body)
	}
	if !s.call.tell(a) {
		return false
	}
	if a.Answer.Way == Close {
		s.call.server.told(a, Outcome{What: CutOff})
		return false
	}
	asked := time.Now()
	answer := func() {
		result := s.answer(ctx, st, a)
		st.leave()
		s.call.server.told(a, Outcome{What: result, After: time.Since(asked)})
		if s.call.server.options.Once {
			s.over.Store(true)
			_ = s.call.conn.SetReadDeadline(time.Now())
			return
		}
		s.call.deadline(s.call.server.limits.Idle) // to wait for the answer is over
	}
	if a.Answer.After == 0 && a.Answer.Drip == 0 && a.Answer.Way == Reply && !watches(a) && s.roomFor(st) {
		answer()
		s.drop(st.id)
		return !s.call.server.options.Once
	}
	answering.Go(answer)
	return true
}

// roomFor reports whether an answer can be written without waiting.
func (s *session) roomFor(st *stream) bool {
	const enough = 1024
	s.writing.Lock()
	defer s.writing.Unlock()
	return min(st.window, s.window) >= enough
}
