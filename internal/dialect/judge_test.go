package dialect

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
)

func status(code int, text string, fields ...exchange.Field) exchange.Answer {
	return exchange.Answer{
		Status: code, Text: text, Proto: "HTTP/1.1", Stage: exchange.Done, GRPCCode: -1, Remote: "10.0.0.5:8080", Local: "10.0.0.9:40000",
		Fields: append([]exchange.Field{{Name: "Content-Length", Value: "2"}}, fields...),
		Body:   []byte("ok"), BodySize: 2,
		Received: fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Length: 2\r\n\r\nok", code, text),
	}
}

func broken(failure exchange.Failure, stage exchange.Stage, err error) exchange.Answer {
	a := exchange.Answer{Failure: failure, Stage: stage, Err: err, GRPCCode: -1}
	if stage > exchange.Dialling {
		a.Remote, a.Local = "10.0.0.5:8080", "10.0.0.9:40000"
	}
	return a
}

func with(a exchange.Answer, change func(*exchange.Answer)) exchange.Answer {
	change(&a)
	return a
}

// answers are what servers of HTTP can answer, or not.
var answers = map[string]exchange.Answer{
	"200":          status(200, "OK"),
	"201":          status(201, "Created"),
	"301":          status(301, "Moved Permanently"),
	"400":          status(400, "Bad Request"),
	"404":          status(404, "Not Found"),
	"429":          status(429, "Too Many Requests"),
	"503":          status(503, "Service Unavailable"),
	"no such name": broken(exchange.NoSuchHost, exchange.Dialling, &net.DNSError{Err: "no such host", Name: "a", IsNotFound: true}),
	"refused":      broken(exchange.Refused, exchange.Dialling, syscall.ECONNREFUSED),
	"unreachable":  broken(exchange.Unreachable, exchange.Dialling, syscall.EHOSTUNREACH),
	"filtered":     broken(exchange.TimedOut, exchange.Dialling, exchange.ErrTimeout),
	"silence":      broken(exchange.TimedOut, exchange.Waiting, exchange.ErrTimeout),
	"closed":       broken(exchange.Closed, exchange.Waiting, errors.New("EOF")),
	"reset":        broken(exchange.Reset, exchange.Waiting, syscall.ECONNRESET),
	"garbage":      with(broken(exchange.Malformed, exchange.ReadingHead, errors.New("no HTTP")), func(a *exchange.Answer) { a.Received = []byte("SSH-2.0-x\x1b[31m\r\n") }),
	"late": with(status(200, "OK"), func(a *exchange.Answer) {
		a.Late, a.Overdue, a.Phases.Total = true, exchange.Waiting, time.Minute
	}),
	"body late": with(status(200, "OK"), func(a *exchange.Answer) { a.Late, a.Overdue = true, exchange.ReadingBody }),
	"body cut": with(status(200, "OK"), func(a *exchange.Answer) {
		a.Failure, a.Stage, a.Err = exchange.BodyCutShort, exchange.ReadingBody, errors.New("EOF")
	}),
	"not ended": with(status(200, "OK"), func(a *exchange.Answer) { a.Failure, a.Stage = exchange.TimedOut, exchange.ReadingBody }),
	"unframed":  with(status(200, "OK"), func(a *exchange.Answer) { a.Fields = nil }),
	"own fault": broken(exchange.OwnFault, exchange.Dialling, errors.New("too many\x1b open files "+strings.Repeat("é", 90))),
}

// overTLS are what else can happen there.
var overTLS = map[string]exchange.Answer{
	"not TLS":       with(broken(exchange.NotTLS, exchange.Handshaking, errors.New("tls: first record does not look like a TLS handshake")), func(a *exchange.Answer) { a.Received = []byte("HTTP/1.0 400 Bad Request\r\n\r\n") }),
	"TLS refused":   broken(exchange.TLSRefused, exchange.Handshaking, errors.New("remote error: tls: unrecognized name")),
	"untrusted":     broken(exchange.Untrusted, exchange.Handshaking, errors.New("x509: certificate signed by unknown authority")),
	"TLS silence":   broken(exchange.TimedOut, exchange.Handshaking, exchange.ErrTimeout),
	"TLS completed": status(200, "OK"),
}

func grpcAnswer(code int, serving, message string) exchange.Answer {
	return exchange.Answer{Status: 200, Proto: "HTTP/2.0", Stage: exchange.Done, GRPCCode: code, GRPCStatus: serving, GRPCMessage: message, Remote: "10.0.0.5:8080", Received: []byte("HTTP/2.0 200")}
}

var overGRPC = map[string]exchange.Answer{
	"SERVING":       grpcAnswer(0, "SERVING", ""),
	"NOT_SERVING":   grpcAnswer(0, "NOT_SERVING", ""),
	"unimplemented": grpcAnswer(12, "", "unknown service grpc.health.v1.Health"),
	"not found":     grpcAnswer(5, "", "unknown service"),
	"no gRPC":       with(status(404, "Not Found"), func(a *exchange.Answer) { a.Proto = "HTTP/2.0" }),
	"refused":       broken(exchange.Refused, exchange.Dialling, syscall.ECONNREFUSED),
	"silence":       broken(exchange.TimedOut, exchange.Waiting, exchange.ErrTimeout),
}

// TestVerdicts holds the verdict of every dialect on every answer.
func TestVerdicts(t *testing.T) {
	asked := []struct {
		url     string
		answers map[string]exchange.Answer
	}{
		{"http://10.0.0.5:8080/health", answers},
		{"https://10.0.0.5:8080/health", overTLS},
		{"tcp://10.0.0.5:8080", map[string]exchange.Answer{
			"connected": {Stage: exchange.Done, Remote: "10.0.0.5:8080", GRPCCode: -1},
			"refused":   answers["refused"],
			"filtered":  answers["filtered"],
		}},
		{"grpc://10.0.0.5:8080", overGRPC},
	}
	var b strings.Builder
	for _, name := range Names() {
		fmt.Fprintf(&b, "# %s\n", name)
		for _, a := range asked {
			p, err := New(name, a.url, Options{})
			if err != nil || p.Profile.Name != name || p.Request.Protocol == exchange.Bare && !strings.HasPrefix(a.url, "tcp:") || p.Request.Protocol == exchange.GRPC && !strings.HasPrefix(a.url, "grpc:") {
				continue
			}
			scheme, _, _ := strings.Cut(a.url, ":")
			for _, answer := range slices.Sorted(maps.Keys(a.answers)) {
				v := p.Judge([]exchange.Answer{a.answers[answer]})
				check(t, name+" "+answer, v)
				fmt.Fprintf(&b, "%s %-13s %-7s [%s] %s\n", scheme, answer+":", v.Outcome, v.Reason, v.Text)
			}
		}
		b.WriteString("\n")
	}
	golden(t, "verdicts.txt", b.String())
}

// check holds what is true of every Verdict.
func check(t testing.TB, what string, v Verdict) {
	t.Helper()
	switch v.Outcome {
	case Pass, Unknown:
		if v.Reason != "" {
			t.Errorf("%s: %s with the reason %q", what, v.Outcome, v.Reason)
		}
	case Fail:
		if v.Reason == "" || v.Event == "" {
			t.Errorf("%s: fails without a reason: %+v", what, v)
		}
	default:
		t.Errorf("%s: outcome %q", what, v.Outcome)
	}
	if v.Text == "" || strings.ContainsFunc(v.Text+v.Reason, func(c rune) bool { return !unicode.IsPrint(c) }) {
		t.Errorf("%s: text %q is empty, or not safe to print", what, v.Text)
	}
	if strings.Contains(v.Text+v.Reason, "<") && strings.ContainsFunc(v.Text, func(c rune) bool { return c == '>' }) && !strings.Contains(what, "fuzz") {
		t.Errorf("%s: a placeholder is left in %q, %q", what, v.Reason, v.Text)
	}
}

// TestNoAnswers: nothing asked is nothing known.
func TestNoAnswers(t *testing.T) {
	for _, name := range Names() {
		p, err := New(name, "http://a:1/", Options{})
		if err != nil {
			continue
		}
		if v := p.Judge(nil); v.Outcome != Unknown {
			t.Errorf("%s: %+v", name, v)
		}
		if _, more := p.Next(nil); more {
			t.Errorf("%s: follows nothing", name)
		}
	}
}

// TestBody: who looks into the body, how, and how far.
func TestBody(t *testing.T) {
	filled := strings.Repeat("x", 5120)
	tests := []struct {
		dialect, body, answer string
		want                  Outcome
	}{
		{"route53", "up", "all is up", Pass},
		{"route53", "Up", "all is up", Fail},
		{"route53", "/^all/", "all is up", Pass},
		{"route53", "up", filled[:5118] + "up", Pass},
		{"route53", "up", filled[:5119] + "up", Fail},
		{"gcp", "up", filled[:1023] + "up", Fail},
		{"cloudflare", "UP", "all is up", Pass},
		{"cloudflare", "down", "all is up", Fail},
		{"haproxy", "^all .* up$", "all is up", Pass},
		{"blackbox", "^up", "all is up", Fail},
		{"caddy", "u.", "all is up", Pass},
		{"uptimerobot", "UP", "all is up", Pass},
		{"gatus", "up", "all is up", Pass},
		{"azure-appgw", "up", "down", Fail},
		{"envoy", "up", filled[:1024] + "up", Fail},
		{"nginx-plus", "up$", "all is up", Pass},
	}
	for _, tt := range tests {
		p := must(t, tt.dialect, "http://a:1/", Options{Body: tt.body})
		a := status(200, "OK")
		a.Body, a.BodySize = []byte(tt.answer), int64(len(tt.answer))
		v := p.Judge([]exchange.Answer{a})
		if v.Outcome != tt.want || v.Outcome == Fail && v.Event != lbprofile.WrongBody {
			t.Errorf("%s wants %q: %+v", tt.dialect, tt.body, v)
		}
		check(t, tt.dialect, v)
		if a.Status = 503; p.Judge([]exchange.Answer{a}).Event == lbprofile.Passed {
			t.Errorf("%s: a 503 passes for its body", tt.dialect)
		}
		// A body that breaks off can't be trusted to lack a text, nor to have one.
		a.Status, a.Failure, a.Stage = 200, exchange.BodyCutShort, exchange.ReadingBody
		if v := p.Judge([]exchange.Answer{a}); v.Outcome == Pass && len(tt.answer) < p.Profile.BodyBytes {
			t.Errorf("%s: %+v of a body that breaks off", tt.dialect, v)
		}
	}
}

// TestF5 judges bytes, not codes.
func TestF5(t *testing.T) {
	any := must(t, "f5", "http://a:1/", Options{})
	up := must(t, "f5", "http://a:1/", Options{Body: "/200 OK|up/"})
	junk := with(broken(exchange.Malformed, exchange.ReadingHead, nil), func(a *exchange.Answer) { a.Received = []byte("<html>up</html>") })
	for _, tt := range []struct {
		p    Probe
		a    exchange.Answer
		want Outcome
	}{
		{any, status(503, "Service Unavailable"), Pass},
		{any, junk, Pass},
		{any, answers["closed"], Fail},
		{any, answers["refused"], Fail},
		{up, status(200, "OK"), Pass},
		{up, status(503, "Service Unavailable"), Fail},
		{up, junk, Pass},
	} {
		if v := tt.p.Judge([]exchange.Answer{tt.a}); v.Outcome != tt.want {
			t.Errorf("%q: %+v", tt.a.Received, v)
		}
	}
}

// TestFirstLine: Varnish reads no further.
func TestFirstLine(t *testing.T) {
	p := must(t, "varnish", "http://a:1/", Options{})
	for line, want := range map[string]Outcome{
		"HTTP/1.1 200 OK\r\nno field": Pass,
		"HTTP/1.1 200":                Pass,
		"HTTP/2 200 ":                 Pass,
		"HTTP/1.1 503 no\r\n":         Fail,
		"HTTP/x 200":                  Fail,
		"HTTP/1.1 abc":                Fail,
		"200 OK":                      Fail,
	} {
		a := broken(exchange.Malformed, exchange.ReadingHead, nil)
		a.Received = []byte(line)
		if v := p.Judge([]exchange.Answer{a}); v.Outcome != want {
			t.Errorf("%q: %+v", line, v)
		}
	}
}

// TestKubeletReadsTenKiB: what is wrong beyond, it does not see.
func TestKubeletReadsTenKiB(t *testing.T) {
	p := must(t, "kubelet", "http://a:1/", Options{})
	a := answers["body cut"]
	if v := p.Judge([]exchange.Answer{a}); v.Outcome != Unknown {
		t.Errorf("%+v", v)
	}
	a.BodySize = 10 << 10
	if v := p.Judge([]exchange.Answer{a}); v.Outcome != Pass {
		t.Errorf("%+v", v)
	}
}

// FuzzJudge: whatever a server answers, every dialect has a verdict on it that is
// safe to print, and following it ends.
func FuzzJudge(f *testing.F) {
	f.Add(200, "OK", "Location", "/x", []byte("body"), []byte("HTTP/1.1 200 OK\r\n"), uint8(6), uint8(0), false, "err", 12, "SERVING")
	f.Add(302, "\x1b[0m", "Location", "http://[::1", []byte{0xff}, []byte{}, uint8(5), uint8(13), true, "\n", -1, "")
	f.Add(0, "", "Set-Cookie", "a=b", []byte(nil), []byte("\x00"), uint8(4), uint8(11), false, "", 0, "\x07")
	failures := []exchange.Failure{
		exchange.None, exchange.NoSuchHost, exchange.Refused, exchange.Unreachable, exchange.TimedOut, exchange.Reset, exchange.Closed, exchange.NotTLS,
		exchange.TLSRefused, exchange.TLSVersion, exchange.Untrusted, exchange.Malformed, exchange.HeadTooLong, exchange.BodyCutShort, exchange.BodyBroken, exchange.OwnFault, "of the future",
	}
	var probes []Probe
	for _, url := range []string{"http://10.0.0.5:8080/health", "https://app.example.test/", "tcp://10.0.0.5:1", "grpc://10.0.0.5:1"} {
		all, _, err := All(url, Options{})
		if err != nil {
			f.Fatal(err)
		}
		probes = append(probes, all...)
	}
	f.Fuzz(func(t *testing.T, code int, text, name, value string, body, received []byte, stage, failure uint8, late bool, err string, grpc int, serving string) {
		a := exchange.Answer{
			Status: code, Text: text, Fields: []exchange.Field{{Name: name, Value: value}}, Body: body, BodySize: int64(len(body)), Received: received,
			Stage: exchange.Stage(stage % 7), Failure: failures[int(failure)%len(failures)], Late: late, Overdue: exchange.Stage(failure % 7),
			GRPCCode: grpc, GRPCStatus: serving, GRPCMessage: text, Remote: value,
			Phases: exchange.Phases{Total: time.Millisecond},
		}
		if err != "" {
			a.Err = errors.New(err)
		}
		for _, p := range probes {
			asked := []exchange.Answer{a}
			for {
				r, more := p.Next(asked)
				if !more {
					break
				}
				if len(asked) > uncapped || r.Address == "" || r.Timeout <= 0 || strings.ContainsAny(r.Path, " \r\n") {
					t.Fatalf("%s: after %d answers asks %+v", p.Profile.Name, len(asked), r)
				}
				for _, field := range r.Fields {
					if strings.ContainsAny(field.Name+field.Value, "\r\n") {
						t.Fatalf("%s: field %q", p.Profile.Name, field)
					}
				}
				asked = append(asked, a)
			}
			check(t, "fuzz "+p.Profile.Name, p.Judge(asked))
		}
	})
}
