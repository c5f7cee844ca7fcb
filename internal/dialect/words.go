package dialect

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/inservice/inservice/internal/exchange"
)

// filler returns a function that puts values in place of a Word's placeholders.
// What the server sent is quoted.
func (p Probe) filler(a exchange.Answer, s step, passed bool) func(string) string {
	method, awaiting := s.method, " (Client.Timeout exceeded while awaiting headers)"
	switch s.request.Protocol {
	case exchange.GRPC:
		method, awaiting = "POST", ""
	case exchange.Bare:
		method, awaiting = "TCP", ""
	}
	inner := goError(p, a, s)
	errno, number := osError(a)
	expected := p.Rules.Success
	if s.request.Protocol == exchange.GRPC {
		expected = p.Rules.GRPC
	}
	status := strconv.Itoa(a.Status)
	if a.Text != "" {
		status += " " + short(a.Text)
	}
	r := strings.NewReplacer(
		"<code>", strconv.Itoa(a.Status), "<status>", status, "<reason>", short(a.Text),
		"<method>", method, "<Method>", goMethod(method), "<url>", short(s.url),
		"<address>", dialledAddress(a, s), "<host>", hostOf(s.request),
		"<timeout>", p.Request.Timeout.String(), "<expected>", expected,
		"<body>", short(string(a.Body)), "<location>", short(a.Get("Location")),
		"<hops>", strconv.Itoa(s.hops), "<line>", line(a), "<wanted>", short(p.Rules.Body),
		"<grpc>", strconv.Itoa(a.GRPCCode), "<grpc-name>", grpcName(a.GRPCCode), "<serving>", short(a.GRPCStatus),
		"<go>", goText(method, inner, a, s), "<go-inner>", inner,
		"<awaiting>", awaiting, "<dial-ms>", strconv.FormatInt(a.Phases.Dial.Milliseconds(), 10),
		"<kind-failed>", kindFailed(s), "<kind>", kind(s), "<grpc-message>", short(a.GRPCMessage),
		"<errno>", errno, "<number>", number,
		"<error>", what(a), "<target>", short(authority(s.url)), "<hostname>", short(p.hostname()), "<port>", port(s.url),
		"<flags>", flags(a, passed), "<cut>", curlCut(a), "<grpc-title>", grpcTitle(a.GRPCCode),
	)
	return r.Replace
}

// dialledAddress is what was dialled, as far as it is known as an address.
func dialledAddress(a exchange.Answer, s step) string {
	if a.Remote != "" {
		return a.Remote
	}
	return s.request.Address
}

func hostOf(r exchange.Request) string {
	for _, f := range r.Fields {
		if isHost(f) {
			return f.Value
		}
	}
	return ""
}

func kind(s step) string {
	switch s.request.Protocol {
	case exchange.GRPC:
		return "gRPC"
	case exchange.Bare:
		return "TCP"
	}
	return "HTTP"
}

func kindFailed(s step) string {
	if s.request.Protocol == exchange.GRPC {
		return "gRPC health check failed"
	}
	return "HTTP request failed"
}

// goText is an error of Go's client, or of its dialler or gRPC's client where it
// is these that were used.
func goText(method, inner string, a exchange.Answer, s step) string {
	switch s.request.Protocol {
	case exchange.Bare:
		return inner
	case exchange.GRPC:
		if a.Failure == exchange.TimedOut {
			return "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
		}
		if a.Stage == exchange.Dialling {
			return `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: ` + inner + `"`
		}
		if a.Failure == exchange.None {
			return "rpc error: code = " + grpcTitle(grpcOf(a.Status)) + " desc = unexpected HTTP status code received from server: " +
				strconv.Itoa(a.Status) + " (" + http.StatusText(a.Status) + ")"
		}
		return "rpc error: code = Unavailable desc = " + inner
	}
	asked := s.url
	if s.problem != "" && s.problemURL != "" {
		asked = s.problemURL
	}
	return goMethod(method) + " " + strconv.Quote(short(asked)) + ": " + inner
}

// authority is host and port of a URL, as it has them.
func authority(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Host
	}
	return raw
}

// port is that of a URL, or of its scheme.
func port(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return cmp.Or(u.Port(), ports[u.Scheme])
}

// what is what happened, in our words.
func what(a exchange.Answer) string {
	if a.Failure == exchange.None {
		return "status " + strconv.Itoa(a.Status)
	}
	if a.Err != nil {
		return short(a.Err.Error())
	}
	return string(a.Failure)
}

// flags are Varnish's: what of a probe went well, or wrong, a letter each.
func flags(a exchange.Answer, passed bool) string {
	f := []byte("--------")
	if a.Remote != "" {
		switch from, err := netip.ParseAddrPort(a.Remote); {
		case err != nil:
			f[2] = 'U'
		case from.Addr().Unmap().Is4():
			f[0] = '4'
		default:
			f[1] = '6'
		}
	}
	if a.Stage >= exchange.Waiting {
		f[4] = 'X'
	}
	switch {
	case a.Failure == exchange.Reset || a.Failure == exchange.TimedOut:
		if a.Stage >= exchange.Waiting {
			f[5] = 'r'
		}
	case len(a.Received) > 0 || a.Status > 0:
		f[6] = 'R'
	}
	if passed {
		f[7] = 'H'
	}
	return string(f)
}

// curlCut is what curl says of a body that breaks off.
func curlCut(a exchange.Answer) string {
	if n, err := strconv.ParseInt(a.Get("Content-Length"), 10, 64); err == nil {
		return "transfer closed with " + strconv.FormatInt(n-a.BodySize, 10) + " bytes remaining to read"
	}
	return "transfer closed with outstanding read data remaining"
}

// goMethod is how Go's client writes a method in front of an error.
func goMethod(method string) string {
	if method == "" {
		return "Get"
	}
	return method[:1] + strings.ToLower(method[1:])
}

// goError is the error of Go's client, without method and URL.
func goError(p Probe, a exchange.Answer, s step) string {
	dial := "dial tcp " + dialledAddress(a, s) + ": "
	if path, ok := strings.CutPrefix(s.request.Address, "unix:"); ok {
		dial = "dial unix " + path + ": "
	}
	host, _, _ := net.SplitHostPort(s.request.Address)
	if s.event != "" && s.problem != "" {
		return s.problem
	}
	switch a.Failure {
	case exchange.NoSuchHost:
		return "dial tcp: lookup " + host + ": no such host"
	case exchange.Refused:
		return dial + "connect: connection refused"
	case exchange.Unreachable:
		errno, _ := osError(a)
		return dial + "connect: " + strings.ToLower(errno)
	case exchange.TimedOut:
		if a.Stage == exchange.Dialling {
			return dial + "i/o timeout"
		}
		return "context deadline exceeded"
	case exchange.Reset:
		local, remote := a.Local, a.Remote
		return "read tcp " + local + "->" + remote + ": read: connection reset by peer"
	case exchange.Closed:
		if a.Stage != exchange.ReadingHead {
			return "EOF"
		}
		return unreadable(a)
	case exchange.BodyCutShort:
		return "unexpected EOF"
	case exchange.BodyBroken:
		return "invalid byte in chunk length"
	case exchange.Malformed, exchange.HeadTooLong:
		return unreadable(a)
	case exchange.NotTLS:
		if strings.HasPrefix(string(a.Received), "HTTP/") {
			return "http: server gave HTTP response to HTTPS client"
		}
		return "tls: first record does not look like a TLS handshake"
	case exchange.TLSRefused, exchange.TLSVersion, exchange.Untrusted:
		return tlsWords(a)
	}
	return errorText(a)
}

// unreadable is what Go's client says of a head that it cannot read: it is asked.
func unreadable(a exchange.Answer) string {
	const broken = "net/http: HTTP/1.x transport connection broken: "
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(a.Received)), nil)
	if err != nil {
		return broken + short(err.Error())
	}
	_ = r.Body.Close() // which reads what is in memory
	return broken + errorText(a)
}

// tlsWords is why a handshake failed.
func tlsWords(a exchange.Answer) string {
	if a.TLS != nil && a.Failure == exchange.Untrusted && a.TLS.VerifyError != nil {
		return "tls: failed to verify certificate: " + strings.TrimPrefix(short(a.TLS.VerifyError.Error()), "tls: failed to verify certificate: ")
	}
	text := errorText(a)
	if a.Failure == exchange.Untrusted && !strings.HasPrefix(text, "tls: ") {
		return "tls: failed to verify certificate: " + text
	}
	return text
}

func errorText(a exchange.Answer) string {
	if a.Err != nil {
		return short(a.Err.Error())
	}
	return string(a.Failure)
}

// osError is the system's words and number for what happened on the connection.
func osError(a exchange.Answer) (words, number string) {
	var errno syscall.Errno
	if !errors.As(a.Err, &errno) {
		switch a.Failure {
		case exchange.Refused:
			errno = syscall.ECONNREFUSED
		case exchange.Unreachable:
			errno = syscall.EHOSTUNREACH
		case exchange.Reset:
			errno = syscall.ECONNRESET
		case exchange.TimedOut:
			errno = syscall.ETIMEDOUT
		default:
			return string(a.Failure), "0"
		}
	}
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:], strconv.Itoa(int(errno))
}

// line is the first line of what came.
func line(a exchange.Answer) string { return short(rawLine(a)) }

func rawLine(a exchange.Answer) string {
	first, _, _ := strings.Cut(string(a.Received), "\n")
	return strings.TrimSuffix(first, "\r")
}

// most is how much of what a server sent goes into a Verdict.
const most = 120

// short cuts what a server sent, at the end of a character.
func short(s string) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func quoted(s string) string { return strconv.Quote(short(s)) }
