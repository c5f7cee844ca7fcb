package certcheck

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
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
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var open sync.WaitGroup
			defer open.Wait()
			defer listener.Close()
			open.Go(func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				open.Go(func() { io.Copy(io.Discard, conn) })
				defer conn.Close()
				_, err = io.WriteString(conn, test.greeting)
				for err == nil { // for as long as somebody takes it
					_, err = io.WriteString(conn, test.rest)
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			address := listener.Addr().String()
			err = Expiry(address)(ctx)
			if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, the context's %v; want it to say %q, in time", err, ctx.Err(), test.want)
			}
		})
	}
}
