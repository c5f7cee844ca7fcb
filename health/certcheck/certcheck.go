// Package certcheck checks that a certificate is valid and has days left, of a
// TLS server ([Server]) or in a file ([File]).
//
// It fails before users see anything, so it says what to renew: the subject,
// the issuer, the date and the time that is left.
package certcheck

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DefaultMinDays is how many days must be left when nothing else is said. Of a
// certificate that lives so short that a third of its life is less, that third
// must be left: a certificate of six days has never 14.
const DefaultMinDays = 14

const day = 24 * time.Hour

// margin is how much time must be left of a certificate.
func margin(cert *x509.Certificate, minDays int) time.Duration {
	if minDays != 0 {
		return time.Duration(minDays) * day
	}
	return min(DefaultMinDays*day, cert.NotAfter.Sub(cert.NotBefore)/3)
}

// maxMinDays is a hundred years: no more fits a time.Duration by far.
const maxMinDays = 36500

func validate(minDays int) error {
	if minDays < 0 || minDays > maxMinDays {
		return fmt.Errorf("days that must be left are %d: give 1 to %d, or 0 for %d", minDays, maxMinDays, DefaultMinDays)
	}
	return nil
}

// judge compares the dates of a certificate with now.
func judge(cert *x509.Certificate, now time.Time, minDays int) error {
	left := cert.NotAfter.Sub(now)
	switch {
	case now.Before(cert.NotBefore):
		return fmt.Errorf("%s is not valid before %s, which is %s away", describe(cert), date(cert.NotBefore), span(cert.NotBefore.Sub(now)))
	case left < 0:
		return fmt.Errorf("%s expired on %s, %s ago", describe(cert), date(cert.NotAfter), span(-left))
	case left < margin(cert, minDays):
		return fmt.Errorf("%s expires on %s, in %s, and %s must be left: renew it",
			describe(cert), date(cert.NotAfter), span(left), span(margin(cert, minDays)))
	}
	return nil
}

// chain is what a server shows: its own certificate and what leads to a root.
type chain []*x509.Certificate

// verify judges a chain as a client does that asks for name, now and when the
// time that must be left is over: a chain can end before its first certificate.
func (c chain) verify(name string, roots *x509.CertPool, now time.Time, minDays int) error {
	leaf := c[0]
	if err := judge(leaf, now, minDays); err != nil {
		return err
	}
	options := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, cert := range c[1:] {
		options.Intermediates.AddCert(cert)
	}
	if _, err := leaf.Verify(options); err != nil {
		return fmt.Errorf("%s is not verified: %w", describe(leaf), err)
	}
	options.CurrentTime = now.Add(margin(leaf, minDays))
	_, err := leaf.Verify(options)
	if err == nil {
		return nil
	}
	for _, cert := range c[1:] {
		if options.CurrentTime.After(cert.NotAfter) {
			return fmt.Errorf("%s depends on another that ends before it: %s expires on %s, in %s",
				describe(leaf), describe(cert), date(cert.NotAfter), span(cert.NotAfter.Sub(now)))
		}
	}
	return fmt.Errorf("%s will not be verified any more in %s: %w", describe(leaf), span(margin(leaf, minDays)), err)
}

// describe names a certificate and who has issued it.
func describe(cert *x509.Certificate) string {
	subject := cert.Subject.String()
	switch { // a subject may be empty, and the names are in an extension
	case subject != "":
	case len(cert.DNSNames) > 0:
		subject = cert.DNSNames[0]
	case len(cert.IPAddresses) > 0:
		subject = cert.IPAddresses[0].String()
	default:
		subject = "serial number " + cert.SerialNumber.String()
	}
	return fmt.Sprintf("certificate of %s, issued by %s,", short(subject), short(cert.Issuer.String()))
}

// short bounds what a stranger has written, and keeps it on one line.
func short(name string) string {
	const limit = 100
	name = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
	if len(name) > limit {
		name = strings.ToValidUTF8(name[:limit], "") + "…"
	}
	return name
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// span shows a time in whole days, or hours where it is short.
func span(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d/time.Minute == 1:
		return "1 minute"
	default:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
}
