package tcpcheck_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/inservice/inservice/health/tcpcheck"
)

// What a server says is not read, so one that does not stop holds no check.
func TestFlood(t *testing.T) {
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
		for err == nil { // for as long as somebody takes it
			_, err = conn.Write(make([]byte, 32<<10))
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := tcpcheck.Dial(listener.Addr().String())(ctx); err != nil || ctx.Err() != nil {
		t.Errorf("a server that floods gave %v, and the context %v; want a pass at once", err, ctx.Err())
	}
}
