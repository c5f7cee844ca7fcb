package clinic

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// question is one request in the terms of the trials. It is asked by the
// standard library and by hand, on purpose without the packages whose judgement
// the clinic is for.
type question struct {
	as                 string
	ip, port, source   string
	tls, sni, maxTLS   string
	host, path, method string
	version            string
	fields             []change
	proxy, cert        bool
	timeout            time.Duration
}

// answer is what came: word is a status code or one of the failures.
type answer struct {
	word       string
	header     http.Header
	head, body string
	took       time.Duration
	err        error
}

func (a answer) String() string {
	if a.err != nil {
		return fmt.Sprintf("%s (%v)", a.word, a.err)
	}
	return a.word
}

// with applies the changes to a copy.
func (q question) with(changes []change, secondPort string) (question, error) {
	q.fields = append([]change(nil), q.fields...)
	for _, c := range changes {
		switch c.Name {
		case "host":
			q.host = c.Value
		case "path":
			q.path = c.Value
		case "method":
			q.method = c.Value
		case "xfp":
			q.fields = append(q.fields, change{"X-Forwarded-Proto", c.Value})
		case "ua":
			q.set("User-Agent", c.Value)
		case "header":
			name, value, _ := strings.Cut(c.Value, ":")
			q.set(name, value)
		case "http":
			q.version = c.Value
		case "tls":
			q.tls, q.maxTLS = c.Value, ""
			if c.Value == "1.0" {
				q.tls, q.maxTLS = "on", c.Value
			}
		case "sni":
			q.sni = c.Value
		case "cert":
			q.cert = true
		case "proxy":
			q.proxy = true
		case "src":
			q.source = c.Value
		case "ip":
			q.ip = c.Value
		case "port":
			q.port = secondPort
		case "patience":
			d, err := time.ParseDuration(c.Value + "s")
			if err != nil {
				return q, err
			}
			q.timeout = d
		}
	}
	return q, nil
}

// set replaces a field; an empty value removes it.
func (q *question) set(name, value string) {
	var kept []change
	for _, f := range q.fields {
		if !strings.EqualFold(f.Name, name) {
			kept = append(kept, f)
		}
	}
	if value != "" {
		kept = append(kept, change{name, value})
	}
	q.fields = kept
}

// ask asks and waits for the answer, at most the time-out.
func (q question) ask(ctx context.Context, client tls.Certificate) answer {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	a := q.exchange(ctx, client)
	a.took = time.Since(began)
	return a
}

func (q question) exchange(ctx context.Context, client tls.Certificate) answer {
	conn, a := q.connect(ctx, client)
	if conn == nil {
		return a
	}
	defer conn.Close()
	if strings.HasSuffix(q.as, "-tcp") {
		return answer{word: "200", header: http.Header{}}
	}
	if q.version == "2" {
		return q.overHTTP2(ctx, conn)
	}
	if _, err := io.WriteString(conn, q.text()); err != nil {
		return failed(err)
	}
	var seen bytes.Buffer
	method := http.MethodGet
	if q.method == http.MethodHead {
		method = q.method
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &seen)), &http.Request{Method: method})
	if err != nil {
		if seen.Len() > 0 {
			return answer{word: "noise", err: fmt.Errorf("%q", first(seen.String(), 80))}
		}
		return failed(err)
	}
	a = read(resp)
	a.head, _, _ = strings.Cut(seen.String(), "\r\n\r\n")
	return a
}

// connect returns nil and the answer if there is no connection to ask on.
func (q question) connect(ctx context.Context, client tls.Certificate) (net.Conn, answer) {
	var d net.Dialer
	if q.source != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(q.source)}
	}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(q.ip, q.port))
	if err != nil {
		return nil, failed(err)
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	if q.proxy {
		if _, err := fmt.Fprintf(conn, "PROXY TCP4 192.0.2.7 192.0.2.8 40000 %s\r\n", q.port); err != nil {
			conn.Close()
			return nil, failed(err)
		}
	}
	if q.tls != "on" {
		return conn, answer{}
	}
	config := &tls.Config{InsecureSkipVerify: true, ServerName: q.sni, MinVersion: tls.VersionTLS12}
	if q.maxTLS == "1.0" {
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	}
	if q.cert {
		config.Certificates = []tls.Certificate{client}
	}
	if q.version == "2" {
		config.NextProtos = []string{"h2"}
	}
	over := tls.Client(conn, config)
	if err := over.HandshakeContext(ctx); err != nil {
		conn.Close()
		a := failed(err)
		if a.word == "noise" {
			a.word = "alert"
		}
		return nil, a
	}
	return over, answer{}
}

// text is the request as it goes over the wire.
func (q question) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\n", q.method, q.path, q.version)
	if q.host != "" {
		fmt.Fprintf(&b, "Host: %s\r\n", q.host)
	}
	for _, f := range q.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	return b.String() + "\r\n"
}

func (q question) overHTTP2(ctx context.Context, conn net.Conn) answer {
	transport := &http.Transport{
		Protocols:         new(http.Protocols),
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.Protocols.SetHTTP2(true)
	defer transport.CloseIdleConnections()
	// The connection is TLS already where it has to be.
	req, err := http.NewRequestWithContext(ctx, q.method, "http://"+q.host+q.path, nil)
	if err != nil {
		return failed(err)
	}
	for _, f := range q.fields {
		if !strings.EqualFold(f.Name, "Connection") {
			req.Header.Set(f.Name, f.Value)
		}
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return failed(err)
	}
	return read(resp)
}

// read reads the body to its end, or to where it is long enough.
func read(resp *http.Response) answer {
	defer resp.Body.Close()
	a := answer{word: fmt.Sprint(resp.StatusCode), header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	a.body = string(body)
	if err != nil {
		a.word, a.err = "cut", err
		if errors.Is(err, os.ErrDeadlineExceeded) {
			a.word = "silence"
		}
	}
	return a
}

// failed tells an error in one of the words for failures.
func failed(err error) answer {
	a := answer{word: "noise", err: err, header: http.Header{}}
	var timeout net.Error
	var alert tls.AlertError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		a.word = "refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		a.word = "unreachable"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls"), strings.Contains(err.Error(), "unsupported version"):
		a.word = "alert"
	case errors.As(err, &timeout) && timeout.Timeout():
		a.word = "silence"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		a.word = "closed"
	}
	return a
}

func first(s string, n int) string { return s[:min(n, len(s))] }

// asked is the load balancer's own question, at the given port.
func (c Case) asked(ip, port string) question {
	q := question{
		as: c.As, ip: ip, port: port, tls: "off", host: LoadBalancer + ":" + port, path: c.Path, method: c.Method,
		version: "1.1", timeout: c.Timeout,
	}
	if c.Scheme == "https" {
		q.tls = "on"
	}
	if c.IP != "" {
		q.ip = c.IP
	}
	if c.Host != "" {
		q.host = c.Host
	}
	if q.path == "" {
		q.path = "/"
	}
	if q.timeout == 0 {
		q.timeout = 5 * time.Second
	}
	if q.method == "" {
		q.method = http.MethodGet
	}
	switch c.As {
	case "haproxy":
		q.version, q.host = "1.0", c.Host
		if c.Method == "" {
			q.method = http.MethodOptions
		}
		return q
	case "kubelet":
		q.fields = []change{{"User-Agent", "kube-probe/1.30"}, {"Accept", "*/*"}}
	case "generic":
		q.fields = []change{{"Accept", "*/*"}}
	case "gcp":
		q.fields = []change{{"User-Agent", "GoogleHC/1.0"}}
		return q
	default:
		q.fields = []change{{"User-Agent", "ELB-HealthChecker/2.0"}}
	}
	q.fields = append(q.fields, change{"Connection", "close"})
	return q
}
