package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// TestNeighbours: other ports are a sign as far as they are few and answer only
// what they know.
func TestNeighbours(t *testing.T) {
	for name, test := range map[string]struct {
		right, any []string
		want       string
		sure       float64
	}{
		"one":             {[]string{"9001"}, nil, "wrong_port", 0.95},
		"two":             {[]string{"9001", "9002"}, nil, "wrong_port", 0.8},
		"many":            {[]string{"9001", "9002", "9003", "9004"}, nil, "refused", 0.6},
		"answers any":     {nil, []string{"9001"}, "wrong_port", 0.6},
		"many answer any": {nil, []string{"9001", "9002", "9003"}, "refused", 0.6},
		"one of each":     {[]string{"9004"}, []string{"9001", "9002"}, "wrong_port", 0.8},
		"none":            {nil, nil, "refused", 0.95},
	} {
		t.Run(name, func(t *testing.T) {
			q := albQuestion(t, true)
			for _, p := range []string{"22", "3306", "9001", "9002", "9003", "9004"} {
				q.Machine.Sockets = append(q.Machine.Sockets, listening("127.0.0.1:"+p))
			}
			q.Machine.Sockets = append(q.Machine.Sockets, sockets.Socket{Local: netip.MustParseAddrPort("127.0.0.1:9009"), Process: "redis-server"})
			m := &model{}
			m.layers = []layer{func(a ask) (exchange.Answer, bool) {
				switch {
				case slices.Contains(test.any, a.port), slices.Contains(test.right, a.port) && a.path() == "/health":
					return answer(200, "fine"), true
				case slices.Contains(test.right, a.port):
					return answer(404, "no"), true
				case a.port == "22" || a.port == "3306" || a.port == "9009":
					t.Errorf("port %s was asked for a page", a.port)
				}
				return broken(exchange.Refused, exchange.Dialling), true
			}}
			r := m.diagnosed(t, q)
			if got := ids(r.Causes); len(got) == 0 || got[0] != test.want || r.Causes[0].Confidence != test.sure {
				t.Error(summary(r))
			}
			if f := r.Causes[0]; f.Cause == "wrong_port" && len(test.right) > 0 && f.Values["otherport"] != test.right[0] {
				t.Errorf("it names port %q", f.Values["otherport"])
			}
		})
	}
}

// TestWrongPortAndMore: where no other port passes, the one whose refusal can be
// explained is the right one, and both are named.
func TestWrongPortAndMore(t *testing.T) {
	for name, test := range map[string]struct {
		at   layer // what answers at port 9001
		want []string
	}{
		"Host refused":    {unless(bySite, says(400))(&model{page: plainPage}), []string{"wrong_port", "host_not_allowed"}},
		"https redirect":  {unless(byXFP, redirectTo(301, httpsHere))(nil), []string{"wrong_port", "https_redirect"}},
		"dependency down": {unless(onPath("/health"), body(503, `{"status":"down","db":"connection refused"}`))(nil), []string{"wrong_port", "dependency_down"}},
		"another app":     {unless(always, body(404, "no"))(nil), []string{"refused"}},
		"a dead front":    {unless(always, saysNginx(502, "Bad Gateway"))(nil), []string{"refused"}},
		"wants a login":   {unless(always, body(401, "no"))(nil), []string{"refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := albQuestion(t, true)
			for _, p := range []string{"22", "9001", "9002"} {
				q.Machine.Sockets = append(q.Machine.Sockets, listening("127.0.0.1:"+p))
			}
			m := &model{}
			m.layers = []layer{refuses(func(a ask) bool { return a.port == "9001" })(m), test.at}
			r := m.diagnosed(t, q)
			if got := ids(r.Causes); !slices.Equal(got[:min(len(got), len(test.want))], test.want) {
				t.Fatal(summary(r))
			}
			if f := r.Causes[0]; f.Cause == "wrong_port" && f.Values["otherport"] != "9001" {
				t.Errorf("it names port %q", f.Values["otherport"])
			}
		})
	}
}

// TestOtherPorts: well-known ports are asked first, those that nobody chose last, and
// no more than are likely.
func TestOtherPorts(t *testing.T) {
	q := albQuestion(t, true)
	for _, p := range []string{"22", "40001", "8500", "8442", "8080", "9009"} {
		s := listening("127.0.0.1:" + p)
		if p == "9009" {
			s.Process = "redis-server"
		}
		q.Machine.Sockets = append(q.Machine.Sockets, s)
	}
	ports := func() []uint16 {
		var list []uint16
		for _, s := range newDesk(q, nil).otherPorts(view{o: &Observation{Experiment: Experiment{Probe: q.Probe}}}) {
			list = append(list, s.Local.Port())
		}
		return list
	}
	if got, want := ports(), []uint16{8080, 8442, 8500, 40001}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for p := range 100 {
		q.Machine.Sockets = append(q.Machine.Sockets, listening(fmt.Sprintf("127.0.0.1:%d", 10000+p)))
	}
	if got := ports(); len(got) != mostPorts || got[0] != 8080 {
		t.Errorf("of many: %v", got)
	}
}

// TestNoAddress: localhost is an address like others; of another name nobody says
// that the port has no listener where the table shows one.
func TestNoAddress(t *testing.T) {
	for name, want := range map[string]string{"localhost": "ipv6_only", "web.example.test": "refused"} {
		m := &model{}
		m.layers = []layer{refuses(func(a ask) bool { return a.addr == netip.IPv6Loopback() })(m)}
		q := question(t, "alb", "http://"+name+":8443/health", dialect.Options{}, false)
		q.Machine.Sockets = []sockets.Socket{{Local: netip.MustParseAddrPort("[::]:8443"), Backlog: 128, OnlyIPv6: true}}
		r := m.diagnosed(t, q)
		if got := ids(r.Causes); len(got) == 0 || got[0] != want || strings.Contains(summary(r), "knows no listener") {
			t.Errorf("%s: got %v, want %s\n%s", name, got, want, summary(r))
		}
	}
}
