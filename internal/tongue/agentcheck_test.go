package tongue

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/memnet"
)

func TestAgentLine(t *testing.T) {
	allWarn := health.Snapshot{Status: health.Warn, Results: []health.Result{{Check: "disk", Status: health.Warn}}}
	sharedWarn := health.Snapshot{Status: health.Warn, Results: []health.Result{
		{Check: "disk", Status: health.Pass}, {Check: "database", Status: health.Fail, Scope: health.Shared},
	}}
	drainingWell := draining
	drainingWell.Status = health.Pass // whatever the checks say

	tests := []struct {
		name     string
		snapshot health.Snapshot
		steady   bool
		want     string
	}{
		{"pass", pass, false, "ready up 100%\n"},
		{"half of its own degraded", warn, false, "ready up 50%\n"},
		{"all of its own degraded", allWarn, false, "ready up 10%\n"},
		{"a shared thing fails: no reason to prefer another server", sharedWarn, false, "ready up 100%\n"},
		{"degraded, steady", warn, true, "ready up 100%\n"},
		{"fail", fail, false, "down #fail\n"},
		{"unknown", unknown, false, "down #unknown\n"},
		{"starting", starting, false, "down #starting\n"},
		{"draining", draining, false, "drain\n"},
		{"draining, checks pass", drainingWell, false, "drain\n"},
		{"nothing known", health.Snapshot{}, false, "down #unknown\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := agentLine(test.snapshot, test.steady); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWeight(t *testing.T) {
	for degraded, want := range map[float64]int{0: 100, 0.004: 100, 1. / 3: 67, 0.5: 50, 0.9: 10, 0.95: 10, 1: 10} {
		if got := weight(degraded); got != want {
			t.Errorf("weight of a server of which %v is degraded: %d, want %d", degraded, got, want)
		}
	}
}

func TestAgentCheckAnswersEachConnection(t *testing.T) {
	b := newBoard(unknown)
	a := &AgentCheck{Herald: &Herald{Snapshot: b.snapshot}}
	address, _ := serve(t, a.Run)
	for name, s := range everySnapshot {
		b.set(s)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		// What HAProxy's agent-send may send, and whatever else: it is not waited
		// for, and it must not reset the connection.
		if _, err := io.WriteString(conn, strings.Repeat("x", agentSend)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if want := agentLine(s, false); err != nil || string(answer) != want {
			t.Errorf("%s: %q, %v, want %q", name, answer, err, want)
		}
	}
}

func TestAgentCheckLetsSilentGuestsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		address, conn, stop := silentGuest(t)
		begun := time.Now()
		if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
			t.Errorf("after the line: %q, %v", rest, err)
		}
		if took := time.Since(begun); took != agentTimeout {
			t.Errorf("%s let a silent guest go after %v, want %v", address, took, agentTimeout)
		}
		stop()
	})
}

func TestAgentCheckEndsDespiteSilentGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, stop := silentGuest(t)
		begun := time.Now()
		stop()
		if took := time.Since(begun); took != 0 {
			t.Errorf("Run waited %v for a silent guest", took)
		}
	})
}

// silentGuest reads its line and then neither sends nor hangs up.
func silentGuest(t *testing.T) (address string, guest net.Conn, stop func()) {
	t.Helper()
	network, address := new(memnet.Network), "192.0.2.1:8088"
	listener, err := network.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	a := &AgentCheck{Herald: &Herald{Snapshot: newBoard(pass).snapshot}}
	stop = start(t, func(ctx context.Context) error { return a.Run(ctx, listener) })
	guest, err = network.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("ready up 100%\n"))
	if _, err := io.ReadFull(guest, line); err != nil {
		t.Fatal(err)
	}
	return address, guest, stop
}

func TestAgentCheckReportsItsListener(t *testing.T) {
	listener := listen(t, "127.0.0.1:0")
	listener.Close()
	a := &AgentCheck{Herald: &Herald{Snapshot: newBoard(pass).snapshot}}
	if err := a.Run(t.Context(), listener); err == nil || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("got %v, want an error that names %v", err, listener.Addr())
	}
}
