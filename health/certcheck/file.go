package certcheck

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"time"
)

// maxFile is more than any file of certificates has.
const maxFile = 1 << 20

// File is a PEM file whose certificates are looked at: the one that a server
// of this machine uses. The zero value of each field but Path is a good choice.
// It must not be changed once its Run is in use, which may then be called from
// any goroutine.
//
// A server goes on with the certificate that it has read, whatever the file
// says: to know what users see, use [Server].
type File struct {
	// Path is the file, read anew by each run. It may hold a chain, of which
	// every certificate must last, and a key, which is not looked at.
	Path string

	// ServerName is a name that the first certificate must be for. Empty means
	// any.
	ServerName string

	// MinDays is how many days must be left. Zero means [DefaultMinDays].
	MinDays int

	now func() time.Time // nil means time.Now; for tests
}

// Run reads the file once. It goes into health.Check's Run.
func (f File) Run(ctx context.Context) error {
	if err := validate(f.MinDays); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	certs, err := f.read()
	if err != nil {
		return err
	}
	now := time.Now
	if f.now != nil {
		now = f.now
	}
	for _, cert := range certs {
		if err := judge(cert, now(), f.MinDays); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	if f.ServerName == "" {
		return nil
	}
	if err := certs[0].VerifyHostname(f.ServerName); err != nil {
		return fmt.Errorf("%s: %s is for others: %w", f.Path, describe(certs[0]), err)
	}
	return nil
}

// read returns the certificates of the file, at least one.
func (f File) read() (chain, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err // err names the path
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, err
	}
	var certs chain
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d can't be read: %w", f.Path, len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	if certs == nil {
		return nil, fmt.Errorf("%s holds no certificate, a block that begins -----BEGIN CERTIFICATE-----", f.Path)
	}
	return certs, nil
}
