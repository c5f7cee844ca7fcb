package inspect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"time"
)

// maxCertificates bounds how many are remembered. A stranger may ask for any
// number of names; another one costs a signature.
const maxCertificates = 64

// certificates makes certificates that nobody should trust: self-signed, each for
// the name or address that was asked for, with a key that dies with the process.
type certificates struct {
	ecdsa func() (crypto.Signer, error)
	rsa   func() (crypto.Signer, error) // for clients that know nothing younger

	mu   sync.Mutex // guards made
	made map[certificateKey]*tls.Certificate
}

type certificateKey struct {
	name string
	old  bool
}

func newCertificates() *certificates {
	return &certificates{
		ecdsa: sync.OnceValues(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }),
		rsa:   sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
		made:  map[certificateKey]*tls.Certificate{},
	}
}

// forHello returns a certificate for the name of hello or, without one, for the
// address that was connected to.
func (c *certificates) forHello(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := hello.ServerName
	if name == "" {
		name = "localhost"
		if host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String()); err == nil {
			name = host
		}
	}
	young, err := c.get(certificateKey{name, false})
	if err != nil || hello.SupportsCertificate(young) == nil {
		return young, err
	}
	return c.get(certificateKey{name, true})
}

func (c *certificates) get(key certificateKey) (*tls.Certificate, error) {
	c.mu.Lock()
	made := c.made[key]
	c.mu.Unlock()
	if made != nil {
		return made, nil
	}
	generate := c.ecdsa
	if key.old {
		generate = c.rsa
	}
	signer, err := generate()
	if err != nil {
		return nil, err
	}
	made, err = selfSigned(key.name, signer)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.made) >= maxCertificates {
		clear(c.made)
	}
	c.made[key] = made
	return made, nil
}

// selfSigned makes a certificate for name, a host's or an address. A name that
// no certificate can hold gets one for localhost.
func selfSigned(name string, signer crypto.Signer) (*tls.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "inservice listen: throw-away"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil && name != "localhost" {
		return selfSigned("localhost", signer)
	}
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: signer}, nil
}
