package exchange_test

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/realserver"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

func port(address string) int { return int(netip.MustParseAddrPort(address).Port()) }

// TestProxyHeader goes by the examples of the specification, sections 2.1 and 2.2.
func TestProxyHeader(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		if conn, err := net.Listen("tcp", at); err != nil {
			t.Logf("not here: %v", err)
			continue
		} else {
			conn.Close()
		}
		v6 := strings.HasPrefix(at, "[")
		for _, kind := range []exchange.ProxyHeader{exchange.ProxyV1, exchange.ProxyV2, exchange.ProxyV2Local} {
			for _, protocol := range []exchange.Protocol{exchange.Bare, exchange.HTTP1} {
				t.Run(fmt.Sprint(at, kind, protocol), func(t *testing.T) {
					arrived := make(chan string, 1)
					address := listenOn(t, "tcp", at, func(conn net.Conn) {
						b := make([]byte, 4096)
						n, _ := conn.Read(b)
						io.WriteString(conn, ok)
						arrived <- string(b[:n])
					})
					r := ask(address)
					r.Proxy, r.Protocol = kind, protocol
					a := exchange.Do(t.Context(), r)
					expect(t, a, exchange.None, exchange.Done)

					from, to := port(a.Local), port(a.Remote)
					want := map[exchange.ProxyHeader]string{
						exchange.ProxyV1: fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n", from, to),
						exchange.ProxyV2: signature + "\x21\x11\x00\x0c" + "\x7f\x00\x00\x01\x7f\x00\x00\x01" +
							string([]byte{byte(from >> 8), byte(from), byte(to >> 8), byte(to)}),
						exchange.ProxyV2Local: signature + "\x20\x00\x00\x00",
					}[kind]
					if loopback := strings.Repeat("\x00", 15) + "\x01"; v6 && kind == exchange.ProxyV1 {
						want = fmt.Sprintf("PROXY TCP6 ::1 ::1 %d %d\r\n", from, to)
					} else if v6 && kind == exchange.ProxyV2 {
						want = signature + "\x21\x21\x00\x24" + loopback + loopback +
							string([]byte{byte(from >> 8), byte(from), byte(to >> 8), byte(to)})
					}
					if protocol == exchange.HTTP1 {
						want += "GET / HTTP/1.1\r\nHost: example.test\r\naccept: */*\r\n\r\n"
					}
					if got := <-arrived; got != want || string(a.Sent) != want {
						t.Errorf("arrived\n%s\ntold\n%s\nwant\n%s", hex.Dump([]byte(got)), hex.Dump(a.Sent), hex.Dump([]byte(want)))
					}
				})
			}
		}
	}
}

func TestProxyHeaderWithoutAddresses(t *testing.T) {
	for kind, want := range map[exchange.ProxyHeader]string{
		exchange.ProxyV1: "PROXY UNKNOWN\r\n",
		exchange.ProxyV2: signature + "\x21\x00\x00\x00",
	} {
		r := ask("x:80")
		r.Proxy, r.Raw = kind, []byte("raw")
		a := answered(t.Context(), r, ok)
		expect(t, a, exchange.None, exchange.Done)
		if string(a.Sent) != want+"raw" {
			t.Errorf("%s: sent %q", kind, a.Sent)
		}
	}
}

func TestProxyHeaderBeforeTLS(t *testing.T) {
	cert := newAuthority(t).issue(t, soon(), "x")
	address := listen(t, func(conn net.Conn) {
		b := make([]byte, 16)
		io.ReadFull(conn, b)
		if string(b) != signature+"\x20\x00\x00\x00" {
			t.Errorf("the connection began with %q", b)
		}
		says(ok)(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}))
	})
	r := askTLS(address, exchange.TLS{})
	r.Proxy = exchange.ProxyV2Local
	a := exchange.Do(t.Context(), r)
	expect(t, a, exchange.None, exchange.Done)
	if !strings.HasPrefix(string(a.Sent), signature+"\x20\x00\x00\x00GET / ") {
		t.Errorf("sent %q", a.Sent)
	}
}

// TestProxyHeaderToRealServers: nginx says whom it takes the client for.
func TestProxyHeaderToRealServers(t *testing.T) {
	nginx := realserver.Nginx(t, `server { listen {addr} proxy_protocol; location / { return 200 "$proxy_protocol_addr $proxy_protocol_port"; } }`)
	for _, kind := range []exchange.ProxyHeader{exchange.ProxyV1, exchange.ProxyV2, exchange.ProxyV2Local, exchange.NoProxyHeader} {
		r := ask(nginx.Addr())
		r.Proxy, r.Source = kind, netip.MustParseAddr("127.0.0.9")
		a := exchange.Do(t.Context(), r)
		check(t, a)
		switch kind {
		case exchange.NoProxyHeader:
			if a.Whole() {
				t.Errorf("nginx answered %d without a PROXY header", a.Status)
			}
		case exchange.ProxyV2Local:
			if a.Status != 200 {
				t.Errorf("%s: status %d: %v", kind, a.Status, a.Err)
			}
		default:
			if want := fmt.Sprintf("127.0.0.9 %d", port(a.Local)); string(a.Body) != want {
				t.Errorf("%s: nginx saw %q, want %q; %v", kind, a.Body, want, a.Err)
			}
		}
	}
}
