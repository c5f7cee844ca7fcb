package probe_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/matcher"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/targettest"
)

// patience is a timeout no test on a working machine comes near.
const patience = 30 * time.Second

func httpProbe(address string) probe.Probe {
	return probe.Probe{Protocol: probe.HTTP, Address: address, Timeout: patience}
}

func mustParse(t *testing.T, codes string) matcher.Set {
	t.Helper()
	set, err := matcher.Parse(codes)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// expect checks the verdict, and what must hold for every result.
func expect(t *testing.T, r probe.Result, reason probe.Reason, description string) {
	t.Helper()
	if r.Reason != reason || r.Description != description {
		t.Errorf("result = %q %q\n   want   %q %q\n   error: %v", r.Reason, r.Description, reason, description, r.Err)
	}
	checkResult(t, r)
}

func checkResult(t *testing.T, r probe.Result) {
	t.Helper()
	if r.Pass != (r.Reason == probe.Passed) || r.Pass != (r.Err == nil) || r.Pass != (r.Description == "") {
		t.Errorf("Pass %v, Reason %q, Description %q and Err %v disagree", r.Pass, r.Reason, r.Description, r.Err)
	}
	if r.Started.IsZero() || r.Phases.Total < r.Phases.Dial+r.Phases.TLS+r.Phases.FirstByte {
		t.Errorf("started %v, phases %+v: the parts exceed the total", r.Started, r.Phases)
	}
	if len(r.Sent) > 16<<10 || len(r.Received) > 16<<10 {
		t.Errorf("transcript of %d and %d bytes is not bounded", len(r.Sent), len(r.Received))
	}
	if strings.ContainsFunc(r.Description, func(c rune) bool { return c < ' ' }) || len([]rune(r.Description)) > 200 {
		t.Errorf("description is not one line of moderate length: %q", r.Description)
	}
}

func TestPass(t *testing.T) {
	target := targettest.Start(t, targettest.Status(200, "ok"))
	r := httpProbe(target.Addr()).Run(t.Context())
	expect(t, r, probe.Passed, "")
	if r.Status != 200 || r.Remote != target.Addr() {
		t.Errorf("status %d from %q, want 200 from %q", r.Status, r.Remote, target.Addr())
	}
	if r.Phases.Dial <= 0 || r.Phases.FirstByte <= 0 || r.Phases.TLS != 0 {
		t.Errorf("phases = %+v, want dial and first byte but no TLS", r.Phases)
	}
	if !strings.HasPrefix(r.String(), "pass 200 in ") {
		t.Errorf("String() = %q", r.String())
	}
	wantReceived := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
	if diff := cmp.Diff(wantReceived, string(r.Received)); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

func TestTCPPassesWhateverWouldBeAnswered(t *testing.T) {
	target := targettest.Start(t, targettest.Status(500, "broken"))
	r := probe.Probe{Protocol: probe.TCP, Address: target.Addr(), Timeout: patience}.Run(t.Context())
	expect(t, r, probe.Passed, "")
	if r.Status != 0 || r.Sent != nil || r.Received != nil || r.Remote != target.Addr() {
		t.Errorf("a TCP probe spoke: %+v", r)
	}
	if !strings.HasPrefix(r.String(), "pass in ") {
		t.Errorf("String() = %q", r.String())
	}
	if got := target.Requests(); len(got) != 0 {
		t.Errorf("the target read %q", got)
	}
}

// TestBytesSent is the contract with targets, which may depend on every byte.
func TestBytesSent(t *testing.T) {
	target := targettest.Start(t, targettest.Status(200, "ok"))
	p := httpProbe(target.Addr())
	p.Host, p.Path = "www.example.com:8080", "/health_check?deep=1&x=%20"
	tests := []struct {
		name  string
		probe probe.Probe
		want  string
	}{
		{"all set", p, "GET /health_check?deep=1&x=%20 HTTP/1.1\r\n" +
			"Host: www.example.com:8080\r\n" +
			"User-Agent: inservice-probe/1.0\r\n" +
			"Accept: */*\r\n" +
			"Connection: close\r\n" +
			"\r\n"},
		{"defaults", httpProbe(target.Addr()), "GET / HTTP/1.1\r\n" +
			"Host: " + target.Addr() + "\r\n" +
			"User-Agent: inservice-probe/1.0\r\n" +
			"Accept: */*\r\n" +
			"Connection: close\r\n" +
			"\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.probe.Run(t.Context())
			expect(t, r, probe.Passed, "")
			if diff := cmp.Diff(tt.want, string(r.Sent)); diff != "" {
				t.Errorf("Sent (-want +got):\n%s", diff)
			}
			requests := target.Requests()
			if diff := cmp.Diff(tt.want, requests[len(requests)-1].Head); diff != "" {
				t.Errorf("arrived (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMatcher(t *testing.T) {
	tests := []struct {
		codes string // "" is the zero matcher
		code  int
		want  string
	}{
		{"", 200, ""},
		{"", 204, "Health checks failed with these codes: [204]"},
		{"", 503, "Health checks failed with these codes: [503]"},
		{"200-299,301", 204, ""},
		{"200-299,301", 301, ""},
		{"200-299,301", 302, "Health checks failed with these codes: [302]"},
		{"503", 503, ""},
		{"503", 200, "Health checks failed with these codes: [200]"},
	}
	target := targettest.Start(t, targettest.Garbage)
	for _, tt := range tests {
		t.Run(tt.codes+" "+http.StatusText(tt.code), func(t *testing.T) {
			target.Set(targettest.Status(tt.code, ""))
			p := httpProbe(target.Addr())
			if tt.codes != "" {
				p.Matcher = mustParse(t, tt.codes)
			}
			r := p.Run(t.Context())
			reason := probe.Passed
			if tt.want != "" {
				reason = probe.ResponseCodeMismatch
			}
			expect(t, r, reason, tt.want)
			if r.Status != tt.code {
				t.Errorf("status = %d, want %d", r.Status, tt.code)
			}
		})
	}
}

func TestMismatchKeepsTheErrorPage(t *testing.T) {
	target := targettest.Start(t, targettest.Raw("HTTP/1.1 500 Oh\r\nContent-Length: 99\r\n\r\ntraceback: …"))
	r := httpProbe(target.Addr()).Run(t.Context())
	// The code is the news, although the body is cut short as well.
	expect(t, r, probe.ResponseCodeMismatch, "Health checks failed with these codes: [500]")
	if !strings.HasSuffix(string(r.Received), "traceback: …") {
		t.Errorf("received = %q, without the page", r.Received)
	}
	if want := "Target.ResponseCodeMismatch: Health checks failed with these codes: [500]"; r.String() != want {
		t.Errorf("String() = %q, want %q", r.String(), want)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := targettest.Start(t, targettest.Status(200, "ok"))
	target := targettest.Start(t, targettest.Redirect("http://"+elsewhere.Addr()+"/"))
	r := httpProbe(target.Addr()).Run(t.Context())
	expect(t, r, probe.ResponseCodeMismatch, "Health checks failed with these codes: [301]")

	p := httpProbe(target.Addr())
	p.Matcher = mustParse(t, "301")
	expect(t, p.Run(t.Context()), probe.Passed, "")

	if got := elsewhere.Accepts(); got != 0 {
		t.Errorf("the redirect's target was asked %d times", got)
	}
	if got := target.Accepts(); got != 2 {
		t.Errorf("the target was asked %d times by two probes", got)
	}
}

func TestConnectionFailures(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		target := targettest.Start(t, targettest.Hang)
		target.Close()
		for _, protocol := range []probe.Protocol{probe.TCP, probe.HTTP, probe.HTTPS} {
			p := httpProbe(target.Addr())
			p.Protocol = protocol
			r := p.Run(t.Context())
			expect(t, r, probe.FailedHealthChecks, "Health checks failed: connection refused")
			if !errors.Is(r.Err, syscall.ECONNREFUSED) || r.Remote != "" || r.Phases.Dial <= 0 {
				t.Errorf("%s: err %v, remote %q, phases %+v", protocol, r.Err, r.Remote, r.Phases)
			}
		}
	})
	t.Run("reset", func(t *testing.T) {
		target := targettest.Start(t, targettest.Reset)
		r := httpProbe(target.Addr()).Run(t.Context())
		checkResult(t, r)
		// The reset may be seen on connecting, on sending or on receiving.
		if r.Reason != probe.FailedHealthChecks || !strings.HasPrefix(r.Description, "Health checks failed: connection reset by") {
			t.Errorf("result = %v", r)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		target := targettest.Start(t, targettest.Raw(""))
		r := httpProbe(target.Addr()).Run(t.Context())
		expect(t, r, probe.FailedHealthChecks, "Health checks failed: the target closed the connection without an answer")
	})
	t.Run("closed after accept", func(t *testing.T) {
		target := targettest.Start(t, targettest.CloseAfterAccept)
		r := httpProbe(target.Addr()).Run(t.Context())
		expect(t, r, probe.FailedHealthChecks, "Health checks failed: the target closed the connection without an answer")
	})
	t.Run("no such host", func(t *testing.T) {
		p := httpProbe("target.invalid:80")
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "target.invalid", IsNotFound: true}}
		}
		expect(t, p.Run(t.Context()), probe.FailedHealthChecks, "Health checks failed: no such host: target.invalid")
	})
	t.Run("name server in trouble", func(t *testing.T) {
		p := httpProbe("target.invalid:80")
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "server misbehaving", Name: "target.invalid", IsTemporary: true}
		}
		expect(t, p.Run(t.Context()), probe.FailedHealthChecks, "Health checks failed: looking up target.invalid: server misbehaving")
	})
	t.Run("error unfit for a terminal", func(t *testing.T) {
		p := httpProbe("127.0.0.1:80")
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("one\ntwo \x1b[31m \xff " + strings.Repeat("ü", 300))
		}
		const head = `Health checks failed: one\ntwo \x1b[31m \xff `
		expect(t, p.Run(t.Context()), probe.FailedHealthChecks, head+strings.Repeat("ü", 199-len(head))+"…")
	})
	t.Run("the system gives up connecting", func(t *testing.T) {
		p := httpProbe("127.0.0.1:80")
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ETIMEDOUT}
		}
		expect(t, p.Run(t.Context()), probe.Timeout, "Request timed out (no connection: connection timed out)")
	})
}

func TestFreshConnectionForEveryProbe(t *testing.T) {
	// A real HTTP server, which would keep the connection if it were let.
	connections := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		connections <- r.RemoteAddr
	}))
	defer server.Close()
	p := httpProbe(server.Listener.Addr().String())
	for range 3 {
		expect(t, p.Run(t.Context()), probe.Passed, "")
	}
	if a, b, c := <-connections, <-connections, <-connections; a == b || b == c || a == c {
		t.Errorf("connections %s, %s and %s are not all different", a, b, c)
	}
}

func TestIPv6(t *testing.T) {
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 on this machine: %v", err)
	}
	target := targettest.StartOn(t, listener, targettest.Status(200, "ok"))
	r := httpProbe(target.Addr()).Run(t.Context())
	expect(t, r, probe.Passed, "")
	if want := "\r\nHost: " + target.Addr() + "\r\n"; !strings.Contains(string(r.Sent), want) {
		t.Errorf("sent %q, want %q in it", r.Sent, want)
	}
}

func TestZoneStaysHere(t *testing.T) {
	target := targettest.Start(t, targettest.Status(200, "ok"))
	p := httpProbe("[fe80::1%eth0]:80")
	p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "[fe80::1%eth0]:80" {
			t.Errorf("dialled %q", address)
		}
		return new(net.Dialer).DialContext(ctx, network, target.Addr())
	}
	r := p.Run(t.Context())
	expect(t, r, probe.Passed, "")
	if !strings.Contains(string(r.Sent), "\r\nHost: [fe80::1]:80\r\n") {
		t.Errorf("sent %q, want the Host without its zone", r.Sent)
	}
}

func TestInvalidProbeSendsNothing(t *testing.T) {
	const injected = "/ HTTP/1.1\r\nHost: x\r\n\r\nGET /admin"
	tests := []struct {
		name   string
		change func(*probe.Probe)
		want   string // in the description
	}{
		{"no protocol", func(p *probe.Probe) { p.Protocol = "" }, `protocol "" is not one of tcp, http, https`},
		{"unknown protocol", func(p *probe.Probe) { p.Protocol = "grpc" }, `protocol "grpc" is not one of`},
		{"no port", func(p *probe.Probe) { p.Address = "10.0.0.5" }, `address "10.0.0.5" is not host:port`},
		{"no host", func(p *probe.Probe) { p.Address = ":80" }, `address ":80" is not host:port`},
		{"bare IPv6", func(p *probe.Probe) { p.Address = "::1" }, "goes in brackets"},
		{"negative timeout", func(p *probe.Probe) { p.Timeout = -1 }, "timeout -1ns is negative"},
		{"relative path", func(p *probe.Probe) { p.Path = "health" }, `path "health" does not begin with a slash`},
		{"absolute URL as path", func(p *probe.Probe) { p.Path = "http://x/" }, "does not begin with a slash"},
		{"line break in path", func(p *probe.Probe) { p.Path = injected }, "must be percent-encoded"},
		{"bare CR in path", func(p *probe.Probe) { p.Path = "/\rX: y" }, `contains "\r", which must be percent-encoded`},
		{"bare LF in path", func(p *probe.Probe) { p.Path = "/\nX: y" }, `contains "\n", which must be percent-encoded`},
		{"space in path", func(p *probe.Probe) { p.Path = "/a b" }, `contains " ", which must be percent-encoded`},
		{"zero byte in path", func(p *probe.Probe) { p.Path = "/\x00" }, "must be percent-encoded"},
		{"letter beyond ASCII in path", func(p *probe.Probe) { p.Path = "/gesundheitsprüfung" }, "must be percent-encoded"},
		{"fragment", func(p *probe.Probe) { p.Path = "/a#b" }, "must be percent-encoded"},
		{"line break in host", func(p *probe.Probe) { p.Host = "x\r\nX-Admin: 1" }, `contains "\r", which no host name can`},
		{"path in host", func(p *probe.Probe) { p.Host = "x/health" }, `contains "/", which no host name can`},
		{"line break in address", func(p *probe.Probe) { p.Host, p.Address = "", "x\r\nX-Admin: 1:80" }, ""},
		{"line break in address, fit for host:port", func(p *probe.Probe) { p.Address = "x\r\nX-Admin\r\n:80" }, `contains "\r", which no host or port can`},
		{"space in a zone", func(p *probe.Probe) { p.Address = "[fe80::1%a b]:80" }, `contains " ", which no host or port can`},
		{"line break in server name", func(p *probe.Probe) { p.ServerName = "x\n" }, `server name "x\n" contains`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := httpProbe("127.0.0.1:80")
			p.Dial = func(context.Context, string, string) (net.Conn, error) {
				t.Error("dialled")
				return nil, errors.New("dialled")
			}
			tt.change(&p)
			r := p.Run(t.Context())
			checkResult(t, r)
			if r.Reason != probe.InternalError || !strings.HasPrefix(r.Description, "Internal error: invalid probe: ") || !strings.Contains(r.Description, tt.want) {
				t.Errorf("result = %v, want an InternalError that says %q", r, tt.want)
			}
			if r.Sent != nil {
				t.Errorf("sent %q", r.Sent)
			}
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Validate = %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestValidateNamesEverything(t *testing.T) {
	err := probe.Probe{Protocol: "ftp", Address: "x", Path: "y", Host: "a b", Timeout: -1}.Validate()
	for _, want := range []string{"ftp", "host:port", "slash", "host name", "negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q in it", err, want)
		}
	}
	if err := httpProbe("10.0.0.5:80").Validate(); err != nil {
		t.Errorf("Validate of a good probe = %v", err)
	}
}
