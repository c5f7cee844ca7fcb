package lbconfig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/realserver"
)

// seen is what a probe looked like on the wire, as far as a Check can say it.
type seen struct {
	Proxy, SNI            string // SNI: "-" without TLS
	Method, Path, Version string
	Fields                []Field // names in lower case, as HAProxy sends them
	Body                  string
}

// expected is what the Check says of it, with the defaults of HAProxy.
func expected(c Check) seen {
	want := seen{SNI: "-", Proxy: c.Proxy}
	if c.Scheme == "https" || c.Scheme == "tls" {
		want.SNI = ""
		if c.SNI != nil {
			want.SNI = *c.SNI
		}
	}
	if c.Scheme != "http" && c.Scheme != "https" {
		return want
	}
	or := func(a, b string) string {
		if a == "" {
			return b
		}
		return a
	}
	want.Method, want.Path, want.Version = or(c.Method, "OPTIONS"), or(c.Path, "/"), or(c.Version, "1.0")
	if c.Host != nil {
		want.Fields = append(want.Fields, Field{"host", *c.Host})
	}
	for _, f := range c.Headers {
		want.Fields = append(want.Fields, Field{strings.ToLower(f.Name), f.Value})
	}
	want.Body = c.SendBody
	return want
}

// probeOf accepts one probe and reads it.
func probeOf(t *testing.T, l net.Listener) (seen, error) {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		return seen{}, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	got := seen{SNI: "-"}
	var head [16]byte
	n, _ := io.ReadAtLeast(conn, head[:], 1)
	if n == 0 {
		return got, nil
	}
	var rest io.Reader = io.MultiReader(bytes.NewReader(head[:n]), conn)
	switch {
	case head[0] == 'P' && head[1] == 'R' && head[2] == 'O':
		got.Proxy = "v1"
		readLine(rest)
	case head[0] == '\r':
		if n < 16 {
			io.ReadFull(conn, head[n:])
		}
		got.Proxy = map[byte]string{0x20: "v2-local", 0x21: "v2"}[head[12]]
		io.CopyN(io.Discard, conn, int64(head[14])<<8|int64(head[15]))
		rest = conn
	}
	one := make([]byte, 1)
	if n, _ := io.ReadFull(rest, one); n == 0 {
		return got, nil
	}
	var stream io.Reader = io.MultiReader(bytes.NewReader(one), rest)
	if one[0] == 22 {
		secure := tls.Server(&joined{Conn: conn, r: stream}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
		if err := secure.Handshake(); err != nil {
			return got, fmt.Errorf("handshake: %w", err)
		}
		got.SNI = secure.ConnectionState().ServerName
		stream = secure
	}
	first := strings.Fields(readLine(stream))
	if len(first) != 3 {
		return got, nil
	}
	got.Method, got.Path, got.Version = first[0], first[1], strings.TrimPrefix(first[2], "HTTP/")
	length := 0
	for {
		line := readLine(stream)
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			break
		}
		value = strings.TrimSpace(value)
		switch name {
		case "content-length":
			length, _ = strconv.Atoi(value)
		case "connection": // HAProxy's own
		default:
			got.Fields = append(got.Fields, Field{name, value})
		}
	}
	body := make([]byte, length)
	io.ReadFull(stream, body)
	got.Body = string(body)
	return got, nil
}

type joined struct {
	net.Conn
	r io.Reader
}

func (j *joined) Read(b []byte) (int, error) { return j.r.Read(b) }

func readLine(r io.Reader) string {
	var line []byte
	one := make([]byte, 1)
	for len(line) < 4096 {
		if n, err := r.Read(one); n == 0 || err != nil {
			break
		}
		if one[0] == '\n' {
			break
		}
		line = append(line, one[0])
	}
	return strings.TrimSuffix(string(line), "\r")
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"app.example.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestAgreesWithHAProxy gives the same file to HAProxy and to Parse: the probe
// that arrives is the one that the Check describes, at the address it names.
// PORT stands for the listener's port.
func TestAgreesWithHAProxy(t *testing.T) {
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		if os.Getenv(realserver.RequireVariable) == "1" {
			t.Fatal("haproxy is not installed (Debian package: haproxy)")
		}
		t.Skip("haproxy is not installed (Debian package: haproxy)")
	}
	const front = "defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n"
	for name, config := range map[string]string{
		"httpchk":                         front + "backend b\n option httpchk\n server s 127.0.0.1:PORT check\n",
		"uri":                             front + "backend b\n option httpchk /health\n server s 127.0.0.1:PORT check\n",
		"method and uri":                  front + "backend b\n option httpchk GET /health?deep=1\n server s 127.0.0.1:PORT check\n",
		"version":                         front + "backend b\n option httpchk HEAD /health HTTP/1.1\n server s 127.0.0.1:PORT check\n",
		"host in the version":             front + "backend b\n option httpchk GET /health HTTP/1.1\\r\\nHost:\\ www.example.test\n server s 127.0.0.1:PORT check\n",
		"fields in the version":           front + "backend b\n option httpchk GET /health \"HTTP/1.1\\r\\nHost: www.example.test\\r\\nX-Probe: a b\"\n server s 127.0.0.1:PORT check\n",
		"send":                            front + "backend b\n option httpchk\n http-check send meth GET uri /up ver HTTP/1.1 hdr Host www.example.test hdr X-A 1\n server s 127.0.0.1:PORT check\n",
		"send over httpchk":               front + "backend b\n option httpchk GET /old\n http-check send hdr Host www.example.test\n server s 127.0.0.1:PORT check\n",
		"send over httpchk's uri":         front + "backend b\n option httpchk GET /old HTTP/1.1\\r\\nHost:\\ old.example.test\n http-check send uri /new hdr X-A 1\n server s 127.0.0.1:PORT check\n",
		"send over httpchk's fields":      front + "backend b\n option httpchk GET /old HTTP/1.1\\r\\nHost:\\ old.example.test\n http-check send uri /new\n server s 127.0.0.1:PORT check\n",
		"send over httpchk's body":        front + "backend b\n option httpchk POST /old HTTP/1.1\\r\\nHost:\\ old.example.test\\r\\n\\r\\nping\n http-check send hdr X-A 1\n server s 127.0.0.1:PORT check\n",
		"body in the version":             front + "backend b\n option httpchk POST /old HTTP/1.1\\r\\nHost:\\ old.example.test\\r\\n\\r\\nping\n server s 127.0.0.1:PORT check\n",
		"version of send over fields":     front + "backend b\n option httpchk GET /old HTTP/1.1\\r\\nHost:\\ old.example.test\n http-check send ver HTTP/1.0\n server s 127.0.0.1:PORT check\n",
		"option after the rules":          front + "backend b\n http-check send meth GET uri /rules\n option httpchk HEAD /option\n server s 127.0.0.1:PORT check\n",
		"option after fields":             front + "backend b\n http-check send meth GET uri /rules hdr X-A 1 body x\n option httpchk HEAD /option HTTP/1.1\n server s 127.0.0.1:PORT check\n",
		"connect, then half a send":       front + "backend b\n option httpchk GET /old\n http-check connect\n http-check send hdr X-A 1\n server s 127.0.0.1:PORT check\n",
		"rules in defaults, option after": front + " http-check send meth GET uri /rules\n option httpchk HEAD /option\nbackend b\n server s 127.0.0.1:PORT check\n",
		"bare connect on tls":             front + "backend b\n option httpchk\n http-check connect\n http-check send meth GET uri /x\n server s 127.0.0.1:PORT check ssl verify none check-sni app.example.test\n",
		"connect with a port on tls":      front + "backend b\n option httpchk\n http-check connect port PORT\n http-check send meth GET uri /x\n server s 127.0.0.1:9 check ssl verify none check-sni app.example.test\n",
		"connect default and a port":      front + "backend b\n option httpchk\n http-check connect default port PORT\n http-check send meth GET uri /x\n server s 127.0.0.1:9 check ssl verify none check-sni app.example.test\n",
		"bare connect with send-proxy":    front + "backend b\n option httpchk\n http-check connect\n http-check send meth GET uri /x\n server s 127.0.0.1:PORT check send-proxy\n",
		"connect default with send-proxy": front + "backend b\n option httpchk\n http-check connect default\n http-check send meth GET uri /x\n server s 127.0.0.1:PORT check send-proxy-v2\n",
		"bare tcp-check connect on tls":   front + "backend b\n mode tcp\n option tcp-check\n tcp-check connect\n tcp-check send hi\n server s 127.0.0.1:PORT check ssl verify none\n",
		"connect ssl, server's sni":       front + "backend b\n option httpchk\n http-check connect ssl\n http-check send meth GET uri /x\n server s 127.0.0.1:PORT check verify none check-sni app.example.test\n",
		"connect to an address":           front + "backend b\n option httpchk\n http-check connect addr 127.0.0.1 port PORT\n http-check send meth GET uri /x\n server s 127.0.0.9:9 check\n",
		"check port under connect":        front + "backend b\n option httpchk\n http-check connect\n http-check send meth GET uri /x\n server s 127.0.0.1:9 check port PORT\n",
		"httpchk over defaults' fields":   front + " option httpchk\n http-check send hdr X-A 1\nbackend b\n option httpchk HEAD /own\n server s 127.0.0.1:PORT check\n",
		"another section's defaults":      front + " default-server check\nbackend a\n default-server ssl verify none\nbackend b\n option httpchk\n server s 127.0.0.1:PORT\n",
		"escapes":                         front + "backend b\n option httpchk\n http-check send meth GET uri \"/\\x41\" hdr X-A \"a\\\"b\\\\c\" hdr X-B a\\\\b\\#c\\ d hdr X-C 'a\"b'\n server s 127.0.0.1:PORT check\n",
		"option httpchk twice":            front + "backend b\n option httpchk GET /one\n option httpchk HEAD\n server s 127.0.0.1:PORT check\n",
		"tcp-check of httpchk's default":  front + "backend b\n option httpchk GET /x\n http-check connect ssl\n http-check send meth GET uri /y hdr X-A 1\n server s 127.0.0.1:PORT check verify none\n",
		"send with a body":                front + "backend b\n option httpchk\n http-check send meth POST uri /up ver HTTP/1.1 hdr Host h body \"ping pong\"\n server s 127.0.0.1:PORT check\n",
		"quotes":                          front + "backend b\n option httpchk\n http-check send meth GET uri '/a#c' hdr X-A \"1 # 2\" hdr X-B 'it\\s' # comment\n server s 127.0.0.1:PORT check\n",
		"connect, then send":              front + "backend b\n option httpchk GET /old\n http-check connect\n http-check send meth GET uri /new\n server s 127.0.0.1:PORT check\n",
		"connect by another port":         front + "backend b\n option httpchk\n http-check connect port PORT\n http-check send meth GET uri /new\n server s 127.0.0.1:9 check\n",
		"connect with proxy":              front + "backend b\n option httpchk\n http-check connect send-proxy\n http-check send meth GET uri /new\n server s 127.0.0.1:PORT check\n",
		"connect with tls":                front + "backend b\n option httpchk\n http-check connect ssl sni app.example.test\n http-check send meth GET uri /new\n server s 127.0.0.1:PORT check verify none\n",
		"connect default":                 front + "backend b\n option httpchk\n http-check connect default\n http-check send meth GET uri /new\n server s 127.0.0.1:PORT check ssl verify none check-sni app.example.test\n",
		"port":                            front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:9 check port PORT\n",
		"port and address":                front + "backend b\n option httpchk GET /up\n server s 127.0.0.9:9 check port PORT addr 127.0.0.1\n",
		"address with a port":             front + "backend b\n option httpchk GET /up\n server s 127.0.0.9:9 check addr 127.0.0.1:PORT\n",
		"tls":                             front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:PORT check ssl verify none\n",
		"tls and sni":                     front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:PORT check ssl verify none sni str(traffic.example.test) check-sni app.example.test\n",
		"tls of traffic alone":            front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:PORT check ssl verify none no-check-ssl\n",
		"tls with a port":                 front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:9 check ssl verify none port PORT\n",
		"check-ssl with a port":           front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:9 check check-ssl verify none port PORT\n",
		"tls connect":                     front + "backend b\n server s 127.0.0.1:PORT check ssl verify none check-sni app.example.test\n",
		"send-proxy":                      front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:PORT check send-proxy\n",
		"send-proxy-v2":                   front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:PORT check send-proxy-v2\n",
		"send-proxy with a port":          front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:9 check send-proxy port PORT\n",
		"check-send-proxy":                front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:PORT check check-send-proxy\n",
		"check-send-proxy v2":             front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:9 check check-send-proxy send-proxy-v2 port PORT\n",
		"proxy and tls":                   front + "backend b\n option httpchk GET /up\n server s 127.0.0.1:PORT check ssl verify none send-proxy-v2\n",
		"defaults":                        front + " option httpchk GET /from-defaults\n default-server check ssl verify none\nbackend b\n server s 127.0.0.1:PORT\n",
		"rules in defaults":               front + " option httpchk\n http-check send meth GET uri /from-defaults\nbackend b\n server s 127.0.0.1:PORT check\n",
		"own rules over defaults":         front + " option httpchk\n http-check send meth GET uri /from-defaults\nbackend b\n http-check send meth GET uri /own\n server s 127.0.0.1:PORT check\n",
		"httpchk over defaults":           front + " option httpchk\n http-check send meth GET uri /from-defaults\nbackend b\n option httpchk HEAD /own\n server s 127.0.0.1:PORT check\n",
		"default-server":                  front + "backend b\n option httpchk\n default-server check ssl verify none\n default-server check-sni app.example.test no-ssl\n server s 127.0.0.1:PORT\n",
		"no check wins":                   front + "backend b\n option httpchk\n default-server check ssl verify none\n server t 127.0.0.1:9 no-check\n server s 127.0.0.1:PORT no-ssl\n",
		"two defaults":                    front + " option httpchk GET /first\ndefaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\nbackend b\n option httpchk GET /second\n server s 127.0.0.1:PORT check\n",
		"named defaults":                  "defaults one\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n option httpchk GET /one\ndefaults two from one\n option httpchk GET /two\nbackend b from one\n server s 127.0.0.1:PORT check\n",
		"tcp-check":                       front + "backend b\n mode tcp\n option tcp-check\n tcp-check connect ssl sni app.example.test\n server s 127.0.0.1:PORT check verify none\n",
		"tcp-check, port":                 front + "backend b\n mode tcp\n option tcp-check\n tcp-check connect port PORT send-proxy\n server s 127.0.0.1:9 check\n",
		"listen":                          front + "listen b\n option httpchk GET /listen\n server s 127.0.0.1:PORT check\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
			port := l.Addr().(*net.TCPAddr).Port
			config := config + "listen other\n mode http\n bind abns@inservice-PORT\n" // without a listener HAProxy ends
			config = strings.ReplaceAll(config, "PORT", strconv.Itoa(port))
			file := filepath.Join(t.TempDir(), "haproxy.cfg")
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			checks, err := Read(file + "#b/s")
			if err != nil || len(checks) != 1 {
				t.Fatalf("%+v, %v", checks, err)
			}
			c := checks[0]
			if u, err := url.Parse(c.Target); err != nil || u.Host != fmt.Sprintf("127.0.0.1:%d", port) || u.Scheme != c.Scheme || int(c.Port) != port {
				t.Errorf("target %q, port %d: %v; want port %d", c.Target, c.Port, err, port)
			}
			var out bytes.Buffer
			cmd := exec.Command(haproxy, "-db", "-f", file)
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { cmd.Wait(); l.Close(); close(ended) }()
			defer func() { cmd.Process.Kill(); <-ended }()
			got, err := probeOf(t, l)
			if err != nil {
				cmd.Process.Kill()
				<-ended
				t.Fatalf("%v\n%s\n%s", err, config, out.String())
			}
			want := expected(c)
			order := func(a, b Field) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) }
			slices.SortStableFunc(got.Fields, order)
			slices.SortStableFunc(want.Fields, order)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("the probe differs (-Check +HAProxy)\n%s\n%s\n%s", d, config, out.String())
			}
		})
	}
}
