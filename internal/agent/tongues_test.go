package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/grpccheck"
)

// get asks over a connection of its own; "refused" if nobody accepts.
func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return "refused"
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, strings.TrimSpace(string(body)))
}

// freeAddress is one that was free just now, for what can't be told to take any.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// All tongues say what the health path says: well, ill, draining and well again.
func TestTonguesSayTheSame(t *testing.T) {
	var broken atomic.Bool
	a := &Agent{
		Path: "/up", Kubernetes: true,
		Admin: freeAddress(t), GRPC: freeAddress(t), Words: freeAddress(t), Port: freeAddress(t),
		Control: filepath.Join(t.TempDir(), "agent.sock"),
		Checks: []health.Check{{Name: "database", Interval: 10 * time.Millisecond, Run: func(context.Context) error {
			if broken.Load() {
				return errors.New("secret cause")
			}
			return nil
		}}},
	}
	run(t, a)
	client := Client{Control: a.Control}

	port := func() string {
		conn, err := net.Dial("tcp", a.Port)
		if err != nil {
			return "closed"
		}
		conn.Close()
		return "open"
	}
	words := func() string { return word(t, a.Words) }
	grpc := func() string {
		if err := (grpccheck.Server{Address: a.GRPC}).Run(t.Context()); err != nil {
			return "not serving"
		}
		return "serving"
	}
	control := func() string {
		s, err := client.State(t.Context())
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%s draining %t", s.Status, s.Draining)
	}
	say := func() []string {
		return []string{
			get(t, "http://"+a.Addr().String()+"/up"), get(t, "http://"+a.Addr().String()+"/readyz"),
			get(t, "http://"+a.Addr().String()+"/livez"), get(t, "http://"+a.Addr().String()+"/startupz"),
			grpc(), words(), port(), control(),
		}
	}
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
			if got = say(); cmp.Equal(want, got) {
				return
			}
		}
		t.Errorf("what the tongues say (-want +got):\n%s", cmp.Diff(want, got))
	}
	expect("200 ok", "200 ok", "200 ok", "200 ok", "serving", "ready up 100%", "open", "pass draining false")
	broken.Store(true)
	expect("503 fail", "503 fail", "200 ok", "200 ok", "not serving", "down #fail", "closed", "fail draining false")
	broken.Store(false)
	expect("200 ok", "200 ok", "200 ok", "200 ok", "serving", "ready up 100%", "open", "pass draining false")
	if _, err := client.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("503 draining", "503 draining", "200 ok", "200 ok", "not serving", "drain", "closed", "fail draining true")
	if _, err := client.Undrain(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("200 ok", "200 ok", "200 ok", "200 ok", "serving", "ready up 100%", "open", "pass draining false")
}

// The trusted side tells what the open one keeps to itself.
func TestTrustedSide(t *testing.T) {
	failing := []health.Check{{Name: "database", Run: func(context.Context) error { return errors.New("secret cause") }}}
	trusting := &Agent{Path: "/up", Checks: failing, Admin: freeAddress(t), TrustedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	run(t, trusting)
	strict := &Agent{Path: "/up", Checks: failing, Admin: freeAddress(t), Kubernetes: true}
	run(t, strict)
	get(t, "http://"+strict.Addr().String()+"/up")

	for _, test := range []struct {
		name, url, want string
	}{
		{"metrics on the trusted side", "http://" + strict.Admin + "/metrics", `inservice_in_service 0`},
		{"who asked", "http://" + strict.Admin + "/metrics", `inservice_health_questions_total{balancer="unrecognised",code="503"} 1`},
		{"the check there", "http://" + strict.Admin + "/metrics", `inservice_check_status{check="database",status="fail"} 1`},
		{"details there", "http://" + strict.Admin + "/up?verbose", "secret cause"},
		{"Kubernetes' details there", "http://" + strict.Admin + "/readyz?verbose", "[-]database failed: secret cause"},
		{"nothing else there", "http://" + strict.Admin + "/other", "404"},
		{"metrics for a trusted network", "http://" + trusting.Addr().String() + "/metrics", `inservice_in_service 0`},
		{"no metrics for strangers", "http://" + strict.Addr().String() + "/metrics", "404 not found"},
		{"no details for strangers", "http://" + strict.Addr().String() + "/readyz?verbose", "503 fail"},
		{"Kubernetes' paths only where told", "http://" + trusting.Addr().String() + "/livez", "404 not found"},
	} {
		if got := get(t, test.url); !strings.Contains(got, test.want) || strings.HasPrefix(test.name, "no ") && strings.Contains(got, "secret") {
			t.Errorf("%s: %q, want %q in it", test.name, got, test.want)
		}
	}
}

// A mistake leaves nothing bound.
func TestOpenBindsAllOrNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, name := range []string{"the trusted side", "gRPC", "HAProxy's agent check"} {
		a := &Agent{Listen: freeAddress(t), Path: "/up"}
		switch name {
		case "the trusted side":
			a.Admin = taken.Addr().String()
		case "gRPC":
			a.Admin, a.GRPC = freeAddress(t), taken.Addr().String()
		default:
			a.Admin, a.Words = freeAddress(t), taken.Addr().String()
		}
		if err := a.Open(); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Errorf("%s: Open returned %v, want an error that names both", name, err)
		}
		for _, address := range []string{a.Listen, a.Admin} {
			if address == taken.Addr().String() {
				continue
			}
			again, err := net.Listen("tcp", address)
			if err != nil {
				t.Errorf("%s: %s is still taken: %v", name, address, err)
				continue
			}
			again.Close()
		}
	}
}
