package front_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/doorman"
	"github.com/inservice/inservice/internal/front"
)

// patience is only used up by a test that fails.
const patience = 20 * time.Second

const (
	question = "GET /health_check HTTP/1.1\r\nHost: h\r\n\r\n"
	page     = "GET /page HTTP/1.1\r\nHost: h\r\n\r\n"
)

func newDoorman() *doorman.Doorman {
	return &doorman.Doorman{Path: "/health_check", Answer: func(*doorman.Question) (int, string) { return 200, "ok" }}
}

// A running front is one on a real socket.
type running struct {
	*front.Front
	address string
	stop    context.CancelFunc
	ended   chan error
}

// run runs a front, with a doorman, until the test's end.
func run(t *testing.T, f *front.Front, partingTime, drainTimeout time.Duration) *running {
	t.Helper()
	socket, err := front.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return runOn(t, socket, f, partingTime, drainTimeout)
}

func runOn(t *testing.T, socket net.Listener, f *front.Front, partingTime, drainTimeout time.Duration) *running {
	t.Helper()
	f.Socket, f.Doorman, f.Log = socket, newDoorman(), slog.New(slog.DiscardHandler)
	if f.Handler == nil {
		f.Handler = http.HandlerFunc(handle)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{f, socket.Addr().String(), stop, make(chan error, 1)}
	go func() {
		r.ended <- f.Run(ctx, within(partingTime, drainTimeout))
		close(r.ended)
	}()
	t.Cleanup(func() {
		stop()
		<-r.ended
	})
	return r
}

func (r *running) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func (r *running) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Run does not end")
	}
}

func (r *running) awaitRefusal(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		c, err := net.Dial("tcp", r.address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			c.Close()
		}
	}
	t.Fatal("connections are still accepted")
}

// TestDoormanAndHandler: the doorman answers what is his, the handler the rest.
func TestDoormanAndHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t, &front.Front{Doorman: newDoorman()})
		for _, tt := range []struct {
			request, body string
			status        int
		}{
			{question, "ok", 200},
			{page, "GET /page", http.StatusTeapot},
			{question, "GET /health_check", http.StatusTeapot},
		} {
			if res, body := v.ask(t, tt.request); res.StatusCode != tt.status || body != tt.body {
				t.Errorf("answer to %q: %d %q", tt.request, res.StatusCode, body)
			}
		}
	})
}

// TestDoormanTimesOut: his limits are the front's, unless he has his own.
func TestDoormanTimesOut(t *testing.T) {
	own := newDoorman()
	own.IdleTimeout, own.HeaderTimeout = 16*time.Second, 2*time.Second
	for _, tt := range []struct {
		name         string
		f            *front.Front
		idle, header time.Duration
	}{
		{"defaults", &front.Front{Doorman: newDoorman()}, front.DefaultIdleTimeout, front.DefaultReadHeaderTimeout},
		{"the front's", &front.Front{Doorman: newDoorman(), IdleTimeout: 8 * time.Second, ReadHeaderTimeout: time.Second}, 8 * time.Second, time.Second},
		{"his own", &front.Front{Doorman: own, IdleTimeout: 8 * time.Second, ReadHeaderTimeout: time.Second}, 16 * time.Second, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := connect(t, tt.f)
				begun := time.Now()
				io.WriteString(v, question[:9])
				io.Copy(io.Discard, v.r)
				if took := time.Since(begun); took != tt.header {
					t.Errorf("half a head was waited for %v, want %v", took, tt.header)
				}
				c := v.dial(t)
				defer c.Close()
				go io.WriteString(c, question)
				begun = time.Now()
				io.Copy(io.Discard, c)
				if took := time.Since(begun); took != tt.idle {
					t.Errorf("kept for %v, want %v", took, tt.idle)
				}
			})
		})
	}
}

// TestProbersPart ends the front while probers use their kept connections as fast
// as they can, visitors do, and some have been the one and become the other. Each
// must be told to go before its connection is closed.
func TestProbersPart(t *testing.T) {
	for round := range 6 {
		r := run(t, &front.Front{}, time.Second, patience)
		var clients sync.WaitGroup
		var busy sync.WaitGroup
		busy.Add(24)
		for i := range 24 {
			early, late := []string{question, page, question}[i%3], []string{question, page, page}[i%3]
			if round%2 == 1 { // probers only
				early, late = question, question
			}
			c := r.dial(t)
			clients.Go(func() {
				answers := bufio.NewReader(c)
				for n := 0; ; n++ {
					if n == 10 {
						busy.Done()
					}
					request := early
					if n >= 20 {
						request = late
					}
					if _, err := io.WriteString(c, request); err != nil {
						t.Errorf("request %d: %v", n, err)
						return
					}
					res, err := http.ReadResponse(answers, nil)
					if err != nil {
						t.Errorf("request %d was lost: %v", n, err)
						return
					}
					io.Copy(io.Discard, res.Body)
					if res.Close {
						return
					}
				}
			})
		}
		busy.Wait()
		r.stop()
		clients.Wait()
		r.awaitEnd(t)
	}
}

// A gated listener lets nobody in until it is about to be left, as if the machine
// had been too busy to accept.
type gated struct {
	*net.TCPListener
	asked chan struct{} // one value for each call of Accept
	open  func()        // closes left, once
	left  chan struct{}
}

func (g *gated) Accept() (net.Conn, error) {
	g.asked <- struct{}{}
	<-g.left
	return g.TCPListener.Accept()
}

func (g *gated) SetDeadline(t time.Time) error {
	defer g.open()
	return g.TCPListener.SetDeadline(t)
}

// TestQueueIsServed has probers and a visitor wait in the listener's queue when the
// front leaves. All must be answered.
func TestQueueIsServed(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gated{TCPListener: socket.(*net.TCPListener), asked: make(chan struct{}, 99), left: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.left) })
	var waiting []net.Conn
	for i := range 10 {
		c, err := net.Dial("tcp", socket.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, []string{question, page}[i/9])
		waiting = append(waiting, c)
	}
	r := runOn(t, g, &front.Front{}, 0, patience)
	<-g.asked
	r.stop()
	r.awaitEnd(t)
	for i, c := range waiting {
		if res, _ := answer(t, bufio.NewReader(c)); !res.Close {
			t.Errorf("client %d is not told that the connection ends", i)
		}
	}
}

// TestKeptProberIsNotWaitedFor has a prober keep its connection and ask nothing
// more. It has the parting time and not more.
func TestKeptProberIsNotWaitedFor(t *testing.T) {
	r := run(t, &front.Front{}, 20*time.Millisecond, time.Hour)
	c := r.dial(t)
	io.WriteString(c, question)
	answers := bufio.NewReader(c)
	if res, _ := answer(t, answers); res.Close {
		t.Error("the connection is not kept")
	}
	r.stop()
	r.awaitEnd(t)
	if _, err := answers.ReadByte(); err != io.EOF {
		t.Errorf("the connection: %v, want EOF", err)
	}
}

// TestSilentProberIsCut has a connection say nothing until the drain timeout.
func TestSilentProberIsCut(t *testing.T) {
	r := run(t, &front.Front{ReadHeaderTimeout: time.Hour}, 0, 50*time.Millisecond)
	c := r.dial(t)
	kept := r.dial(t) // answered, so both have been accepted
	io.WriteString(kept, question)
	answer(t, bufio.NewReader(kept))
	r.stop()
	r.awaitEnd(t)
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection: %v, want EOF", err)
	}
}

// TestRequestOutlivesProbers drains with a request in flight that came over a
// connection of a prober.
func TestRequestOutlivesProbers(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := run(t, &front.Front{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		io.WriteString(w, "at last")
	})}, 0, patience)
	c := r.dial(t)
	io.WriteString(c, question+page)
	answers := bufio.NewReader(c)
	answer(t, answers)
	<-arrived
	if got := r.InFlight(); got != 1 {
		t.Errorf("in flight: %d", got)
	}
	r.stop()
	r.awaitRefusal(t)
	select {
	case err := <-r.ended:
		t.Errorf("Run returned %v with a request in flight", err)
	default:
	}
	close(release)
	if res, body := answer(t, answers); body != "at last" || !res.Close {
		t.Errorf("answer = %q, close %v", body, res.Close)
	}
	r.awaitEnd(t)
}

// TestNewProbersMeanwhile ends the front under probers that connect anew for each
// question, as most balancers do. Those who got in must be answered.
func TestNewProbersMeanwhile(t *testing.T) {
	r := run(t, &front.Front{}, time.Second, patience)
	var asked atomic.Int64
	var clients sync.WaitGroup
	warm := make(chan struct{})
	for range 4 {
		clients.Go(func() {
			for n := 0; ; n++ {
				c, err := net.Dial("tcp", r.address)
				if err != nil {
					return // refused: it has gone
				}
				c.SetDeadline(time.Now().Add(patience))
				_, err = fmt.Fprint(c, question)
				if err == nil {
					_, err = http.ReadResponse(bufio.NewReader(c), nil)
				}
				c.Close()
				if err != nil {
					// The one that comes in the moment of closing is reset: then nobody
					// else may get in.
					if late, again := net.Dial("tcp", r.address); again == nil {
						late.Close()
						t.Errorf("a prober that got in was not answered: %v", err)
					}
					return
				}
				if asked.Add(1) == 50 {
					close(warm)
				}
			}
		})
	}
	<-warm
	r.stop()
	clients.Wait()
	r.awaitEnd(t)
}

// TestDoormanLogs: when he fails, the front's log has it.
func TestDoormanLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorman()
		d.Answer = func(*doorman.Question) (int, string) { panic("no answer") }
		f := &front.Front{Doorman: d}
		v := connect(t, f)
		if res, _ := v.ask(t, "GET /health_check HTTP/1.1\r\nHost: h\r\n\r\n"); res.StatusCode != http.StatusInternalServerError || !res.Close {
			t.Errorf("answer = %d, close %v", res.StatusCode, res.Close)
		}
		if d.Log != f.Log {
			t.Error("the doorman's log is not the front's")
		}
	})
}
