package certcheck

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// identity is a certificate with its key, and what leads to a root.
type identity struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	above []*x509.Certificate
}

// The dates of the certificates that the tests make, if they ask for no others.
var (
	begin = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	end   = begin.AddDate(0, 0, 90)
)

// issue makes a certificate: by issuer, or by itself when that is nil. Change
// says what differs from one of an authority, of 90 days.
func issue(t *testing.T, issuer *identity, name string, change func(*x509.Certificate)) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(7),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             begin,
		NotAfter:              end,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	made := &identity{cert: cert, key: key}
	if issuer != nil && issuer.above != nil {
		made.above = append([]*x509.Certificate{issuer.cert}, issuer.above...)
	} else if issuer != nil {
		made.above = []*x509.Certificate{issuer.cert}
	}
	return made
}

// forServer makes the certificate one of a server with these names.
func forServer(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, name := range names {
			if ip := net.ParseIP(name); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, name)
			}
		}
	}
}

// shown is what a server shows of an identity: the root is left out.
func (i *identity) shown() tls.Certificate {
	made := tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key}
	for _, cert := range i.above {
		if cert.Issuer.String() != cert.Subject.String() {
			made.Certificate = append(made.Certificate, cert.Raw)
		}
	}
	return made
}

func (i *identity) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

func (i *identity) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

// at is a clock that stands.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }
