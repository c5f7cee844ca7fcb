package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/control"
	"github.com/inservice/inservice/internal/gateway"
	"github.com/inservice/inservice/internal/tongue"
	"github.com/inservice/inservice/internal/traffic"
	"github.com/inservice/inservice/ownaddr"
)

// Errors that visitors get take the server out of service, though all else passes.
func TestBadTrafficTurnsTheAnswerRed(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer app.Close()
	hosts, err := allowedhosts.Parse("site.example")
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{
		Path: "/up", Admin: freeAddress(t), Checks: []health.Check{{Name: "c", Run: pass}},
		Gateway: &gateway.Gateway{
			App: app.URL, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Traffic: &traffic.Policy{}, Hosts: &hosts,
		},
	}
	run(t, a)
	url := "http://" + a.Addr().String() + "/up"
	eventually(t, "in service", func() bool { return get(t, url) == "200 ok" })
	if response, _ := exchange(t, a.Addr().String(), "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"); response.StatusCode != http.StatusBadRequest {
		t.Errorf("a foreign host was answered %d", response.StatusCode)
	}
	for i := range 22 {
		raw := fmt.Sprintf("GET / HTTP/1.1\r\nHost: site.example\r\nX-Forwarded-For: 203.0.113.%d\r\n\r\n", i)
		if response, _ := exchange(t, a.Addr().String(), raw); response.StatusCode != http.StatusInternalServerError {
			t.Fatalf("a visitor was answered %d, want the app's 500", response.StatusCode)
		}
	}
	eventually(t, "out of service", func() bool { return get(t, url) == "503 fail" })
	metrics := get(t, "http://"+a.Admin+"/metrics")
	for _, want := range []string{
		"inservice_refused_hosts_total 1",
		`inservice_traffic_level{level="fail"} 1`,
		`inservice_check_duration_seconds_count{check="c",result="pass"} `,
		`inservice_check_duration_seconds_count{check="traffic",result="fail"} `,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in the metrics:\n%s", want, metrics)
		}
	}
}

// Who drains by hand is heard at once, not when somebody looks.
func TestDrainIsToldAtOnce(t *testing.T) {
	a := &Agent{Listen: "127.0.0.1:0", Path: "/up", GRPC: freeAddress(t), Checks: []health.Check{{Name: "c", Run: pass}}}
	if err := a.Open(); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	crew := newCrew(t.Context())
	crew.start(a.registry.Run)
	crew.start(a.others[0].run) // but not the herald, who looks every 100 ms
	defer crew.dismiss()
	conn, err := grpc.NewClient(a.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	until := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for {
			answer, err := stream.Recv()
			if err != nil {
				t.Fatalf("not told %v: %v", want, err)
			}
			if answer.Status == want {
				return
			}
		}
	}
	until(healthpb.HealthCheckResponse_SERVING)
	a.Drain()
	until(healthpb.HealthCheckResponse_NOT_SERVING)
	a.Undrain()
	until(healthpb.HealthCheckResponse_SERVING)
}

// systemd is told that the agent answers, and that it is stopping when the drain
// begins and not when it is over.
func TestTellsSystemd(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	manager.SetReadDeadline(time.Now().Add(patience))
	await := func(want string) {
		t.Helper()
		buffer := make([]byte, 4096)
		for {
			n, err := manager.Read(buffer)
			if err != nil {
				t.Fatalf("systemd was not told %s: %v", want, err)
			}
			if strings.Contains(string(buffer[:n]), want) {
				return
			}
		}
	}
	a := &Agent{
		Path: "/up", DrainTimeout: 2 * patience, Checks: []health.Check{{Name: "c", Run: pass}},
		Systemd: &tongue.Systemd{Getenv: func(name string) (string, bool) { return path, name == "NOTIFY_SOCKET" }},
	}
	term, ended := start(t, a)
	await("READY=1")
	ask := func() int {
		response, _ := exchange(t, a.Addr().String(), "GET /up HTTP/1.1\r\nHost: 192.0.2.1\r\n"+elb)
		return response.StatusCode
	}
	if code := ask(); code != 200 {
		t.Fatalf("the answer is %d", code)
	}
	term()
	await("STOPPING=1")
	eventually(t, "the drain", func() bool { return a.Snapshot().Draining })
	for range 2 { // what an ALB needs; refused, had the agent ended before
		if code := ask(); code != 503 {
			t.Errorf("in the drain the answer is %d", code)
		}
	}
	<-ended
}

// Weights are told only to who wants them.
func TestWeights(t *testing.T) {
	for weights, want := range map[bool]string{true: "ready up 10%", false: "ready up 100%"} {
		a := &Agent{
			Path: "/up", Words: freeAddress(t), Weights: weights,
			Checks: []health.Check{{Name: "c", Run: func(context.Context) error { return health.Degraded(errors.New("slow")) }}},
		}
		run(t, a)
		eventually(t, "degraded", func() bool { return a.Snapshot().Status == health.Warn })
		if got := word(t, a.Words); got != want {
			t.Errorf("with weights %t HAProxy is told %q, want %q", weights, got, want)
		}
	}
}

// By this machine's addresses one of AWS's balancers is told from the other.
func TestOwnAddressesTellBalancersApart(t *testing.T) {
	finder := &ownaddr.Finder{Sources: []ownaddr.Source{ownaddr.Interfaces}}
	own := finder.Find(t.Context()).Addrs()
	if len(own) == 0 {
		t.Skip("this machine has no address but the loopback's")
	}
	a := &Agent{Path: "/up", Own: finder, Checks: []health.Check{{Name: "c", Run: pass}}}
	run(t, a)
	for host, want := range map[string]string{netip.AddrPortFrom(own[0], 80).String(): "alb", "192.0.2.77": "nlb"} {
		for _, query := range []string{"", "?x"} { // at the door, and through net/http
			exchange(t, a.Addr().String(), "GET /up"+query+" HTTP/1.1\r\nHost: "+host+"\r\n"+elb)
		}
		list := a.audience(time.Now())
		if len(list) == 0 || list[len(list)-1].Name != want && list[0].Name != want {
			t.Errorf("who asks for Host %s is %q, want %s", host, names(list), want)
		}
	}
	if list := a.audience(time.Now()); len(list) != 2 {
		t.Errorf("the audience is %s, want two", names(list))
	}
}

// The token is good on the trusted side too, without asking for details by name.
func TestTokenOnTheTrustedSide(t *testing.T) {
	a := &Agent{Path: "/up", Admin: freeAddress(t), Token: "t0ken", Checks: []health.Check{{Name: "database", Run: pass}}}
	run(t, a)
	for token, want := range map[string]bool{"t0ken": true, "other": false} {
		_, body := exchange(t, a.Admin, "GET /up HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+token+"\r\n\r\n")
		if strings.Contains(body, "database") != want {
			t.Errorf("with the token %s the answer is %q, want details %t", token, body, want)
		}
	}
}

// A default place for the control socket is an offer; one that was named is not.
func TestControlSocketThatCanNotBeHad(t *testing.T) {
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, optional := range []bool{true, false} {
		var log lines
		a := &Agent{Listen: "127.0.0.1:0", Path: "/up", Control: filepath.Join(open, "a.sock"), ControlOptional: optional, Log: slog.New(slog.NewTextHandler(&log, nil))}
		err := a.Open()
		said := log.take()
		switch {
		case optional && (err != nil || !strings.Contains(said, "level=WARN") || !strings.Contains(said, "others may write to "+open)):
			t.Errorf("optional: Open returned %v and logged %s", err, said)
		case !optional && !errors.Is(err, control.ErrUnusable):
			t.Errorf("named: Open returned %v, want ErrUnusable", err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whom a drain waits for, and for how many red answers.
func TestUnhealthyThreshold(t *testing.T) {
	a := &Agent{UnhealthyThreshold: 7}
	for name, want := range map[string]int{
		"alb": 2, "haproxy": 3, "kubelet": 3, // their own defaults
		"uptimerobot": 0, "gatus": 0, "blackbox": 0, "cloudflare-healthchecks": 0, // they only tell people
		byWatch: 1, byWords: 1, // they act on each word
		"envoy": 7, "": 7, byGRPC: 7, // not known, or not recognised
	} {
		if got := a.unhealthyThreshold(name); got != want {
			t.Errorf("%q takes us out after %d red answers, want %d", name, got, want)
		}
	}
	if got := new(Agent).unhealthyThreshold(""); got != DefaultUnhealthyThreshold {
		t.Errorf("nothing configured is %d, want %d", got, DefaultUnhealthyThreshold)
	}
}
