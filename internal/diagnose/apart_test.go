package diagnose

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// TestOneBehindTheOther: what stands in the way hides what is the matter behind it,
// and answers in ways that look like something else.
func TestOneBehindTheOther(t *testing.T) {
	mozilla := func(a ask) bool { return len(a.field("User-Agent")) > 7 && a.field("User-Agent")[:7] == "Mozilla" }
	const redis = `{"status":"error","redis":"connection refused"}`
	var stopped layer = func(ask) (exchange.Answer, bool) { return broken(exchange.TimedOut, exchange.Waiting), true }
	for _, test := range []struct {
		name   string
		layers []func(*model) layer
		want   []string // the first causes
	}{
		{"a 404 that hides a path from strangers", []func(*model) layer{
			unless(func(a ask) bool { return a.path() != "/healthz" }, says(200)), // and another one passes
			unless(func(a ask) bool { return a.Source.IsValid() || a.path() == "/" }, saysNginx(404, "Not Found")),
		}, []string{"forbidden_source"}},
		{"a client that is refused, and a dependency", []func(*model) layer{
			unless(mozilla, says(403)), unless(onPath("/health"), body(503, redis)),
		}, []string{"forbidden_client", "dependency_down"}},
		{"a client that is kept waiting", []func(*model) layer{
			unless(mozilla, func(m *model, a ask) exchange.Answer { return took(1500*time.Millisecond, m.page(500, a)) }),
		}, []string{"forbidden_client"}},
		{"a 400 to what has no PROXY header", []func(*model) layer{
			wantsProxy(exchange.ProxyV1, answer(400, "")),
		}, []string{"proxy_protocol_expected"}},
		{"by the site's name a front server that tries for long", []func(*model) layer{
			unless(func(a ask) bool { return !bySite(a) }, func(*model, ask) exchange.Answer { return took(3*time.Second, hap()) }),
			unless(always, says(404)),
		}, []string{"vhost_mismatch", "upstream_down"}},
		{"by the site's name one that reaches nothing", []func(*model) layer{
			unless(func(a ask) bool { return !bySite(a) }, func(*model, ask) exchange.Answer { return hap() }),
			unless(always, says(404)),
		}, []string{"vhost_mismatch", "upstream_down"}},
		{"by the site's name silence", []func(*model) layer{
			func(*model) layer {
				return func(a ask) (exchange.Answer, bool) { got, _ := stopped(a); return got, bySite(a) }
			},
			unless(always, says(404)),
		}, []string{"vhost_mismatch", "upstream_timeout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{}
			for _, l := range test.layers {
				m.layers = append(m.layers, l(m))
			}
			r := m.diagnosed(t, albQuestion(t, true))
			if got := ids(r.Causes); !slices.Equal(got[:min(len(got), len(test.want))], test.want) {
				t.Errorf("got %v, want %v first\n%s", got, test.want, summary(r))
			}
		})
	}
}

// TestNobodyLives: where all but the health path gives one and the same 503, no app
// is there to say that there is no such path; unless it says that it is closed.
func TestNobodyLives(t *testing.T) {
	for _, test := range []struct {
		name string
		say  func(*model, ask) exchange.Answer
		want string
	}{
		{"a page of somebody's own", body(503, "Momentan nicht erreichbar", "Server: Apache/2.4.57"), "front_answers_for_dead_app"},
		{"nobody passed it on", body(503, "Momentan nicht erreichbar"), "shallow_check_ok"},
		{"it names what is down", body(503, `{"redis":"down"}`, "Server: Apache/2.4.57"), "shallow_check_ok"},
		{"an app's", body(503, "no", "X-Powered-By: Express"), "shallow_check_ok"},
		{"a page of maintenance", body(503, "down for maintenance", "Server: Apache/2.4.57"), "shallow_check_ok"},
		{"two pages", func(_ *model, a ask) exchange.Answer {
			return answer(503, "no "+map[bool]string{true: "shop", false: "page"}[a.path() == "/"])
		}, "shallow_check_ok"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{}
			m.layers = []layer{unless(onlyPath("/health"), test.say)(m)}
			r := m.diagnosed(t, albQuestion(t, false))
			if got := ids(r.Warnings); r.Verdict != Pass || len(got) == 0 || got[0] != test.want {
				t.Errorf("got %v, want %s first\n%s", got, test.want, summary(r))
			}
		})
	}
}

// TestOthersWait: who says nothing to anybody works on what came before.
func TestOthersWait(t *testing.T) {
	for _, test := range []struct {
		name   string
		during *sockets.Traffic
		want   string
	}{
		{"others wait longer", client(3 * time.Second), "worker_saturated"},
		{"ours waits longest", client(glance), "no_response"},
		{"a WebSocket", socket(9 * time.Second), "no_response"},
		{"not seen", nil, "no_response"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{layers: []layer{func(ask) (exchange.Answer, bool) { return broken(exchange.TimedOut, exchange.Waiting), true }}}
			q := slowQuestion(t, true)
			q.Machine.Sockets = []sockets.Socket{{Local: netip.MustParseAddrPort("0.0.0.0:8443"), Backlog: 128}}
			q.during = test.during
			if r := m.diagnosed(t, q); len(r.Causes) == 0 || string(r.Causes[0].Cause) != test.want {
				t.Errorf("want %s first\n%s", test.want, summary(r))
			}
		})
	}
}
