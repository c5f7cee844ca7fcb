package tongue

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/inservice/inservice/health/grpccheck"
)

const (
	serving    = healthpb.HealthCheckResponse_SERVING
	notServing = healthpb.HealthCheckResponse_NOT_SERVING
	noService  = healthpb.HealthCheckResponse_SERVICE_UNKNOWN
)

// grpcClient is grpc-go's own client of the health protocol.
func grpcClient(t *testing.T, address string) healthpb.HealthClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return healthpb.NewHealthClient(conn)
}

func ask(service string) *healthpb.HealthCheckRequest {
	return &healthpb.HealthCheckRequest{Service: service}
}

// patient is a context that bounds a call.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestGRPCSaysTheVerdict(t *testing.T) {
	b := newBoard(unknown)
	h := &Herald{Snapshot: b.snapshot}
	g := &GRPC{Herald: h, Services: []string{"shop.Orders"}}
	address, _ := serve(t, g.Run)
	client := grpcClient(t, address)

	for name, s := range everySnapshot {
		t.Run(name, func(t *testing.T) {
			b.set(s) // no nudge: Check reads for itself
			want := notServing
			if name == "pass" || name == "warn" {
				want = serving
			}
			for _, service := range []string{"", "shop.Orders"} {
				answer, err := client.Check(patient(t), ask(service))
				if err != nil || answer.Status != want {
					t.Errorf("service %q: %v, %v, want %v", service, answer.GetStatus(), err, want)
				}
				err = grpccheck.Server{Address: address, Service: service}.Run(patient(t))
				if (err == nil) != (want == serving) {
					t.Errorf("service %q: our own check says %v, want %v", service, err, want)
				}
			}
			list, err := client.List(patient(t), &healthpb.HealthListRequest{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]healthpb.HealthCheckResponse_ServingStatus{}
			for service, answer := range list.Statuses {
				got[service] = answer.Status
			}
			if diff := cmp.Diff(map[string]healthpb.HealthCheckResponse_ServingStatus{"": want, "shop.Orders": want}, got); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGRPCWatch(t *testing.T) {
	b := newBoard(unknown)
	h := &Herald{Snapshot: b.snapshot}
	g := &GRPC{Herald: h}
	address, stop := serve(t, g.Run)
	stream, err := grpcClient(t, address).Watch(patient(t), ask(""))
	if err != nil {
		t.Fatal(err)
	}
	wantSent(t, stream, notServing)

	b.set(pass)
	h.Nudge()
	wantSent(t, stream, serving)
	b.set(warn) // still serving, so nothing is sent
	h.Nudge()
	b.set(draining)
	h.Nudge()
	wantSent(t, stream, notServing)
	b.set(fail)
	h.Nudge()
	b.set(pass)
	h.Nudge()
	wantSent(t, stream, serving)

	stop() // nobody has said that it drains, so the watcher hears it from the stream
	wantSent(t, stream, notServing)
	wantEnded(t, stream)
}

// A watcher that was told that the server drains is not told so again at the end.
func TestGRPCWatchEndsAfterDraining(t *testing.T) {
	h := &Herald{Snapshot: newBoard(draining).snapshot}
	g := &GRPC{Herald: h}
	address, stop := serve(t, g.Run)
	stream, err := grpcClient(t, address).Watch(patient(t), ask(""))
	if err != nil {
		t.Fatal(err)
	}
	wantSent(t, stream, notServing)
	stop()
	wantEnded(t, stream)
}

func TestGRPCUnknownService(t *testing.T) {
	b := newBoard(pass)
	h := &Herald{Snapshot: b.snapshot}
	g := &GRPC{Herald: h, Services: []string{"shop.Orders"}}
	address, stop := serve(t, g.Run)
	client := grpcClient(t, address)

	if _, err := client.Check(patient(t), ask("shop.Stock")); status.Code(err) != codes.NotFound {
		t.Errorf("Check: %v, want NOT_FOUND", err)
	}
	stream, err := client.Watch(patient(t), ask("shop.Stock"))
	if err != nil {
		t.Fatal(err)
	}
	wantSent(t, stream, noService)
	b.set(fail)
	h.Nudge()
	stop()
	wantEnded(t, stream) // by the server's end, so it was open until then
}

func wantSent(t *testing.T, stream grpc.ServerStreamingClient[healthpb.HealthCheckResponse], want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	answer, err := stream.Recv()
	if err != nil || answer.Status != want {
		t.Fatalf("sent %v, %v, want %v", answer.GetStatus(), err, want)
	}
}

func wantEnded(t *testing.T, stream grpc.ServerStreamingClient[healthpb.HealthCheckResponse]) {
	t.Helper()
	answer, err := stream.Recv()
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "the server is ending") {
		t.Errorf("sent %v, %v, want that the server is ending", answer, err)
	}
}

func TestGRPCLimits(t *testing.T) {
	h := &Herald{Snapshot: newBoard(pass).snapshot}
	g := &GRPC{Herald: h}
	address, _ := serve(t, g.Run)
	client := grpcClient(t, address)

	_, err := client.Check(patient(t), ask(strings.Repeat("x", grpcMessage)))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message of more than %d bytes: %v, want RESOURCE_EXHAUSTED", grpcMessage, err)
	}

	for range grpcStreams {
		stream, err := client.Watch(patient(t), ask(""))
		if err != nil {
			t.Fatal(err)
		}
		wantSent(t, stream, serving)
	}
	brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := client.Check(brief, ask("")); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("with %d streams open: %v, want that one more has to wait", grpcStreams, err)
	}
	if err := grpccheck.Serving(address)(patient(t)); err != nil {
		t.Errorf("on another connection: %v", err)
	}
}

// Somebody who connects and says nothing must not hold up the end.
func TestGRPCEndsDespiteSilentGuest(t *testing.T) {
	h := &Herald{Snapshot: newBoard(pass).snapshot}
	g := &GRPC{Herald: h}
	address, stop := serve(t, g.Run)
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := grpccheck.Serving(address)(patient(t)); err != nil { // after the silent one was accepted
		t.Fatal(err)
	}
	stop()
}

func TestNoHerald(t *testing.T) {
	for name, run := range map[string]func(context.Context, net.Listener) error{
		"grpc": (&GRPC{}).Run, "agent check": (&AgentCheck{}).Run,
		"port":    func(context.Context, net.Listener) error { return (&Port{Address: "127.0.0.1:0"}).Open() },
		"systemd": func(ctx context.Context, _ net.Listener) error { return (&Systemd{}).Run(ctx) },
	} {
		if err := run(t.Context(), listen(t, "127.0.0.1:0")); err == nil || !strings.Contains(err.Error(), "field Herald") {
			t.Errorf("%s: %v, want that the field Herald is nil", name, err)
		}
	}
}
