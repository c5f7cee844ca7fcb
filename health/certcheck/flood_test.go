package certcheck

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/targettest"
)

// A server that does not stop sending holds no check until its time is over.
// The bounds are those of crypto/tls; the check reads nothing else.
func TestFlood(t *testing.T) {
	// A record is its type, a version, a length and what it holds; a message of
	// the handshake is its type, a length and what it holds: RFC 8446, 5.1 and 4.
	const handshake = "\x16\x03\x03\x40\x00" // a record of 16 KiB
	some := strings.Repeat("x", 16<<10)
	tests := []struct{ name, greeting, rest, want string }{
		{"not TLS", "", some, "first record does not look like a TLS handshake"},
		{"long record", "\x16\x03\x03\xff\xff", some, "oversized record"},
		{"long message", handshake + "\x02\xff\xff\xff" + some[4:], handshake + some, "exceeds maximum"},
		{"empty records", "", "\x16\x03\x03\x00\x00", "unexpected message"},
		{"warnings", "", "\x15\x03\x03\x00\x02\x01\x5a", "too many ignored records"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := targettest.Start(t, targettest.Flood(test.greeting, test.rest))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := Expiry(server.Addr())(ctx)
			if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, the context's %v; want it to say %q, in time", err, ctx.Err(), test.want)
			}
		})
	}
}
