package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/internal/accesslog"
	"github.com/inservice/inservice/internal/gateway"
)

// own is a machine with these addresses.
type own []netip.Addr

func (o own) Addrs() []netip.Addr { return o }

// TestOrder asks for what one part refuses and another lets pass.
func TestOrder(t *testing.T) {
	rules, err := allowedhosts.Parse("site.example", "self")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		from   string
		method string
		target string
		header []string
		want   string // status, Location, Strict-Transport-Security
	}{
		{"plain http", stranger, "GET", "/a%2Fb?c=%20", nil, "301 https://site.example/a%2Fb?c=%20 "},
		{"plain http with a body", stranger, "POST", "/a", []string{"Content-Length: 0"}, "308 https://site.example/a "},
		{"by the balancer over https", balancer, "GET", "/a", []string{"X-Forwarded-Proto: https"}, "200  max-age=3600; includeSubDomains"},
		{"by the balancer over http", balancer, "GET", "/a", []string{"X-Forwarded-Proto: http"}, "301 https://site.example/a "},
		{"foreign host", stranger, "GET", "/a", []string{"X-Host: evil.example"}, "400  "},
		{"foreign host over https", balancer, "GET", "/a", []string{"X-Host: evil.example", "X-Forwarded-Proto: https"}, "400  "},
		{"foreign host in X-Forwarded-Host", balancer, "GET", "/a", []string{"X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"}, "200  max-age=3600; includeSubDomains"},
		{"own address", balancer, "GET", "/a", []string{"X-Host: 10.0.0.9:80", "X-Forwarded-Proto: https"}, "200  max-age=3600; includeSubDomains"},
		{"somebody else's address", balancer, "GET", "/a", []string{"X-Host: 10.0.0.8", "X-Forwarded-Proto: https"}, "400  "},
		{"exempt path", stranger, "GET", "/plain/?x", nil, "200  "},
		{"below an exempt path", stranger, "GET", "/plain/x", nil, "301 https://site.example/plain/x "},
		{"exempt path, foreign host", stranger, "GET", "/plain", []string{"X-Host: evil.example"}, "400  "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			s := serve(t, &gateway.Gateway{
				App:            app(t, func(http.ResponseWriter, *http.Request) { asked++ }),
				Hosts:          &rules,
				Own:            own{netip.MustParseAddr("10.0.0.9")},
				Redirect:       true,
				HSTS:           time.Hour,
				HSTSSubdomains: true,
				ExemptPaths:    []string{"/plain"},
			})
			res, body := s.ask(tt.from, tt.method, tt.target, tt.header...)
			got := fmt.Sprint(res.StatusCode, " ", res.Header.Get("Location"), " ", res.Header.Get("Strict-Transport-Security"))
			if got != tt.want {
				t.Errorf("answer = %q, want %q", got, tt.want)
			}

			passed, refused := res.StatusCode == 200, res.StatusCode == 400
			if (asked == 1) != passed {
				t.Errorf("the app was asked %d times", asked)
			}
			stats := s.g.Stats()
			if stats.Requests != 1 || (stats.Refused == 1) != refused || stats.Last.IsZero() != refused {
				t.Errorf("stats = %+v", stats)
			}
			if (stats.Traffic.Requests == 1) != passed {
				t.Errorf("%d requests are evidence", stats.Traffic.Requests)
			}
			if refused && (len(body) > 100 || len(s.log.all()) != 1 || !strings.Contains(s.log.all()[0], "host refused")) {
				t.Errorf("refused with %q, logged %q", body, s.log.all())
			}
			line := s.accessLines(1)[0]
			if !strings.Contains(line, fmt.Sprintf(`"status":%d,`, res.StatusCode)) || strings.Contains(line, `"target_status":200`) != passed {
				t.Errorf("access log: %s", line)
			}
		})
	}
}

// TestBare is a gateway with nothing but an app, which gets whatever comes.
func TestBare(t *testing.T) {
	bare := &gateway.Gateway{App: app(t, told)}
	if err := bare.Open(); err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Host = "any.example"
	answer := httptest.NewRecorder()
	bare.ServeHTTP(answer, r)
	if body := answer.Body.String(); answer.Code != http.StatusOK || !strings.HasSuffix(body, "Host: any.example") {
		t.Errorf("answer = %d %q", answer.Code, body)
	}
	if stats := bare.Stats(); stats.Requests != 1 || stats.Last.IsZero() || stats.Traffic.Requests != 0 {
		t.Errorf("stats = %+v", stats)
	}
	if err := bare.Check().Run(t.Context()); err != nil {
		t.Errorf("a check of traffic that is not watched: %v", err)
	}
}

// TestNoApp has no app: visitors get a short 502 that tells nothing, and the log a
// bounded number of lines.
func TestNoApp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing.sock")
	s := serve(t, &gateway.Gateway{App: "unix:" + path})
	const visits = 60
	for range visits {
		res, body := s.ask(stranger, "GET", "/a?secret")
		if res.StatusCode != http.StatusBadGateway || body != "inservice: the target can't be reached\n" {
			t.Fatalf("answer = %d %q", res.StatusCode, body)
		}
	}
	if got := s.log.all(); len(got) == 0 || len(got) > visits/2 || !strings.Contains(got[0], path) || strings.Contains(got[0], "secret") {
		t.Errorf("%d lines are logged: %q", len(got), got)
	}
	lines := s.accessLines(visits)
	if !strings.Contains(lines[0], `"status":502,"bytes":39,`) || len(lines) != visits {
		t.Errorf("%d lines in the access log, the first %s", len(lines), lines[0])
	}
	if got := s.g.Stats().Traffic; got.Requests != visits || got.Bad != visits {
		t.Errorf("traffic = %+v", got)
	}
}

// TestInFlight looks at the numbers in the middle of an answer.
func TestInFlight(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	s := serve(t, &gateway.Gateway{App: app(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
	})})
	before := time.Now()
	_, reader := s.raw(stranger, "GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n")
	<-arrived
	stats := s.g.Stats()
	if stats.InFlight != 1 || stats.Requests != 1 || stats.Last.Before(before) || stats.Last.After(time.Now()) {
		t.Errorf("in the middle of an answer: %+v", stats)
	}
	close(answer)
	if _, err := io.ReadAll(reader); err != nil {
		t.Error(err)
	}
	s.await("no request in flight", func() bool { return s.g.Stats().InFlight == 0 })
	if got := s.g.Stats(); got.Requests != 1 || !got.Last.Equal(stats.Last) {
		t.Errorf("after it: %+v", got)
	}
}

// TestCombinedLine is the access log that other tools read.
func TestCombinedLine(t *testing.T) {
	s := serve(t, &gateway.Gateway{App: app(t, told), AccessLog: &accesslog.Log{}})
	s.ask(balancer, "GET", "/a?b", "X-Forwarded-For: 192.0.2.99", "User-Agent: a\"b")
	line := s.accessLines(1)[0]
	before, rest, _ := strings.Cut(line, "[")
	_, after, _ := strings.Cut(rest, "]")
	want := []string{"192.0.2.99 - - ", ` "GET /a?b HTTP/1.1" 200 `}
	if diff := cmp.Diff(want, []string{before, after[:min(len(after), len(want[1]))]}); diff != "" || !strings.HasSuffix(after, ` "-" "a\x22b"`) {
		t.Errorf("line %s (-want +got):\n%s", line, diff)
	}
}
