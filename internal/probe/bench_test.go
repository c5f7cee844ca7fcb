package probe_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/probe"
)

// BenchmarkRun is what a probe costs: in memory what we spend ourselves, on
// loopback with the system's and a server's share.
func BenchmarkRun(b *testing.B) {
	b.Run("memory", func(b *testing.B) {
		p := httpProbe("10.0.0.5:80")
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			return &canned{answer: *strings.NewReader("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n" +
				"Content-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")}, nil
		}
		benchmarkRun(b, p)
	})
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	b.Run("http", func(b *testing.B) {
		server := httptest.NewServer(ok)
		defer server.Close()
		benchmarkRun(b, httpProbe(server.Listener.Addr().String()))
	})
	b.Run("https", func(b *testing.B) {
		server := httptest.NewTLSServer(ok)
		defer server.Close()
		benchmarkRun(b, httpsProbe(server.Listener.Addr().String()))
	})
}

func benchmarkRun(b *testing.B, p probe.Probe) {
	b.ReportAllocs()
	for b.Loop() {
		if r := p.Run(b.Context()); !r.Pass {
			b.Fatal(r)
		}
	}
}

// canned is a connection that takes everything and has its answer ready.
type canned struct {
	net.Conn
	answer strings.Reader
}

func (c *canned) Read(b []byte) (int, error)       { return c.answer.Read(b) }
func (c *canned) Write(b []byte) (int, error)      { return len(b), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
