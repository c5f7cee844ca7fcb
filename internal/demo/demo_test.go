package demo

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// running is a demo that a test has started, and what it prints.
type running struct {
	client      Client
	front, page string
	reader      *io.PipeReader
	lines       *bufio.Scanner
	stop        func() error
}

// patience is how long a test waits for what a demo prints within seconds.
const patience = 30 * time.Second

// startDemo runs a demo until the test ends, and reads what it prints up to the
// end of the first table.
func startDemo(t *testing.T) *running {
	t.Helper()
	control := filepath.Join(t.TempDir(), "demo.sock")
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := Run(ctx, Options{Control: control, Out: writer})
		writer.CloseWithError(io.EOF)
		ended <- err
	}()
	r := &running{client: Client{Control: control}, reader: reader, lines: bufio.NewScanner(reader)}
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		go io.Copy(io.Discard, reader) // what is printed at the end must not hold it up
		return <-ended
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	r.front = r.until(t, `visit +(http://\S+)`)
	r.page = r.until(t, `watch +(http://\S+)`)
	for _, name := range []string{"web-1", "web-2", "web-3"} {
		r.until(t, name+` +127\.0\.0\.1:\d+ +in service +in service +yes +200 in`)
	}
	return r
}

// until reads lines up to one that matches, and returns its first group.
func (r *running) until(t *testing.T, pattern string) string {
	t.Helper()
	want := regexp.MustCompile(pattern)
	deadline := time.AfterFunc(patience, func() { r.reader.CloseWithError(errors.New("the test gave up")) })
	defer deadline.Stop()
	var seen []string
	for r.lines.Scan() {
		seen = append(seen, r.lines.Text())
		if found := want.FindStringSubmatch(r.lines.Text()); found != nil {
			return found[len(found)-1]
		}
	}
	t.Fatalf("the demo ended without printing %s; it printed\n%s", pattern, strings.Join(seen, "\n"))
	return ""
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Status[:3] + " " + string(body)
}

// The main job: a broken instance is told apart by the HTTP probe only, and
// users are no longer sent there.
func TestUsersAreKeptFromABrokenInstance(t *testing.T) {
	r := startDemo(t)
	effect, err := r.client.Break(t.Context(), "web-2", "errors")
	if err != nil || effect != "every page answers 500" {
		t.Fatalf("Break returned %q, %v", effect, err)
	}
	r.until(t, `web-2 +broken with errors: every page answers 500`)
	r.until(t, `web-2 +\S+ +in service +out of service +no +503 in`)
	r.until(t, `its agent says: app: GET http://\S+ answered 500`)
	r.until(t, `a balancer that only connects would still send users there`)
	seen := map[string]int{}
	for range 20 {
		answer := get(t, r.front)
		name, _, _ := strings.Cut(strings.TrimPrefix(answer[strings.Index(answer, "<b>")+1:], "b>"), "<")
		seen[answer[:4]+name]++
	}
	if seen["200 web-1"] != 10 || seen["200 web-3"] != 10 {
		t.Errorf("20 visits were answered by %v, want 10 each by web-1 and web-3", seen)
	}
	if _, err := r.client.Break(t.Context(), "web-2", "heal"); err != nil {
		t.Fatal(err)
	}
	r.until(t, `web-2 +\S+ +in service +in service +yes`)
}

func TestPageIsLive(t *testing.T) {
	r := startDemo(t)
	if got := get(t, r.page); !strings.HasPrefix(got, "200 ") || strings.Count(got, `<span class="verdict in-service">`) != 6 {
		t.Errorf("the page does not show six verdicts of in service:\n%s", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.page+"live", nil)
	if err != nil {
		t.Fatal(err)
	}
	live, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Body.Close()
	events := bufio.NewScanner(live.Body)

	response, err := http.PostForm(r.page+"break", url.Values{"instance": {"web-3"}, "fault": {"database"}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	for events.Scan() {
		if strings.Contains(events.Text(), `<span class="verdict in-service">in service</span><small>but its database file is gone</small>`) {
			return
		}
	}
	t.Errorf("the live table never showed the two verdicts apart: %v", events.Err())
}

// Another site's page can't press the buttons of this one.
func TestPageRefusesOtherOrigins(t *testing.T) {
	r := startDemo(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.page+"break", strings.NewReader("instance=web-1&fault=crash"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for origin, host := range map[string]string{
		"https://evil.example": "",             // a page of theirs that posts here
		"http://evil.example":  "evil.example", // a name of theirs that leads here
	} {
		request := request.Clone(t.Context())
		request.Body = io.NopCloser(strings.NewReader("instance=web-1&fault=crash"))
		request.Header.Set("Origin", origin)
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("origin %s: the answer is %s, want 403", origin, response.Status)
		}
	}
	rows, err := r.client.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].Fault != None {
		t.Errorf("web-1 is broken with %s", rows[0].Fault)
	}
}

func TestEndsCleanly(t *testing.T) {
	dir := ownTemp(t)
	r := startDemo(t)
	for instance, fault := range map[string]string{"web-1": "hang", "web-2": "crash", "web-3": "database"} {
		if _, err := r.client.Break(t.Context(), instance, fault); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if _, err := r.client.Rows(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("asking a demo that has ended gave %v, want ErrNotRunning", err)
	}
	if conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(r.front, "http://"), "/")); err == nil {
		conn.Close()
		t.Error("the front still accepts")
	}
	leavesNothing(t, dir)
}

// ownTemp makes a folder for temporary files that only this test uses.
func ownTemp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return dir
}

func leavesNothing(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("%s was left behind", entry.Name())
	}
}

func TestBusyPortsStartNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, options := range map[string]Options{
		"the front": {Listen: taken.Addr().String()},
		"the page":  {Page: taken.Addr().String()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := ownTemp(t)
			var out strings.Builder
			options.Out, options.Control = &out, filepath.Join(t.TempDir(), "demo.sock")
			err := Run(t.Context(), options)
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), taken.Addr().String()) {
				t.Errorf("Run returned %v, want which address is busy", err)
			}
			if out.Len() > 0 {
				t.Errorf("it printed %q", out.String())
			}
			if _, err := os.Stat(options.Control); !os.IsNotExist(err) {
				t.Errorf("the control socket was left behind: %v", err)
			}
			leavesNothing(t, dir)
		})
	}
}
