package inspect

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// run is a Server that runs until the test ends, and what it told.
type run struct {
	t       *testing.T
	server  *Server
	address string
	ended   chan error
	stop    context.CancelFunc

	mu       sync.Mutex
	arrivals []Arrival
	outcomes []Outcome
	news     chan struct{}
}

// start runs a Server on a port of the loopback address.
func start(t *testing.T, o Options) *run {
	t.Helper()
	r := &run{t: t, ended: make(chan error, 1), news: make(chan struct{}, 1)}
	o.Addresses = []string{"127.0.0.1:0"}
	o.OnArrival = func(a Arrival) { r.told(func() { r.arrivals = append(r.arrivals, a) }) }
	o.OnOutcome = func(out Outcome) { r.told(func() { r.outcomes = append(r.outcomes, out) }) }
	server, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	r.server, r.address = server, server.Addresses()[0]
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() { r.ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-r.ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		r.ended <- nil
		noneLeft(t)
	})
	return r
}

// noneLeft fails the test if a goroutine of this package runs on.
func noneLeft(t *testing.T) {
	t.Helper()
	buffer := make([]byte, 1<<20)
	for range 100 {
		stacks := string(buffer[:runtime.Stack(buffer, true)])
		if !strings.Contains(stacks, "inspect.(*Server).accept") && !strings.Contains(stacks, "inspect.(*call)") && !strings.Contains(stacks, "inspect.(*session)") {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("goroutines are left:\n%s", buffer[:runtime.Stack(buffer, true)])
}

func (r *run) told(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// await waits until done, called with the lock held, is true.
func (r *run) await(what string, done func() bool) {
	r.t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		r.mu.Lock()
		is := done()
		r.mu.Unlock()
		if is {
			return
		}
		select {
		case <-r.news:
		case <-limit.C:
			r.t.Fatalf("waited in vain for %s; arrivals: %+v", what, r.arrivals)
		}
	}
}

// arrival waits for arrival number n, from 1.
func (r *run) arrival(n int) Arrival {
	r.t.Helper()
	r.await("an arrival", func() bool { return len(r.arrivals) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.arrivals[n-1]
}

// outcome waits for outcome number n, from 1.
func (r *run) outcome(n int) Outcome {
	r.t.Helper()
	r.await("an outcome", func() bool { return len(r.outcomes) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcomes[n-1]
}

func (r *run) dial() *net.TCPConn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// say sends text on a new connection and returns all that comes back.
func (r *run) say(text string) string {
	r.t.Helper()
	c := r.dial()
	if _, err := io.WriteString(c, text); err != nil {
		r.t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		r.t.Fatalf("after %q: %v", got, err)
	}
	return withoutDate(string(got))
}

// withoutDate leaves out the line that differs from run to run.
func withoutDate(message string) string {
	before, after, found := strings.Cut(message, "Date: ")
	if !found {
		return message
	}
	_, after, _ = strings.Cut(after, "\r\n")
	return before + withoutDate(after)
}
