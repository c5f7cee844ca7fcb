package redischeck_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/inservice/inservice/health/redischeck"
)

// A server that does not stop sending holds no check until its time is over.
func TestFlood(t *testing.T) {
	tests := []struct{ name, rest, want string }{
		{"no end of line", strings.Repeat("x", 16<<10), "did not answer PING: more than 512 bytes without an end of line"},
		{"answers", strings.Repeat("+PONG\r\n", 1000), ""},
		{"other lines", strings.Repeat("+x\r\n", 1000), `answered PING with "+x"`},
		{"empty lines", strings.Repeat("\r\n", 1000), `answered PING with ""`},
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
				defer conn.Close()
				_, err = bufio.NewReader(conn).ReadString('\n')
				for err == nil { // for as long as somebody takes it
					_, err = io.WriteString(conn, test.rest)
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err = redischeck.Ping(listener.Addr().String())(ctx)
			switch {
			case ctx.Err() != nil:
				t.Errorf("the check took all its time, and gave %v", err)
			case test.want == "" && err != nil:
				t.Errorf("the check failed: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want it to say %q", err, test.want)
			}
		})
	}
}
