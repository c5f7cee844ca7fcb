package grpccheck_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"

	"github.com/inservice/inservice/health/grpccheck"
)

// What Dial connects to is spoken to as the fields say, TLS too.
func TestOwnDial(t *testing.T) {
	identity := httptest.NewTLSServer(http.NotFoundHandler()) // for example.com
	defer identity.Close()
	roots := x509.NewCertPool()
	roots.AddCert(identity.Certificate())
	plain, secure := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	serve(t, plain, grpchealth.NewServer())
	serve(t, secure, grpchealth.NewServer(), grpc.Creds(credentials.NewServerTLSFromCert(&identity.TLS.Certificates[0])))
	for _, test := range []struct {
		check grpccheck.Server
		dials string
		to    net.Listener
	}{
		{grpccheck.Server{Address: "api.internal:50051"}, "tcp api.internal:50051", plain},
		{grpccheck.Server{Address: "unix:/run/api.sock"}, "unix /run/api.sock", plain},
		{grpccheck.Server{Address: "example.com:443", TLS: &tls.Config{RootCAs: roots}}, "tcp example.com:443", secure},
	} {
		dialled := ""
		test.check.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = network + " " + address
			return new(net.Dialer).DialContext(ctx, "tcp", test.to.Addr().String())
		}
		if err := run(t, test.check); err != nil {
			t.Errorf("%s: %v", test.dials, err)
		}
		if dialled != test.dials {
			t.Errorf("dialled %s, want %s", dialled, test.dials)
		}
	}
}
