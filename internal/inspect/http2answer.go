package inspect

import (
	"context"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/inservice/inservice/internal/fingerprint"
)

// requestOf is the request that fields hold, in the order in which they came.
func requestOf(fields []hpack.HeaderField) fingerprint.Request {
	r := fingerprint.Request{Proto: "HTTP/2.0", Ordered: true}
	for _, f := range fields {
		r.Fields = append(r.Fields, fingerprint.Field{Name: f.Name, Value: f.Value})
		switch f.Name {
		case ":method":
			r.Method = f.Value
		case ":path":
			r.Target = f.Value
		case ":authority", "host":
			if !r.HasHost {
				r.Host, r.HasHost = f.Value, true
			}
		}
	}
	return r
}

func contentType(r *fingerprint.Request) bool {
	for _, f := range r.Fields {
		if f.Name == "content-type" {
			return f.Value == "application/grpc" || strings.HasPrefix(f.Value, "application/grpc+") || strings.HasPrefix(f.Value, "application/grpc;")
		}
	}
	return false
}

// answer answers on st.
func (s *session) answer(ctx context.Context, st *stream, a *Arrival) Result {
	if !st.holdsOn(ctx, a.Answer.After) {
		return s.call.gaveUp(ctx)
	}
	if a.Answer.Way == Hang {
		st.holdsOn(ctx, s.call.server.limits.Life)
		return s.call.gaveUp(ctx)
	}
	var ok bool
	if a.Kind == GRPC {
		ok = s.answerGRPC(ctx, st, a)
	} else {
		ok = s.answerHTTP(ctx, st, a)
	}
	if !ok {
		return s.call.gaveUp(ctx)
	}
	return Answered
}

// holdsOn waits for d, and reports false as soon as nobody waits for the answer.
func (st *stream) holdsOn(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		select {
		case <-st.gone:
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-st.gone:
	case <-ctx.Done():
	}
	return false
}

func (s *session) answerHTTP(ctx context.Context, st *stream, a *Arrival) bool {
	status := a.Answer.Code()
	fields := []hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(status)}, {Name: "date", Value: httpDate()}}
	if a.Answer.Redirect != "" {
		fields = append(fields, hpack.HeaderField{Name: "location", Value: a.Answer.Redirect})
	}
	text := body(status)
	has := status != 204 && status != 304
	if has {
		fields = append(fields, hpack.HeaderField{Name: "content-type", Value: "text/plain; charset=utf-8"},
			hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(len(text))})
	}
	has = has && a.Request.Method != "HEAD"
	if s.sendHeaders(st.id, fields, !has) != nil {
		return false
	}
	return !has || s.sendData(ctx, st, []byte(text), a.Answer.Drip, true)
}

func (s *session) sendHeaders(id uint32, fields []hpack.HeaderField, end bool) error {
	return s.write(func() error {
		s.head.Reset()
		for _, f := range fields {
			if err := s.encoder.WriteField(f); err != nil {
				return err
			}
		}
		return s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.head.Bytes(), EndHeaders: true, EndStream: end})
	})
}

// sendData sends b when the windows allow it, byte by byte if pause is not 0.
func (s *session) sendData(ctx context.Context, st *stream, b []byte, pause time.Duration, end bool) bool {
	for first := true; len(b) > 0; first = false {
		if !first && !st.holdsOn(ctx, pause) {
			return false
		}
		n := len(b)
		if pause > 0 {
			n = 1
		}
		s.writing.Lock()
		n = int(min(int64(n), st.window, s.window))
		if n <= 0 {
			changed := s.changed
			s.writing.Unlock()
			select {
			case <-changed:
			case <-st.gone:
				return false
			case <-ctx.Done():
				return false
			}
			first = true
			continue
		}
		st.window -= int64(n)
		s.window -= int64(n)
		_ = s.call.stream.SetWriteDeadline(time.Now().Add(s.call.server.limits.Head))
		err := s.framer.WriteData(st.id, end && n == len(b), b[:n])
		s.writing.Unlock()
		if err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}
