package exchange_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: rand.Text()}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue signs a certificate for these names and addresses, until then.
func (a *authority) issue(t testing.TB, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: until.Add(-2 * time.Hour), NotAfter: until}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// listenTLS answers ok over TLS.
func listenTLS(t testing.TB, c *tls.Config) string {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, c)
		defer secure.Close()
		says(ok)(secure)
	})
}

func askTLS(address string, c exchange.TLS) exchange.Request {
	r := ask(address)
	r.TLS = &c
	return r
}

func soon() time.Time { return time.Now().Add(time.Hour) }

func TestServerName(t *testing.T) {
	var hello atomic.Pointer[tls.ClientHelloInfo]
	cert := newAuthority(t).issue(t, soon(), "x")
	address := listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { hello.Store(h); return nil, nil }})
	for _, name := range []string{"", "www.example.test", "127.0.0.1", "::1"} {
		a := exchange.Do(t.Context(), askTLS(address, exchange.TLS{ServerName: name, ALPN: []string{"x", "http/1.1"}}))
		expect(t, a, exchange.None, exchange.Done)
		want := name
		if net.ParseIP(name) != nil {
			want = "" // RFC 6066, section 3
		}
		h := hello.Load()
		if h.ServerName != want || !slices.Equal(h.SupportedProtos, []string{"x", "http/1.1"}) || a.TLS.ALPN != "http/1.1" {
			t.Errorf("told %q, sent %q; offered %q, got %q", name, h.ServerName, h.SupportedProtos, a.TLS.ALPN)
		}
		if string(a.Received) != ok || !strings.HasPrefix(string(a.Sent), "GET / HTTP/1.1\r\n") {
			t.Errorf("transcript %q, %q is not in the clear", a.Sent, a.Received)
		}
	}
	a := exchange.Do(t.Context(), askTLS(address, exchange.TLS{}))
	if h := hello.Load(); h.SupportedProtos != nil || a.TLS.ALPN != "" {
		t.Errorf("offered %q unasked", h.SupportedProtos)
	}
}

func TestVerify(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	serve := func(c tls.Certificate) string { return listenTLS(t, &tls.Config{Certificates: []tls.Certificate{c}}) }
	good := serve(ca.issue(t, soon(), "www.example.test", "127.0.0.1"))
	tests := []struct {
		name    string
		address string
		tls     exchange.TLS
		want    string // in the error; empty: verifies
	}{
		{"by server name", good, exchange.TLS{ServerName: "www.example.test", Roots: ca.pool()}, ""},
		{"by address", good, exchange.TLS{Roots: ca.pool()}, ""},
		{"by another name", good, exchange.TLS{ServerName: "x.test", VerifyName: "www.example.test", Roots: ca.pool()}, ""},
		{"wrong name", good, exchange.TLS{ServerName: "x.test", Roots: ca.pool()}, "not x.test"},
		{"wrong name to verify", good, exchange.TLS{ServerName: "www.example.test", VerifyName: "y.test", Roots: ca.pool()}, "not y.test"},
		{"unknown authority", good, exchange.TLS{Roots: other.pool()}, "unknown authority"},
		{"system's roots", good, exchange.TLS{}, "unknown authority"},
		{"expired", serve(ca.issue(t, time.Now().Add(-time.Minute), "127.0.0.1")), exchange.TLS{Roots: ca.pool()}, "expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := exchange.Do(t.Context(), askTLS(tt.address, tt.tls))
			expect(t, a, exchange.None, exchange.Done)
			text := fmt.Sprint(a.TLS.VerifyError)
			if (a.TLS.VerifyError == nil) != (tt.want == "") || !strings.Contains(text, tt.want) {
				t.Errorf("VerifyError = %v, want %q in it", a.TLS.VerifyError, tt.want)
			}
			if len(a.TLS.Peer) != 1 || a.TLS.Version != tls.VersionTLS13 || a.TLS.Cipher == 0 {
				t.Errorf("TLS = %+v", a.TLS)
			}

			tt.tls.Verify = true
			a = exchange.Do(t.Context(), askTLS(tt.address, tt.tls))
			if tt.want == "" {
				expect(t, a, exchange.None, exchange.Done)
				return
			}
			expect(t, a, exchange.Untrusted, exchange.Handshaking)
			if a.TLS.VerifyError == nil || !errors.Is(a.Err, a.TLS.VerifyError) || len(a.TLS.Peer) != 1 || a.Sent != nil {
				t.Errorf("sent %q; TLS = %+v, error %v", a.Sent, a.TLS, a.Err)
			}

			tt.tls.Verify, tt.tls.Unchecked = false, true
			a = exchange.Do(t.Context(), askTLS(tt.address, tt.tls))
			expect(t, a, exchange.None, exchange.Done)
			if a.TLS.VerifyError != nil {
				t.Errorf("Unchecked, and VerifyError = %v", a.TLS.VerifyError)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	cert := newAuthority(t).issue(t, soon(), "x")
	server := func(change func(*tls.Config)) string {
		c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10}
		change(c)
		return listenTLS(t, c)
	}
	old := server(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })
	weak := server(func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
	})
	rsaOnly := server(func(c *tls.Config) {
		c.Certificates = []tls.Certificate{selfSignedRSA(t)}
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	})
	modern := server(func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 })
	tests := []struct {
		name    string
		address string
		tls     exchange.TLS
		failure exchange.Failure
		version uint16
		alert   uint8
	}{
		{"old server", old, exchange.TLS{}, exchange.None, tls.VersionTLS11, 0},
		{"old server, modern client", old, exchange.TLS{Min: tls.VersionTLS12}, exchange.TLSVersion, 0, 70},
		{"weak cipher", weak, exchange.TLS{}, exchange.TLSRefused, 0, 40},
		{"weak cipher, old client", weak, exchange.TLS{Min: tls.VersionTLS10}, exchange.None, tls.VersionTLS12, 0},
		{"key exchange by RSA", rsaOnly, exchange.TLS{Min: tls.VersionTLS12}, exchange.None, tls.VersionTLS12, 0},
		{"modern server, old client", modern, exchange.TLS{Max: tls.VersionTLS11}, exchange.TLSVersion, 0, 70},
		{"bounded above", old, exchange.TLS{Max: tls.VersionTLS10}, exchange.None, tls.VersionTLS10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := exchange.Do(t.Context(), askTLS(tt.address, tt.tls))
			check(t, a)
			if a.Failure != tt.failure || a.TLS.Alert != tt.alert || tt.version != 0 && a.TLS.Version != tt.version {
				t.Errorf("ended with %q, alert %d, version %x: %v", a.Failure, a.TLS.Alert, a.TLS.Version, a.Err)
			}
		})
	}
	t.Run("server chooses what was not offered", func(t *testing.T) {
		// A ServerHello of SSL 3.0, to whatever it is asked.
		hello := "\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x03\x00" + strings.Repeat("r", 32) + "\x00\x00\x05\x00"
		a := exchange.Do(t.Context(), askTLS(listen(t, says(hello)), exchange.TLS{}))
		expect(t, a, exchange.TLSVersion, exchange.Handshaking)
	})
}

// selfSignedRSA is a certificate that keys can be exchanged with.
func selfSignedRSA(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), DNSNames: []string{"x"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestAlerts: each alert there may be is told by its number.
func TestAlerts(t *testing.T) {
	for number := 1; number < 256; number++ { // 0 says goodbye
		r := askTLS("x:443", exchange.TLS{})
		done := inMemory(&r, func(conn net.Conn) {
			conn.Read(make([]byte, 4096))
			conn.Write([]byte{21, 3, 3, 0, 2, 2, byte(number)})
		})
		a := exchange.Do(t.Context(), r)
		<-done
		failure := exchange.TLSRefused
		if number == 70 || number == 71 {
			failure = exchange.TLSVersion
		}
		expect(t, a, failure, exchange.Handshaking)
		if a.TLS.Alert != uint8(number) {
			t.Errorf("alert %d told as %d: %v", number, a.TLS.Alert, a.Err)
		}
	}
}

func TestClientAuth(t *testing.T) {
	ca := newAuthority(t)
	server := ca.issue(t, soon(), "x")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		address := listenTLS(t, &tls.Config{
			Certificates: []tls.Certificate{server}, MaxVersion: version,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(),
		})
		a := exchange.Do(t.Context(), askTLS(address, exchange.TLS{}))
		check(t, a)
		// With TLS 1.3 the client hears of it when it waits for the answer.
		if a.Failure != exchange.TLSRefused && a.Failure != exchange.Reset || !a.TLS.ClientAuth {
			t.Errorf("%x: ended with %q, TLS %+v: %v", version, a.Failure, a.TLS, a.Err)
		}
		a = exchange.Do(t.Context(), askTLS(address, exchange.TLS{Certificates: []tls.Certificate{
			newAuthority(t).issue(t, soon(), "stranger"), ca.issue(t, soon(), "client"),
		}}))
		expect(t, a, exchange.None, exchange.Done)
		if !a.TLS.ClientAuth {
			t.Error("a certificate was shown and not asked for")
		}
	}
	a := exchange.Do(t.Context(), askTLS(listenTLS(t, &tls.Config{Certificates: []tls.Certificate{server}}), exchange.TLS{}))
	if a.TLS.ClientAuth {
		t.Error("nobody asked for a certificate")
	}
}

// TestAlertAfterTheHandshake: the alert is what it fails with, even if the
// connection is broken after it.
func TestAlertAfterTheHandshake(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, &tls.Config{
			Certificates: []tls.Certificate{ca.issue(t, soon(), "x")}, ClientAuth: tls.RequireAnyClientCert,
		})
		if secure.Handshake() == nil {
			t.Error("went without a certificate")
		}
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
	})
	a := exchange.Do(t.Context(), askTLS(address, exchange.TLS{}))
	expect(t, a, exchange.TLSRefused, exchange.Waiting)
	if a.TLS.Alert != 116 { // certificate_required
		t.Errorf("alert %d: %v", a.TLS.Alert, a.Err)
	}
}

func TestNotTLS(t *testing.T) {
	tests := []struct {
		name, answer string
		failure      exchange.Failure
		received     string
	}{
		{"HTTP", "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", exchange.NotTLS, "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"},
		{"banner", "SSH-2.0-OpenSSH_9.9\r\n", exchange.NotTLS, "SSH-2.0-OpenSSH_9.9\r\n"},
		{"record of another kind", "\x17\x03\x03\x00\x01x", exchange.NotTLS, "\x17\x03\x03\x00\x01x"},
		{"nothing", "", exchange.Closed, ""},
		{"half a record", "\x16\x03\x03", exchange.Closed, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := answered(t.Context(), askTLS("x:443", exchange.TLS{}), tt.answer)
			expect(t, a, tt.failure, exchange.Handshaking)
			if string(a.Received) != tt.received {
				t.Errorf("received %q, want %q", a.Received, tt.received)
			}
		})
	}
	t.Run("reset", func(t *testing.T) {
		a := exchange.Do(t.Context(), askTLS(listen(t, func(conn net.Conn) { conn.Read(make([]byte, 1)) }), exchange.TLS{}))
		expect(t, a, exchange.Reset, exchange.Handshaking)
	})
}

func TestBareTLS(t *testing.T) {
	heard := make(chan string, 1)
	cert := newAuthority(t).issue(t, soon(), "x")
	address := listen(t, func(conn net.Conn) {
		got, err := io.ReadAll(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}))
		heard <- fmt.Sprintf("%q %v", got, err)
	})
	r := askTLS(address, exchange.TLS{})
	r.Protocol = exchange.Bare
	a := exchange.Do(t.Context(), r)
	expect(t, a, exchange.None, exchange.Done)
	if got := <-heard; got != `"" <nil>` {
		t.Errorf("the server heard %s, want a handshake and a goodbye", got)
	}
	if a.Sent != nil || a.TLS.Version == 0 || a.Phases.TLS <= 0 {
		t.Errorf("sent %q, TLS %+v, phases %+v", a.Sent, a.TLS, a.Phases)
	}
}
