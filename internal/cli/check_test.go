package cli

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/inservice/inservice/health/memorycheck"
	"github.com/inservice/inservice/internal/realserver"
)

// checkCase is a check as it stands in a file, and what is in the error of a
// run; empty for a pass.
type checkCase struct{ name, check, fails string }

// runChecks runs cases of one kind, of checks that have no name.
func runChecks(t *testing.T, kind, componentType string, cases []checkCase) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			made := runCheck(t, "{"+kind+": "+test.check+"}", test.fails)
			if made.Name != kind || made.ComponentType != componentType {
				t.Errorf("the check is %s of type %s, want %s of type %s", made.Name, made.ComponentType, kind, componentType)
			}
		})
	}
}

func TestMakeRedisCheck(t *testing.T) {
	server := realserver.Redis(t)
	u, err := url.Parse(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	address, user := "address: \""+server.Addr()+"\"", ", username: "+u.User.Username()
	secret := ", password: \"" + password + "\""
	runChecks(t, "redis", "datastore", []checkCase{
		{"login", "{" + address + user + secret + ", database: 15}", ""},
		{"without a login", "{" + address + "}", "NOAUTH"},
		{"without a username", "{" + address + secret + "}", ""},
		{"another username", "{" + address + ", username: nobody" + secret + "}", "WRONGPASS"},
		{"another password", "{" + address + user + ", password: other}", "WRONGPASS"},
		{"a database that is none", "{" + address + user + secret + ", database: 16}", "SELECT"},
	})
	// Redis waits for the end of what it takes for a command, and so would a run.
	if c := parse(t, "agent: {checks: [{redis: {"+address+", tls: true}}]}").Agent.Checks[0].Redis; redisServer(c).TLS == nil {
		t.Error("the key tls has no effect")
	}
}

func TestMakeGRPCCheck(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	server := grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			headers, _ := metadata.FromIncomingContext(ctx)
			asked <- strings.Join(headers.Get(":authority"), " ")
			return handler(ctx, request)
		}))
	states := grpchealth.NewServer()
	states.SetServingStatus("shop.Orders", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(server, states)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	address := "address: \"" + listener.Addr().String() + "\""
	for _, test := range []struct {
		checkCase
		authority string // that the server was asked for; empty when it was not
	}{
		{checkCase{"the whole server", "{" + address + "}", ""}, listener.Addr().String()},
		{checkCase{"a service", "{" + address + ", service: shop.Orders}", `service "shop.Orders" is NOT_SERVING`}, listener.Addr().String()},
		{checkCase{"an authority", "{" + address + ", authority: mysite.com}", ""}, "mysite.com"},
		{checkCase{"TLS with a server that has none", "{" + address + ", tls: true}", "tls"}, ""},
	} {
		runChecks(t, "grpc", "component", []checkCase{test.checkCase})
		got := ""
		select {
		case got = <-asked:
		default:
		}
		if got != test.authority {
			t.Errorf("%s: the server was asked for %q, want %q", test.name, got, test.authority)
		}
	}
}

func TestMakeDiskCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const little = ", min_free: 1KiB, min_inodes: 1"
	runChecks(t, "disk", "system", []checkCase{
		{"enough", "{path: " + dir + little + ", writable: true}", ""},
		{"another path", "{path: " + file + "s" + little + "}", "no such file"},
		{"bytes", "{path: " + dir + ", min_free: 1000000TiB}", "at least 977 PiB must be"},
		{"percent", "{path: " + dir + ", min_free: 100%}", "at least 100 % must be"},
		{"a file that is only looked at", "{path: " + file + little + "}", ""},
		{"a file that is no directory to write in", "{path: " + file + little + ", writable: true}", "can't be written to"},
	})
	// A filesystem that makes inodes as it needs them has none to be without.
	for _, least := range []struct{ written, want string }{{"9000000000000000", "0/9000000000000000/0/0"}, {"7%", "0/0/0/7"}} {
		c := parse(t, "agent: {checks: [{disk: {path: /, min_inodes: "+least.written+"}}]}").Agent.Checks[0].Disk
		f := filesystem(c)
		if got := fmt.Sprintf("%d/%d/%g/%g", f.MinBytes, f.MinInodes, f.MinPercent, f.MinInodesPercent); got != least.want {
			t.Errorf("min_inodes %s: bounds are %s, want %s", least.written, got, least.want)
		}
	}
}

func TestMakeMemoryCheck(t *testing.T) {
	runChecks(t, "memory", "system", []checkCase{
		{"all may be used", "{max_used: 100%, max_stalled: 100%, max_some_stalled: 100%}", ""},
		{"none may be used", "{max_used: 0.0001%, max_stalled: 100%}", "is used, more than 0.0001 %"},
	})
	// No program of a test's machine waits for memory, one hopes.
	c := parse(t, "agent: {checks: [{memory: {max_used: 90%, max_stalled: 20%, max_some_stalled: 30%}}]}").Agent.Checks[0].Memory
	want := memorycheck.Bounds{MaxUsed: 90, MaxStalled: 20, MaxSomeStalled: 30}
	if diff := cmp.Diff(want, memoryBounds(c), cmpopts.IgnoreUnexported(want)); diff != "" {
		t.Errorf("bounds (-want +got):\n%s", diff)
	}
}

func TestMakeExecCheck(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	runChecks(t, "exec", "component", []checkCase{
		{"status 0", `{command: ["true"]}`, ""},
		{"arguments", `{command: [sh, -c, "echo $0-$1; exit 3", a, b]}`, "exit status 3: a-b"},
		{"directory", `{command: [sh, -c, "pwd; exit 3"], dir: ` + dir + "}", "exit status 3: " + dir},
	})
}

// The certificate of package httptest is for example.com and 127.0.0.1, lasts
// until 2084, and is signed by itself.
func TestMakeCertificateCheck(t *testing.T) {
	site := httptest.NewTLSServer(http.NotFoundHandler())
	defer site.Close()
	file := filepath.Join(t.TempDir(), "site.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	address := "address: \"" + site.Listener.Addr().String() + "\""
	runChecks(t, "certificate", "component", []checkCase{
		{"verified", "{" + address + "}", "unknown authority"},
		{"another name", "{" + address + ", server_name: mysite.com}", "not mysite.com"},
		{"dates only", "{" + address + ", server_name: mysite.com, dates_only: true}", ""},
		{"days", "{" + address + ", dates_only: true, min_days: 36500}", "36500 days must be left"},
		{"file", "{file: " + file + ", server_name: example.com}", ""},
		{"file of another name", "{file: " + file + ", server_name: mysite.com}", "is for others"},
		{"file and days", "{file: " + file + ", min_days: 36500}", "36500 days must be left"},
		{"file that is missing", "{file: " + file + "s}", "no such file"},
	})
}

// A program that a check runs must not speak to systemd in the agent's name.
func TestExecCheckHasNoWayToSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/systemd/notify")
	t.Setenv("WATCHDOG_USEC", "1000000")
	t.Setenv("WATCHDOG_PID", "1")
	t.Setenv("MINE", "kept")
	runCheck(t, `{exec: {command: [/bin/sh, -c, 'test "$NOTIFY_SOCKET$WATCHDOG_USEC$WATCHDOG_PID$MINE" = kept']}}`, "")
}
