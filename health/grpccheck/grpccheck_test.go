package grpccheck_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/grpccheck"
)

// timeout is what a check of a server that answers never needs.
const timeout = 20 * time.Second

func run(t *testing.T, s grpccheck.Server) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return s.Run(ctx)
}

// serve runs a gRPC server on the listener until the test ends. Its health
// service is left out when nil.
func serve(t *testing.T, listener net.Listener, service healthpb.HealthServer, options ...grpc.ServerOption) {
	t.Helper()
	server := grpc.NewServer(options...)
	if service != nil {
		healthpb.RegisterHealthServer(server, service)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// shortDir is a directory whose name leaves room in the path of a socket, as
// that of t.TempDir may not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// expect fails the test unless an error ends as is wanted after the address;
// empty means that there should be none.
func expect(t *testing.T, s grpccheck.Server, want string) {
	t.Helper()
	err := run(t, s)
	if got := fmt.Sprint(err); (want == "") != (err == nil) || err != nil && !strings.HasPrefix(got, s.Address+want) {
		t.Errorf("got  %s\nwant %s%s", got, s.Address, want)
	}
}

// The health service is the one that comes with grpc-go.
func TestHealthService(t *testing.T) {
	service := grpchealth.NewServer()
	listener := listen(t, "tcp", "127.0.0.1:0")
	serve(t, listener, service)
	whole := grpccheck.Server{Address: listener.Addr().String()}
	orders := whole
	orders.Service = "shop.Orders"

	expect(t, whole, "")
	expect(t, orders, ` has a health service that does not know service "shop.Orders" (NOT_FOUND): unknown service`)
	service.SetServingStatus("shop.Orders", healthpb.HealthCheckResponse_SERVING)
	expect(t, orders, "")
	service.SetServingStatus("shop.Orders", healthpb.HealthCheckResponse_NOT_SERVING)
	expect(t, orders, ` says that service "shop.Orders" is NOT_SERVING`)
	expect(t, whole, "")
	service.SetServingStatus("shop.Orders", healthpb.HealthCheckResponse_UNKNOWN)
	expect(t, orders, ` says that service "shop.Orders" is UNKNOWN`)
	service.Shutdown()
	expect(t, whole, " says that it is NOT_SERVING")
	service.Resume()
	expect(t, orders, "")
}

// oddly is a health service that answers as a test wants.
type oddly struct {
	healthpb.UnimplementedHealthServer
	check func(context.Context) (*healthpb.HealthCheckResponse, error)
}

func (o oddly) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return o.check(ctx)
}

func TestAnswersThatAreNotServing(t *testing.T) {
	refuse := func(code codes.Code, message string) healthpb.HealthServer {
		return oddly{check: func(context.Context) (*healthpb.HealthCheckResponse, error) { return nil, status.Error(code, message) }}
	}
	answer := func(made *healthpb.HealthCheckResponse) healthpb.HealthServer {
		return oddly{check: func(context.Context) (*healthpb.HealthCheckResponse, error) { return made, nil }}
	}
	flood := &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}
	flood.ProtoReflect().SetUnknown(append([]byte{0x12, 0x80, 0x40}, make([]byte, 8192)...)) // field 2, 8192 bytes

	tests := []struct {
		name    string
		service healthpb.HealthServer
		want    string
	}{
		{"no health service", nil, " does not know the health service (UNIMPLEMENTED), register grpc.health.v1.Health there: unknown service grpc.health.v1.Health"},
		{"no method", healthpb.UnimplementedHealthServer{}, " does not know the health service (UNIMPLEMENTED), register grpc.health.v1.Health there: method Check not implemented"},
		{"unauthenticated", refuse(codes.Unauthenticated, "no token"), " tells its health to those it knows only (Unauthenticated): no token"},
		{"not permitted", refuse(codes.PermissionDenied, "go away"), " tells its health to those it knows only (PermissionDenied): go away"},
		{"overloaded", refuse(codes.ResourceExhausted, "too much"), " did not tell its health (ResourceExhausted): too much"},
		{"unavailable", refuse(codes.Unavailable, "later"), " can't be asked (UNAVAILABLE): later"},
		{"a deadline of its own", refuse(codes.DeadlineExceeded, "slow"), " did not tell its health (DeadlineExceeded): slow"},
		{"long words", refuse(codes.Internal, "a\nb\x1b"+strings.Repeat("é", 2000)), " did not tell its health (Internal): a?b?" + strings.Repeat("é", 98) + "…"},
		{"status of Watch", answer(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVICE_UNKNOWN}), " says that it is SERVICE_UNKNOWN"},
		{"status nobody knows", answer(&healthpb.HealthCheckResponse{Status: 77}), " says that it is 77"},
		{"nothing", answer(&healthpb.HealthCheckResponse{}), " says that it is UNKNOWN"},
		{"flood", answer(flood), " did not tell its health (ResourceExhausted): "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			listener := listen(t, "tcp", "127.0.0.1:0")
			serve(t, listener, test.service)
			expect(t, grpccheck.Server{Address: listener.Addr().String()}, test.want)
		})
	}
}

func TestRequestIsSentAsConfigured(t *testing.T) {
	seen := make(chan string, 1)
	service := oddly{check: func(ctx context.Context) (*healthpb.HealthCheckResponse, error) {
		header, _ := metadata.FromIncomingContext(ctx)
		agent, _, _ := strings.Cut(header.Get("user-agent")[0], " ") // grpc-go adds its own
		seen <- header.Get(":authority")[0] + " " + agent
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
	}}
	tcp := listen(t, "tcp", "127.0.0.1:0")
	serve(t, tcp, service)
	unix := listen(t, "unix", filepath.Join(shortDir(t), "app.sock"))
	serve(t, unix, service)

	for _, test := range []struct {
		s    grpccheck.Server
		want string
	}{
		{grpccheck.Server{Address: tcp.Addr().String()}, tcp.Addr().String()},
		{grpccheck.Server{Address: tcp.Addr().String(), Authority: "shop.example"}, "shop.example"},
		{grpccheck.Server{Address: "unix:" + unix.Addr().String()}, "localhost"},
	} {
		if err := run(t, test.s); err != nil {
			t.Errorf("%+v: %v", test.s, err)
			continue
		}
		if got, want := <-seen, test.want+" inservice-check/1.0"; got != want {
			t.Errorf("%+v: the server saw %q, want %q", test.s, got, want)
		}
	}
}

func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer web.Close()
	listener := listen(t, "tcp", "127.0.0.1:0")
	serve(t, listener, grpchealth.NewServer(), grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
	plain := listen(t, "tcp", "127.0.0.1:0")
	serve(t, plain, grpchealth.NewServer())
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	trusting := func(name string) *tls.Config { return &tls.Config{RootCAs: roots, ServerName: name} }
	address := listener.Addr().String()
	tests := []struct {
		name string
		s    grpccheck.Server
		want []string // in the error; nothing means a pass
	}{
		{"address is in the certificate", grpccheck.Server{Address: address, TLS: trusting("")}, nil},
		{"server name", grpccheck.Server{Address: address, TLS: trusting("example.com")}, nil},
		{"authority", grpccheck.Server{Address: address, TLS: trusting(""), Authority: "example.com"}, nil},
		{"name not in it", grpccheck.Server{Address: address, TLS: trusting("shop.example")}, []string{"(UNAVAILABLE)", "not shop.example"}},
		{"authority not in it", grpccheck.Server{Address: address, TLS: trusting(""), Authority: "shop.example"}, []string{"(UNAVAILABLE)", "not shop.example"}},
		{"two names", grpccheck.Server{Address: address, TLS: trusting("example.com"), Authority: "a.example"}, []string{"a.example", "example.com"}},
		{"unknown authority", grpccheck.Server{Address: address, TLS: &tls.Config{}}, []string{"(UNAVAILABLE)", "certificate signed by unknown authority"}},
		{"no TLS", grpccheck.Server{Address: address}, []string{"(UNAVAILABLE)"}},
		{"TLS to a plain server", grpccheck.Server{Address: plain.Addr().String(), TLS: trusting("")},
			[]string{"(UNAVAILABLE)", "first record does not look like a TLS handshake"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := run(t, test.s)
			if (test.want == nil) != (err == nil) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			for _, want := range test.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("error is %v, want it to say %q", err, want)
				}
			}
		})
	}
}

// counter counts the connections of a server.
type counter struct{ opened, closed atomic.Int64 }

func (c *counter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (c *counter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c *counter) HandleRPC(context.Context, stats.RPCStats)                         {}
func (c *counter) HandleConn(_ context.Context, s stats.ConnStats) {
	switch s.(type) {
	case *stats.ConnBegin:
		c.opened.Add(1)
	case *stats.ConnEnd:
		c.closed.Add(1)
	}
}

func TestEachRunOpensAConnectionAndClosesIt(t *testing.T) {
	connections := new(counter)
	listener := listen(t, "tcp", "127.0.0.1:0")
	serve(t, listener, grpchealth.NewServer(), grpc.StatsHandler(connections))
	s := grpccheck.Server{Address: listener.Addr().String()}
	before := runtime.NumGoroutine()
	const runs = 20
	for range runs {
		expect(t, s, "")
	}
	deadline := time.After(timeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for connections.closed.Load() < runs || runtime.NumGoroutine() > before {
		select {
		case <-deadline:
			t.Fatalf("of %d connections %d are closed; %d goroutines, %d before",
				connections.opened.Load(), connections.closed.Load(), runtime.NumGoroutine(), before)
		case <-tick.C:
		}
	}
	if got := connections.opened.Load(); got != runs {
		t.Errorf("%d runs opened %d connections", runs, got)
	}
}

func TestServerThatIsNone(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	expect(t, grpccheck.Server{Address: strings.TrimPrefix(web.URL, "http://")}, " can't be asked (UNAVAILABLE): ")

	closed := listen(t, "tcp", "127.0.0.1:0")
	closed.Close()
	err := run(t, grpccheck.Server{Address: closed.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("a closed port gave %v, want connection refused", err)
	}
	if err := grpccheck.Serving("")(t.Context()); err == nil || !strings.Contains(err.Error(), "write it as host:port") {
		t.Errorf("no address gave %v, want what would be right", err)
	}
	// One try, and no wait until the context ends.
	if err := run(t, grpccheck.Server{Address: "127.0.0.1"}); err == nil || !strings.Contains(err.Error(), "missing port in address") {
		t.Errorf("an address without a port gave %v", err)
	}
}

// A listener that nobody accepts from is what a frozen server looks like: the
// kernel connects, and nothing answers.
func TestFrozenServerEndsWithTheContext(t *testing.T) {
	frozen := listen(t, "tcp", "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := grpccheck.Serving(frozen.Addr().String())(ctx)
	if want := frozen.Addr().String() + " did not answer: context deadline exceeded"; !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
		t.Errorf("error is %v, want %q", err, want)
	}

	arrived := make(chan struct{}, 1)
	stuck := listen(t, "tcp", "127.0.0.1:0")
	serve(t, stuck, oddly{check: func(ctx context.Context) (*healthpb.HealthCheckResponse, error) {
		arrived <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	go func() { <-arrived; cancel() }()
	if err := grpccheck.Serving(stuck.Addr().String())(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}

func ExampleServer() {
	check := health.Check{
		Name: "orders",
		Run:  grpccheck.Server{Address: "127.0.0.1:1", Service: "shop.Orders"}.Run,
	}
	fmt.Println(check.Run(context.Background()) != nil)
	// Output: true
}
