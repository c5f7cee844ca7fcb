package inspect

import (
	"context"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"
)

// Methods of grpc.health.v1, and the codes that are answered.
const (
	healthCheck = "/grpc.health.v1.Health/Check"
	healthWatch = "/grpc.health.v1.Health/Watch"

	grpcOK            = "0"
	grpcUnimplemented = "12"
	grpcUnavailable   = "14"
)

func httpDate() string { return time.Now().UTC().Format(http.TimeFormat) }

// watches reports whether a asks for an answer that never ends.
func watches(a *Arrival) bool { return a.Kind == GRPC && a.Request.Target == healthWatch }

// answerGRPC answers a health question: SERVING where HTTP would be answered 2xx
// or 3xx, else NOT_SERVING. Any other method is not implemented, which AWS's
// Application Load Balancer takes for healthy, or unavailable.
func (s *session) answerGRPC(ctx context.Context, st *stream, a *Arrival) bool {
	good := a.Answer.Code() < 400
	head := []hpack.HeaderField{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}}
	if a.Request.Target != healthCheck && a.Request.Target != healthWatch {
		code, words := grpcUnimplemented, "unknown method"
		if !good {
			code, words = grpcUnavailable, "answered so by inservice listen"
		}
		return s.sendHeaders(st.id, append(head, trailers(code, words)...), true) == nil
	}
	const serving, notServing = 1, 2 // HealthCheckResponse.ServingStatus
	status := byte(serving)
	if !good {
		status = notServing
	}
	if s.sendHeaders(st.id, head, false) != nil || !s.sendData(ctx, st, []byte{0, 0, 0, 0, 2, 0x08, status}, a.Answer.Drip, false) {
		return false
	}
	if watches(a) {
		st.holdsOn(ctx, s.call.server.limits.Life) // it hears of changes until it has enough; there are none
	}
	return s.sendHeaders(st.id, trailers(grpcOK, ""), true) == nil
}

func trailers(code, words string) []hpack.HeaderField {
	fields := []hpack.HeaderField{{Name: "grpc-status", Value: code}}
	if words != "" {
		fields = append(fields, hpack.HeaderField{Name: "grpc-message", Value: words})
	}
	return fields
}

// serviceOf reads the service's name out of a HealthCheckRequest: field 1, behind
// the five bytes that gRPC puts in front of a message.
func serviceOf(message []byte) string {
	const prefix, tag = 5, 0x0a
	if len(message) < prefix+2 || message[0] != 0 || message[prefix] != tag {
		return ""
	}
	length, n := binary.Uvarint(message[prefix+1:])
	rest := message[prefix+1+max(n, 0):]
	if n <= 0 || length > uint64(len(rest)) {
		return ""
	}
	return strings.ToValidUTF8(string(rest[:length]), "\ufffd")
}
