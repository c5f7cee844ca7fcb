package forwarder

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/memnet"
)

// In virtual time, over a network in memory, delays are exact.
func bubble(t *testing.T, test func(t *testing.T, f *Forwarder, dial func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		server, err := network.Listen("db:5432")
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		go func() {
			for {
				conn, err := server.Accept()
				if err != nil {
					return
				}
				go func() { defer conn.Close(); io.Copy(conn, conn) }()
			}
		}()
		f := &Forwarder{
			Listen: "here:1", Address: "db:5432", Dial: network.Dial,
			listen: func(_, address string) (net.Listener, error) { return network.Listen(address) },
		}
		if err := f.Open(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		test(t, f, func() net.Conn {
			conn, err := network.Dial(t.Context(), "tcp", "here:1")
			if err != nil {
				t.Fatal(err)
			}
			return conn
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// ask sends a word and returns how long it took to come back.
func ask(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	begun := time.Now()
	if _, err := io.WriteString(conn, "word"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	return time.Since(begun)
}

func TestSlowDelaysEachDirection(t *testing.T) {
	bubble(t, func(t *testing.T, f *Forwarder, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		for _, delay := range []time.Duration{0, time.Second, 3 * time.Second} {
			if err := f.Set(Slow, delay); err != nil {
				t.Fatal(err)
			}
			if got := ask(t, conn); got != 2*delay {
				t.Errorf("with %v of delay an answer took %v", delay, got)
			}
		}
		if err := f.Set(Pass, 0); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, conn); got != 0 {
			t.Errorf("an answer took %v after healing", got)
		}
	})
}

// The delay is that of each byte, not one for each piece after another.
func TestSlowKeepsTheRate(t *testing.T) {
	bubble(t, func(t *testing.T, f *Forwarder, dial func() net.Conn) {
		if err := f.Set(Slow, time.Second); err != nil {
			t.Fatal(err)
		}
		conn := dial()
		defer conn.Close()
		begun := time.Now()
		for range 10 {
			if _, err := io.WriteString(conn, "word"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if _, err := io.ReadFull(conn, make([]byte, 40)); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(begun); got != 2*time.Second+90*time.Millisecond {
			t.Errorf("ten words took %v", got)
		}
	})
}

// What is held is let go as soon as the mode changes, whatever it was held for.
func TestHealingLetsGo(t *testing.T) {
	for _, mode := range []Mode{Hang, Slow} {
		bubble(t, func(t *testing.T, f *Forwarder, dial func() net.Conn) {
			conn := dial()
			defer conn.Close()
			ask(t, conn) // the server is reached
			if err := f.Set(mode, time.Hour); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(5*time.Second, func() { f.Set(Pass, 0) })
			if got := ask(t, conn); got != 5*time.Second {
				t.Errorf("%v held for %v, want 5s", mode, got)
			}
		})
	}
}

// From hanging to slow: what came long ago goes on at once.
func TestHangThenSlow(t *testing.T) {
	bubble(t, func(t *testing.T, f *Forwarder, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		if err := f.Set(Hang, 0); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(5*time.Second, func() { f.Set(Slow, time.Second) })
		if got := ask(t, conn); got != 6*time.Second { // there it was held long enough, back it is delayed
			t.Errorf("it took %v, want 6s", got)
		}
	})
}

// A client that stays silent and leaves while the forwarder hangs is forgotten, and
// memory is bounded: what does not fit waits with the client.
func TestHangIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, f *Forwarder, dial func() net.Conn) {
		if err := f.Set(Hang, 0); err != nil {
			t.Fatal(err)
		}
		conn := dial()
		conn.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := conn.Write(make([]byte, 1<<20))
		if err == nil || n > queueSize+chunkSize {
			t.Errorf("%d bytes were taken, %v", n, err)
		}
		conn.Close()
		synctest.Wait()
		quiet := dial()
		quiet.Close()
		synctest.Wait()
		if got := f.Stats(); got.Open > 1 || got.Reached != 0 {
			t.Errorf("stats are %+v", got)
		}
	})
}

// A client that was accepted in the very moment in which the forwarder began to
// refuse, or ended, is not forwarded.
func TestAcceptedTooLate(t *testing.T) {
	for _, late := range []func(*Forwarder) error{
		func(f *Forwarder) error { return f.Set(Refuse, 0) },
		func(f *Forwarder) error { return f.Close() },
	} {
		f := &Forwarder{Address: "127.0.0.1:1"}
		if err := f.Open(); err != nil {
			t.Fatal(err)
		}
		if err := late(f); err != nil {
			t.Fatal(err)
		}
		ours, theirs := net.Pipe()
		f.slots <- struct{}{}
		f.admit(theirs)
		ours.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := ours.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the client read %v, want the end", err)
		}
		if f.Stats().Open != 0 || len(f.slots) != 0 {
			t.Errorf("%d connections are open, %d slots are taken", f.Stats().Open, len(f.slots))
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
