package httpcheck_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/health/httpcheck"
	"github.com/inservice/inservice/internal/targettest"
)

// A server that does not stop sending holds no check until its time is over.
func TestFlood(t *testing.T) {
	some := strings.Repeat("x", 16<<10)
	const ok, chunked = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	tests := []struct{ name, greeting, rest, want string }{
		{"body", ok + "\r\n", some, ""},
		{"chunks", chunked, "1\r\nx\r\n", ""},
		{"one chunk", chunked + "7fffffffffffffff\r\n", some, ""},
		{"extension of a chunk", chunked + "1;", some, "the answer broke off"},
		{"trailer", chunked + "0\r\nX: ", some, "the answer broke off"},
		{"a field", ok + "X: ", some, "server response headers exceeded 65536 bytes"},
		{"fields", ok, "X: y\r\n", "server response headers exceeded 65536 bytes"},
		{"status line", "HTTP/1.1 200 ", some, "server response headers exceeded 65536 bytes"},
		{"interim answers", "", "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", "server response headers exceeded 65536 bytes"},
		{"not HTTP", "", some, "server response headers exceeded 65536 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := httpcheck.Get("http://" + targettest.Start(t, targettest.Flood(test.greeting, test.rest)).Addr() + "/")(ctx)
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
