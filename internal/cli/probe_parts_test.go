package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/inspect"
	"github.com/inservice/inservice/internal/lbconfig"
)

// probes runs the command and returns its exit status and what it printed.
func probes(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	p := &program{stdout: &out, stderr: &problems, command: "inservice"}
	root := p.root()
	root.SetArgs(append([]string{"probe", "--quick"}, args...))
	status = p.report(root.ExecuteContext(t.Context()))
	return status, out.String(), problems.String()
}

// TestReplayLeavesOut: a file of what arrived holds more than requests. They are
// sent all the same.
func TestReplayLeavesOut(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.Path) }))
	defer server.Close()
	request := func(path string) inspect.Recording {
		return inspect.Recording{V: inspect.RecordingVersion, Kind: inspect.HTTP1, Bytes: []byte("GET " + path + " HTTP/1.0\r\n\r\n")}
	}
	file := func(all ...inspect.Recording) string {
		var content []byte
		for _, r := range all {
			line, err := inspect.MarshalLine(r)
			if err != nil {
				t.Fatal(err)
			}
			content = append(content, line...)
		}
		name := filepath.Join(t.TempDir(), "seen.jsonl")
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	connect := inspect.Recording{V: inspect.RecordingVersion, Kind: inspect.Connect}
	long := request("/long")
	long.More = true
	status, out, problems := probes(t, "--replay", file(connect, request("/one"), connect, long, request("/two")), server.URL)
	if status != 0 || strings.Join(asked, " ") != "/one /two" || strings.Count(out, "PASS") != 2 {
		t.Errorf("exit status %d, asked %q\n%s%s", status, asked, out, problems)
	}
	asked = nil
	again := request("/one")
	again.Time = time.Now()
	if _, _, repeated := probes(t, "--replay", file(request("/one"), again, request("/two"), again), server.URL); strings.Join(asked, " ") != "/one /two" || !strings.Contains(repeated, "2 of the recordings were left out: the same request is sent already") {
		t.Errorf("asked %q\n%s", asked, repeated)
	}
	for _, want := range []string{"2 of the recordings were left out: connect, no request", "1 of the recordings were left out: only its beginning was kept"} {
		if !strings.Contains(problems, want) {
			t.Errorf("%s\nwant %q", problems, want)
		}
	}
	if status, _, problems := probes(t, "--replay", file(connect), server.URL); status != exitUsage || !strings.Contains(problems, "holds no request") {
		t.Errorf("exit status %d\n%s", status, problems)
	}
}

// TestReplayShakesHandsAgain: what a sender said of TLS and HTTP/2 is said again,
// and no more is verified than it did.
func TestReplayShakesHandsAgain(t *testing.T) {
	var arrivals []inspect.Arrival
	server, err := inspect.Open(inspect.Options{Addresses: []string{"127.0.0.1:0"}, OnArrival: func(a inspect.Arrival) { arrivals = append(arrivals, a) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()
	address := server.Addresses()[0]
	client := http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "a.example"},
	}}
	answer, err := client.Get("https://" + address + "/up?x=1")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	client.CloseIdleConnections()

	line, err := inspect.MarshalLine(arrivals[0].Recording())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "seen.jsonl")
	if err := os.WriteFile(file, line, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, problems := probes(t, "--replay", file, address); status != 0 {
		t.Errorf("exit status %d\n%s%s", status, out, problems)
	}
	stop()
	if err := <-ended; err != nil || len(arrivals) != 2 {
		t.Fatalf("%d arrivals, %v", len(arrivals), err)
	}
	was, is := arrivals[0].Recording(), arrivals[1].Recording()
	if diff := gocmp.Diff(was.Fields, is.Fields); diff != "" || was.Kind != inspect.HTTP2 {
		t.Errorf("%s: fields (-want +got):\n%s", was.Kind, diff)
	}
	if is.TLS == nil || is.TLS.ServerName != "a.example" || !slices.Equal(is.TLS.ALPN, was.TLS.ALPN) {
		t.Errorf("hello %+v, recorded was %+v", is.TLS, was.TLS)
	}
}

// TestFromLeavesOut: of a file's checks, those are asked that can be. Without one
// it is a mistake, and --target mends it.
func TestFromLeavesOut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	name := filepath.Join(t.TempDir(), "haproxy.cfg")
	config := "backend web\n option httpchk\n server env \"${HOST}:80\" check\n server here " + address + " check\n"
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, problems := probes(t, "--from", name)
	if status != 0 || strings.Count(out, "PASS") != 1 || !strings.Contains(problems, ":3: web/env is left out: its address is only known when HAProxy runs") {
		t.Errorf("exit status %d\n%s%s", status, out, problems)
	}
	status, _, problems = probes(t, "--from", name+"#web/env")
	if status != exitUsage || !strings.Contains(problems, "hint: name the address with --target HOST:PORT") {
		t.Errorf("exit status %d\n%s", status, problems)
	}
	if status, out, problems := probes(t, "--from", name+"#web/env", "--target", address); status != 0 || !strings.Contains(out, "PASS") {
		t.Errorf("exit status %d\n%s%s", status, out, problems)
	}
}

// TestFromSaysWhichProbe: the kubelet's events begin with the kind of the probe.
func TestFromSaysWhichProbe(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	name := filepath.Join(t.TempDir(), "pod.yaml")
	manifest := "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: app\n    livenessProbe: {httpGet: {path: /up, port: 80}}\n    readinessProbe: {httpGet: {path: /up, port: 80}}\n"
	if err := os.WriteFile(name, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, problems := probes(t, "--from", name, "--target", server.URL)
	for _, want := range []string{"Liveness probe failed: HTTP probe failed with statuscode: 404", "Readiness probe failed: HTTP probe failed with statuscode: 404"} {
		if status != exitFailed || strings.Count(out, want) != 1 {
			t.Errorf("exit status %d, want %q once\n%s%s", status, want, out, problems)
		}
	}
}

// TestFromCanBeAsked: whatever package lbconfig finds can be asked in the dialect
// that it names: one check that can't be would keep the others from being asked.
func TestFromCanBeAsked(t *testing.T) {
	files, err := filepath.Glob("../lbconfig/testdata/*.want")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		checks, err := lbconfig.Read(strings.TrimSuffix(file, ".want"))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			if c.Scheme == "" {
				continue
			}
			if _, err := newProbe(probing{as: c.Dialect, options: merge(dialect.Options{}, c)}, cmp.Or(c.Target, c.Scheme+"://127.0.0.1:1")); err != nil {
				t.Errorf("%s, %s: %v", c.Where, c.Name, err)
			}
		}
	}
}
