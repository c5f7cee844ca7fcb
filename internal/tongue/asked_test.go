package tongue

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/inservice/inservice/health"
)

// question is what a hook was told of one.
type question struct {
	Peer  string
	Green bool
}

// hook passes on what it is told.
func hook() (func(netip.Addr, bool), <-chan question) {
	told := make(chan question, 100)
	return func(peer netip.Addr, green bool) { told <- question{peer.String(), green} }, told
}

// wantTold fails if a hook was told anything else.
func wantTold(t *testing.T, told <-chan question, want ...question) {
	t.Helper()
	for _, w := range want {
		if got := next(t, told); got != w {
			t.Errorf("told of %+v, want %+v", got, w)
		}
	}
	if len(told) > 0 {
		t.Errorf("told of %+v besides", <-told)
	}
}

var (
	green = question{"127.0.0.1", true}
	red   = question{"127.0.0.1", false}
)

func TestGRPCTellsWhoAsked(t *testing.T) {
	b := newBoard(pass)
	asked, told := hook()
	g := &GRPC{Herald: &Herald{Snapshot: b.snapshot}, Asked: asked}
	address, _ := serve(t, g.Run)
	client := grpcClient(t, address)
	both := func() {
		t.Helper()
		if _, err := client.Check(patient(t), ask("")); err != nil {
			t.Error(err)
		}
		if _, err := client.List(patient(t), &healthpb.HealthListRequest{}); err != nil {
			t.Error(err)
		}
	}
	both()
	wantTold(t, told, green, green)
	b.set(draining)
	both()
	wantTold(t, told, red, red)
	if _, err := client.Check(patient(t), ask("shop.Stock")); err == nil {
		t.Error("an unknown service was answered")
	}
	wantTold(t, told) // an unknown service has no verdict
}

func TestGRPCKnowsItsWatchers(t *testing.T) {
	b := newBoard(pass)
	h := &Herald{Snapshot: b.snapshot}
	g := &GRPC{Herald: h}
	address, stop := serve(t, g.Run)
	client := grpcClient(t, address)
	watch := func(service string, want healthpb.HealthCheckResponse_ServingStatus) (cancel func()) {
		t.Helper()
		ctx, cancel := context.WithCancel(patient(t))
		stream, err := client.Watch(ctx, ask(service))
		if err != nil {
			t.Fatal(err)
		}
		wantSent(t, stream, want)
		return cancel
	}
	peer := netip.MustParseAddr("127.0.0.1")
	become := func(want ...Watcher) {
		t.Helper()
		eventually(t, "the watchers are as wanted", func() bool {
			return cmp.Equal(want, append([]Watcher(nil), g.Watchers()...), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
		})
	}
	watch("shop.Stock", noService)
	become()
	first := watch("", serving)
	become(Watcher{peer, 1, 1})
	watch("", serving)
	become(Watcher{peer, 2, 2})
	first()
	become(Watcher{peer, 1, 1})
	b.set(draining)
	h.Nudge()
	become(Watcher{peer, 1, 0})
	watch("", notServing)
	become(Watcher{peer, 2, 0})
	b.set(warn)
	h.Nudge()
	become(Watcher{peer, 2, 2})
	stop()
	become()
}

func TestAgentCheckTellsWhoAsked(t *testing.T) {
	b := newBoard(pass)
	asked, told := hook()
	a := &AgentCheck{Herald: &Herald{Snapshot: b.snapshot}, Asked: asked}
	address, _ := serve(t, a.Run)
	drainingWell := draining
	drainingWell.Status = health.Pass
	for _, step := range []struct {
		snapshot health.Snapshot
		want     question
	}{{pass, green}, {warn, green}, {fail, red}, {draining, red}, {drainingWell, red}, {unknown, red}} {
		b.set(step.snapshot)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.(*net.TCPConn).CloseWrite()
		io.ReadAll(conn)
		conn.Close()
		wantTold(t, told, step.want)
	}
}

func TestPortTellsWhoConnected(t *testing.T) {
	asked, told := hook()
	p := &Port{Herald: &Herald{Snapshot: newBoard(pass).snapshot}, Address: "127.0.0.1:0", Asked: asked}
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	start(t, p.Run)
	eventually(t, "the port is open", func() bool { return open(t, p.Addr()) })
	wantTold(t, told, green)
}
