package redischeck_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/inservice/inservice/health/redischeck"
)

// What Dial connects to is spoken to as the fields say, TLS too.
func TestOwnDial(t *testing.T) {
	identity := httptest.NewTLSServer(http.NotFoundHandler()) // for example.com
	defer identity.Close()
	roots := x509.NewCertPool()
	roots.AddCert(identity.Certificate())
	plain := speak(t, "+PONG\r\n")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: identity.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	forward(t, listener, plain)

	var last net.Conn
	for _, test := range []struct {
		check redischeck.Server
		dials string
		to    string
		fails string
	}{
		{redischeck.Server{Address: "cache.internal:6379"}, "tcp cache.internal:6379", plain, ""},
		{redischeck.Server{Address: "/run/redis.sock"}, "unix /run/redis.sock", plain, ""},
		{redischeck.Server{Address: "example.com:6379", TLS: &tls.Config{RootCAs: roots}}, "tcp example.com:6379", listener.Addr().String(), ""},
		{redischeck.Server{Address: "cache.internal:6379", TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}}, "tcp cache.internal:6379", listener.Addr().String(), ""},
		{redischeck.Server{Address: "cache.internal:6379", TLS: &tls.Config{RootCAs: roots}}, "tcp cache.internal:6379", listener.Addr().String(), "not cache.internal"},
	} {
		dialled := ""
		test.check.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = network + " " + address
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", test.to)
			last = conn
			return conn, err
		}
		err := test.check.Run(t.Context())
		if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
			t.Errorf("%s gave %v, want %q", test.dials, err, test.fails)
		}
		if dialled != test.dials {
			t.Errorf("dialled %s, want %s", dialled, test.dials)
		}
		if _, err := last.Write(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the connection was not closed", test.dials)
		}
	}
}
