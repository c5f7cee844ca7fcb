package redischeck_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/health/redischeck"
	"github.com/inservice/inservice/internal/targettest"
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
			server := targettest.Start(t, targettest.Flood("", test.rest))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := redischeck.Ping(server.Addr())(ctx)
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
