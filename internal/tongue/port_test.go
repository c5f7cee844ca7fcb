package tongue

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/health"
)

// open reports whether the port is open. What it says beside that fails the test.
func open(t *testing.T, address net.Addr) bool {
	t.Helper()
	conn, err := net.Dial("tcp", address.String())
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
		return false // the latter when it closes just then
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	said, err := io.ReadAll(conn)
	if errors.Is(err, syscall.ECONNRESET) {
		return false // it was closed before anybody accepted
	}
	if err != nil || len(said) > 0 {
		t.Fatalf("the port says %q, %v, want nothing and a clean end", said, err)
	}
	return true
}

func TestPortIsOpenWhileInService(t *testing.T) {
	b := newBoard(unknown)
	h := &Herald{Snapshot: b.snapshot}
	p := &Port{Herald: h, Address: "127.0.0.1:0"}
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	if open(t, p.Addr()) {
		t.Error("the port is open before Run")
	}
	stop := start(t, p.Run)
	for _, step := range []struct {
		snapshot health.Snapshot
		open     bool
	}{{pass, true}, {warn, true}, {fail, false}, {starting, false}, {pass, true}, {draining, false}, {unknown, false}, {warn, true}} {
		b.set(step.snapshot)
		h.Nudge()
		eventually(t, "the port follows the verdict", func() bool { return open(t, p.Addr()) == step.open })
		if open(t, p.Addr()) != step.open {
			t.Errorf("open is %v with %+v", !step.open, verdictOf(step.snapshot))
		}
	}
	stop()
	if open(t, p.Addr()) {
		t.Error("the port is open after Run")
	}
}

func TestPortFindsMistakesEarly(t *testing.T) {
	busy := listen(t, "127.0.0.1:0")
	p := &Port{Herald: &Herald{Snapshot: newBoard(pass).snapshot}, Address: busy.Addr().String()}
	if err := p.Open(); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Open of a busy address: %v, want EADDRINUSE", err)
	}
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "call Open") {
		t.Errorf("Run without Open: %v, want that Open is to be called", err)
	}
}

func TestPortIsTakenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(fail)
		h := &Herald{Snapshot: b.snapshot}
		log, lines := newLog()
		p := &Port{Herald: h, Address: "127.0.0.1:0", Log: log}
		if err := p.Open(); err != nil {
			t.Fatal(err)
		}
		stop := start(t, p.Run)
		thief := listen(t, p.Addr().String())
		b.set(pass)
		h.Nudge()
		if line := next(t, lines); !strings.Contains(line, "address already in use") {
			t.Errorf("logged %q, want that the address is in use", line)
		}
		time.Sleep(5*time.Second + time.Millisecond) // five more tries
		if len(lines) > 0 {
			t.Errorf("logged %q again", <-lines)
		}
		thief.Close()
		freed := time.Now()
		if line := next(t, lines); !strings.Contains(line, "could be opened again") {
			t.Errorf("logged %q, want that the port could be opened again", line)
		}
		if took := time.Since(freed); took > time.Second {
			t.Errorf("opened %v after it could be, want within a second", took)
		}
		if !open(t, p.Addr()) {
			t.Error("the port is closed, though it could be opened again")
		}
		stop()
	})
}
