package cli

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/realserver"
)

const probePage = "../../docs/probe.md"

var shownProbe = regexp.MustCompile("(?ms)^<!-- run: probe/(\\S+) -->\n```[a-z]*\n(.*?)^```$")

// What docs/probe.md shows is what is printed: of a real Django site behind
// gunicorn and two servers of Go's, but for times and ports.
func TestProbePage(t *testing.T) {
	site := realserver.Django(t, realserver.DjangoOptions{Postgres: realserver.Postgres(t)})
	redirect := startHandler(t, http.RedirectHandler("https://127.0.0.1/health_check", http.StatusMovedPermanently))
	page := startHandler(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!doctype html><title>Shop</title><div id=app></div>"))
	}))
	runs := map[string]string{
		"django":   shownRun(t, "10.0.0.5:8000", "http://"+site.Addr()+"/healthz", "--host", "10.0.0.5:8000", "--site", realserver.DjangoHost),
		"all":      shownRun(t, "10.0.0.5:80", "http://"+redirect+"/health_check", "--as", "all"),
		"catchall": shownRun(t, "10.0.0.5:80", "http://"+page+"/health_check"),
	}
	content, err := os.ReadFile(probePage)
	if err != nil {
		t.Fatal(err)
	}
	if *updateListenPage {
		content = shownProbe.ReplaceAllFunc(content, func(block []byte) []byte {
			at := shownProbe.FindSubmatchIndex(block)
			return []byte(string(block[:at[4]]) + runs[string(block[at[2]:at[3]])] + string(block[at[5]:]))
		})
		if err := os.WriteFile(probePage, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shown := map[string]string{}
	for _, match := range shownProbe.FindAllStringSubmatch(string(content), -1) {
		shown[match[1]] = match[2]
	}
	if diff := cmp.Diff(runs, shown); diff != "" {
		t.Errorf("docs/probe.md does not show what is printed; -update-docs writes it (-printed +shown):\n%s", diff)
	}
}

func startHandler(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// shownRun is a run of probe as a page shows it: with address in place of the
// target's, and without what differs from run to run.
func shownRun(t *testing.T, address string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	Run(append([]string{"probe"}, args...), &out, &out)
	target := strings.TrimSuffix(strings.TrimPrefix(args[0], "http://"), args[0][strings.LastIndex(args[0], "/"):])
	s := "$ inservice probe " + strings.Join(args, " ") + "\n" + out.String()
	s = strings.ReplaceAll(s, target, address)
	s = regexp.MustCompile(`\b[0-9.]+ (ms|s)\b`).ReplaceAllString(s, "2 ms")
	s = regexp.MustCompile(`Date: [^≠]*?GMT`).ReplaceAllString(s, "Date: Sun, 22 Nov 2026 12:00:00 GMT")
	host, _, _ := net.SplitHostPort(target)
	if strings.Contains(s, host) {
		s = strings.ReplaceAll(s, host, "10.0.0.5")
	}
	return s
}
