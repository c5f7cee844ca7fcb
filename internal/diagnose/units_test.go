package diagnose

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
)

func TestNamesDependency(t *testing.T) {
	for text, want := range map[string]bool{
		`{"status":"down","checks":{"redis":"[Errno 111] Connection refused"}}`: true,
		`{"components":{"db":{"status":"DOWN"}}}`:                               true,
		`{"message":"database unavailable"}`:                                    true,
		`{"status":"unavailable"}`:                                              false,
		`{"error":"Service Unavailable","statusCode":503}`:                      false,
		"postgres: could not connect":                                           true,
		"Service Unavailable":                                                   false,
		"<h1>503 Service Temporarily Unavailable</h1>":                          false,
		"<html><style>.cache{color:red} .error{}</style><p>Back soon</p>":       false,
	} {
		kind := "Content-Type: text/plain"
		if strings.HasPrefix(text, "<") {
			kind = "Content-Type: text/html"
		}
		if named, got := namesDependency(answer(503, text, kind)); got != want {
			t.Errorf("%.60q: %v (%s), want %v", text, got, named, want)
		}
	}
}

func TestIsLogin(t *testing.T) {
	from := place{scheme: "http", host: "10.20.30.40", path: "/health"}
	for where, want := range map[string]bool{
		"http://10.20.30.40/accounts/login/?next=/health":                   true,
		"http://10.20.30.40/users/sign_in":                                  true,
		"https://sso.example/realms/shop?redirect_uri=x":                    true,
		"https://login.example/health":                                      false, // the same path: a host name, no login page
		"http://10.20.30.40/wp-login.php?redirect_to=%2F":                   true,
		"http://10.20.30.40/?next=%2Fhealth":                                true,
		"http://10.20.30.40/oauth2/start?rd=%2Fhealth":                      true,
		"http://10.20.30.40/en/health":                                      false,
		"http://10.20.30.40/health/":                                        false,
		"http://10.20.30.40/blogin":                                         false,
		"http://10.20.30.40/authors":                                        false,
		"https://accounts.google.com/o/x?client_id=1":                       true,
		"https://www.example/":                                              false,
		"https://portal.example/start?rd=http://10.20.30.40/health":         true, // not escaped
		"https://portal.example/start?rd=http%3A%2F%2F10.20.30.40%2Fhealth": true,
		"https://portal.example/start?x=1&target_link=%252Fhealth":          true, // escaped twice
		"http://10.20.30.40/start?u=/health":                                true,
		"http://10.20.30.40/start?u=/healthy":                               false,
		"http://10.20.30.40/choose-language?from=/health":                   false,
		"http://10.20.30.40/maintenance?from=/health":                       false,
	} {
		v := viewOf("http://10.20.30.40/health", answer(302, "", "Location: "+where))
		to, ok := location(v)
		if !ok {
			t.Fatalf("%s: no location", where)
		}
		if got := isLogin(from, to); got != want {
			t.Errorf("%s: %v, want %v", where, got, want)
		}
	}
}

// viewOf is an answer to a request for a URL without TLS.
func viewOf(url string, a exchange.Answer) view {
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	o := &Observation{Answers: []exchange.Answer{a}}
	o.Experiment.Probe.Request = exchange.Request{Address: host, Path: "/" + path, Fields: []exchange.Field{{Name: "Host", Value: host}}}
	return view{ok: true, o: o, name: "x"}
}

func TestLocation(t *testing.T) {
	for text, want := range map[string]string{
		"/other?x=1":                  "http://shop.example:81/other?x=1",
		"other":                       "http://shop.example:81/a/other",
		"?x=1":                        "http://shop.example:81/a/health?x=1",
		"//WWW.shop.example/a":        "http://www.shop.example/a",
		"HTTPS://shop.example:8443":   "https://shop.example:8443/",
		"https://[2001:db8::1]:80/a":  "https://[2001:db8::1]:80/a",
		"":                            "",
		"http://a b/":                 "",
		"https://shop.example/\x1b[m": "",
	} {
		got, ok := location(viewOf("http://shop.example:81/a/health", answer(301, "", "Location: "+text)))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q: %q %v, want %q", text, got.String(), ok, want)
		}
	}
	for _, status := range []int{200, 304, 404} {
		if _, ok := location(viewOf("http://x/", answer(status, "", "Location: /a"))); ok {
			t.Errorf("%d is taken for a redirect", status)
		}
	}
}

func TestToggled(t *testing.T) {
	for path, want := range map[string]string{"/a": "/a/", "/a/": "/a", "/a?b=/": "/a/?b=/", "/a/?b": "/a?b", "/": "", "": ""} {
		if got, ok := toggled(path); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", path, got, ok, want)
		}
	}
}

func TestFromCache(t *testing.T) {
	for field, want := range map[string]bool{
		"Age: 1": true, "Age: 0": false, "Age: x": false, "X-Cache: HIT from a": true, "X-Cache: MISS": false, "X-Cache: MISS, HIT": false,
		"X-Varnish: 5 3": true, "X-Varnish: 5": false, "CF-Cache-Status: HIT": true, "X-Nginx-Cache-Status: hit": true, "X-Cache-Key: hit": false, "Cache-Status: a; hit": true,
	} {
		if mark, got := fromCache(answer(200, "", field)); got != want {
			t.Errorf("%s: %v (%s), want %v", field, got, mark, want)
		}
	}
}

func TestChanges(t *testing.T) {
	host := sent
	q := question(t, "alb", "http://"+target+"/health", dialect.Options{Host: &host}, true)
	before := q.Probe.Request
	fields := slices.Clone(before.Fields)
	get := func(c change) exchange.Request { return setting{}.with(c).experiment(q.Probe).Probe.Request }

	two := get(change{factor: fHTTP, label: "2"})
	if two.Protocol != exchange.HTTP2 || slices.ContainsFunc(two.Fields, func(f exchange.Field) bool { return strings.EqualFold(f.Name, "Connection") }) {
		t.Errorf("HTTP/2 with %v", two.Fields)
	}
	if one := get(change{factor: fHTTP, label: "1.1", arg: "other"}); hostOf(one) != sent {
		t.Errorf("HTTP/1.1 replaces the Host by %q", hostOf(one))
	}
	bare := q.Probe
	bare.Request.Fields = nil
	if one := (change{factor: fHTTP, label: "1.1", arg: "other"}).apply(bare); hostOf(one.Request) != "other" {
		t.Error("HTTP/1.1 without a Host")
	}
	if none := get(change{factor: fHost, label: "none"}); len(none.Fields) != len(fields)-1 || hostOf(none) != "" {
		t.Errorf("no Host: %v", none.Fields)
	}
	if named := get(change{factor: fHost, label: "site", arg: site}); named.Fields[0] != (exchange.Field{Name: fields[0].Name, Value: site}) {
		t.Errorf("another Host: %v", named.Fields)
	}
	if moved := get(change{factor: fAddr, label: "::1"}); moved.Address != "[::1]:8443" {
		t.Errorf("another address: %s", moved.Address)
	}
	if moved := get(change{factor: fPort, label: "81"}); moved.Address != "127.0.0.1:81" {
		t.Errorf("another port: %s", moved.Address)
	}
	if from := get(change{factor: fSource, label: "127.0.0.9"}); from.Source != netip.MustParseAddr("127.0.0.9") {
		t.Errorf("another source: %s", from.Source)
	}
	if d := cmp.Diff(fields, q.Probe.Request.Fields); d != "" {
		t.Errorf("the probe itself was changed (-before +after):\n%s", d)
	}
}

// TestFarAway: of another machine no other port and no other address is asked, and
// what can't be tried from there lowers the confidence.
func TestFarAway(t *testing.T) {
	for name, test := range map[string]struct {
		layer func(*model) layer
		cause string
		sure  float64 // at most
	}{
		"refused":   {refuses(nil), "refused", 0.85},
		"filtered":  {blocks(broken(exchange.TimedOut, exchange.Dialling)), "filtered", 0.85},
		"forbidden": {unless(onPath("/health"), saysNginx(403, "Forbidden")), "forbidden_path", 0.8},
	} {
		t.Run(name, func(t *testing.T) {
			host := "192.0.2.10"
			m := &model{}
			m.layers = []layer{test.layer(m)}
			r := m.diagnosed(t, question(t, "alb", "http://192.0.2.10:8443/health", dialect.Options{Host: &host}, true))
			if got := ids(r.Causes); len(got) == 0 || got[0] != test.cause || r.Causes[0].Confidence > test.sure {
				t.Error(summary(r))
			}
			for _, o := range r.Observations {
				if at := o.Experiment.Probe.Request; at.Address != "192.0.2.10:8443" || at.Source.IsValid() {
					t.Errorf("asked %s from %s", at.Address, at.Source)
				}
			}
		})
	}
}

// TestFollowers: probers that follow redirects are diagnosed by the target's own
// answer, and what passes by what passed.
func TestFollowers(t *testing.T) {
	host := site
	q := question(t, "blackbox", "http://"+target+"/health", dialect.Options{Host: &host}, true)
	m := &model{page: plainPage, took: time.Millisecond, home: 200}
	m.layers = []layer{unless(byXFP, redirectTo(301, httpsHere))(m)}
	ask := func(p dialect.Probe) Observation {
		r := p.Request
		a := m.serve(ask{Request: r})
		a.Began = time.Now()
		answers := []exchange.Answer{a}
		if a.Status == 301 {
			answers = append(answers, exchange.Answer{Failure: exchange.Refused, Stage: exchange.Dialling, Began: a.Began, GRPCCode: -1})
		}
		return Observation{Answers: answers, Verdict: p.Judge(answers)}
	}
	var observed []Observation
	for range MostRequests {
		next := Plan(q, observed)
		if len(next) == 0 {
			break
		}
		o := ask(next[0].Probe)
		o.Experiment = next[0]
		observed = append(observed, o)
	}
	r := Conclude(q, observed)
	if got := ids(r.Causes); len(got) == 0 || got[0] != "https_redirect" {
		t.Error(summary(r))
	}
}

// TestUndecided: what no experiment decides is a candidate, and says what would.
func TestUndecided(t *testing.T) {
	for name, test := range map[string]struct {
		layer func(*model) layer
		ask   func(*testing.T, bool) Question
		want  string
		word  string
	}{
		"421 on every path":       {unless(always, says(421)), albQuestion, "vhost_mismatch", ""},
		"400 on every path":       {unless(always, says(400)), albQuestion, "host_not_allowed", "--site www.example.com"},
		"403 of nginx everywhere": {unless(always, saysNginx(403, "Forbidden")), albQuestion, "forbidden_source", "address"},
		"403 of the app":          {unless(always, says(403)), albQuestion, "host_not_allowed", "--site www.example.com"},
		"404 of nginx":            {unless(always, saysNginx(404, "Not Found")), albQuestion, "not_found", ""},
		"unrecognised name":       {handshake(func(*exchange.TLS) (exchange.Answer, bool) { return alert(112, false), true }), tlsQuestion, "sni_required", "--site www.example.com"},
		"handshake failure":       {handshake(func(*exchange.TLS) (exchange.Answer, bool) { return alert(40, false), true }), tlsQuestion, "sni_required", "--site www.example.com"},
		"broken off": {handshake(func(*exchange.TLS) (exchange.Answer, bool) {
			return broken(exchange.Closed, exchange.Handshaking), true
		}), tlsQuestion, "closed_no_response", ""},
		"400 of one path":          {unless(onPath("/health"), says(400)), albQuestion, "app_error", ""},
		"redirect without an aim":  {unless(always, body(302, "")), albQuestion, "path_redirect", ""},
		"redirect to a dead place": {unless(onPath("/health"), redirectTo(302, func(ask) string { return "/gone" })), albQuestion, "path_redirect", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := &model{}
			m.layers = []layer{test.layer(m)}
			r := m.diagnosed(t, test.ask(t, false))
			got := ids(r.Causes)
			if len(got) == 0 || got[0] != test.want {
				t.Fatal(summary(r))
			}
			if c := r.Causes[0]; c.Confidence > 0.9 || !strings.Contains(strings.Join(c.Evidence, " "), test.word) {
				t.Errorf("%.2f %q", c.Confidence, c.Evidence)
			}
		})
	}
}

// TestEvidence: what decides is told with both answers.
func TestEvidence(t *testing.T) {
	m := &model{}
	m.layers = []layer{unless(bySite, says(400))(m)}
	r := m.diagnosed(t, albQuestion(t, true))
	f := r.Causes[0]
	if want := "With Host: shop.example the same request gives 200; without, 400."; f.Evidence[0] != want {
		t.Errorf("got %q, want %q", f.Evidence[0], want)
	}
	if want := []string{"host=site", "probe"}; !slices.Equal(f.Decided, want) {
		t.Errorf("decided by %v, want %v", f.Decided, want)
	}
	made := map[string]bool{}
	for _, o := range r.Observations {
		made[o.Experiment.Name] = true
	}
	for _, name := range f.Decided {
		if !made[name] {
			t.Errorf("%s decided and was not made", name)
		}
	}
}
