package grpccheck_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/inservice/inservice/health/grpccheck"
	"github.com/inservice/inservice/internal/targettest"
)

// Types and flags of frames, and the fields of an answer's head: RFC 9113
// section 6, RFC 7541 appendix A.
const (
	frameData, frameHeaders, frameSettings, framePing, frameWindow, frameContinuation = 0, 1, 4, 6, 8, 9

	endHeaders = 4
	answerHead = "\x88" + "\x5f\x10application/grpc" // :status: 200, content-type
)

func frame(kind, flags byte, stream uint32, payload string) []byte {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = append(head, flags)
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

// A server that does not stop sending holds no check until its time is over.
func TestFlood(t *testing.T) {
	const tooMuch = "more than 524288 bytes for one answer"
	settings := frame(frameSettings, 0, 0, "")
	answered := append(bytes.Clone(settings), frame(frameHeaders, endHeaders, 1, answerHead)...)
	field := "\x10\x01x\x7f\xfb\x06" + strings.Repeat("y", 1018) // a literal that no table keeps
	tests := []struct {
		name           string
		greeting, rest []byte
		want           string // of two reasons between "|", whichever is met first
	}{
		{"not HTTP/2", nil, bytes.Repeat([]byte("x"), 16<<10), "frame too large"},
		{"settings", settings, bytes.Repeat(settings, 1000), tooMuch},
		{"pings", settings, bytes.Repeat(frame(framePing, 0, 0, "12345678"), 1000), tooMuch},
		{"windows", settings, bytes.Repeat(frame(frameWindow, 0, 0, "\x00\x00\x00\x01"), 1000), tooMuch},
		{"header", append(bytes.Clone(settings), frame(frameHeaders, 0, 1, answerHead)...),
			frame(frameContinuation, 0, 1, field), "PROTOCOL_ERROR"},
		{"long message", answered, frame(frameData, 0, 1, "\x00\x40\x00\x00\x00"+strings.Repeat("x", 8<<10)),
			"received message larger than max (1073741824 vs. 4096)|" + tooMuch},
		{"many messages", answered, bytes.Repeat(frame(frameData, 0, 1, "\x00\x00\x00\x00\x00"), 1000), "cardinality violation|" + tooMuch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := targettest.Start(t, targettest.Flood(string(test.greeting), string(test.rest)))
			err := run(t, grpccheck.Server{Address: server.Addr()})
			one, other, two := strings.Cut(test.want, "|")
			if err == nil || !strings.Contains(err.Error(), one) && !(two && strings.Contains(err.Error(), other)) {
				t.Errorf("error is %v, want it to say %q", err, test.want)
			}
		})
	}
}
