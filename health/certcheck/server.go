package certcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// Server is a TLS server whose certificate is looked at. The zero value of each
// field but Address is a good choice. It must not be changed once its Run is in
// use, which may then be called from any goroutine.
type Server struct {
	// Address is host:port. TLS must begin at once; there is no STARTTLS.
	Address string

	// ServerName is the name to ask for (SNI), and the one that the certificate
	// must be for. Empty means the host of Address.
	ServerName string

	// Roots are the authorities that the chain must lead to. Nil means the
	// system's.
	Roots *x509.CertPool

	// MinDays is how many days must be left. Zero means [DefaultMinDays].
	MinDays int

	// DatesOnly looks at the dates of the server's own certificate alone,
	// whatever name it is for and whoever has issued it.
	DatesOnly bool

	// Dial opens the connection, to Address over the network "tcp". TLS is spoken
	// on top of it. Nil means a plain net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	now func() time.Time // nil means time.Now; for tests
}

// Expiry returns a check of the server at address ("host:port"), as its clients
// verify it. It goes into health.Check's Run.
func Expiry(address string) func(context.Context) error { return Server{Address: address}.Run }

// Run connects once. It goes into health.Check's Run, and is bounded by the
// context.
func (s Server) Run(ctx context.Context) error {
	if err := validate(s.MinDays); err != nil {
		return err
	}
	name := s.ServerName
	if name == "" {
		host, _, err := net.SplitHostPort(s.Address)
		if err != nil || host == "" {
			return fmt.Errorf("%q is no address: write it as host:port", s.Address)
		}
		name = host
	}
	shown, err := s.fetch(ctx, name)
	if err != nil {
		return err
	}
	now := time.Now
	if s.now != nil {
		now = s.now
	}
	if s.DatesOnly {
		err = judge(shown[0], now(), s.MinDays)
	} else {
		err = shown.verify(name, s.Roots, now(), s.MinDays)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Address, err)
	}
	return nil
}

// fetch returns what the server shows, at least one certificate.
func (s Server) fetch(ctx context.Context, name string) (chain, error) {
	dial := s.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", s.Address)
	if err != nil {
		return nil, fmt.Errorf("no connection: %w", err) // err names the address
	}
	defer conn.Close()
	var shown chain
	client := tls.Client(conn, &tls.Config{
		ServerName: name,
		// verify decides, with words of its own and its own clock. Nothing is
		// sent over this connection.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			shown = state.PeerCertificates
			return nil
		},
	})
	err = client.HandshakeContext(ctx)
	if refusal, ok := errors.AsType[*net.OpError](err); ok && refusal.Op == "remote error" && shown != nil {
		err = nil // it shows its certificate, and wants one of ours
	}
	if err != nil {
		return nil, fmt.Errorf("%s: no TLS: %w", s.Address, err)
	}
	client.Close()
	return shown, nil
}
