package tongue

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// Limits of the gRPC server. A question is a few bytes, so whoever needs more is
// no prober.
const (
	grpcConnections  = 512
	grpcStreams      = 16               // at a time on one connection: a prober needs one or two
	grpcMessage      = 4 << 10          // bytes
	grpcHeaders      = 8 << 10          // bytes
	grpcHandshake    = 2 * time.Second  // and so long may the end take: nothing cuts a handshake short
	grpcIdle         = 10 * time.Minute // longer than any usual interval, for probers that keep their connection
	grpcPing         = 30 * time.Second // how soon a watcher that has vanished is noticed, with grpcPong
	grpcPong         = 10 * time.Second
	grpcLeastPing    = 10 * time.Second // whoever pings oftener is cut off: the least that grpc-go's clients can be set to
	grpcCloseTimeout = 2 * time.Second
)

// GRPC answers the gRPC health protocol (grpc.health.v1: Check, Watch and List)
// in plain text: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
//
// In service is SERVING and everything else NOT_SERVING: not known yet, starting
// and draining too. The protocol's UNKNOWN is not used: probers take it for a
// failure as they do NOT_SERVING, and people for a fault of the agent's.
type GRPC struct {
	// Herald watches the verdict. Required.
	Herald *Herald

	// Services are the names that are known beside the empty one, which stands
	// for the server as a whole. The verdict is the same for all. Any other name
	// is answered as the protocol has it: NOT_FOUND by Check, SERVICE_UNKNOWN by
	// Watch, whose stream stays open.
	Services []string

	// Asked, if not nil, is told of each Check and List that is answered with the
	// verdict: who asked, and whether the answer was SERVING. Many goroutines call
	// it, and it must be quick. Of those who watch, Watchers tells.
	Asked func(peer netip.Addr, green bool)

	// Log gets what goes wrong. Nil discards it.
	Log *slog.Logger

	watchers watchers
}

// Watchers are those who call Watch now, for a service that is known. One whose
// Serving is above zero has yet to be told that the server is not.
func (g *GRPC) Watchers() []Watcher { return g.watchers.list() }

// Run answers on the listener until ctx ends. Watchers are then told NOT_SERVING,
// and their streams end with UNAVAILABLE. Its error is that of a listener that
// failed.
func (g *GRPC) Run(ctx context.Context, listener net.Listener) error {
	crowd := newCrowd(listener, grpcConnections, g.Log)
	defer crowd.Close()
	if g.Herald == nil {
		return fmt.Errorf("grpc: %w", errNoHerald)
	}
	server := grpc.NewServer(
		grpc.MaxConcurrentStreams(grpcStreams),
		grpc.MaxRecvMsgSize(grpcMessage),
		grpc.MaxHeaderListSize(grpcHeaders),
		grpc.ConnectionTimeout(grpcHandshake),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: grpcIdle, Time: grpcPing, Timeout: grpcPong}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: grpcLeastPing, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	)
	healthpb.RegisterHealthServer(server, &grpcHealth{
		herald: g.Herald, services: g.Services, asked: g.Asked, watchers: &g.watchers, ending: ctx.Done(),
	})
	served := make(chan error, 1)
	go func() { served <- server.Serve(crowd) }()

	select {
	case err := <-served:
		server.Stop()
		return fmt.Errorf("grpc on %v: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	// Streams end by ctx, so what GracefulStop waits for beyond that is a client
	// that does not read.
	force := time.AfterFunc(grpcCloseTimeout, server.Stop)
	defer force.Stop()
	server.GracefulStop()
	if err := <-served; err != nil {
		return fmt.Errorf("grpc on %v: %w", listener.Addr(), err)
	}
	return nil
}

// grpcHealth is the service. Its methods are called by many goroutines.
type grpcHealth struct {
	healthpb.UnimplementedHealthServer
	herald   *Herald
	services []string
	asked    func(netip.Addr, bool) // or nil
	watchers *watchers
	ending   <-chan struct{} // closed when the server is to end
}

func (h *grpcHealth) knows(service string) bool {
	return service == "" || slices.Contains(h.services, service)
}

// Check answers at once.
func (h *grpcHealth) Check(ctx context.Context, q *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if !h.knows(q.GetService()) {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	now := h.now()
	h.note(ctx, now)
	return grpcAnswer(now), nil
}

// List answers for all names that are known.
func (h *grpcHealth) List(ctx context.Context, _ *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	now := h.now()
	h.note(ctx, now)
	statuses := map[string]*healthpb.HealthCheckResponse{"": grpcAnswer(now)}
	for _, service := range h.services {
		statuses[service] = grpcAnswer(now)
	}
	return &healthpb.HealthListResponse{Statuses: statuses}, nil
}

// note tells of a question and its answer.
func (h *grpcHealth) note(ctx context.Context, answer healthpb.HealthCheckResponse_ServingStatus) {
	if h.asked != nil {
		h.asked(grpcPeer(ctx), answer == healthpb.HealthCheckResponse_SERVING)
	}
}

// grpcPeer is who called.
func grpcPeer(ctx context.Context) netip.Addr {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return netip.Addr{}
	}
	return peerOf(p.Addr)
}

// Watch sends the status, and again each time that it has changed.
func (h *grpcHealth) Watch(q *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	if !h.knows(q.GetService()) {
		if err := stream.Send(grpcAnswer(healthpb.HealthCheckResponse_SERVICE_UNKNOWN)); err != nil {
			return err
		}
		select {
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-h.ending:
			return errGRPCEnding
		}
	}
	changes, cancel := h.herald.subscribe()
	defer cancel()
	from := grpcPeer(stream.Context())
	h.watchers.note(from, 1, 0)
	serving := 0 // whether its last word is SERVING
	defer func() { h.watchers.note(from, -1, -serving) }()
	sent := healthpb.HealthCheckResponse_UNKNOWN // which is never sent
	for {
		var now healthpb.HealthCheckResponse_ServingStatus
		select {
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-h.ending:
			now = healthpb.HealthCheckResponse_NOT_SERVING
		case v := <-changes:
			now = grpcStatus(v)
		}
		if now != sent {
			// Taken down before SERVING is sent, and taken back after anything else
			// was: so nobody is overlooked who may have been told it.
			if now == healthpb.HealthCheckResponse_SERVING {
				h.watchers.note(from, 0, 1-serving)
				serving = 1
			}
			if err := stream.Send(grpcAnswer(now)); err != nil {
				return err
			}
			if now != healthpb.HealthCheckResponse_SERVING {
				h.watchers.note(from, 0, -serving)
				serving = 0
			}
			sent = now
		}
		select {
		case <-h.ending:
			if sent == healthpb.HealthCheckResponse_NOT_SERVING {
				return errGRPCEnding
			}
		default:
		}
	}
}

var errGRPCEnding = status.Error(codes.Unavailable, "the server is ending")

// now is the status of every name that is known.
func (h *grpcHealth) now() healthpb.HealthCheckResponse_ServingStatus {
	return grpcStatus(verdictOf(h.herald.Snapshot()))
}

func grpcStatus(v verdict) healthpb.HealthCheckResponse_ServingStatus {
	if v.inService() {
		return healthpb.HealthCheckResponse_SERVING
	}
	return healthpb.HealthCheckResponse_NOT_SERVING
}

func grpcAnswer(s healthpb.HealthCheckResponse_ServingStatus) *healthpb.HealthCheckResponse {
	return &healthpb.HealthCheckResponse{Status: s}
}
