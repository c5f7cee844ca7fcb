package exchange_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/realserver"
)

// TestRealServers asks nginx in everything it speaks.
func TestRealServers(t *testing.T) {
	cert := newAuthority(t).issue(t, soon(), "www.example.test")
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	// A worker of nginx's reads the certificate where no file is in its way.
	pair := fmt.Sprintf(`map "" $cert { default "%s"; } map "" $key { default "%s"; }`,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	answer := `location / { add_header X-Saw "$server_protocol $ssl_server_name" always; return 404 none; }`
	plain := realserver.Nginx(t, `server { listen {addr}; `+answer+`}`)
	secure := realserver.Nginx(t, pair+` server { listen {addr} ssl http2; ssl_certificate data:$cert; ssl_certificate_key data:$key; `+answer+`}`)
	h2c := realserver.Nginx(t, `server { listen {addr} http2; `+answer+`}`)
	name := exchange.TLS{ServerName: "www.example.test"}
	name2 := exchange.TLS{ServerName: "www.example.test", ALPN: []string{"h2"}}
	tests := []struct {
		name     string
		address  string
		protocol exchange.Protocol
		version  string
		tls      *exchange.TLS
		status   int
		saw      string
		failure  exchange.Failure
	}{
		{"HTTP/1.1", plain.Addr(), exchange.HTTP1, "", nil, 404, "HTTP/1.1 ", exchange.None},
		{"HTTP/1.0", plain.Addr(), exchange.HTTP1, "HTTP/1.0", nil, 404, "HTTP/1.0 ", exchange.None},
		{"HTTPS", secure.Addr(), exchange.HTTP1, "", &name, 404, "HTTP/1.1 www.example.test", exchange.None},
		{"HTTPS without a name", secure.Addr(), exchange.HTTP1, "", &exchange.TLS{}, 404, "HTTP/1.1 ", exchange.None},
		{"HTTP/2", secure.Addr(), exchange.HTTP2, "", &name2, 404, "HTTP/2.0 www.example.test", exchange.None},
		{"HTTP/2 by prior knowledge", h2c.Addr(), exchange.HTTP2, "", nil, 404, "HTTP/2.0 ", exchange.None},
		{"plain to TLS", secure.Addr(), exchange.HTTP1, "", nil, 400, "", exchange.None},
		{"TLS to plain", plain.Addr(), exchange.HTTP1, "", &name, 0, "", exchange.NotTLS},
		{"HTTP/2 to HTTP/1", plain.Addr(), exchange.HTTP2, "", nil, 0, "", exchange.Malformed},
		{"HTTP/1 to HTTP/2", h2c.Addr(), exchange.HTTP1, "", nil, 0, "", exchange.Malformed},
		{"HTTP/0.9", plain.Addr(), exchange.HTTP1, "HTTP/0.9", nil, 0, "", exchange.Malformed},
		{"gRPC to who has none", h2c.Addr(), exchange.GRPC, "", nil, 404, "HTTP/2.0 ", exchange.None},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask(tt.address)
			r.Protocol, r.Version, r.TLS = tt.protocol, tt.version, tt.tls
			if tt.version == "HTTP/0.9" {
				r.Fields = nil
			}
			a := exchange.Do(t.Context(), r)
			check(t, a)
			if a.Status != tt.status || a.Failure != tt.failure || tt.saw != "" && a.Get("X-Saw")+" " != tt.saw && a.Get("X-Saw") != tt.saw {
				t.Errorf("status %d, saw %q, ended with %q (%v); received %q", a.Status, a.Get("X-Saw"), a.Failure, a.Err, a.Received)
			}
		})
	}
}
