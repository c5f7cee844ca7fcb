package probe_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/targettest"
)

func httpsProbe(address string) probe.Probe {
	p := httpProbe(address)
	p.Protocol = probe.HTTPS
	return p
}

func TestTLSPassesWithACertificateNobodyTrusts(t *testing.T) {
	target := targettest.StartTLS(t, targettest.Status(200, "ok"))
	r := httpsProbe(target.Addr()).Run(t.Context())
	expect(t, r, probe.Passed, "")
	if r.Phases.TLS <= 0 || r.Phases.FirstByte <= 0 {
		t.Errorf("phases = %+v, want a TLS handshake and a first byte", r.Phases)
	}
	if !strings.HasPrefix(string(r.Sent), "GET / HTTP/1.1\r\n") || !strings.HasPrefix(string(r.Received), "HTTP/1.1 200 OK\r\n") {
		t.Errorf("the transcript is not in the clear: %q, %q", r.Sent, r.Received)
	}
}

func TestServerName(t *testing.T) {
	target := targettest.StartTLS(t, targettest.Status(200, "ok"))
	tests := []struct {
		name, host, serverName string
		wantHost, wantName     string
	}{
		{"address alone", "", "", target.Addr(), ""},
		{"from host", "www.example.com", "", "www.example.com", "www.example.com"},
		{"from host, less its port", "www.example.com:444", "", "www.example.com:444", "www.example.com"},
		{"set apart", "www.example.com", "inner.example.com", "www.example.com", "inner.example.com"},
		{"set alone", "", "inner.example.com", target.Addr(), "inner.example.com"},
		{"address as host", "10.0.0.5", "", "10.0.0.5", ""},
		{"IPv6 address as host", "[2001:db8::1]", "", "[2001:db8::1]", ""},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := httpsProbe(target.Addr())
			p.Host, p.ServerName = tt.host, tt.serverName
			expect(t, p.Run(t.Context()), probe.Passed, "")
			seen := target.Requests()[i]
			_, rest, _ := strings.Cut(seen.Head, "\r\nHost: ")
			host, _, _ := strings.Cut(rest, "\r\n")
			if diff := cmp.Diff([]string{tt.wantHost, tt.wantName}, []string{host, seen.ServerName}); diff != "" {
				t.Errorf("Host and server name (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTLSToPlainPort(t *testing.T) {
	plain := targettest.Start(t, func(c *targettest.Conn) {
		c.Read(make([]byte, 4096)) // the client's first flight
		c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	})
	expect(t, httpsProbe(plain.Addr()).Run(t.Context()), probe.FailedHealthChecks,
		"Health checks failed: the target answered the TLS handshake in plain HTTP (is this port meant for https?)")

	plain.Set(func(c *targettest.Conn) {
		c.Read(make([]byte, 4096))
		c.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
	})
	expect(t, httpsProbe(plain.Addr()).Run(t.Context()), probe.FailedHealthChecks,
		"Health checks failed: the target does not speak TLS: first record does not look like a TLS handshake")

	plain.Set(targettest.CloseAfterAccept)
	expect(t, httpsProbe(plain.Addr()).Run(t.Context()), probe.FailedHealthChecks,
		"Health checks failed: the target closed the connection during the TLS handshake")
}

func TestPlainToTLSPort(t *testing.T) {
	// Go's HTTP server notices, and says so in plain HTTP; nginx does too.
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	expect(t, httpProbe(server.Listener.Addr().String()).Run(t.Context()), probe.ResponseCodeMismatch,
		"Health checks failed with these codes: [400]")

	// Anything else just closes, in order or with a reset.
	target := targettest.StartTLS(t, targettest.Status(200, "ok"))
	r := httpProbe(target.Addr()).Run(t.Context())
	checkResult(t, r)
	if r.Reason != probe.FailedHealthChecks {
		t.Errorf("result = %v", r)
	}
}

func TestTLSSaysGoodbye(t *testing.T) {
	last := make(chan []byte, 1)
	target := targettest.StartTLS(t, func(c *targettest.Conn) {
		targettest.Status(200, "ok")(c)
		// Below TLS, which does not tell the end of a session from the end of
		// its connection.
		record, err := io.ReadAll(c.Conn.(*tls.Conn).NetConn())
		if err != nil {
			t.Errorf("reading the last record: %v", err)
		}
		last <- record
	})
	expect(t, httpsProbe(target.Addr()).Run(t.Context()), probe.Passed, "")
	if record := <-last; len(record) == 0 {
		t.Error("the connection ended without a close_notify alert")
	}
}

func TestTLSAlert(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuse := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return nil, net.ErrClosed // any error: the client gets an alert
	}}
	target := targettest.StartOn(t, tls.NewListener(listener, refuse), targettest.Status(200, "ok"))
	expect(t, httpsProbe(target.Addr()).Run(t.Context()), probe.FailedHealthChecks,
		"Health checks failed: TLS handshake: tls: internal error")
}

func TestOldTLSPasses(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}
	server.StartTLS()
	defer server.Close()
	expect(t, httpsProbe(server.Listener.Addr().String()).Run(t.Context()), probe.Passed, "")
}
