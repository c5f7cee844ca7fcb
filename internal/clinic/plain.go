package clinic

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// plain is what a server of our own does with a connection, the nth since its
// start. The connection is closed afterwards.
type plain func(conn net.Conn, n int)

// startPlain starts the servers in this process; a Config is the name of what
// they do.
func startPlain(w *world, tenants []*tenant) {
	for _, t := range tenants {
		do, ok := plainServers[t.config]
		if !ok {
			w.t.Fatalf("clinic: case %s: no plain server %q", t.c.Name, t.config)
		}
		l, err := net.Listen("tcp", t.addr())
		if err != nil {
			w.t.Fatalf("clinic: case %s: %v", t.c.Name, err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			var n atomic.Int64
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					conn.SetDeadline(time.Now().Add(30 * time.Second))
					do(conn, int(n.Add(1)-1))
				}()
			}
		}()
		w.t.Cleanup(func() {
			l.Close()
			<-ended
		})
	}
}

// after answers each request with the same bytes and closes.
func after(text string) plain {
	return func(conn net.Conn, _ int) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.WriteString(conn, text)
			part(conn)
		}
	}
}

// part closes so that what was written arrives: the other side first.
func part(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
	conn.SetDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, conn)
}

const (
	plainFine = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfine\n"
	plainLost = "HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\nConnection: close\r\n\r\nno such page\n"
)

var plainServers = map[string]plain{
	"fine":     routes(map[string]string{"/": plainFine, "/alive": plainFine}),
	"icy":      after("ICY 200 OK\r\nicy-name: shop radio\r\n\r\n"),
	"bare":     after("<html><body>fine</body></html>\n"),
	"no proto": after("200 OK\r\nContent-Length: 4\r\n\r\nfine"),
	"short":    after("HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\nfine so far\n"),
	"reset": func(conn net.Conn, _ int) {
		http.ReadRequest(bufio.NewReader(conn))
		conn.(*net.TCPConn).SetLinger(0)
	},
	"hang up": func(net.Conn, int) {},
	"silent":  func(conn net.Conn, _ int) { io.Copy(io.Discard, conn) },
	"smtp":    greet("220 mail.shop.example ESMTP\r\n", "500 5.5.2 Error: bad syntax\r\n"),
	"ssh":     greet("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "Invalid SSH identification string.\r\n"),
	"binary": func(conn net.Conn, _ int) {
		io.ReadFull(conn, make([]byte, 4))
		conn.Write([]byte{0, 0, 0, 9, 0x80, 1, 2, 3, 4, 0, 0xff, 0xfe, 0})
		part(conn)
	},
	"all 201": routes(map[string]string{"/": strings.Replace(plainFine, "200 OK", "201 Created", 1), "/alive": strings.Replace(plainFine, "200 OK", "201 Created", 1)}),
	"slow": func(conn net.Conn, _ int) {
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		if req.URL.Path == "/alive" {
			time.Sleep(2900 * time.Millisecond)
		}
		io.WriteString(conn, plainFine)
		part(conn)
	},
	"drip": func(conn net.Conn, _ int) {
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		switch req.URL.Path {
		case "/alive":
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
			for i := range "fine\n" {
				time.Sleep(700 * time.Millisecond)
				io.WriteString(conn, "fine\n"[i:i+1])
			}
		case "/":
			io.WriteString(conn, plainFine)
		default:
			io.WriteString(conn, plainLost)
		}
		part(conn)
	},
	"every other": func(conn net.Conn, n int) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		if n%2 == 0 {
			io.WriteString(conn, plainFine)
			part(conn)
		}
	},
}

// routes answers by path, and 404 elsewhere.
func routes(answers map[string]string) plain {
	return func(conn net.Conn, _ int) {
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		text, ok := answers[req.URL.Path]
		if !ok {
			text = plainLost
		}
		io.WriteString(conn, text)
		part(conn)
	}
}

// greet speaks first, answers the first line and closes.
func greet(greeting, answer string) plain {
	return func(conn net.Conn, _ int) {
		io.WriteString(conn, greeting)
		if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
			io.WriteString(conn, answer)
			part(conn)
		}
	}
}

var plainCases = []Case{
	{
		Name: "plain-radio-stream", Server: "plain", Path: "/alive", Config: "icy", Mended: "fine", Want: "fail malformed_response / not_http",
		Trials: []string{"=> noise", "path=/ => noise", "host={site} => noise"},
	}, {
		Name: "plain-page-without-head", Server: "plain", Path: "/alive", Config: "bare", Mended: "fine", Want: "fail malformed_response",
		Trials: []string{"=> noise", "path=/ => noise", "host={site} => noise"},
	}, {
		Name: "plain-status-without-protocol", Server: "plain", Path: "/alive", Config: "no proto", Mended: "fine", Want: "fail malformed_response",
		Trials: []string{"=> noise", "path=/ => noise"},
	}, {
		Name: "plain-cut-short", Server: "plain", Path: "/alive", Config: "short", Mended: "fine", Want: "unknown truncated_response",
		Trials: []string{"=> cut", "path=/ => cut", "host={site} => cut"},
	}, {
		Name: "plain-resets", Server: "plain", Path: "/alive", Config: "reset", Mended: "fine", Want: "fail closed_no_response",
		Trials: []string{"=> closed", "path=/ => closed", "proxy=v1 => closed", "host={site} => closed"},
	}, {
		Name: "plain-hangs-up", Server: "plain", Path: "/alive", Config: "hang up", Mended: "fine", Want: "fail closed_no_response",
		Trials: []string{"=> closed", "path=/ => closed", "proxy=v1 => closed", "host={site} => closed"},
	}, {
		Name: "plain-silent", Server: "plain", Path: "/alive", Config: "silent", Mended: "fine", Timeout: 2e9, Want: "fail no_response / worker_saturated",
		Trials: []string{"=> silence", "path=/ => silence", "proxy=v1 => silence"},
	}, {
		Name: "plain-mail-server", Server: "plain", Path: "/alive", Config: "smtp", Mended: "fine", Want: "fail not_http",
		Trials: []string{"=> noise", "path=/ => noise"},
	}, {
		Name: "plain-ssh", Server: "plain", Path: "/alive", Config: "ssh", Mended: "fine", Want: "fail not_http",
		Trials: []string{"=> noise", "path=/ => noise"},
	}, {
		Name: "plain-binary", Server: "plain", Path: "/alive", Config: "binary", Mended: "fine", Want: "fail not_http / malformed_response",
		Trials: []string{"=> noise", "path=/ => noise"},
	}, {
		Name: "plain-created", Server: "plain", Path: "/alive", Config: "all 201", Mended: "fine", As: "gcp", Want: "fail success_code_mismatch",
		Trials: []string{"=> 201", "path=/ => 201", "path=/nothing => 404"},
	}, {
		Name: "plain-slow", Server: "plain", Path: "/alive", Config: "slow", Mended: "fine", Timeout: 2e9, Want: "fail slow_response",
		Trials: []string{"=> silence", "patience=6 => 200", "path=/ => 200"},
	}, {
		Name: "plain-every-other", Server: "plain", Path: "/alive", Config: "every other", Mended: "fine", Want: "flap flapping",
		Trials: []string{"=> 200", "=> closed", "=> 200", "=> closed"},
	}, {
		Name: "plain-healthy", Server: "plain", Path: "/alive", Config: "fine", As: "route53", Want: "pass",
		Trials: []string{"=> 200", "path=/nothing => 404"},
	}, {
		Name: "plain-body-drips", Server: "plain", Path: "/alive", Config: "drip", Mended: "fine", Timeout: 2e9, Want: "unknown slow_response",
		Trials: []string{"=> silence", "patience=8 => 200", "path=/ => 200", "path=/nothing => 404"},
	},
}
