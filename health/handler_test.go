package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

func TestBareAnswer(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		drain  bool
		method string
		code   int
		body   string
	}{
		{"pass", nil, false, "GET", 200, "ok"},
		{"fail", errors.New("down"), false, "GET", 503, "fail"},
		{"draining", nil, true, "GET", 503, "draining"},
		{"post", nil, false, "POST", 405, "method not allowed"},
		{"options", nil, false, "OPTIONS", 200, "ok"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &health.Registry{Checks: []health.Check{{Name: "c", Run: func(context.Context) error { return test.err }}}}
				start(t, r)
				if test.drain {
					r.Drain()
				}
				w := httptest.NewRecorder()
				(&health.Handler{Registry: r}).ServeHTTP(w, httptest.NewRequest(test.method, "/", nil))
				if w.Code != test.code || w.Body.String() != test.body {
					t.Errorf("answer is %d %q, want %d %q", w.Code, w.Body, test.code, test.body)
				}
				want := http.Header{
					"Content-Type":   {"text/plain; charset=utf-8"},
					"Content-Length": {w.Result().Header.Get("Content-Length")},
					"Cache-Control":  {"no-store"},
				}
				if test.code == 405 {
					want["Allow"] = []string{"GET, HEAD, OPTIONS"}
				}
				if diff := cmp.Diff(want, w.Result().Header); diff != "" {
					t.Errorf("fields (-want +got):\n%s", diff)
				}
				if got := w.Result().ContentLength; got != int64(len(test.body)) {
					t.Errorf("Content-Length is %d, want %d", got, len(test.body))
				}
			})
		})
	}
}

func TestHandlerWithoutRegistryIsNotInService(t *testing.T) {
	w := httptest.NewRecorder()
	(&health.Handler{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 503 || w.Body.String() != "unknown" {
		t.Errorf("answer is %d %q, want 503 \"unknown\"", w.Code, w.Body)
	}
}

// Invariant 6: strangers get a bare status, details need a credential or a
// trusted network.
func TestWhoGetsDetails(t *testing.T) {
	const secret = "tell-me-all"
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	asking := http.Header{"Accept": {"application/health+json"}}
	with := func(more ...string) http.Header {
		h := asking.Clone()
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	tests := []struct {
		name    string
		peer    string
		target  string
		header  http.Header
		token   string
		details bool
	}{
		{"stranger", "192.0.2.1:1000", "/", nil, secret, false},
		{"stranger who asks", "192.0.2.1:1000", "/?verbose", asking, secret, false},
		{"stranger with the token", "192.0.2.1:1000", "/", http.Header{"Authorization": {"Bearer " + secret}}, secret, true},
		{"the scheme in small letters", "192.0.2.1:1000", "/", http.Header{"Authorization": {"bearer " + secret}}, secret, true},
		{"wrong token", "192.0.2.1:1000", "/", http.Header{"Authorization": {"Bearer wrong"}}, secret, false},
		{"part of the token", "192.0.2.1:1000", "/", http.Header{"Authorization": {"Bearer tell-me"}}, secret, false},
		{"other scheme", "192.0.2.1:1000", "/", http.Header{"Authorization": {"Basic " + secret}}, secret, false},
		{"empty token where none is set", "192.0.2.1:1000", "/", http.Header{"Authorization": {"Bearer "}}, "", false},
		{"balancer of a trusted network", "10.0.0.7:1000", "/", http.Header{"Accept": {"*/*"}}, secret, false},
		{"trusted and asks by field", "10.0.0.7:1000", "/", asking, secret, true},
		{"trusted and asks by plain JSON", "10.0.0.7:1000", "/", http.Header{"Accept": {"text/html, application/json"}}, secret, true},
		{"trusted and asks by query", "10.0.0.7:1000", "/?verbose", nil, secret, true},
		{"another word in the query", "10.0.0.7:1000", "/?x=verbose", nil, secret, false},
		{"trusted over IPv6", "[fd00::1]:1000", "/", asking, secret, true},
		{"trusted with a zone", "[fd00::1%eth0]:1000", "/", asking, secret, true},
		{"trusted as mapped IPv4", "[::ffff:10.0.0.7]:1000", "/", asking, secret, true},
		{"sent on for somebody", "10.0.0.7:1000", "/", with("X-Forwarded-For", "192.0.2.1"), secret, false},
		{"sent on, Forwarded", "10.0.0.7:1000", "/", with("Forwarded", "for=192.0.2.1"), secret, false},
		{"sent on, X-Real-IP", "10.0.0.7:1000", "/", with("X-Real-IP", "192.0.2.1"), secret, false},
		{"sent on, Via", "10.0.0.7:1000", "/", with("Via", "1.1 cache"), secret, false},
		{"an address that says it is trusted", "192.0.2.1:1000", "/", with("X-Forwarded-For", "10.0.0.7"), secret, false},
		{"no address at all", "@", "/", asking, secret, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &health.Registry{Checks: []health.Check{{
					Name: "database", Run: func(context.Context) error { return errors.New("refused by db.internal") },
				}}}
				start(t, r)
				request := httptest.NewRequest("GET", test.target, nil)
				request.RemoteAddr = test.peer
				request.Header = test.header.Clone()
				w := httptest.NewRecorder()
				(&health.Handler{Registry: r, Token: test.token, Trusted: networks}).ServeHTTP(w, request)
				if w.Code != 503 {
					t.Errorf("code is %d, want 503 for everybody", w.Code)
				}
				if got := strings.Contains(w.Body.String(), "db.internal"); got != test.details {
					t.Errorf("details told: %t, want %t; the answer is %q", got, test.details, w.Body)
				}
				if !test.details && w.Body.String() != "fail" {
					t.Errorf("bare answer is %q, want \"fail\"", w.Body)
				}
			})
		})
	}
}

func TestDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a bubble's clock begins at 2000-01-01
		r := &health.Registry{Checks: []health.Check{
			{Name: "database", ComponentType: "datastore", Scope: health.Shared, Run: func(context.Context) error {
				time.Sleep(3 * time.Millisecond)
				return errors.New("connection refused")
			}},
			{Name: "app", Run: func(context.Context) error { time.Sleep(1500 * time.Microsecond); return nil }},
			{Name: "cold", Timeout: time.Minute, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		}}
		start(t, r)
		time.Sleep(time.Second)
		synctest.Wait()

		h := &health.Handler{Registry: r, Token: "t", Service: health.Service{ID: "web-1", Version: "1", ReleaseID: "1.2.3", Description: "shop"}}
		request := httptest.NewRequest("GET", "/", nil)
		request.Header.Set("Authorization", "Bearer t")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request)

		var got any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"status": "fail", "version": "1", "releaseId": "1.2.3", "serviceId": "web-1", "description": "shop",
			"notes":  []any{"database is shared by all servers: its failure does not take this one out of service"},
			"output": "database: connection refused\ncold: not checked yet",
			"checks": map[string]any{
				"database:responseTime": []any{map[string]any{
					"componentType": "datastore", "observedValue": 3.0, "observedUnit": "ms",
					"status": "warn", "time": "2000-01-01T00:00:00.003Z", "output": "connection refused",
				}},
				"app:responseTime": []any{map[string]any{
					"observedValue": 1.5, "observedUnit": "ms", "status": "pass", "time": "2000-01-01T00:00:00.0015Z",
				}},
				"cold:responseTime": []any{map[string]any{"status": "fail", "output": "not checked yet"}},
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("document (-want +got):\n%s", diff)
		}
		if got := w.Header().Get("Content-Type"); got != "application/health+json" {
			t.Errorf("Content-Type is %q", got)
		}
		if w.Code != 503 {
			t.Errorf("code is %d, want 503: one check has no result yet", w.Code)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control is %q", got)
		}
		if got, want := w.Header().Get("Content-Length"), fmt.Sprint(w.Body.Len()); got != want {
			t.Errorf("Content-Length is %q, want %s", got, want)
		}

		r.Drain()
		w = httptest.NewRecorder()
		h.ServeHTTP(w, request)
		if !strings.Contains(w.Body.String(), `"draining: this server is going away"`) {
			t.Errorf("the answer does not say that it drains:\n%s", w.Body)
		}
	})
}

// What is new to a reader of health+json stands in notes and outputs: statuses
// stay those of the draft.
func TestDetailsOfWhatIsUndecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var app, mail thing
		mail.broken.Store(true)
		r := &health.Registry{StartupGrace: time.Minute, Checks: []health.Check{
			{Name: "app", Interval: time.Second, UnhealthyThreshold: 3, Run: app.check},
			{Name: "mail", Interval: time.Second, WarnOnly: true, Run: mail.check},
			{Name: "later", WarnOnly: true, Timeout: time.Minute, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		}}
		details := func() (int, map[string]any) {
			t.Helper()
			request := httptest.NewRequest("GET", "/", nil)
			request.Header.Set("Authorization", "Bearer t")
			w := httptest.NewRecorder()
			(&health.Handler{Registry: r, Token: "t"}).ServeHTTP(w, request)
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			return w.Code, got
		}
		notes := []any{
			"mail is not critical: its failure does not take this server out of service",
			"later is not critical: its failure does not take this server out of service",
		}
		result := func(status, at, output string) []any {
			r := map[string]any{"status": status}
			if at != "" {
				r["time"], r["observedValue"], r["observedUnit"] = at, 0.0, "ms"
			}
			if output != "" {
				r["output"] = output
			}
			return []any{r}
		}

		app.broken.Store(true)
		start(t, r)
		code, got := details()
		want := map[string]any{
			"status": "fail",
			"notes":  append([]any{"starting: this server has not been in service yet, and its start-up grace goes on"}, notes...),
			"output": "app: failed 1 of 3 in a row: connection refused\nmail: connection refused",
			"checks": map[string]any{
				"app:responseTime":   result("fail", "2000-01-01T00:00:00Z", "failed 1 of 3 in a row: connection refused"),
				"mail:responseTime":  result("warn", "2000-01-01T00:00:00Z", "connection refused"),
				"later:responseTime": result("pass", "", "not checked yet"),
			},
		}
		if diff := cmp.Diff(want, got); diff != "" || code != 503 {
			t.Errorf("starting: code %d, want 503; document (-want +got):\n%s", code, diff)
		}

		for _, broken := range []bool{false, true} {
			app.broken.Store(broken)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		code, got = details()
		want = map[string]any{
			"status": "warn", "notes": notes, "output": "mail: connection refused",
			"checks": map[string]any{
				"app:responseTime":   result("pass", "2000-01-01T00:00:02Z", "failed 1 of 3 in a row: connection refused"),
				"mail:responseTime":  result("warn", "2000-01-01T00:00:02Z", "connection refused"),
				"later:responseTime": result("pass", "", "not checked yet"),
			},
		}
		if diff := cmp.Diff(want, got); diff != "" || code != 200 {
			t.Errorf("in service: code %d, want 200; document (-want +got):\n%s", code, diff)
		}
	})
}
