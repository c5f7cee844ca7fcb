package exchange

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"time"
)

// handshake puts TLS on the wire.
func (t *talk) handshake(conn net.Conn) (*tls.Conn, error) {
	began := time.Now()
	t.enter(Handshaking, began)
	state := new(TLSState)
	t.answer.TLS = state
	heard := &recorder{Conn: conn}
	secure := tls.Client(heard, t.config(state))
	err := secure.Handshake() // which ends with the connection, and that with the context
	t.answer.Phases.TLS = time.Since(began)
	shaken := secure.ConnectionState()
	state.Version, state.Cipher = shaken.Version, shaken.CipherSuite
	state.ALPN = shaken.NegotiatedProtocol
	state.Peer = shaken.PeerCertificates
	heard.done = true
	if err != nil {
		if f, ok := errors.AsType[*fault](t.tlsError(err)); ok && f.failure == NotTLS {
			t.wire.received = heard.kept
		}
		return nil, err
	}
	t.wire.conn = secure
	return secure, nil
}

// config is what the handshake goes by; state is told what it brings.
func (t *talk) config(state *TLSState) *tls.Config {
	ask := t.ask.TLS
	c := &tls.Config{
		ServerName: ask.ServerName,
		NextProtos: ask.ALPN,
		MinVersion: cmp.Or(ask.Min, tls.VersionTLS10),
		MaxVersion: ask.Max,
		// Done below, where it is also done if nothing depends on it.
		InsecureSkipVerify: true,
		GetClientCertificate: func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			state.ClientAuth = true
			for i := range ask.Certificates {
				if asked.SupportsCertificate(&ask.Certificates[i]) == nil {
					return &ask.Certificates[i], nil
				}
			}
			return new(tls.Certificate), nil
		},
	}
	c.CipherSuites = suites(isOld(ask.Min) || isOld(ask.Max))
	if ask.Verify {
		c.VerifyConnection = func(shaken tls.ConnectionState) error {
			state.Peer = shaken.PeerCertificates
			t.checkPeer()
			if state.VerifyError != nil {
				return &fault{Untrusted, state.VerifyError}
			}
			return nil
		}
	}
	return c
}

// checkPeer tries to verify the server's certificate, if that has not been done.
func (t *talk) checkPeer() {
	state := t.answer.TLS
	if state == nil || t.checked || len(state.Peer) == 0 || t.ask.TLS.Unchecked && !t.ask.TLS.Verify {
		return
	}
	t.checked = true
	state.VerifyError = verify(state.Peer, t.verifyName(), t.ask.TLS.Roots)
}

// suites are the ciphers offered up to TLS 1.2: with old, all there are, else those
// that OpenSSL's clients offer today. Key exchange by RSA is among both, though Go
// leaves it out by itself: load balancers still have it
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html).
func suites(old bool) []uint16 {
	var offered []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if old || !strings.Contains(suite.Name, "_RC4_") && !strings.Contains(suite.Name, "_3DES_") {
			offered = append(offered, suite.ID)
		}
	}
	return offered
}

func isOld(version uint16) bool { return version != 0 && version < tls.VersionTLS12 }

// verifyName is what the certificate has to be for; empty if that is not known.
func (t *talk) verifyName() string {
	if name := cmp.Or(t.ask.TLS.VerifyName, t.ask.TLS.ServerName); name != "" {
		return name
	}
	network, address := t.ask.network()
	if network == "unix" {
		return ""
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	host, _, _ = strings.Cut(host, "%")
	return host
}

func verify(peer []*x509.Certificate, name string, roots *x509.CertPool) error {
	options := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range peer[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := peer[0].Verify(options)
	return err
}

// tlsError finds out what an error of a TLS connection says about the server.
// Errors of the connection below pass as they are.
func (t *talk) tlsError(err error) error {
	if _, ok := errors.AsType[*fault](err); ok {
		return err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		alert := alertOf(op.Err)
		t.answer.TLS.Alert = alert
		switch alert {
		case alertProtocolVersion, alertInsufficientSecurity:
			return &fault{TLSVersion, err}
		}
		return &fault{TLSRefused, err}
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return &fault{NotTLS, err}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &fault{Untrusted, err}
	}
	text := err.Error()
	local := strings.HasPrefix(text, "tls: ") || strings.HasPrefix(text, "local error: ") || strings.HasPrefix(text, "x509: ")
	switch {
	case !local:
		return err
	case strings.Contains(text, "unsupported protocol version"), strings.Contains(text, "unconfigured cipher suite"),
		strings.Contains(text, "unsupported curve"), strings.Contains(text, "no supported versions"):
		return &fault{TLSVersion, err}
	case strings.Contains(text, "certificate"):
		return &fault{Untrusted, err}
	}
	return &fault{NotTLS, err}
}

// Alerts of RFC 8446, section 6, that mean nothing was found in common.
const (
	alertProtocolVersion      = 70
	alertInsufficientSecurity = 71
)

// alertOf gives the number of an alert received, which crypto/tls tells in
// words only.
func alertOf(err error) uint8 {
	for n := range 256 {
		if tls.AlertError(n).Error() == err.Error() {
			return uint8(n)
		}
	}
	return 0
}

// recorder keeps what is read below TLS until the handshake is done.
type recorder struct {
	net.Conn
	kept []byte
	done bool
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	if !r.done {
		r.kept = keep(r.kept, b[:n])
	}
	return n, err
}
