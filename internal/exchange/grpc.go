package exchange

import (
	"encoding/binary"
	"net/url"
	"strconv"
	"strings"
)

// grpcFields are those without which no server takes a call for one (gRPC over
// HTTP/2, "Requests"). A Request may have its own in their place.
var grpcFields = []Field{{"te", "trailers"}, {"content-type", "application/grpc"}}

// grpcRequest is the message of a call, with its prefix: a HealthCheckRequest of
// grpc.health.v1, whose one field is the service, number 1. Of no service it is
// empty, as the empty message of any other call is.
func grpcRequest(service string) []byte {
	var message []byte
	if service != "" {
		const field1String = 1<<3 | 2
		message = binary.AppendUvarint([]byte{field1String}, uint64(len(service)))
		message = append(message, service...)
	}
	prefix := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))) // not compressed
	return append(prefix, message...)
}

// concludeGRPC finds what a call brought in what came of its answer.
func (t *talk) concludeGRPC() {
	a := &t.answer
	// An answer without a message has its status in its one and only head.
	status, from := get(a.Trailers, "grpc-status"), a.Trailers
	if status == "" {
		status, from = get(a.Fields, "grpc-status"), a.Fields
	}
	if code, err := strconv.ParseUint(status, 10, 31); err == nil {
		a.GRPCCode = int(code)
	}
	if message := get(from, "grpc-message"); message != "" {
		a.GRPCMessage = message
		if decoded, err := url.PathUnescape(message); err == nil {
			a.GRPCMessage = decoded
		}
	}
	if message, ok := grpcMessage(a.Body); ok {
		a.Body, a.BodySize = message, int64(len(message))
		if t.ask.asksHealth() {
			a.GRPCStatus = servingStatus(message)
		}
	}
}

// asksHealth reports whether the answer is a HealthCheckResponse.
func (r *Request) asksHealth() bool {
	return strings.TrimPrefix(r.Path, "/") == "grpc.health.v1.Health/Check"
}

// grpcMessage takes the prefix off a message that is whole and not compressed.
func grpcMessage(b []byte) (message []byte, ok bool) {
	const prefix = 5
	if len(b) < prefix || b[0] != 0 || binary.BigEndian.Uint32(b[1:]) != uint32(len(b)-prefix) {
		return nil, false
	}
	return b[prefix:], true
}

// servingStatus is the status in a HealthCheckResponse, whose field number 1 it
// is: empty if message is none.
func servingStatus(message []byte) string {
	status := uint64(0) // which is not written out
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return ""
		}
		message = message[n:]
		var value uint64
		switch tag & 7 {
		case 0: // a number
			if value, n = binary.Uvarint(message); n <= 0 {
				return ""
			}
		case 1:
			n = 8
		case 2: // bytes, after their length
			length, m := binary.Uvarint(message)
			if m <= 0 || length > uint64(len(message)-m) {
				return ""
			}
			n = m + int(length)
		case 5:
			n = 4
		default:
			return ""
		}
		if n > len(message) {
			return ""
		}
		message = message[n:]
		if tag == 1<<3 {
			status = value
		}
	}
	if names := []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}; status < uint64(len(names)) {
		return names[status]
	}
	return strconv.FormatUint(status, 10)
}
