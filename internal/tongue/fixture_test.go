package tongue

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inservice/inservice/health"
)

// patience is what nothing here needs on a machine that gets on at all.
const patience = 20 * time.Second

// board is a snapshot that a test writes and tongues read.
type board struct {
	current atomic.Pointer[health.Snapshot]
}

func newBoard(s health.Snapshot) *board {
	b := new(board)
	b.set(s)
	return b
}

func (b *board) set(s health.Snapshot) { b.current.Store(&s) }

func (b *board) snapshot() health.Snapshot {
	s := *b.current.Load()
	s.Time = time.Now()
	return s
}

// Snapshots of a server with two checks of its own, of which at most one is not
// well, and one that is shared.
var (
	pass     = health.Snapshot{Status: health.Pass, Results: results(health.Pass)}
	warn     = health.Snapshot{Status: health.Warn, Results: results(health.Warn)}
	fail     = health.Snapshot{Status: health.Fail, Results: results(health.Fail)}
	unknown  = health.Snapshot{Status: health.Unknown, Results: results(health.Unknown)}
	starting = health.Snapshot{Status: health.Unknown, Starting: true, Results: results(health.Fail)}
	draining = health.Snapshot{Status: health.Fail, Draining: true, Results: results(health.Pass)}
)

func results(disk health.Status) []health.Result {
	all := []health.Result{
		{Check: "app", Status: health.Pass},
		{Check: "disk", Status: disk},
		{Check: "database", Status: health.Pass, Scope: health.Shared},
	}
	if disk != health.Pass {
		all[1].Err = errors.New("password=hunter2")
	}
	return all
}

// everySnapshot is what a tongue can be asked to say.
var everySnapshot = map[string]health.Snapshot{
	"pass": pass, "warn": warn, "fail": fail, "unknown": unknown, "starting": starting, "draining": draining,
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// start runs something until stop is called or the test ends, and reports its
// error. stop waits for its end.
func start(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = func() {
		cancel()
		select {
		case err, first := <-ended:
			if first {
				close(ended)
			}
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Errorf("Run has not ended within %v of its context", patience)
		}
	}
	t.Cleanup(stop)
	return stop
}

func serve(t *testing.T, run func(context.Context, net.Listener) error) (address string, stop func()) {
	t.Helper()
	listener := listen(t, "127.0.0.1:0")
	return listener.Addr().String(), start(t, func(ctx context.Context) error { return run(ctx, listener) })
}

// eventually waits for what another process, or the kernel, is about to do.
func eventually(t *testing.T, what string, happens func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for limit := time.Now().Add(patience); !happens(); <-poll.C {
		if time.Now().After(limit) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// newLog returns a log and what is written to it, one element for each line.
func newLog() (*slog.Logger, <-chan string) {
	lines := make(chan string, 100)
	return slog.New(slog.NewTextHandler(writer(func(b []byte) { lines <- string(b) }), nil)), lines
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

var _ io.Writer = writer(nil)

// next returns what comes first on a channel.
func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("nothing within %v", patience)
		panic("unreachable")
	}
}
