package conformance

import (
	"context"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/conformance/real"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/inspect"
	"github.com/inservice/inservice/internal/realserver"
)

// listener takes what probers and dialects send.
type listener struct {
	t       *testing.T
	address string
	arrived chan inspect.Arrival
}

// listen listens until the test is over, and answers 200.
func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{t: t, arrived: make(chan inspect.Arrival, 64)}
	server, err := inspect.Open(inspect.Options{
		Addresses: []string{"127.0.0.1:0"},
		Own:       netip.Addr.IsLoopback,
		OnArrival: func(a inspect.Arrival) {
			select {
			case l.arrived <- a:
			default: // a prober that goes on asking
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.address = server.Addresses()[0]
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Run(ctx); err != nil {
			t.Errorf("listening: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return l
}

// next is the next arrival.
func (l *listener) next() inspect.Arrival {
	l.t.Helper()
	select {
	case a := <-l.arrived:
		return a
	case <-time.After(time.Minute):
		l.t.Fatal("nothing arrived")
		return inspect.Arrival{}
	}
}

// until is the next arrival that is wanted.
func (l *listener) until(wanted func(inspect.Arrival) bool) inspect.Arrival {
	l.t.Helper()
	for {
		if a := l.next(); wanted(a) {
			return a
		}
	}
}

// sender is one way in which a real prober asks.
type sender struct {
	prober string
	ask    real.Question
	start  func(t *testing.T, q real.Question) // in place of the prober's own way
	change func(o *dialect.Options)            // what the dialect has to be told
	sure   fingerprint.Confidence              // how surely it is recognised; zero: as one of several who do the same
	nobody bool                                // it is not recognised: people type what it sends
	unseen bool                                // the listener may never see it: HAProxy breaks off a handshake of TCP that is good
}

func httpAsk(path string) real.Question {
	return real.Question{Kind: "http", Path: path, Timeout: 2 * time.Second}
}

func withHost(q real.Question, host string) real.Question { q.Host = host; return q }
func withTLS(q real.Question) real.Question               { q.TLS = true; return q }
func withName(q real.Question, name string) real.Question { q.Name = name; return withTLS(q) }
func withMethod(q real.Question, m string) real.Question  { q.Method = m; return q }

const site = "app.example.test"

func senders() map[string]sender {
	tcp, grpc := real.Question{Kind: "tcp", Timeout: 2 * time.Second}, real.Question{Kind: "grpc", Timeout: 2 * time.Second}
	hap := func(check, server string) func(*testing.T, real.Question) {
		return func(t *testing.T, q real.Question) {
			realserver.HAProxy(t, "frontend unused\n\tbind {addr}\n"+real.HAProxyBackend("web", q, check, server))
		}
	}
	hcheck := func(method string) func(*testing.T, real.Question) {
		return func(t *testing.T, q real.Question) { real.StartApache(t, real.ApacheHost("web", q, method)) }
	}
	proxied := func(h exchange.ProxyHeader) func(*dialect.Options) {
		return func(o *dialect.Options) { o.Proxy = &h }
	}
	const likely, claim = fingerprint.Likely, fingerprint.Claim
	return map[string]sender{
		"haproxy httpchk":      {prober: "haproxy", ask: httpAsk(""), sure: claim},
		"haproxy httpchk GET":  {prober: "haproxy", ask: withMethod(httpAsk("/health?a=b"), "GET"), sure: claim},
		"haproxy httpchk HEAD": {prober: "haproxy", ask: withMethod(httpAsk("/health"), "HEAD"), sure: claim},
		"haproxy with a Host":  {prober: "haproxy", ask: withHost(withMethod(httpAsk("/health"), "GET"), site), sure: likely},
		"haproxy http-check send 1.1": {
			prober: "haproxy", ask: httpAsk("/health"), start: hap("http-check send meth GET uri /health ver HTTP/1.1 hdr Host "+site, ""),
			change: func(o *dialect.Options) { o.Method, o.Version, o.Host = "GET", "1.1", ptr(site) }, sure: likely,
		},
		"haproxy send-state": {
			prober: "haproxy", ask: withMethod(httpAsk("/health"), "GET"), start: hap("http-check send-state", ""),
			change: func(o *dialect.Options) {
				o.Fields = []exchange.Field{{Name: "x-haproxy-server-state", Value: "<state>"}}
			}, sure: likely,
		},
		"haproxy tcp":                 {prober: "haproxy", ask: tcp, unseen: true},
		"haproxy ssl":                 {prober: "haproxy", ask: withTLS(withMethod(httpAsk("/health"), "GET")), sure: claim},
		"haproxy ssl, sni":            {prober: "haproxy", ask: withName(withMethod(httpAsk("/health"), "GET"), site), sure: claim},
		"haproxy ssl, tcp":            {prober: "haproxy", ask: withTLS(tcp)},
		"haproxy check-send-proxy v1": {prober: "haproxy", ask: httpAsk(""), start: hap("", "send-proxy check-send-proxy"), change: proxied(exchange.ProxyV1), sure: likely},
		"haproxy check-send-proxy v2": {prober: "haproxy", ask: httpAsk(""), start: hap("", "send-proxy-v2 check-send-proxy"), change: proxied(exchange.ProxyV2Local), sure: likely},

		"varnish":              {prober: "varnish", ask: httpAsk("/health"), sure: claim},
		"varnish, without url": {prober: "varnish", ask: httpAsk(""), sure: claim},
		"varnish with a Host":  {prober: "varnish", ask: withHost(httpAsk("/health"), site), sure: claim},
		"varnish proxy_header 2": {
			prober: "varnish", ask: httpAsk("/health"), sure: likely, change: proxied(exchange.ProxyV2Local),
			start: func(t *testing.T, q real.Question) {
				real.StartVarnish(t, real.VarnishBackend("web", q, " .proxy_header = 2;"))
			},
		},

		"apache OPTIONS":   {prober: "apache", ask: httpAsk(""), sure: likely},
		"apache GET":       {prober: "apache", ask: httpAsk("/health"), sure: claim},
		"apache HEAD":      {prober: "apache", ask: withMethod(httpAsk("/health"), "HEAD"), sure: claim},
		"apache TCP":       {prober: "apache", ask: tcp},
		"apache https":     {prober: "apache", ask: withTLS(httpAsk("/health")), sure: claim},
		"apache GET11":     {prober: "apache", ask: httpAsk("/health"), start: hcheck("GET11"), change: func(o *dialect.Options) { o.Version = "1.1" }, nobody: true},
		"apache HEAD11":    {prober: "apache", ask: httpAsk("/health"), start: hcheck("HEAD11"), change: func(o *dialect.Options) { o.Version, o.Method = "1.1", "HEAD" }, nobody: true},
		"apache OPTIONS11": {prober: "apache", ask: httpAsk(""), start: hcheck("OPTIONS11"), change: func(o *dialect.Options) { o.Version = "1.1" }, nobody: true},

		"caddy":             {prober: "caddy", ask: httpAsk("/health")},
		"caddy with a Host": {prober: "caddy", ask: withHost(httpAsk("/health?a=b"), site)},
		"caddy https":       {prober: "caddy", ask: withName(httpAsk("/health"), site)},

		"kubelet":             {prober: "kubelet", ask: httpAsk("/health"), sure: likely},
		"kubelet, no path":    {prober: "kubelet", ask: httpAsk(""), sure: likely},
		"kubelet with a Host": {prober: "kubelet", ask: withHost(httpAsk("/health?a=b"), site), sure: likely},
		"kubelet https":       {prober: "kubelet", ask: withTLS(httpAsk("/health")), sure: claim},
		"kubelet tcp":         {prober: "kubelet", ask: tcp},
		"kubelet grpc":        {prober: "kubelet", ask: grpc, sure: claim},

		"traefik":             {prober: "traefik", ask: httpAsk("/health")},
		"traefik with a Host": {prober: "traefik", ask: withHost(httpAsk("/health"), site)},
		"traefik HEAD":        {prober: "traefik", ask: withMethod(httpAsk("/health"), "HEAD")},
		"traefik https":       {prober: "traefik", ask: withTLS(httpAsk("/health"))},
		"traefik grpc":        {prober: "traefik", ask: grpc},

		"consul":             {prober: "consul", ask: httpAsk("/health"), sure: likely},
		"consul with a Host": {prober: "consul", ask: withHost(httpAsk("/health"), site), sure: likely},
		"consul https":       {prober: "consul", ask: withTLS(httpAsk("/health")), sure: likely},
		"consul tcp":         {prober: "consul", ask: tcp},
		"consul grpc":        {prober: "consul", ask: grpc},

		"blackbox":             {prober: "blackbox", ask: httpAsk("/health"), sure: claim},
		"blackbox with a Host": {prober: "blackbox", ask: withHost(httpAsk("/health"), site), sure: claim},
		"blackbox https":       {prober: "blackbox", ask: withTLS(httpAsk("/health")), sure: claim},
		"blackbox tcp":         {prober: "blackbox", ask: tcp},
		"blackbox grpc":        {prober: "blackbox", ask: grpc},

		"docker":             {prober: "docker", ask: httpAsk("/health")},
		"docker with a Host": {prober: "docker", ask: withHost(httpAsk("/health"), site)},
		"docker https":       {prober: "docker", ask: withTLS(httpAsk("/health"))},
	}
}

func ptr[T any](v T) *T { return &v }

// TestWire points each real prober, then its dialect, at the same listener: what
// arrives is the same, byte for byte, but for what mask leaves out. And the
// listener says who the real one is.
func TestWire(t *testing.T) {
	for name, s := range senders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prober, ok := real.Lookup(s.prober)
			if !ok {
				t.Fatal("no such prober")
			}
			l := listen(t)
			s.ask.Address = l.address
			q, ok := prober.Fit(s.ask)
			if !ok || q != s.ask {
				t.Fatalf("it cannot be asked that: %+v of %+v", q, s.ask)
			}
			if s.start != nil {
				s.start(t, q)
			} else if a := prober.Ask(t, q)[0]; a.Outcome != "pass" && q.Kind != "grpc" {
				t.Errorf("it makes of the answer: %+v", a)
			}
			var theirs inspect.Arrival
			if !s.unseen {
				theirs = l.until(func(a inspect.Arrival) bool { return a.Peer.Addr() != us })
			}
			p := s.ours(t, prober, q, theirs)
			exchange.Do(t.Context(), p.Request)
			if s.unseen {
				return
			}
			mine := l.until(func(a inspect.Arrival) bool { return a.Peer.Addr() == us })
			if diff := cmp.Diff(sightOf(theirs), sightOf(mine)); diff != "" {
				t.Errorf("-real prober +dialect:\n%s", diff)
			}
			if theirs.TLS != nil {
				if diff := cmp.Diff(p.Profile.ALPN, theirs.TLS.ALPN); diff != "" {
					t.Errorf("offered by ALPN (-profile +real prober):\n%s", diff)
				}
			}
			s.recognised(t, p, theirs.Guess)
		})
	}
}

// us is where our own questions come from, which tells them from those of a
// prober that goes on asking.
var us = netip.MustParseAddr("127.0.0.77")

// ours is the dialect's probe for what the prober was asked.
func (s sender) ours(t *testing.T, prober real.Prober, q real.Question, theirs inspect.Arrival) dialect.Probe {
	t.Helper()
	p, err := prober.Dialect(q, func(o *dialect.Options) {
		o.Source = us
		if theirs.Kind == inspect.HTTP2 {
			o.Version = "2" // which it offered and the listener took
		}
		if s.change != nil {
			s.change(o)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// recognised compares whom a listener took a real sender for.
func (s sender) recognised(t *testing.T, p dialect.Probe, got fingerprint.Guess) {
	t.Helper()
	if s.nobody {
		if got.Confidence != fingerprint.None {
			t.Errorf("recognised as %q of %q", got.Name, got.Among)
		}
		return
	}
	if len(got.Evidence) == 0 {
		t.Error("nothing is said to speak for whom it was taken for")
	}
	told := strings.Join(got.Evidence, "; ")
	switch {
	case s.sure == fingerprint.None && (got.Name != "" || got.Confidence != fingerprint.Claim || !slices.Contains(got.Among, p.Profile.Name)):
		t.Errorf("recognised as %q (%s) of %q, want one of several, %s among them: %s", got.Name, got.Confidence, got.Among, p.Profile.Name, told)
	case s.sure != fingerprint.None && (got.Name != p.Profile.Name || got.Confidence != s.sure):
		t.Errorf("recognised as %q (%s) of %q, want %s (%s): %s", got.Name, got.Confidence, got.Among, p.Profile.Name, s.sure, told)
	}
}

// sight is what is compared of an arrival.
type sight struct {
	Kind       inspect.Kind
	Bytes      []string // lines of HTTP/1, and what is not HTTP
	Fields     []fingerprint.Field
	Service    string
	Proxy      string
	TLS        bool
	ServerName string
}

func sightOf(a inspect.Arrival) sight {
	s := sight{Kind: a.Kind, Service: a.Service}
	own := 0 // pseudo-fields
	if a.Kind == inspect.HTTP2 || a.Kind == inspect.GRPC {
		for _, f := range a.Request.Fields {
			if strings.HasPrefix(f.Name, ":") {
				own++
			}
			f.Value = mask(f.Name + ": " + f.Value)
			s.Fields = append(s.Fields, f)
		}
		// Go's client sends what a request has set in no fixed order over HTTP/2.
		if rest := s.Fields[own:]; len(rest) > 1 && rest[0].Name == "accept" && rest[1].Name == "user-agent" {
			rest[0], rest[1] = rest[1], rest[0]
		}
	} else {
		for line := range strings.Lines(string(a.Bytes)) {
			s.Bytes = append(s.Bytes, mask(line))
		}
	}
	if a.Proxy != nil {
		s.Proxy = maskProxy(a.Proxy)
	}
	if a.TLS != nil {
		s.TLS, s.ServerName = true, a.TLS.ServerName
	}
	return s
}

// What differs by nature: the version in a User-Agent whose sender has one of its
// own, the state of HAProxy's server, and the time left for a gRPC call. The
// target's address is the same for both.
var masks = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`(?i)^(user-agent: .*(?:kube-probe|Blackbox-Exporter|curl))/[0-9.]+`), "$1/<version>"},
	{regexp.MustCompile(`(?i)^(user-agent: .*grpc-go)/[0-9.]+`), "$1/<version>"},
	{regexp.MustCompile(`^(x-haproxy-server-state): [^\r\n]*`), "$1: <state>"},
	{regexp.MustCompile(`^(grpc-timeout): \d+[a-zA-Z]`), "$1: <time>"},
}

func mask(line string) string {
	for _, m := range masks {
		line = m.pattern.ReplaceAllString(line, m.by)
	}
	return line
}

// maskProxy leaves the addresses and ports out of a PROXY protocol header.
func maskProxy(p *inspect.Proxy) string {
	text := string(p.Bytes)
	for _, end := range []netip.AddrPort{p.Source, p.Destination} {
		if !end.IsValid() {
			continue
		}
		if p.Version == 1 {
			text = strings.Replace(text, end.Addr().String(), "<address>", 1)
			text = strings.Replace(text, " "+strconv.Itoa(int(end.Port())), " <port>", 1)
			continue
		}
		text = strings.Replace(text, string(end.Addr().AsSlice()), "<address>", 1)
		text = strings.Replace(text, string([]byte{byte(end.Port() >> 8), byte(end.Port())}), "<port>", 1)
	}
	return text
}

// TestNginxAsksNothing: nginx has no dialect, for it has no probe: it learns of a
// dead server from the visitors that it sends there.
func TestNginxAsksNothing(t *testing.T) {
	if _, err := dialect.New("nginx", "http://127.0.0.1/", dialect.Options{}); err == nil {
		t.Error("there is a dialect nginx")
	}
	l := listen(t)
	nginx := realserver.Nginx(t, "upstream app { server "+l.address+" max_fails=1 fail_timeout=1s; }\n"+
		"server { listen {addr}; location / { proxy_pass http://app; } }")
	r, err := http.Get("http://" + nginx.Addr() + "/visitor")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	// The first thing that ever came is the visitor's.
	if a := l.next(); a.Number != 1 || a.Request.Target != "/visitor" || a.Guess.Name != "" {
		t.Errorf("arrival %d is %s of %+v", a.Number, a.Asks(), a.Guess)
	}
}
