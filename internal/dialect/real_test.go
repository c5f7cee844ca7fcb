package dialect

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/exchange"
)

// timeout is that of the probers in the tests below: short where it is to pass.
func (does script) timeout() time.Duration {
	if does.end == hangs {
		return 300 * time.Millisecond
	}
	return 10 * time.Second
}

// goProber is Go's client with a prober's settings, and what that prober makes of
// what it returns. Package conformance holds dialects against the probers' own
// code; this holds them against the client below, in every way a server can fail.
type goProber struct {
	client http.Client // its Timeout is set unless deadline is
	fields http.Header
	bound  bool // the time-out is the context's
	judge  func(*http.Response, error) (Outcome, string)
}

func goProbers() map[string]goProber {
	judge := func(pass func(int) bool, fail string) func(*http.Response, error) (Outcome, string) {
		return func(r *http.Response, err error) (Outcome, string) {
			switch {
			case err != nil:
				return Fail, fmt.Sprintf(fail, err)
			case pass(r.StatusCode):
				return Pass, ""
			}
			return Fail, ""
		}
	}
	below400 := func(code int) bool { return code >= 200 && code < 400 }
	only2xx := func(code int) bool { return code >= 200 && code < 300 }
	return map[string]goProber{
		"kubelet": {
			client: http.Client{
				Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
				CheckRedirect: func(r *http.Request, via []*http.Request) error {
					if r.URL.Hostname() != via[0].URL.Hostname() {
						return http.ErrUseLastResponse
					}
					if len(via) >= 10 {
						return errors.New("stopped after 10 redirects")
					}
					return nil
				},
			},
			fields: http.Header{"User-Agent": {"kube-probe/1.34"}, "Accept": {"*/*"}},
			judge: func(r *http.Response, err error) (Outcome, string) {
				if err != nil {
					return Fail, "Readiness probe failed: " + err.Error()
				}
				body := io.LimitedReader{R: r.Body, N: 10 << 10}
				if _, err := io.ReadAll(&body); err != nil {
					return Unknown, "Readiness probe errored: " + err.Error() + "; the result is thrown away"
				}
				if !below400(r.StatusCode) {
					return Fail, fmt.Sprintf("Readiness probe failed: HTTP probe failed with statuscode: %d", r.StatusCode)
				}
				return Pass, ""
			},
		},
		"consul": {
			client: http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
			fields: http.Header{"User-Agent": {"Consul Health Check"}, "Accept": {"text/plain, text/*, */*"}},
			judge: func(r *http.Response, err error) (Outcome, string) {
				if err == nil && r.StatusCode == 429 {
					return Pass, ""
				}
				return judge(only2xx, "%v")(r, err)
			},
		},
		"traefik": {bound: true, judge: judge(below400, `Health check failed. error="checking HTTP health: HTTP request failed: %v"`)},
		"caddy": {
			client: http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
			judge:  judge(only2xx, "%v"),
		},
		"kamal": {
			bound:  true,
			fields: http.Header{"User-Agent": {"kamal-proxy"}},
			judge: func(r *http.Response, err error) (Outcome, string) {
				if errors.Is(err, context.DeadlineExceeded) {
					err = errors.New("request timed out")
				}
				return judge(only2xx, "Healthcheck failed: %v")(r, err)
			},
		},
		"gatus": {
			client: http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }},
			fields: http.Header{"User-Agent": {"Gatus/1.0"}},
			judge:  judge(func(code int) bool { return code == 200 }, "%v"),
		},
		"blackbox": {
			client: http.Client{
				Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
				CheckRedirect: func(_ *http.Request, via []*http.Request) error {
					if len(via) > 10 {
						return errors.New("don't follow redirects")
					}
					return nil
				},
			},
			bound:  true,
			fields: http.Header{"User-Agent": {"Blackbox-Exporter/0.28.0"}},
			judge: func(r *http.Response, err error) (Outcome, string) {
				if r != nil && err != nil { // redirects refused
					return Fail, ""
				}
				if err == nil && only2xx(r.StatusCode) {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return Fail, "probe_success 0: Failed to read HTTP response body: " + err.Error()
					}
				}
				return judge(only2xx, "probe_success 0: Error for HTTP request: %v")(r, err)
			},
		},
	}
}

// TestAgainstGo shows each server to a dialect and to Go's client with that
// prober's settings: the verdict, the words, and every byte that was sent are the
// same.
func TestAgainstGo(t *testing.T) {
	ports := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	for name, prober := range goProbers() {
		for _, answer := range slices.Sorted(maps.Keys(scripts)) {
			if name == "gatus" && answer == "302-loop" {
				continue // for it, there is no end but that of the time
			}
			t.Run(name+"/"+answer, func(t *testing.T) {
				t.Parallel()
				does := scripts[answer]
				theirs, ours := serve(t, does), serve(t, does)

				wantOutcome, wantText := prober.ask(t, "http://"+theirs.addr+"/health", does.timeout())
				p := must(t, name, "http://"+ours.addr+"/health", Options{Timeout: does.timeout()})
				answers, got := Ask(t.Context(), p, exchange.Do)
				if got.Outcome != wantOutcome {
					t.Errorf("%s (%s); Go's client: %s (%s)", got.Outcome, got.Text, wantOutcome, wantText)
				}
				plain := func(text string) string { return ports.ReplaceAllString(text, "<addr>") }
				// Words about a server that speaks first depend on what Go's client
				// happens to be doing when it does.
				if wantText != "" && !does.first && !strings.Contains(plain(got.Text), plain(wantText)) {
					t.Errorf("its words: %q\nGo's client: %q", got.Text, wantText)
				}
				if does.first || does.tls {
					return
				}
				if diff := cmp.Diff(mapped(theirs.heads(), plain), mapped(ours.heads(), plain)); diff != "" {
					t.Errorf("%d answers; what was sent (-Go's client +dialect):\n%s", len(answers), diff)
				}
			})
		}
	}
}

func mapped(all []string, f func(string) string) []string {
	for i := range all {
		all[i] = f(all[i])
	}
	return all
}

func (g goProber) ask(t *testing.T, url string, timeout time.Duration) (Outcome, string) {
	t.Helper()
	ctx, client := t.Context(), g.client
	if g.bound {
		bounded, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		ctx = bounded
	} else {
		client.Timeout = timeout
	}
	if client.Transport == nil {
		client.Transport = &http.Transport{}
	}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if g.fields != nil {
		r.Header = g.fields.Clone()
	}
	response, err := client.Do(r)
	if response != nil {
		defer func() { _ = response.Body.Close() }()
	}
	return g.judge(response, err)
}

// TestTLSAgainstGo does the same over TLS.
func TestTLSAgainstGo(t *testing.T) {
	ports := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	over := map[string]script{
		"self-signed": {say: scripts["ok"].say, tls: true},
		"plain":       scripts["ssh"],
		"plain HTTP":  {say: "HTTP/1.1 400 Bad Request\r\n\r\n", first: true},
		"closed":      {first: true},
		"silence":     scripts["silence"],
	}
	for _, name := range []string{"kubelet", "consul", "gatus", "traefik", "blackbox"} {
		for what, does := range over {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				theirs, ours := serve(t, does), serve(t, does)
				outcome, text := goProbers()[name].ask(t, "https://"+theirs.addr+"/health", does.timeout())
				_, got := Ask(t.Context(), must(t, name, "https://"+ours.addr+"/health", Options{Timeout: does.timeout()}), exchange.Do)
				plain := func(text string) string { return ports.ReplaceAllString(text, "<addr>") }
				if got.Outcome != outcome || !strings.Contains(plain(got.Text), plain(text)) {
					t.Errorf("%+v\nGo's client: %s %q", got, outcome, text)
				}
			})
		}
	}
}

// TestRefusedAgainstGo is apart, for it needs no server.
func TestRefusedAgainstGo(t *testing.T) {
	for name, prober := range goProbers() {
		url := "http://" + closedPort(t) + "/health"
		outcome, text := prober.ask(t, url, 10*time.Second)
		_, got := Ask(t.Context(), must(t, name, url, Options{}), exchange.Do)
		if got.Outcome != outcome || !strings.Contains(got.Text, text) {
			t.Errorf("%s: %+v\nGo's client: %s %q", name, got, outcome, text)
		}
	}
}

// TestAgainstCurl shows each server to the dialect docker and to curl -f.
func TestAgainstCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl here")
	}
	version, err := exec.CommandContext(t.Context(), curl, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range slices.Sorted(maps.Keys(scripts)) {
		does := scripts[answer]
		if does.end == hangs {
			continue // then it is Docker that ends it
		}
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			theirs, ours := serve(t, does), serve(t, does)
			cmd := exec.CommandContext(t.Context(), curl, "-q", "-f", "-sS", "-o", "/dev/null", "http://"+theirs.addr+"/health")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			_ = cmd.Run() // what it says is judged below
			_, got := Ask(t.Context(), must(t, "docker", "http://"+ours.addr+"/health", Options{}), exchange.Do)
			want, code := Fail, cmd.ProcessState.ExitCode()
			if code == 0 {
				want = Pass
			}
			if said := strings.TrimSpace(stderr.String()); said != "" && !strings.Contains(got.Text, said) {
				t.Errorf("%q; curl: %q", got.Text, said)
			}
			if status := fmt.Sprintf("exit code %d", code); got.Outcome != want || !strings.Contains(got.Text, status) {
				t.Errorf("%+v; curl: exit status %d, %s", got, code, &stderr)
			}
			if !bytes.HasPrefix(version, []byte("curl 7.88.1 ")) || does.first || does.tls {
				return
			}
			if want, said := strings.ReplaceAll(strings.Join(theirs.heads(), ""), theirs.addr, ours.addr), strings.Join(ours.heads(), ""); want != said {
				t.Errorf("sent %q; curl: %q", said, want)
			}
		})
	}
}
