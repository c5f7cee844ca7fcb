package certcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serve is a TLS server that hangs up after the handshake, until the test ends.
func serve(t *testing.T, config *tls.Config) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				conn.(*tls.Conn).Handshake() // the client has its own opinion
				io.Copy(io.Discard, conn)
				conn.Close()
			})
		}
	})
	return listener.Addr().String()
}

// expect fails the test unless an error says what is wanted after its prefix;
// empty means that there should be none.
func expect(t *testing.T, err error, prefix, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("the check failed: %v", err)
	case want != "" && (err == nil || !strings.HasPrefix(err.Error(), prefix+want)):
		t.Errorf("got  %v\nwant %s", err, prefix+want)
	}
}

func TestServer(t *testing.T) {
	root := issue(t, nil, "Root", nil)
	middle := issue(t, root, "Middle", nil)
	shortMiddle := issue(t, root, "Short Middle", func(c *x509.Certificate) { c.NotAfter = begin.AddDate(0, 0, 40) })
	weak := issue(t, nil, "Weak Root", func(c *x509.Certificate) { c.NotAfter = begin.AddDate(0, 0, 40) })
	names := forServer("shop.example", "127.0.0.1")
	site := issue(t, middle, "shop.example", names)

	const about = "certificate of CN=shop.example, issued by CN=Middle, "
	soon := end.AddDate(0, 0, -14)
	tests := []struct {
		name  string
		site  *identity
		s     Server
		now   time.Time
		want  string // how the error goes on after the address; empty means a pass
		alone bool   // the server forgets what leads to the root
	}{
		{name: "well", site: site, s: Server{ServerName: "shop.example"}, now: begin},
		{name: "address as name", site: site, now: begin},
		{name: "enough days", site: site, now: soon},
		{name: "too few days", site: site, now: soon.Add(time.Second),
			want: about + "expires on 2026-04-01 12:00 UTC, in 13 days, and 14 days must be left: renew it"},
		{name: "own bound", site: site, s: Server{MinDays: 30}, now: end.AddDate(0, 0, -29),
			want: about + "expires on 2026-04-01 12:00 UTC, in 29 days, and 30 days must be left: renew it"},
		{name: "own bound, enough", site: site, s: Server{MinDays: 1}, now: end.AddDate(0, 0, -1)},
		{name: "hours", site: site, s: Server{MinDays: 1}, now: end.Add(-5*time.Hour - time.Minute),
			want: about + "expires on 2026-04-01 12:00 UTC, in 5 hours, and 24 hours must be left: renew it"},
		{name: "expired", site: site, now: end.AddDate(0, 0, 3), want: about + "expired on 2026-04-01 12:00 UTC, 3 days ago"},
		{name: "expired now", site: site, now: end.Add(time.Minute), want: about + "expired on 2026-04-01 12:00 UTC, 1 minute ago"},
		{name: "not yet valid", site: site, now: begin.AddDate(0, 0, -4),
			want: about + "is not valid before 2026-01-01 12:00 UTC, which is 4 days away"},
		{name: "other name", site: site, s: Server{ServerName: "www.shop.example"}, now: begin,
			want: about + "is not verified: x509: certificate is valid for shop.example, not www.shop.example"},
		{name: "unknown authority", site: site, s: Server{Roots: weak.pool()}, now: begin,
			want: about + "is not verified: x509: certificate signed by unknown authority"},
		{name: "intermediate not sent", site: site, alone: true, now: begin,
			want: about + "is not verified: x509: certificate signed by unknown authority"},
		{name: "for clients only", site: issue(t, middle, "shop.example", func(c *x509.Certificate) {
			names(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), now: begin, want: about + "is not verified: x509: certificate specifies an incompatible key usage"},

		{name: "dates only", site: site, s: Server{ServerName: "www.shop.example", Roots: weak.pool(), DatesOnly: true}, alone: true, now: begin},
		{name: "dates only, expired", site: site, s: Server{Roots: weak.pool(), DatesOnly: true}, now: end.AddDate(0, 0, 3),
			want: about + "expired on 2026-04-01 12:00 UTC, 3 days ago"},

		{name: "intermediate ends first", site: issue(t, shortMiddle, "shop.example", names), now: begin.AddDate(0, 0, 30),
			want: "certificate of CN=shop.example, issued by CN=Short Middle, depends on another that ends before it: " +
				"certificate of CN=Short Middle, issued by CN=Root, expires on 2026-02-10 12:00 UTC, in 10 days"},
		{name: "intermediate lasts yet", site: issue(t, shortMiddle, "shop.example", names), now: begin.AddDate(0, 0, 20)},
		{name: "root ends first", site: issue(t, weak, "shop.example", names), s: Server{Roots: weak.pool()}, now: begin.AddDate(0, 0, 30),
			want: "certificate of CN=shop.example, issued by CN=Weak Root, will not be verified any more in 14 days: x509: "},

		{name: "six days, enough", site: issue(t, middle, "shop.example", func(c *x509.Certificate) {
			names(c)
			c.NotAfter = begin.AddDate(0, 0, 6)
		}), now: begin.AddDate(0, 0, 4)},
		{name: "six days, too few", site: issue(t, middle, "shop.example", func(c *x509.Certificate) {
			names(c)
			c.NotAfter = begin.AddDate(0, 0, 6)
		}), now: begin.AddDate(0, 0, 4).Add(time.Hour),
			want: about + "expires on 2026-01-07 12:00 UTC, in 47 hours, and 2 days must be left: renew it"},

		{name: "no subject", site: issue(t, middle, "", names), now: end.AddDate(0, 0, 3),
			want: "certificate of shop.example, issued by CN=Middle, expired on"},
		{name: "no name at all", site: issue(t, middle, "", forServer()), now: end.AddDate(0, 0, 3),
			want: "certificate of serial number 7, issued by CN=Middle, expired on"},
		{name: "subject that plays tricks", site: issue(t, middle, "a\nb\x1b[31m"+strings.Repeat("é", 300), names), now: end.AddDate(0, 0, 3),
			want: "certificate of CN=a?b?[31m" + strings.Repeat("é", 44) + "…, issued by CN=Middle, expired on"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			shown := test.site.shown()
			if test.alone {
				shown.Certificate = shown.Certificate[:1]
			}
			test.s.Address = serve(t, &tls.Config{Certificates: []tls.Certificate{shown}})
			test.s.now = at(test.now)
			if test.s.Roots == nil {
				test.s.Roots = root.pool()
			}
			expect(t, test.s.Run(t.Context()), test.s.Address+": ", test.want)
		})
	}
}

// A server with several certificates shows the one for the name it is asked.
func TestServerIsAskedForTheName(t *testing.T) {
	root := issue(t, nil, "Root", nil)
	asked := make(chan string, 1)
	address := serve(t, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked <- hello.ServerName
		name := hello.ServerName
		if name == "" {
			name = "127.0.0.1"
		}
		shown := issue(t, root, name, forServer(name)).shown()
		return &shown, nil
	}})
	for name, sni := range map[string]string{"": "", "shop.example": "shop.example"} {
		s := Server{Address: address, ServerName: name, Roots: root.pool(), now: at(begin)}
		expect(t, s.Run(t.Context()), "", "")
		if got := <-asked; got != sni {
			t.Errorf("the server was asked for %q, want %q", got, sni)
		}
	}
}

// A server that wants a certificate of its clients shows its own first.
func TestServerThatWantsACertificate(t *testing.T) {
	root := issue(t, nil, "Root", nil)
	site := issue(t, root, "shop.example", forServer("shop.example"))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := Server{ServerName: "shop.example", Roots: root.pool(), now: at(begin)}
		s.Address = serve(t, &tls.Config{
			Certificates: []tls.Certificate{site.shown()},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			MaxVersion:   version,
		})
		expect(t, s.Run(t.Context()), "", "")
		s.now = at(end.AddDate(0, 0, 1))
		expect(t, s.Run(t.Context()), s.Address+": ", "certificate of CN=shop.example, issued by CN=Root, expired on")
	}
}

// Without Roots those of the system decide, and they know no authority of ours.
func TestServerWithTheSystemsRoots(t *testing.T) {
	root := issue(t, nil, "Root", nil)
	address := serve(t, &tls.Config{Certificates: []tls.Certificate{issue(t, root, "", forServer("127.0.0.1")).shown()}})
	s := Server{Address: address, now: at(begin)}
	expect(t, s.Run(t.Context()), address+": ", "certificate of 127.0.0.1, issued by CN=Root, is not verified: x509: ")
}

// The clock of the machine is used unless a test has set one.
func TestServerByTheRealClock(t *testing.T) {
	days := func(n int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			forServer("127.0.0.1")(c)
			c.NotBefore, c.NotAfter = time.Now().AddDate(0, 0, -60), time.Now().AddDate(0, 0, n)
		}
	}
	for n, want := range map[int]string{15: "", 13: "certificate of CN=site, issued by CN=site, expires on "} {
		site := issue(t, nil, "site", days(n))
		address := serve(t, &tls.Config{Certificates: []tls.Certificate{site.shown()}})
		expect(t, Server{Address: address, Roots: site.pool()}.Run(t.Context()), address+": ", want)
	}
}

func TestServerThatIsNone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	s := Server{Address: address}

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Run(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), address+": no TLS: ") {
		t.Errorf("a server that says nothing gave %v, want the end of the context", err)
	}
	first, err := listener.Accept() // the one that said nothing
	if err != nil {
		t.Fatal(err)
	}
	first.Close()

	go func() {
		if conn, err := listener.Accept(); err == nil {
			io.WriteString(conn, "220 mail.example ESMTP\r\n")
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	expect(t, s.Run(t.Context()), address+": ", "no TLS: tls: first record does not look like a TLS handshake")

	listener.Close()
	if err := s.Run(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), address) {
		t.Errorf("a closed port gave %v, want connection refused", err)
	}
}

func TestServerThatCannotBeAsked(t *testing.T) {
	for _, address := range []string{"", "shop.example", ":443"} {
		err := Expiry(address)(t.Context())
		if err == nil || !strings.Contains(err.Error(), "write it as host:port") {
			t.Errorf("%q gave %v, want what would be right", address, err)
		}
	}
	for _, days := range []int{-1, 36501} {
		err := Server{Address: "127.0.0.1:1", MinDays: days}.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "give 1 to 36500, or 0 for 14") {
			t.Errorf("%d days gave %v, want what would be right", days, err)
		}
	}
}

func TestDescribeNamesTheOrganisation(t *testing.T) {
	root := issue(t, nil, "", func(c *x509.Certificate) {
		c.Subject = pkix.Name{Country: []string{"XY"}, Organization: []string{"Good Certificates, Ltd"}, CommonName: "R1"}
	})
	const want = `certificate of CN=R1,O=Good Certificates\, Ltd,C=XY, issued by CN=R1,O=Good Certificates\, Ltd,C=XY,`
	if got := describe(root.cert); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
