package agent

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/grpccheck"
	"github.com/inservice/inservice/internal/askers"
)

const (
	kubelet = "User-Agent: kube-probe/1.27\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	elb     = "User-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n"
)

// patience is how long a test waits for what must happen soon.
const patience = 20 * time.Second

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, what string, happens func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for limit := time.Now().Add(patience); !happens(); <-poll.C {
		if time.Now().After(limit) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// allTongues is an agent that speaks all tongues.
func allTongues(t *testing.T) *Agent {
	return &Agent{
		Path: "/up", Kubernetes: true,
		Admin: freeAddress(t), GRPC: freeAddress(t), Words: freeAddress(t), Port: freeAddress(t),
		Checks: []health.Check{{Name: "c", Run: pass}},
	}
}

// word is the line that HAProxy's agent check gets.
func word(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.(*net.TCPConn).CloseWrite() // so that the agent need not wait for us
	line, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(line))
}

// Whoever asks, in whatever tongue, is waited for until it has been told often
// enough, and no longer.
func TestWaitsForAskersOfAllTongues(t *testing.T) {
	http := func(to func(*Agent) string, head string) func(*testing.T, *Agent) bool {
		return func(t *testing.T, a *Agent) bool {
			response, _ := exchange(t, to(a), head)
			return response.StatusCode == 200
		}
	}
	main := func(a *Agent) string { return a.Addr().String() }
	admin := func(a *Agent) string { return a.Admin }
	for _, test := range []struct {
		name  string
		ask   func(*testing.T, *Agent) (green bool)
		asker string
		needs int
	}{
		{"ALB", http(main, "GET /up HTTP/1.1\r\nHost: 192.0.2.1\r\n"+elb), "alb", 2},
		{"kubelet", http(main, "GET /readyz HTTP/1.1\r\nHost: a:1\r\n"+kubelet), "kubelet", 3},
		{"kubelet on the trusted side", http(admin, "GET /readyz HTTP/1.1\r\nHost: a:1\r\n"+kubelet), "kubelet", 3},
		{"ALB on the trusted side", http(admin, "GET /up HTTP/1.1\r\nHost: 192.0.2.1\r\n"+elb), "alb", 2},
		{"gRPC", func(t *testing.T, a *Agent) bool {
			return (grpccheck.Server{Address: a.GRPC}).Run(t.Context()) == nil
		}, "grpc", 3},
		{"HAProxy's agent check", func(t *testing.T, a *Agent) bool {
			return strings.HasPrefix(word(t, a.Words), "ready up")
		}, "haproxy-agent", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := allTongues(t)
			a.DrainTimeout = 2 * patience
			term, ended := start(t, a)
			if !test.ask(t, a) {
				t.Fatal("the answer is red before the drain")
			}
			term()
			eventually(t, "the drain", func() bool { return a.Snapshot().Draining })
			for i := range test.needs {
				list := a.ignorant(time.Now())
				if len(list) != 1 || list[0].Name != test.asker || list[0].Needs != test.needs || list[0].Red != i {
					t.Fatalf("after %d red answers it waits for %+v, want %s, which needs %d", i, list, test.asker, test.needs)
				}
				if test.ask(t, a) {
					t.Fatal("the answer is green in the drain")
				}
			}
			select {
			case <-ended:
			case <-time.After(patience):
				t.Errorf("it still waits for %s", names(a.ignorant(time.Now())))
			}
		})
	}
}

// Whoever watches is waited for until it was told, and counts as an asker as long
// as it watches.
func TestKnowsOfWatchers(t *testing.T) {
	a := allTongues(t)
	run(t, a)
	conn, err := grpc.NewClient(a.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := stream.Recv(); err != nil || answer.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("sent %v, %v", answer, err)
	}
	want := []askers.Asker{{Key: askers.Key{Peer: netip.MustParseAddr("127.0.0.1"), Name: "grpc-watch"}, Asked: 1, Needs: 1}}
	now := time.Now()
	want[0].Last = now
	compare := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want, a.ignorant(now), compare); diff != "" {
		t.Errorf("who would be waited for (-want +got):\n%s", diff)
	}
	a.Drain()
	if answer, err := stream.Recv(); err != nil || answer.Status != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Fatalf("sent %v, %v", answer, err)
	}
	eventually(t, "the watcher knows", func() bool { return len(a.ignorant(now)) == 0 })
	want[0].Red, want[0].Knows = 1, true
	if diff := cmp.Diff(want, a.audience(now), compare); diff != "" {
		t.Errorf("who asks (-want +got):\n%s", diff)
	}
	cancel()
	eventually(t, "the watcher is forgotten", func() bool { return len(a.audience(now)) == 0 })
}

// Those who connect are waited for by the clock.
func TestWaitsForThoseWhoConnect(t *testing.T) {
	a := allTongues(t)
	run(t, a)
	eventually(t, "the port is open", func() bool {
		conn, err := net.Dial("tcp", a.Port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	eventually(t, "the connection is noted", func() bool { return len(a.audience(time.Now())) == 1 })
	a.Drain()
	since := a.drainedSince()
	for _, test := range []struct {
		after time.Duration
		want  string
	}{{0, "tcp at 127.0.0.1"}, {strangerTime - time.Second, "tcp at 127.0.0.1"}, {strangerTime, ""}} {
		if got := names(a.ignorant(since.Add(test.after))); got != test.want {
			t.Errorf("%v after the drain began it waits for %q, want %q", test.after, got, test.want)
		}
	}
	if list := a.audience(since.Add(time.Hour)); len(list) != 1 || !list[0].Knows {
		t.Errorf("an hour later the audience is %+v, want the one who knows", list)
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		interval time.Duration
		needs    int
		closed   time.Duration
		red      int
		knows    bool
	}{
		{5 * time.Second, 3, 0, 0, false},
		{5 * time.Second, 3, 15*time.Second - 1, 2, false},
		{5 * time.Second, 3, 15 * time.Second, 3, true},
		{5 * time.Second, 3, time.Hour, 3, true},
		{0, 3, strangerTime - time.Second, 2, false},
		{0, 3, strangerTime, 3, true},
		{5 * time.Second, 0, 0, 0, true},
	} {
		got := refused(askers.Asker{Interval: test.interval, Needs: test.needs}, test.closed)
		if got.Red != test.red || got.Knows != test.knows {
			t.Errorf("every %v, after %v: %d red answers of %d, knows %t; want %d, %t",
				test.interval, test.closed, got.Red, test.needs, got.Knows, test.red, test.knows)
		}
	}
}

// A green answer of /startupz in a drain teaches nothing, so it must not undo what
// /readyz has taught.
func TestStartupDoesNotUndoReadiness(t *testing.T) {
	a := allTongues(t)
	run(t, a)
	ask := func(path string, want int) {
		t.Helper()
		for _, to := range []string{a.Addr().String(), a.Admin} {
			if response, _ := exchange(t, to, "GET "+path+" HTTP/1.1\r\nHost: a:1\r\n"+kubelet); response.StatusCode != want {
				t.Fatalf("%s answers %d, want %d", path, response.StatusCode, want)
			}
		}
	}
	ask("/startupz", 200)
	if got := names(a.ignorant(time.Now())); got != "kubelet at 127.0.0.1" {
		t.Errorf("who was told by /startupz is %q, want the kubelet", got)
	}
	a.Drain()
	ask("/readyz", 503)
	ask("/startupz", 200)
	ask("/readyz", 503)
	if got := names(a.ignorant(time.Now())); got != "" {
		t.Errorf("after four red answers it waits for %q", got)
	}
}

// Details are for people, who are not waited for; nor does a wrong method ask.
func TestDetailsAreNotNoted(t *testing.T) {
	a := allTongues(t)
	run(t, a)
	for _, target := range []string{"/readyz?verbose", "/up?verbose"} {
		get(t, "http://"+a.Admin+target)
	}
	for _, to := range []string{a.Addr().String(), a.Admin} {
		exchange(t, to, "POST /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	}
	if list := a.audience(time.Now()); len(list) > 0 {
		t.Errorf("the audience is %+v", list)
	}
	get(t, "http://"+a.Addr().String()+"/readyz?verbose") // a stranger, who gets the bare word
	if list := a.audience(time.Now()); len(list) != 1 {
		t.Errorf("the audience is %+v, want the stranger", list)
	}
}

// A visitor behind a balancer must not be able to speak in its name.
func TestPassedOnQuestionsAreNotNoted(t *testing.T) {
	a := allTongues(t)
	run(t, a)
	asked := 0
	for _, field := range []string{"X-Forwarded-For: 203.0.113.7", "x-forwarded-for:1", "FORWARDED: for=203.0.113.7", "X-Real-IP: 203.0.113.7", "via: 1.1 a"} {
		for _, target := range []string{"/up", "/up?x", "/readyz"} {
			raw := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n%s", target, field, elb)
			if response, body := exchange(t, a.Addr().String(), raw); response.StatusCode != http.StatusOK || body != "ok" {
				t.Errorf("%q was answered %d %q", raw, response.StatusCode, body)
			}
			asked++
		}
	}
	if list := a.audience(time.Now()); len(list) > 0 {
		t.Errorf("the audience is %+v", list)
	}
	want := fmt.Sprintf(`inservice_health_questions_total{balancer="forwarded",code="200"} %d`, asked)
	if got := get(t, "http://"+a.Admin+"/metrics"); !strings.Contains(got, want) {
		t.Errorf("no %s in the metrics", want)
	}
	exchange(t, a.Addr().String(), "GET /up HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\nX: Via: 1\r\nFrom: a\r\n\r\n")
	if list := a.audience(time.Now()); len(list) != 1 {
		t.Errorf("the audience is %+v, want the one whose question was not passed on", list)
	}
}

func TestPassedOn(t *testing.T) {
	for head, want := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 a\r\n\r\n": true,
		"GET / HTTP/1.1\nvIA: 1.1 a\n\n":                  true,
		"GET / HTTP/1.1\r\nX-Real-Ip:\r\n\r\n":            true,
		"GET / HTTP/1.1\r\nForwarded: for=a\r\n\r\n":      true,
		"GET / HTTP/1.1\r\nX-FORWARDED-FOR: a\r\n\r\n":    true,
		"GET / HTTP/1.1\r\nX-Forwarded-Fo: a\r\n\r\n":     false,
		"GET / HTTP/1.1\r\nX-Forwarded-Fork: a\r\n\r\n":   false,
		"GET / HTTP/1.1\r\nX-Forwarded-For":               false,
		"GET / HTTP/1.1\r\nHost: Via: a\r\n\r\n":          false,
		"GET /Via: HTTP/1.1\r\n\r\n":                      false,
		"GET /":                                           false,
		"":                                                false,
	} {
		if got := passedOn([]byte(head)); got != want {
			t.Errorf("%q: %t, want %t", head, got, want)
		}
	}
	head := []byte("GET /up HTTP/1.1\r\nHost: a\r\nX-Haproxy: 1\r\n" + elb)
	if n := testing.AllocsPerRun(100, func() { passedOn(head) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
