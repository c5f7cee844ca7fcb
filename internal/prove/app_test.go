package prove_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/prove"
)

// database is a server that answers each byte with one.
func database(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() { listener.Close(); open.Wait() })
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { defer conn.Close(); io.Copy(conn, conn) })
		}
	})
	return listener
}

// ask asks the database over a connection of its own.
func ask(ctx context.Context, network, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	if _, err := conn.Write([]byte("?")); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// view is an app with a health view.
func view(t *testing.T, answer func(ctx context.Context) (code int, body string)) probe.Probe {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, body := answer(r.Context())
		w.WriteHeader(code)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return probe.Probe{Protocol: probe.HTTP, Address: host(server.URL), Path: "/health", Timeout: 400 * time.Millisecond}
}

func proveApp(t *testing.T, a *prove.App) prove.Report {
	t.Helper()
	a.Interval, a.Bound = 50*time.Millisecond, 2*time.Second
	r, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// honest asks the database each time, and tells.
func honest(network, address string) func(context.Context) (int, string) {
	return func(ctx context.Context) (int, string) {
		if err := ask(ctx, network, address); err != nil {
			return 503, "no database"
		}
		return 200, "ok"
	}
}

// TestDeadBehindAnApp: a view that only connects is green with a forwarder in front
// of nothing.
func TestDeadBehindAnApp(t *testing.T) {
	t.Parallel()
	dead, here := free(t), free(t)
	connects := func(ctx context.Context) (int, string) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", here)
		if err != nil {
			return 503, "no database"
		}
		conn.Close()
		return 200, "ok"
	}
	r := proveApp(t, &prove.App{Faults: []prove.Fault{prove.Refuse}, Probe: view(t, connects), Between: []prove.Route{{Listen: here, Address: dead}}})
	want(t, r, false, dead+" red: not proven")
	if why := r.Dependencies[0].Why; !strings.Contains(why, "green before refuse, though "+dead+" can't be reached: ") {
		t.Errorf("why is %q", why)
	}
}

func TestHonestView(t *testing.T) {
	t.Parallel()
	db, here := database(t, "tcp", "127.0.0.1:0"), free(t)
	r := proveApp(t, &prove.App{Probe: view(t, honest("tcp", here)), Between: []prove.Route{{Listen: here, Address: db.Addr().String()}}})
	want(t, r, true, db.Addr().String()+" red: refuse reset hang slow")
	var answers []string
	for _, x := range r.Dependencies[0].Trials {
		answers = append(answers, x.Answer)
	}
	// Hanging and slow answers never come: the view waits longer than the probe.
	if diff := cmp.Diff([]string{"503 no database", "503 no database", "Target.Timeout", "Target.Timeout"}, answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if got := r.Dependencies[0].Trials[3].Delay; got != 500*time.Millisecond {
		t.Errorf("slow is %v", got)
	}
}

// A view that does not ask, of an app that was never pointed at the forwarder.
func TestStaticView(t *testing.T) {
	t.Parallel()
	db, here := database(t, "tcp", "127.0.0.1:0"), free(t)
	r := proveApp(t, &prove.App{
		Probe:   view(t, func(context.Context) (int, string) { return 200, "fine" }),
		Between: []prove.Route{{Listen: here, Address: db.Addr().String()}}, Faults: []prove.Fault{prove.Refuse},
	})
	want(t, r, false, db.Addr().String()+" red: refuse!stays-green")
	x := r.Dependencies[0].Trials[0].Defects[0]
	if !strings.Contains(x.Hint, "nobody ever connected to "+here) || !strings.Contains(x.Text, "200 fine") {
		t.Errorf("the defect is %+v", x)
	}
}

// An app that works with the database, and a view that does not.
func TestViewThatIgnores(t *testing.T) {
	t.Parallel()
	db, here := database(t, "tcp", "127.0.0.1:0"), free(t)
	r := proveApp(t, &prove.App{
		Probe: view(t, func(ctx context.Context) (int, string) {
			limited, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			ask(limited, "tcp", here) // whatever comes of it
			return 200, "fine"
		}),
		Between: []prove.Route{{Listen: here, Address: db.Addr().String()}}, Faults: []prove.Fault{prove.Hang},
	})
	want(t, r, false, db.Addr().String()+" red: hang!stays-green")
	if hint := r.Dependencies[0].Trials[0].Defects[0].Hint; !strings.Contains(hint, "through "+here) || !strings.Contains(hint, "does not ask") {
		t.Errorf("the hint is %q", hint)
	}
}

func TestDegradedView(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, without string
		code          int
		outcome       string
		proven        bool
	}{
		{"tells", `{"status": "warn"}`, 200, "refuse", true},
		{"tells in words", "Degraded: no cache", 200, "refuse", true},
		{"says nothing", "ok", 200, "refuse!stays-green", false},
		{"turns red", "no cache", 503, "refuse!turns-red", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cache, db, there, here := database(t, "tcp", "127.0.0.1:0"), database(t, "tcp", "127.0.0.1:0"), free(t), free(t)
			between := []prove.Route{
				{Listen: there, Address: cache.Addr().String(), Degraded: true},
				{Listen: here, Address: db.Addr().String()},
			}
			r := proveApp(t, &prove.App{
				Probe: view(t, func(ctx context.Context) (int, string) {
					if err := ask(ctx, "tcp", here); err != nil {
						return 503, "no database"
					}
					if err := ask(ctx, "tcp", there); err != nil {
						return test.code, test.without
					}
					return 200, "ok"
				}),
				Between: between, Faults: []prove.Fault{prove.Refuse},
			})
			want(t, r, test.proven, cache.Addr().String()+" degraded: "+test.outcome, db.Addr().String()+" red: refuse")
		})
	}
}

func TestViewThatStaysRed(t *testing.T) {
	t.Parallel()
	db, here := database(t, "tcp", "127.0.0.1:0"), free(t)
	dead := false // one probe at a time
	r := proveApp(t, &prove.App{
		Probe: view(t, func(ctx context.Context) (int, string) {
			if dead = dead || ask(ctx, "tcp", here) != nil; dead {
				return 503, "no database"
			}
			return 200, "ok"
		}),
		Between: []prove.Route{{Listen: here, Address: db.Addr().String()}}, Faults: []prove.Fault{prove.Refuse},
	})
	if got := outcome(r)[0]; !strings.Contains(got, "refuse!stays-red") {
		t.Errorf("outcome is %s", got)
	}
}

func TestViewThatIsRedAtFirst(t *testing.T) {
	t.Parallel()
	nobody, here := free(t), free(t)
	r := proveApp(t, &prove.App{Probe: view(t, honest("tcp", here)), Between: []prove.Route{{Listen: here, Address: nobody}}})
	want(t, r, false, nobody+" red: not proven")
	if why := r.Dependencies[0].Why; !strings.Contains(why, "503 no database") || !strings.Contains(why, nobody+" can't be reached") {
		t.Errorf("why is %q", why)
	}
}

func TestRouteOfSockets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	behind, here := filepath.Join(dir, "db"), filepath.Join(dir, "here")
	database(t, "unix", behind)
	r := proveApp(t, &prove.App{
		Probe:   view(t, honest("unix", here)),
		Between: []prove.Route{{Listen: "unix:" + here, Network: "unix", Address: behind}},
	})
	want(t, r, true, behind+" red: refuse reset hang slow")
}

// When one address is busy nothing is open.
func TestBusyRoute(t *testing.T) {
	busy, here := database(t, "tcp", "127.0.0.1:0").Addr().String(), free(t)
	a := &prove.App{Between: []prove.Route{{Listen: here, Address: "127.0.0.1:1"}, {Listen: busy, Address: "127.0.0.1:1"}}}
	if _, err := a.Run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("ended with %v", err)
	}
	again, err := net.Listen("tcp", here)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := new(prove.App).Run(t.Context()); err == nil {
		t.Error("an app without forwarders was proven")
	}
}

// A single failure in a row of passes is no red answer.
func TestOneBadProbeDecidesNothing(t *testing.T) {
	t.Parallel()
	db, here := database(t, "tcp", "127.0.0.1:0"), free(t)
	n := 0
	r := proveApp(t, &prove.App{
		Probe: view(t, func(ctx context.Context) (int, string) {
			if n++; n%2 == 0 {
				return 500, fmt.Sprint(n)
			}
			return 200, "ok"
		}),
		Between: []prove.Route{{Listen: here, Address: db.Addr().String()}}, Faults: []prove.Fault{prove.Refuse},
	})
	if got := outcome(r)[0]; !strings.Contains(got, "refuse!stays-green") {
		t.Errorf("outcome is %s", got)
	}
}

// Ended while something is broken, it heals before it ends.
func TestAppEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db, here := database(t, "tcp", "127.0.0.1:0"), free(t)
	ctx, cancel := context.WithCancel(t.Context())
	a := &prove.App{Probe: view(t, honest("tcp", here)), Between: []prove.Route{{Listen: here, Address: db.Addr().String()}}, Interval: 50 * time.Millisecond}
	a.Observe = func(e prove.Event) {
		if e.Step == prove.Breaking {
			cancel()
		}
	}
	if _, err := a.Run(ctx); err == nil || err.Error() != context.Canceled.Error() {
		t.Errorf("ended with %v, want the context's error alone", err)
	}
}
