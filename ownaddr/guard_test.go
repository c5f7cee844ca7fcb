package ownaddr

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
)

// guard stands in for the network in every test of this package, those with a
// zero Finder included: it reaches loopback and nothing else. What else was
// tried makes the run fail, unless the test had said so.
type guard struct {
	mu      sync.Mutex
	escapes []string // addresses that somebody tried to reach; guarded by mu
}

var network guard

func (g *guard) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.escapes = append(g.escapes, address)
		return nil, &net.OpError{Op: "dial", Net: kind, Err: os.NewSyscallError("guard", syscall.EACCES)}
	}
	return new(net.Dialer).DialContext(ctx, kind, address)
}

// take returns what was tried since the last call.
func (g *guard) take() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	tried := g.escapes
	g.escapes = nil
	return tried
}

// init comes before any test and any example. The firmware goes too: a machine
// in a cloud must run these tests as any other does.
func init() {
	outside.dial = network.dial
	outside.sys = fstest.MapFS{}
}

func TestMain(m *testing.M) {
	status := m.Run()
	if escapes := network.take(); len(escapes) > 0 {
		fmt.Fprintf(os.Stderr, "tests tried to reach %v: they may reach loopback only\n", escapes)
		status = 1
	}
	os.Exit(status)
}

// TestGuard has a zero Finder ask every cloud: all it reaches is the guard.
func TestGuard(t *testing.T) {
	clearEnvironment(t)
	f := Finder{Sources: []Source{EC2, Google, Azure}}
	r := f.Find(t.Context())
	tried := network.take()
	slices.Sort(tried)
	want := slices.Repeat([]string{"169.254.169.254:80"}, 3)
	if !slices.Equal(tried, want) {
		t.Errorf("tried to reach %v, want %v", tried, want)
	}
	for _, s := range f.Sources {
		if a := attempt(t, r, s); a.Outcome != Failed || !strings.Contains(a.Err.Error(), syscall.EACCES.Error()) {
			t.Errorf("%s: outcome %q, error %v: want the guard's refusal", s, a.Outcome, a.Err)
		}
	}
}

// TestOneWayOut holds the package to the one dialler that the guard replaces,
// and keeps net/http's clients out, which could use proxies, follow redirects
// and outlive a look.
func TestOneWayOut(t *testing.T) {
	forbidden := map[string][]string{
		"net": {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "ListenPacket", "ListenUDP", "Resolver", "DefaultResolver"},
		"http": {"Client", "DefaultClient", "Transport", "DefaultTransport", "Get", "Head", "Post", "PostForm",
			"ProxyFromEnvironment", "ProxyURL"},
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	diallers := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := s.X.(*ast.Ident)
			if !ok {
				return true
			}
			if slices.Contains(forbidden[x.Name], s.Sel.Name) {
				t.Errorf("%s uses %s.%s: the only way out is surroundings.dial", name, x.Name, s.Sel.Name)
			}
			if x.Name == "net" && s.Sel.Name == "Dialer" {
				diallers++
				if name != "surroundings.go" {
					t.Errorf("%s has a dialler of its own", name)
				}
			}
			return true
		})
	}
	if diallers != 1 {
		t.Errorf("found %d diallers, want the one of surroundings.go: has this test gone blind?", diallers)
	}
}

// clearEnvironment unsets what this package reads, for a test of a Finder that
// sees the real environment.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range slices.Concat(podVariables, hostVariables, []string{
		inPod, ecsVariable3, ecsVariable4, imdsDisabled, imdsV1Disabled, imdsEndpoint, imdsEndpointMode, googleVariable,
	}) {
		t.Setenv(name, "")
	}
}
