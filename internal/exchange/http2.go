package exchange

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	ourStream   = 1
	maxFrame    = 16 << 10 // what a peer may send if nothing else was agreed (RFC 9113, section 4.2)
	firstWindow = 1<<16 - 1

	// maxVain bounds what is read, frames and all, for no piece of an answer.
	maxVain = 4 * maxHead
)

// http2 asks in HTTP/2, and in gRPC, which is built on it. What is given goes
// before the preface.
func (t *talk) http2(before []byte) error {
	fields, body := t.ask.fields2()
	if len(body) > firstWindow {
		return &fault{OwnFault, fmt.Errorf("a body of %d bytes is more than the %d that may be sent unasked over HTTP/2", len(body), firstWindow)}
	}
	var told bytes.Buffer
	told.Write(before)
	tellRequest(&told, fields, body)
	t.send(append(before, encode2(fields, body)...), told.Bytes())

	r := &reader2{talk: t, window: firstWindow}
	r.framer = http2.NewFramer(r, r)
	r.framer.SetMaxReadFrameSize(maxFrame)
	r.framer.ReadMetaHeaders = hpack.NewDecoder(4<<10, nil)
	r.framer.MaxHeaderListSize = maxHead
	err := r.read()
	if err != nil && t.answer.Stage < ReadingHead {
		err = t.silence(err)
	}
	if t.ask.Protocol == GRPC {
		t.concludeGRPC()
	}
	return err
}

// fields2 gives the header fields of the request, and its body.
func (r *Request) fields2() ([]hpack.HeaderField, []byte) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	method, body, own := cmp.Or(r.Method, http.MethodGet), r.Body, []Field(nil)
	if r.Protocol == GRPC {
		method, body, own = http.MethodPost, grpcRequest(r.Service), grpcFields
	}
	fields := []hpack.HeaderField{
		{Name: ":method", Value: method},
		{Name: ":scheme", Value: scheme},
	}
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, "Host") {
			fields = append(fields, hpack.HeaderField{Name: ":authority", Value: f.Value})
			break
		}
	}
	fields = append(fields, hpack.HeaderField{Name: ":path", Value: cmp.Or(r.Path, "/")})
	place := func(f hpack.HeaderField) int {
		if at := slices.Index(r.Pseudo, f.Name); at >= 0 {
			return at
		}
		return len(r.Pseudo)
	}
	slices.SortStableFunc(fields, func(a, b hpack.HeaderField) int { return place(a) - place(b) })
	for _, f := range r.Fields {
		if !strings.EqualFold(f.Name, "Host") {
			fields = append(fields, hpack.HeaderField{Name: strings.ToLower(f.Name), Value: f.Value})
		}
	}
	for _, f := range own {
		if len(valuesOf(r.Fields, f.Name)) == 0 {
			fields = append(fields, hpack.HeaderField{Name: f.Name, Value: f.Value})
		}
	}
	return fields, body
}

// encode2 gives the whole of what a client says that asks once.
func encode2(fields []hpack.HeaderField, body []byte) []byte {
	var block, out bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range fields {
		encoder.WriteField(f) // writing to a buffer cannot fail, here and below
	}
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, nil)
	framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHead},
	)
	first := block.Next(maxFrame)
	framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: ourStream, BlockFragment: first, EndStream: len(body) == 0, EndHeaders: block.Len() == 0,
	})
	for block.Len() > 0 {
		more := block.Next(maxFrame)
		framer.WriteContinuation(ourStream, block.Len() == 0, more)
	}
	for len(body) > 0 {
		n := min(len(body), maxFrame)
		framer.WriteData(ourStream, n == len(body), body[:n])
		body = body[n:]
	}
	return out.Bytes()
}

// tellRequest writes a request in the form of HTTP/1.
func tellRequest(b *bytes.Buffer, fields []hpack.HeaderField, body []byte) {
	var method, path string
	var rest []Field
	for _, f := range fields {
		switch f.Name {
		case ":method":
			method = f.Value
		case ":path":
			path = f.Value
		case ":scheme":
		case ":authority":
			rest = append(rest, Field{"host", f.Value})
		default:
			rest = append(rest, Field{f.Name, f.Value})
		}
	}
	b.WriteString(method + " " + path + " HTTP/2\r\n")
	tellFields(b, rest)
	b.WriteString("\r\n")
	b.Write(body)
}

func tellFields(b *bytes.Buffer, fields []Field) {
	for _, f := range fields {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
}

// reader2 reads the answer to a request in HTTP/2.
type reader2 struct {
	*talk
	framer *http2.Framer
	vain   int // bytes read since there was last something to show for it
	window int // bytes of data that the server may still send
	length int64
	head   bool // the final one is there
}

// Read makes the wire the framer's, and bounds what may come for nothing.
func (r *reader2) Read(b []byte) (int, error) {
	if r.vain > maxVain {
		return 0, malformed("too many HTTP/2 frames that bring no answer")
	}
	n, err := r.wire.Read(b)
	r.vain += n
	return n, err
}

// Write sends what the framer writes, which comes after the request.
func (r *reader2) Write(b []byte) (int, error) {
	if err := r.wire.wait(); err != nil {
		return 0, err
	}
	return r.wire.conn.Write(b)
}

// read reads frames until the answer is whole.
func (r *reader2) read() error {
	if err := r.greeting(); err != nil {
		return err
	}
	for {
		frame, err := r.framer.ReadFrame()
		if cut, ok := frame.(*http2.MetaHeadersFrame); ok && cut.Truncated {
			return errHeadTooLong()
		}
		if err != nil {
			return r.explain(err)
		}
		done, err := r.take(frame)
		if done || err != nil {
			return err
		}
	}
}

// greeting reads the first frame, by which a server shows that it speaks HTTP/2.
// Up to there the transcript holds the bytes as they are.
func (r *reader2) greeting() error {
	frame, err := r.framer.ReadFrame()
	settings, ok := frame.(*http2.SettingsFrame)
	switch {
	case err == nil && ok && !settings.IsAck():
		r.wire.framed, r.wire.received = true, nil
		return r.framer.WriteSettingsAck()
	case len(r.wire.received) == 0:
		return err
	}
	r.heard()
	if frame == nil && isConnError(err) && !isEnd(err) {
		return err // broken or timed out before it could be known
	}
	return malformed("the answer is not HTTP/2")
}

// isConnError reports whether err is the connection's and not the framer's.
func isConnError(err error) bool {
	_, isConnection := errors.AsType[http2.ConnectionError](err)
	_, isStream := errors.AsType[http2.StreamError](err)
	return !isConnection && !isStream && !errors.Is(err, http2.ErrFrameTooLarge)
}

// explain makes of an error of reading a frame what it means for the answer.
func (r *reader2) explain(err error) error {
	switch {
	case !isConnError(err):
		if detail := r.framer.ErrorDetail(); detail != nil {
			err = detail
		}
		return malformed("%w", err)
	case r.head:
		return errShort(err)
	}
	return err
}

// take deals with one frame. It reports whether the answer is whole.
func (r *reader2) take(frame http2.Frame) (done bool, err error) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return false, r.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return false, r.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		return false, r.goAway(f)
	case *http2.RSTStreamFrame:
		if f.StreamID == ourStream {
			return false, &fault{Reset, fmt.Errorf("the server broke the stream off: %v", f.ErrCode)}
		}
	case *http2.PushPromiseFrame:
		return false, malformed("a push that was forbidden")
	case *http2.MetaHeadersFrame:
		if f.StreamID == ourStream {
			return r.headers(f)
		}
	case *http2.DataFrame:
		if f.StreamID == ourStream {
			return r.data(f)
		}
	}
	return false, nil
}

func (r *reader2) goAway(f *http2.GoAwayFrame) error {
	switch {
	case f.ErrCode != http2.ErrCodeNo:
		return &fault{Reset, fmt.Errorf("the server ended the connection: %v", f.ErrCode)}
	case f.LastStreamID < ourStream:
		return &fault{Closed, errors.New("the server ended the connection and left the request undone")}
	}
	return nil
}

// headers takes a head, or the trailers.
func (r *reader2) headers(f *http2.MetaHeadersFrame) (done bool, err error) {
	if r.answer.Stage < ReadingHead {
		r.heard()
	}
	fields := make([]Field, 0, len(f.Fields))
	for _, field := range f.RegularFields() {
		fields = append(fields, Field{field.Name, field.Value})
	}
	r.vain = 0
	if r.head {
		r.answer.Trailers = fields
		r.tell("\r\n", fields, "")
		return f.StreamEnded(), r.end(f.StreamEnded())
	}
	code := f.PseudoValue("status")
	status, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || status < 100 {
		return false, malformed("malformed HTTP status code %q", code)
	}
	r.tell("HTTP/2 "+code+"\r\n", fields, "\r\n")
	if status < 200 {
		if r.answer.Interim = append(r.answer.Interim, status); len(r.answer.Interim) > maxInterim {
			return false, errTooManyInterim()
		}
		return false, nil
	}
	r.answer.Fields = fields
	if r.length, err = contentLength(fields); err != nil {
		return false, err
	}
	r.head = true
	r.begin("HTTP/2", status, "")
	return f.StreamEnded(), r.end(f.StreamEnded())
}

// tell writes fields into the transcript in the form of HTTP/1.
func (r *reader2) tell(before string, fields []Field, after string) {
	var b bytes.Buffer
	b.WriteString(before)
	tellFields(&b, fields)
	b.WriteString(after)
	r.wire.received = keep(r.wire.received, b.Bytes())
}

// end checks what was announced against what came, if the stream has ended.
func (r *reader2) end(ended bool) error {
	status := r.answer.Status
	bodiless := r.ask.asksHead() || status == http.StatusNoContent || status == http.StatusNotModified
	if ended && !bodiless && r.length >= 0 && r.answer.BodySize < r.length {
		return &fault{BodyCutShort, io.ErrUnexpectedEOF}
	}
	return nil
}

// data takes a piece of the body, and gives the server leave for more.
func (r *reader2) data(f *http2.DataFrame) (done bool, err error) {
	if !r.head {
		return false, malformed("a body without a head")
	}
	data := f.Data()
	if len(data) > 0 {
		r.vain = 0
	}
	r.wire.received = keep(r.wire.received, data)
	full := r.add(data)
	if full || f.StreamEnded() {
		return true, r.end(!full)
	}
	if r.window -= int(f.Length); r.window < firstWindow/2 {
		more := uint32(firstWindow - r.window)
		r.window = firstWindow
		if err := r.framer.WriteWindowUpdate(0, more); err != nil {
			return false, err
		}
		return false, r.framer.WriteWindowUpdate(ourStream, more)
	}
	return false, nil
}
