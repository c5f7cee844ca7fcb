package certcheck

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFile(t *testing.T) {
	root := issue(t, nil, "Root", nil)
	short := issue(t, root, "Short", func(c *x509.Certificate) { c.NotAfter = begin.AddDate(0, 0, 40) })
	site := issue(t, root, "shop.example", forServer("shop.example"))
	keyDER, err := x509.MarshalPKCS8PrivateKey(site.key)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	garbage := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("garbage")})
	text := []byte("# renewed by hand\n")

	const about = "certificate of CN=shop.example, issued by CN=Root, "
	tests := []struct {
		name    string
		content [][]byte
		f       File
		now     time.Time
		want    string // how the error goes on after the path; empty means a pass
	}{
		{name: "well", content: [][]byte{site.pem()}, now: begin},
		{name: "with text, key and chain", content: [][]byte{text, key, site.pem(), root.pem()}, now: begin},
		{name: "too few days", content: [][]byte{site.pem()}, now: end.AddDate(0, 0, -10),
			want: ": " + about + "expires on 2026-04-01 12:00 UTC, in 10 days, and 14 days must be left: renew it"},
		{name: "own bound", content: [][]byte{site.pem()}, f: File{MinDays: 10}, now: end.AddDate(0, 0, -10)},
		{name: "expired", content: [][]byte{key, site.pem()}, now: end.AddDate(0, 0, 10), want: ": " + about + "expired on 2026-04-01 12:00 UTC, 10 days ago"},
		{name: "not yet valid", content: [][]byte{site.pem()}, now: begin.Add(-time.Hour),
			want: ": " + about + "is not valid before 2026-01-01 12:00 UTC, which is 60 minutes away"},
		{name: "chain ends first", content: [][]byte{site.pem(), short.pem()}, now: begin.AddDate(0, 0, 39),
			want: ": certificate of CN=Short, issued by CN=Root, expires on 2026-02-10 12:00 UTC, in 24 hours, and 13 days must be left: renew it"},
		{name: "name", content: [][]byte{site.pem()}, f: File{ServerName: "shop.example"}, now: begin},
		{name: "other name", content: [][]byte{site.pem()}, f: File{ServerName: "www.example"}, now: begin,
			want: ": " + about + "is for others: x509: certificate is valid for shop.example, not www.example"},
		{name: "empty", want: " holds no certificate, a block that begins -----BEGIN CERTIFICATE-----"},
		{name: "key alone", content: [][]byte{key}, want: " holds no certificate, a block that begins -----BEGIN CERTIFICATE-----"},
		{name: "not PEM", content: [][]byte{site.cert.Raw}, want: " holds no certificate, a block that begins -----BEGIN CERTIFICATE-----"},
		{name: "garbage", content: [][]byte{site.pem(), garbage}, want: ": certificate 2 can't be read: x509: "},
		{name: "bad bound", content: [][]byte{site.pem()}, f: File{MinDays: -1}, want: "days that must be left are -1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.f.Path = filepath.Join(t.TempDir(), "site.pem")
			if err := os.WriteFile(test.f.Path, bytes.Join(test.content, nil), 0o600); err != nil {
				t.Fatal(err)
			}
			test.f.now = at(test.now)
			prefix := test.f.Path
			if test.f.MinDays < 0 {
				prefix = ""
			}
			expect(t, test.f.Run(t.Context()), prefix, test.want)
		})
	}
}

func TestFileIsReadAnew(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "site.pem"), now: at(end.AddDate(0, 0, 1))}
	if err := f.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gave %v", err)
	}
	for _, step := range []struct {
		notAfter time.Time
		want     string
	}{{end, ": certificate of CN=site, issued by CN=site, expired on"}, {end.AddDate(1, 0, 0), ""}} {
		site := issue(t, nil, "site", func(c *x509.Certificate) { c.NotAfter = step.notAfter })
		if err := os.WriteFile(f.Path, site.pem(), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(t, f.Run(t.Context()), f.Path, step.want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}
