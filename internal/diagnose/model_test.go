package diagnose

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

const (
	site   = "shop.example"
	port   = 8443
	target = "127.0.0.1:8443"
	sent   = "10.20.30.40:8443" // the Host that the load balancer sends
)

// ask is one request as a model server sees it.
type ask struct {
	exchange.Request
	n    int // how many came before it
	addr netip.Addr
	port string
}

func (a ask) host() string { return bareHost(hostOf(a.Request)) }
func (a ask) path() string { p, _, _ := cutQuery(a.Path); return p }
func (a ask) field(name string) string {
	for _, f := range a.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}
func (a ask) method() string {
	if a.Method == "" {
		return "GET"
	}
	return a.Method
}

// layer is one thing in the way of a request; it answers, or lets it through.
type layer func(a ask) (exchange.Answer, bool)

// model is a server: what stands in the way, and an app behind it.
type model struct {
	layers []layer
	page   func(status int, a ask) exchange.Answer // the app's style
	home   int                                     // status of /
	right  string                                  // the health path, if it is not /health
	took   time.Duration
	asked  int
	clock  time.Time
}

// answer is a whole answer.
func answer(status int, body string, fields ...string) exchange.Answer {
	a := exchange.Answer{Status: status, Proto: "HTTP/1.1", Body: []byte(body), BodySize: int64(len(body)), Stage: exchange.Done, GRPCCode: -1}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		a.Fields = append(a.Fields, exchange.Field{Name: name, Value: value})
	}
	return a
}

func broken(f exchange.Failure, s exchange.Stage) exchange.Answer {
	return exchange.Answer{Failure: f, Stage: s, GRPCCode: -1}
}

// nginx is an own page of nginx; others are an app's.
func nginx(status int, text string, fields ...string) exchange.Answer {
	page := fmt.Sprintf("<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n", status, text, status, text)
	return answer(status, page, append([]string{"Server: nginx/1.22.1", "Content-Type: text/html"}, fields...)...)
}

func plainPage(status int, a ask) exchange.Answer {
	return answer(status, fmt.Sprintf("answer %d of a shop", status), "Content-Type: text/plain")
}

func jsonPage(status int, a ask) exchange.Answer {
	return answer(status, fmt.Sprintf(`{"message":"answer %d","path":%q}`, status, a.Path), "Content-Type: application/json", "X-Powered-By: Express")
}

func (m *model) serve(a ask) exchange.Answer {
	for _, l := range m.layers {
		if got, ok := l(a); ok {
			return got
		}
	}
	switch {
	case a.TLS != nil:
		return broken(exchange.NotTLS, exchange.Handshaking)
	case a.Proxy != "":
		return m.page(400, a)
	case a.Raw != nil, a.Protocol == exchange.HTTP2:
		return broken(exchange.Closed, exchange.Waiting)
	}
	if m.right == "" {
		m.right = "/health"
	}
	switch a.path() {
	case m.right:
		return answer(200, "fine", "Content-Type: text/plain")
	case "/":
		return m.page(m.home, a)
	}
	return m.page(404, a)
}

// look asks the model as Run asks the network.
func (m *model) look(p dialect.Probe) ([]exchange.Answer, dialect.Verdict) {
	r := p.Request
	host, port := splitAddress(r.Address)
	addr, _ := netip.ParseAddr(host)
	a := m.serve(ask{Request: r, n: m.asked, addr: addr, port: port})
	m.asked++
	a.Began = m.clock
	if a.Phases.Total == 0 {
		a.Phases.Total = m.took
	}
	if a.Failure == exchange.TimedOut || a.Phases.Total > r.Timeout {
		late := a.Phases.Total
		switch {
		case a.Failure == exchange.TimedOut || late > r.Timeout+r.Patience:
			if a.Failure != exchange.TimedOut {
				shaken := a.TLS
				a = broken(exchange.TimedOut, exchange.Waiting)
				a.TLS = shaken
			}
			a.Began, a.Phases.Total = m.clock, r.Timeout+r.Patience
			if a.Stage == exchange.Dialling {
				a.Phases.Total = r.Timeout
			}
		default:
			a.Late = true
		}
	}
	m.clock = m.clock.Add(a.Phases.Total + 10*time.Millisecond)
	answers := []exchange.Answer{a}
	return answers, p.Judge(answers)
}

// diagnosed drives Plan and Conclude over the model, and holds the plan to its
// promises.
func (m *model) diagnosed(t *testing.T, q Question) Report {
	t.Helper()
	if m.page == nil {
		m.page = plainPage
	}
	if m.home == 0 {
		m.home = 200
	}
	if m.took == 0 {
		m.took = 5 * time.Millisecond
	}
	m.clock = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	begun := m.clock
	var observed []Observation
	names := map[string]Experiment{}
	var late Observation // the base, while it is pending
	var over time.Time
	for {
		waiting := len(observed) > 0 && observed[0].Pending
		if waiting && !m.clock.Before(over) {
			observed[0], waiting = late, false
		}
		next := Plan(q, observed)
		if len(next) == 0 && waiting {
			observed[0], m.clock = late, over
			continue
		}
		if len(next) == 0 {
			break
		}
		e := next[0]
		if _, twice := names[e.Name]; twice {
			t.Fatalf("%s was planned twice", e.Name)
		}
		if len(observed) > 0 {
			base, known := names[e.Base]
			if !known {
				base = baseOf(q, e)
			}
			if got := differences(base.Probe.Request, e.Probe.Request); !slices.Contains(allowed(e), got) {
				t.Errorf("%s differs from %s in %q", e.Name, e.Base, got)
			}
		}
		names[e.Name] = e
		m.clock = m.clock.Add(e.Wait)
		answers, verdict := m.look(e.Probe)
		made := Observation{Experiment: e, Answers: answers, Verdict: verdict}
		switch total := answers[0].Phases.Total; {
		case len(observed) == 0 && total > e.Probe.Request.Timeout:
			// As Run: others are asked while the base waits on.
			late, over = made, m.clock
			m.clock = begun.Add(e.Probe.Request.Timeout)
			made = Observation{Experiment: e, Pending: true}
		}
		observed = append(observed, made)
		if len(observed) > MostRequests {
			t.Fatalf("more than %d requests", MostRequests)
		}
	}
	timeout := q.Probe.Request.Timeout
	if took := m.clock.Sub(begun); took > timeout+4*time.Second {
		t.Errorf("it takes %v with a time-out of %v", took, timeout)
	}
	return Conclude(q, observed)
}

// baseOf makes the base experiment of one whose base was not asked itself.
func baseOf(q Question, e Experiment) Experiment {
	s := setting{}
	d := newDesk(q, nil)
	for part := range strings.SplitSeq(e.Base, "+") {
		factor, label, _ := strings.Cut(part, "=")
		c := change{factor: factor, label: label}
		switch factor {
		case fHost:
			c.arg = hostOf(e.Probe.Request)
		case fPath:
			c.arg = e.Probe.Request.Path
		case fField:
			for _, f := range e.Probe.Request.Fields {
				if f.Name == label {
					c.arg = f.Name + ": " + f.Value
				}
			}
		}
		s = s.with(c)
	}
	return s.experiment(d.q.Probe)
}

// differences names what two requests differ in, time-outs aside.
func differences(a, b exchange.Request) string {
	var d []string
	add := func(name string, differs bool) {
		if differs {
			d = append(d, name)
		}
	}
	add("address", a.Address != b.Address)
	add("source", a.Source != b.Source)
	add("proxy", a.Proxy != b.Proxy)
	add("protocol", a.Protocol != b.Protocol)
	add("method", a.Method != b.Method)
	add("path", a.Path != b.Path)
	add("version", a.Version != b.Version)
	add("raw", string(a.Raw) != string(b.Raw) || (a.Raw == nil) != (b.Raw == nil))
	add("host", hostOf(a) != hostOf(b))
	without := func(r exchange.Request) string { return fmt.Sprint(withHost(slices.Clone(r.Fields), "")) }
	add("fields", without(a) != without(b))
	add("body", string(a.Body) != string(b.Body))
	switch {
	case a.TLS == nil && b.TLS == nil:
	case a.TLS == nil || b.TLS == nil:
		add("tls", true)
	default:
		add("sni", a.TLS.ServerName != b.TLS.ServerName)
		add("versions", a.TLS.Min != b.TLS.Min || a.TLS.Max != b.TLS.Max)
		add("verify", a.TLS.Verify != b.TLS.Verify)
		add("certificate", len(a.TLS.Certificates) != len(b.TLS.Certificates))
		add("alpn", !slices.Equal(a.TLS.ALPN, b.TLS.ALPN))
	}
	return strings.Join(d, " ")
}

// allowed is what an experiment of each factor may differ in: in one thing, and in
// what that cannot go without.
func allowed(e Experiment) []string {
	switch e.Factor {
	case fAgain, fWait:
		return []string{""}
	case fHost, fMethod, fPath, fProxy, fSource:
		return []string{e.Factor}
	case fField, fClient, fHTTPSWords:
		return []string{"fields"}
	case fAddr, fPort:
		return []string{"address"}
	case fHTTP:
		return []string{"version", "version host", "protocol", "protocol version", "protocol fields", "protocol version fields", "protocol alpn", "protocol fields alpn", "protocol version fields alpn"}
	case fTLS:
		return []string{"tls", "versions", "verify"}
	case fSNI:
		return []string{"sni"}
	case fCert:
		return []string{"certificate"}
	case fTalk:
		return []string{"raw"}
	case fAsk:
		return []string{"protocol method host fields", "protocol method host", "protocol method", "protocol host fields method"}
	}
	return nil
}

// question is alb's, unless a change says otherwise.
func question(t *testing.T, as, url string, o dialect.Options, known bool) Question {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	p, err := dialect.New(as, url, o)
	if err != nil {
		t.Fatal(err)
	}
	q := Question{Probe: p}
	if known {
		q.Site = site
	}
	return q
}

func albQuestion(t *testing.T, known bool) Question {
	host := sent
	return question(t, "alb", "http://"+target+"/health", dialect.Options{Host: &host}, known)
}

func ids(list []Finding) []string {
	var all []string
	for _, f := range list {
		all = append(all, string(f.Cause))
	}
	return all
}

func summary(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Verdict, r.Reason)
	for _, f := range r.Causes {
		fmt.Fprintf(&b, "  cause %s %.2f %v %q\n", f.Cause, f.Confidence, f.Decided, f.Evidence)
	}
	for _, f := range r.Warnings {
		fmt.Fprintf(&b, "  warning %s %.2f %v %q\n", f.Cause, f.Confidence, f.Decided, f.Evidence)
	}
	for _, o := range r.Observations {
		fmt.Fprintf(&b, "    %-40s %s: %s\n", o.Experiment.Name, o.Verdict.Outcome, told(o.Answers[0]))
	}
	return b.String()
}

func listening(addr string) sockets.Socket {
	return sockets.Socket{Local: netip.MustParseAddrPort(addr), Backlog: 128}
}

var _ = net.JoinHostPort
