// Package grpccheck checks that a gRPC server says of itself that it serves, by
// its health service (grpc.health.v1, method Check):
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
//
// Each run opens a connection of its own and closes it: a kept one can go on
// answering after the server has stopped accepting. Only SERVING passes. That a
// server doesn't know the health service proves no more than that something
// speaks gRPC, so it fails, and the error says what to do. Proxies named in the
// environment are not used.
//
// This is the only check that needs a module beyond the standard library,
// google.golang.org/grpc. Programs that don't import it don't get it.
package grpccheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// Bounds of an answer, in bytes. A sound one has less than a hundred.
const (
	maxMessage = 4 << 10
	maxHeader  = 16 << 10

	// maxTotal bounds all that is read of a connection, TLS included: frames such
	// as PING are no part of an answer, and may come without end. A chain of
	// certificates may have 256 KiB, as crypto/tls has it.
	maxTotal = 512 << 10
)

// Server is what is asked. The zero value of each field but Address is a good
// choice. It must not be changed once its Run is in use, which may then be
// called from any goroutine.
type Server struct {
	// Address is host:port, or "unix:" and the path of a socket.
	Address string

	// Service is the name of the service to ask for, such as "shop.Orders".
	// Empty asks for the server as a whole.
	Service string

	// Authority is the name to ask for: the field ":authority", and with TLS the
	// name that the certificate must be for. Empty means the ServerName of TLS,
	// and without one Address.
	Authority string

	// TLS, if set, is how to speak TLS. Nil means plain text. A ServerName in it
	// must not differ from Authority.
	TLS *tls.Config

	// Dial opens the connection: to Address over the network "tcp", or to the path
	// of a socket over "unix". TLS is spoken on top of it. Nil means a plain
	// net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Serving returns a check of the server at address as a whole, in plain text.
// It goes into health.Check's Run.
func Serving(address string) func(context.Context) error { return Server{Address: address}.Run }

// Run asks once. It goes into health.Check's Run, and is bounded by the
// context.
func (s Server) Run(ctx context.Context) error {
	if s.Address == "" {
		return errors.New("no address: write it as host:port")
	}
	conn, err := s.client()
	if err != nil {
		return fmt.Errorf("%s: %w", s.Address, err)
	}
	defer conn.Close()
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: s.Service})
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%s did not answer: %w", s.Address, ctx.Err())
	case err != nil:
		return fmt.Errorf("%s %s: %s", s.Address, s.refusal(status.Code(err)), short(status.Convert(err).Message()))
	case answer.Status != healthpb.HealthCheckResponse_SERVING:
		return fmt.Errorf("%s says that %s is %v", s.Address, s.subject(), answer.Status)
	}
	return nil
}

// client makes a connection that is opened by the first call and tried once.
func (s Server) client() (*grpc.ClientConn, error) {
	target := s.Address
	if !strings.HasPrefix(target, "unix:") {
		target = "passthrough:///" + target // the dialler resolves it
	}
	security := insecure.NewCredentials()
	if s.TLS != nil {
		security = credentials.NewTLS(s.TLS)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(security),
		grpc.WithUserAgent("inservice-check/1.0"),
		grpc.WithNoProxy(),
		grpc.WithContextDialer(s.dial),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithMaxHeaderListSize(maxHeader),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	}
	if s.Authority != "" {
		options = append(options, grpc.WithAuthority(s.Authority))
	}
	return grpc.NewClient(target, options...)
}

// dial connects to an address as grpc hands it to a dialler: host:port, or the
// absolute path of a socket after "unix://".
func (s Server) dial(ctx context.Context, address string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		network, address = "unix", path
	}
	open := s.Dial
	if open == nil {
		open = new(net.Dialer).DialContext
	}
	conn, err := open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &bounded{Conn: conn, left: maxTotal}, nil
}

// bounded is a connection of which no more than a number of bytes is read. One
// goroutine reads it, as grpc does.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("more than %d bytes for one answer", maxTotal)
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// subject is what was asked for.
func (s Server) subject() string {
	if s.Service == "" {
		return "it"
	}
	return "service " + strconv.Quote(s.Service)
}

// refusal says what the code of a failed call means, as the end of a sentence
// about the server. https://grpc.io/docs/guides/status-codes/
func (s Server) refusal(code codes.Code) string {
	switch code {
	case codes.Unimplemented:
		return "does not know the health service (UNIMPLEMENTED), register grpc.health.v1.Health there"
	case codes.NotFound:
		return "has a health service that does not know " + s.subject() + " (NOT_FOUND)"
	case codes.Unavailable:
		return "can't be asked (UNAVAILABLE)"
	case codes.Unauthenticated, codes.PermissionDenied:
		return "tells its health to those it knows only (" + code.String() + ")"
	default:
		return "did not tell its health (" + code.String() + ")"
	}
}

// short bounds what a stranger has written, and keeps it on one line.
func short(text string) string {
	const limit = 200
	text = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
