package front_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/front"
	"github.com/inservice/inservice/internal/memnet"
)

const (
	partingTime  = time.Second / 2
	drainTimeout = time.Second
)

// A visit is a client's connection to a front on a network in memory.
type visit struct {
	net.Conn
	r       *bufio.Reader
	stop    context.CancelFunc // ends the front's context
	ended   chan error         // what the front's Run returned
	network *memnet.Network
}

const address = "10.0.0.1:80"

// connect must be called in a bubble. It runs the front on a listener of its own.
func connect(t *testing.T, f *front.Front) *visit {
	t.Helper()
	v := &visit{ended: make(chan error, 1), network: new(memnet.Network)}
	socket, err := v.network.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	f.Socket, f.Log = socket, slog.New(slog.DiscardHandler)
	if f.Handler == nil {
		f.Handler = http.HandlerFunc(handle)
	}
	var ctx context.Context
	ctx, v.stop = context.WithCancel(context.WithoutCancel(t.Context()))
	go func() {
		v.ended <- f.Run(ctx, within(partingTime, drainTimeout))
		close(v.ended)
	}()
	v.Conn = v.dial(t)
	v.r = bufio.NewReader(v.Conn)
	t.Cleanup(func() {
		v.Close()
		v.stop()
		if err := <-v.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return v
}

func (v *visit) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := v.network.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends a request and reads the whole answer.
func (v *visit) ask(t *testing.T, request string) (*http.Response, string) {
	t.Helper()
	go io.WriteString(v, request) // on a pipe, what nobody reads is not sent
	return answer(t, v.r)
}

func answer(t *testing.T, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// handle answers with what was asked.
func handle(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusTeapot) // not net/http's own
	io.WriteString(w, r.Method+" "+r.URL.Path)
}

// within is a front's leave with times that are known from the start.
func within(partingTime, drainTimeout time.Duration) func() (time.Duration, time.Duration) {
	return func() (time.Duration, time.Duration) { return partingTime, drainTimeout }
}
