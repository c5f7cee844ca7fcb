package health_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

// endpoints asks all three as somebody would who may be told everything.
func endpoints(r *health.Registry, query string) map[string]string {
	h := &health.Handler{Registry: r, Token: "t"}
	told := make(map[string]string)
	for name, endpoint := range map[string]http.Handler{"livez": h.Livez(), "readyz": h.Readyz(), "startupz": h.Startupz()} {
		request := httptest.NewRequest("GET", "/"+name+query, nil)
		request.Header.Set("Authorization", "Bearer t")
		w := httptest.NewRecorder()
		endpoint.ServeHTTP(w, request)
		told[name] = w.Result().Status[:3] + " " + w.Body.String()
	}
	return told
}

// The life of a container, as Kubernetes sees it.
func TestKubernetesEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var app thing
		app.broken.Store(true)
		r := &health.Registry{StartupGrace: time.Minute, Checks: []health.Check{{Name: "app", Interval: time.Second, Run: app.check}}}
		expect := func(when, livez, readyz, startupz string) {
			t.Helper()
			want := map[string]string{"livez": livez, "readyz": readyz, "startupz": startupz}
			if diff := cmp.Diff(want, endpoints(r, "")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		turn := func(broken bool) {
			app.broken.Store(broken)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		expect("before Run", "503 unknown", "503 unknown", "503 unknown")
		stop := start(t, r)
		expect("starting", "200 ok", "503 starting", "503 starting")
		turn(false)
		expect("in service", "200 ok", "200 ok", "200 ok")
		turn(true)
		expect("failing", "200 ok", "503 fail", "200 ok")
		r.Drain()
		expect("draining", "200 ok", "503 draining", "200 ok")
		stop()
		expect("after Run", "503 unknown", "503 draining", "200 ok")
	})
}

func TestStartupFailsAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{StartupGrace: time.Second, Checks: []health.Check{{
			Name: "app", Run: func(context.Context) error { return errors.New("down") }}}}
		start(t, r)
		time.Sleep(time.Second + 1)
		want := map[string]string{"livez": "200 ok", "readyz": "503 fail", "startupz": "503 fail"}
		if diff := cmp.Diff(want, endpoints(r, "")); diff != "" {
			t.Errorf("after the grace (-want +got):\n%s", diff)
		}
	})
}

func TestVerbose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &health.Registry{Checks: []health.Check{
			{Name: "app", Run: pass},
			{Name: "database", Run: func(context.Context) error { return errors.New("refused\r\n[+]database ok") }},
			{Name: "cache", Scope: health.Shared, Run: func(context.Context) error { return errors.New("gone") }},
			{Name: "slow", Timeout: time.Minute, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		}}
		stop := start(t, r)
		const lines = "[+]app ok\n" +
			"[-]database failed: refused  [+]database ok\n" + // on one line, so it deceives nobody
			"[+]cache degraded: gone\n" +
			"[-]slow unknown: not checked yet\n"
		want := map[string]string{
			"livez":    "200 [+]running ok\nlivez check passed\n",
			"readyz":   "503 " + lines + "readyz check failed: fail\n",
			"startupz": "503 " + lines + "startupz check failed: fail\n",
		}
		if diff := cmp.Diff(want, endpoints(r, "?verbose")); diff != "" {
			t.Errorf("with a failure (-want +got):\n%s", diff)
		}
		stop()
		if got, want := endpoints(r, "?verbose")["livez"], "503 [-]running failed: nothing runs the checks\nlivez check failed: unknown\n"; got != want {
			t.Errorf("livez after Run is %q, want %q", got, want)
		}

		r = &health.Registry{Checks: []health.Check{{Name: "app", Run: pass}}}
		start(t, r)
		r.Drain()
		want = map[string]string{
			"livez":    "200 [+]running ok\nlivez check passed\n",
			"readyz":   "503 [+]app ok\nreadyz check failed: draining\n",
			"startupz": "200 [+]app ok\nstartupz check passed\n",
		}
		if diff := cmp.Diff(want, endpoints(r, "?verbose")); diff != "" {
			t.Errorf("while draining (-want +got):\n%s", diff)
		}
	})
}

// What they tell strangers is one word, and they take nothing but GET and HEAD.
func TestKubernetesEndpointsAndStrangers(t *testing.T) {
	tests := []struct {
		name   string
		method string
		target string
		peer   string
		header http.Header
		want   string
	}{
		{"bare", "GET", "/", "192.0.2.1:1", nil, "200 ok"},
		{"head", "HEAD", "/", "192.0.2.1:1", nil, "200 ok"}, // the server drops the body
		{"stranger asks", "GET", "/?verbose", "192.0.2.1:1", nil, "200 ok"},
		{"trusted does not ask", "GET", "/", "10.0.0.7:1", nil, "200 ok"},
		{"trusted wants JSON", "GET", "/", "10.0.0.7:1", http.Header{"Accept": {"application/json"}}, "200 ok"},
		{"trusted asks", "GET", "/?verbose", "10.0.0.7:1", nil, "200 [+]"},
		{"trusted asks with a value", "GET", "/?verbose=1", "10.0.0.7:1", nil, "200 [+]"},
		{"trusted asks for another", "GET", "/?verbose", "10.0.0.7:1", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, "200 ok"},
		{"token asks", "GET", "/?verbose", "192.0.2.1:1", http.Header{"Authorization": {"Bearer t"}}, "200 [+]"},
		{"token does not ask", "GET", "/", "192.0.2.1:1", http.Header{"Authorization": {"Bearer t"}}, "200 ok"},
		{"post", "POST", "/?verbose", "10.0.0.7:1", nil, "405 method not allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &health.Registry{Checks: []health.Check{{Name: "app", Run: pass}}}
				start(t, r)
				h := &health.Handler{Registry: r, Token: "t", Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
				for name, endpoint := range map[string]http.Handler{"livez": h.Livez(), "readyz": h.Readyz(), "startupz": h.Startupz()} {
					request := httptest.NewRequest(test.method, test.target, nil)
					request.RemoteAddr = test.peer
					request.Header = test.header.Clone()
					w := httptest.NewRecorder()
					endpoint.ServeHTTP(w, request)
					got := w.Result().Status[:3] + " " + w.Body.String()
					if test.want == "200 [+]" {
						got = got[:min(len(got), len(test.want))]
					}
					if got != test.want {
						t.Errorf("%s answers %q, want %q", name, got, test.want)
					}
					if allow := w.Header().Get("Allow"); w.Code == 405 && allow != "GET, HEAD, OPTIONS" {
						t.Errorf("%s allows %q, want GET, HEAD, OPTIONS", name, allow)
					}
					if got := w.Header().Get("Cache-Control"); got != "no-store" {
						t.Errorf("%s: Cache-Control is %q", name, got)
					}
				}
			})
		})
	}
}

func TestKubernetesEndpointsWithoutRegistry(t *testing.T) {
	want := map[string]string{"livez": "503 unknown", "readyz": "503 unknown", "startupz": "503 unknown"}
	for _, query := range []string{"", "?verbose"} {
		if diff := cmp.Diff(want, endpoints(nil, query)); diff != "" {
			t.Errorf("answers to %q (-want +got):\n%s", query, diff)
		}
	}
}

func TestEntitled(t *testing.T) {
	h := &health.Handler{Token: "t", Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	tests := []struct {
		name   string
		peer   string
		header http.Header
		want   bool
	}{
		{"stranger", "192.0.2.1:1", nil, false},
		{"token", "192.0.2.1:1", http.Header{"Authorization": {"Bearer t"}}, true},
		{"wrong token", "192.0.2.1:1", http.Header{"Authorization": {"Bearer x"}}, false},
		{"trusted without asking", "10.0.0.7:1", nil, true},
		{"sent on for somebody", "10.0.0.7:1", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, false},
		{"wrong token from a trusted network", "10.0.0.7:1", http.Header{"Authorization": {"Bearer x"}}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest("GET", "/metrics", nil)
			request.RemoteAddr, request.Header = test.peer, test.header.Clone()
			if got := h.Entitled(request); got != test.want {
				t.Errorf("entitled is %t, want %t", got, test.want)
			}
		})
	}
}
