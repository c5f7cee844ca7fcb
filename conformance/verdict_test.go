package conformance

import (
	"bufio"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/conformance/real"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/targettest"
)

// patience is the time-out of every prober: long for a busy machine, short for
// whoever waits for what never answers.
const patience = 2 * time.Second

// late is when something comes for which nobody has waited.
const late = 4 * time.Second

// target is a server to be judged, and how it is asked.
type target struct {
	does targettest.Behaviour // nil: nobody listens
	tls  *tls.Config          // nil: plain
	ask  real.Question        // its Kind, TLS and the like; http if there is none
}

// readPath reads the head of a request and returns the path asked for.
func readPath(c *targettest.Conn) string {
	r, err := http.ReadRequest(bufio.NewReader(c.Conn))
	if err != nil {
		return ""
	}
	return r.URL.Path
}

// says answers a request with these bytes, in which <addr> stands for the server's
// address, a request for /next with next if there is such a thing, and then does
// as told: the connection is closed when nothing is told.
func says(first, next string, then ...targettest.Behaviour) targettest.Behaviour {
	return func(c *targettest.Conn) {
		say := first
		if path := readPath(c); path == "" {
			return
		} else if next != "" && strings.HasPrefix(path, "/next") {
			say = next
		}
		io.WriteString(c, strings.ReplaceAll(say, "<addr>", c.LocalAddr().String()))
		for _, do := range then {
			do(c)
		}
	}
}

// hold keeps the connection open until the client goes.
func hold(c *targettest.Conn) { io.Copy(io.Discard, c.Conn) }

// wait says the rest, for which nobody has waited.
func wait(rest string) targettest.Behaviour {
	return func(c *targettest.Conn) {
		c.Sleep(late)
		io.WriteString(c, rest)
	}
}

func status(line string, more ...string) string {
	return "HTTP/1.1 " + line + "\r\n" + strings.Join(more, "") + "Content-Length: 0\r\nConnection: close\r\n\r\n"
}

const (
	fine    = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
	chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)

func targets() map[string]target {
	tcp := real.Question{Kind: "tcp"}
	https := real.Question{Kind: "http", TLS: true}
	verified := real.Question{Kind: "http", TLS: true, Verify: true, Name: site}
	all := map[string]target{
		"refused":         {},
		"refused, tcp":    {ask: tcp},
		"closes":          {does: targettest.CloseAfterAccept},
		"resets":          {does: targettest.Reset},
		"hangs":           {does: targettest.Hang},
		"hangs, tcp":      {does: targettest.Hang, ask: tcp},
		"garbage":         {does: targettest.Garbage},
		"no HTTP, first":  {does: func(c *targettest.Conn) { io.WriteString(c, "SSH-2.0-OpenSSH_9.2p1\r\n"); hold(c) }},
		"HTTP/0.9":        {does: says("<html>hello</html>\n", "")},
		"head cut":        {does: says("HTTP/1.1 200 OK\r\nConte", "")},
		"body cut":        {does: targettest.CutBody},
		"500, body cut":   {does: says("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 100\r\n\r\nhalf", "")},
		"chunks":          {does: says(chunked+"2\r\nok\r\n0\r\n\r\n", "")},
		"chunks cut":      {does: says(chunked+"4\r\nhalf\r\n", "")},
		"chunks broken":   {does: says(chunked+"zz\r\nhalf\r\n", "")},
		"late head":       {does: says("", "", wait(fine))},
		"slow head":       {does: says("HTTP/1.1 200 OK\r\n", "", wait("Content-Length: 2\r\n\r\nok"))},
		"slow body":       {does: says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", "", wait("ok"))},
		"100 first":       {does: says("HTTP/1.1 100 Continue\r\n\r\n"+fine, "")},
		"103 first":       {does: says("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"+fine, "")},
		"101":             {does: says("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "")},
		"long field":      {does: says("HTTP/1.1 200 OK\r\nX-Long: "+strings.Repeat("x", 4<<10)+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "")},
		"huge field":      {does: says("HTTP/1.1 200 OK\r\nX-Long: "+strings.Repeat("x", 40<<10)+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "")},
		"HTTP/1.0":        {does: says("HTTP/1.0 200 OK\r\n\r\nok", "")},
		"HTTP/1.0, 503":   {does: says("HTTP/1.0 503 Service Unavailable\r\n\r\nno", "")},
		"until close":     {does: says("HTTP/1.1 200 OK\r\n\r\nok", "")},
		"kept, no length": {does: says("HTTP/1.1 200 OK\r\n\r\nok", "", hold)},
		"kept, length":    {does: says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "", hold)},
		"bare newlines":   {does: says("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok", "")},

		"301 same host":      {does: says(status("301 Moved Permanently", "Location: /next\r\n"), fine)},
		"301 same, absolute": {does: says(status("301 Moved Permanently", "Location: http://<addr>/next\r\n"), fine)},
		"302 to 503":         {does: says(status("302 Found", "Location: /next\r\n"), status("503 Service Unavailable"))},
		"307 to 200":         {does: says(status("307 Temporary Redirect", "Location: /next\r\n"), fine)},
		"308 to 200":         {does: says(status("308 Permanent Redirect", "Location: /next\r\n"), fine)},
		"301 https":          {does: says(status("301 Moved Permanently", "Location: https://<addr>/next\r\n"), fine)},
		"301 other host":     {does: says(status("301 Moved Permanently", "Location: http://127.0.0.2:1/next\r\n"), fine)},
		"301 no such host":   {does: says(status("301 Moved Permanently", "Location: http://nowhere.invalid/next\r\n"), fine)},
		"302 loop":           {does: says(status("302 Found", "Location: /health\r\n"), "")},
		"302 nowhere":        {does: says(status("302 Found"), "")},
		"302 ftp":            {does: says(status("302 Found", "Location: ftp://<addr>/\r\n"), "")},

		"https":                {does: says(fine, ""), tls: served(time.Hour), ask: https},
		"https, 503":           {does: says(status("503 Service Unavailable"), ""), tls: served(time.Hour), ask: https},
		"https, expired":       {does: says(fine, ""), tls: served(-time.Hour), ask: https},
		"https, not trusted":   {does: says(fine, ""), tls: served(time.Hour), ask: verified},
		"TLS asked plainly":    {does: says(fine, ""), tls: served(time.Hour)},
		"plain asked by TLS":   {does: says(fine, ""), ask: https},
		"resets, asked by TLS": {does: targettest.Reset, ask: https},
		"TLS handshake hangs":  {does: hold, ask: https},
	}
	for _, line := range []string{"200 OK", "201 Created", "204 No Content", "206 Partial Content", "304 Not Modified", "400 Bad Request", "401 Unauthorized", "403 Forbidden",
		"404 Not Found", "405 Method Not Allowed", "408 Request Timeout", "418 I'm a teapot", "421 Misdirected Request", "429 Too Many Requests", "500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "599 Whatever", "200"} {
		say := status(line)
		if strings.HasPrefix(line, "204") || strings.HasPrefix(line, "304") {
			say = "HTTP/1.1 " + line + "\r\nConnection: close\r\n\r\n"
		}
		all["answers "+line] = target{does: says(say, "")}
	}
	return all
}

// differences are the verdicts that must differ, and why.
var differences = map[string]string{
	"varnish: kept, length":   "Varnish waits for the end of the connection; a dialect for the end of the answer",
	"caddy: 301 other host":   "Caddy 2.6 follows, but dials its upstream whatever the address is",
	"caddy: 301 no such host": "Caddy 2.6 follows, but dials its upstream whatever the address is",
}

// TestVerdict shows servers of every kind of failure to each real prober and to
// its dialect: they make the same of it.
func TestVerdict(t *testing.T) {
	all := targets()
	names := slices.Sorted(maps.Keys(all))
	addresses := make(map[string]string)
	for _, name := range names {
		addresses[name] = all[name].start(t)
	}
	for _, p := range real.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			var questions []real.Question
			for _, name := range names {
				q := all[name].ask
				q.Kind = cmp.Or(q.Kind, "http")
				q.Address, q.Path, q.Method, q.Timeout = addresses[name], "/health", "GET", patience
				if q, ok := p.Fit(q); ok {
					asked, questions = append(asked, name), append(questions, q)
				}
			}
			if len(questions) < 50 {
				t.Fatalf("only %d of %d servers can be asked", len(questions), len(names))
			}
			answers := p.Ask(t, questions...)
			for i, q := range questions {
				t.Run(asked[i], func(t *testing.T) {
					t.Parallel()
					probe, err := p.Dialect(q, nil)
					if err != nil {
						t.Fatal(err)
					}
					_, got := dialect.Ask(t.Context(), probe, exchange.Do)
					want := answers[i]
					why := differences[p.Name+": "+asked[i]]
					if (string(got.Outcome) != want.Outcome) != (why != "") {
						t.Errorf("dialect: %s (%s)\nreal:    %s (%s)\nwhy they should differ: %q", got.Outcome, got.Text, want.Outcome, strings.TrimSpace(want.Said+want.Problem), why)
					}
				})
			}
		})
	}
}

// start starts the server and returns its address.
func (s target) start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if s.does == nil {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	targettest.StartOn(t, l, s.does)
	return address
}

// served is how a server shakes hands with a certificate of its own making for
// site, which is good for as long.
func served(good time.Duration) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(good), DNSNames: []string{site}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
