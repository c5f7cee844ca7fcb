package dialect

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/exchange"
)

var update = flag.Bool("update", false, "write what is there into testdata")

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	name := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-file +got; after a review, go test -update):\n%s", name, diff)
	}
}

func must(t testing.TB, name, url string, o Options) Probe {
	t.Helper()
	p, err := New(name, url, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sent is what an exchange puts on the wire for r, inside TLS.
func sent(t testing.TB, r exchange.Request) string {
	t.Helper()
	s := serve(t, script{say: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", tls: r.TLS != nil})
	r.Source = r.Source.Unmap()
	r.Timeout = 5 * time.Second
	r.ConnectTimeout = 0
	if r.TLS != nil {
		h := *r.TLS
		h.Verify = false
		r.TLS = &h
	}
	r.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.addr)
	}
	return string(exchange.Do(t.Context(), r).Sent)
}

// script is what a server does with each connection.
type script struct {
	say   string // after the head of a request; "" nothing
	first bool   // say it at once, without waiting for a request
	end   ending
	tls   bool
	next  string // said to a request for /next
}

type ending uint8

const (
	closes ending = iota
	resets
	hangs // until the test is over, or the client goes
)

type server struct {
	addr string
	mu   sync.Mutex
	head []string // of each request
}

func (s *server) heads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.head...)
}

// serve runs a script on a port of loopback until the test is over.
func serve(t testing.TB, does script) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: l.Addr().String()}
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.play(c, does, over) })
		}
	})
	t.Cleanup(func() {
		close(over)
		_ = l.Close()
		wg.Wait()
	})
	return s
}

func (s *server) play(raw net.Conn, does script, over <-chan struct{}) {
	defer func() { _ = raw.Close() }()
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	c := raw
	if does.tls {
		c = tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{selfSigned()}})
	}
	say := does.say
	if !does.first {
		var head strings.Builder
		for r := bufio.NewReader(c); ; {
			line, err := r.ReadString('\n')
			head.WriteString(line)
			simple := head.Len() == len(line) && !strings.Contains(line, " HTTP/")
			if err != nil || simple || strings.TrimRight(line, "\r\n") == "" {
				break
			}
		}
		s.mu.Lock()
		s.head = append(s.head, head.String())
		s.mu.Unlock()
		if _, target, _ := strings.Cut(head.String(), " "); does.next != "" && strings.HasPrefix(target, "/next") {
			say = does.next
		}
	}
	if does.first && say == "" { // what is left unread would break the connection
		_, _ = c.Read(make([]byte, 4096))
	}
	_, _ = c.Write([]byte(strings.ReplaceAll(say, "<addr>", s.addr)))
	switch does.end {
	case resets:
		_ = raw.(*net.TCPConn).SetLinger(0)
	case hangs:
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = raw.Read(make([]byte, 1))
		}()
		select {
		case <-over:
			_ = raw.Close()
		case <-gone:
		}
		<-gone
	}
}

var selfSigned = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"app.example.test"}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// closedPort is one at which nobody listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// scripts are the servers that dialects and real probers are both shown.
var scripts = map[string]script{
	"ok":           {say: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	"201":          {say: "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"},
	"204":          {say: "HTTP/1.1 204 No Content\r\n\r\n"},
	"304":          {say: "HTTP/1.1 304 Not Modified\r\n\r\n"},
	"404":          {say: "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"},
	"429":          {say: "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"},
	"500":          {say: "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"},
	"503":          {say: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"},
	"301-same":     {say: "HTTP/1.1 301 Moved Permanently\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n", next: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	"302-to-503":   {say: "HTTP/1.1 302 Found\r\nLocation: http://<addr>/next?a=b\r\nContent-Length: 0\r\n\r\n", next: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"},
	"302-nowhere":  {say: "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"},
	"302-loop":     {say: "HTTP/1.1 302 Found\r\nLocation: /health\r\nContent-Length: 0\r\n\r\n"},
	"302-ftp":      {say: "HTTP/1.1 302 Found\r\nLocation: ftp://site.example/\r\nContent-Length: 0\r\n\r\n"},
	"302-bad":      {say: "HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"},
	"closed":       {},
	"reset":        {end: resets},
	"ssh":          {say: "SSH-2.0-OpenSSH_9.2p1\r\n", first: true},
	"no-status":    {say: "<html>hello</html>\n"},
	"head-cut":     {say: "HTTP/1.1 200 OK\r\nConte"},
	"line-cut":     {say: "HTTP/1.1 20"},
	"value-cut":    {say: "HTTP/1.1 200 OK\r\nContent-Type: text/h"},
	"body-cut":     {say: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"},
	"chunks-cut":   {say: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"},
	"chunks-bad":   {say: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n"},
	"503-cut":      {say: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\nhalf"},
	"unannounced":  {say: "HTTP/1.1 200 OK\r\n\r\nok"},
	"silence":      {end: hangs},
	"body-hangs":   {say: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", end: hangs},
	"plain-to-tls": {tls: true},
}
