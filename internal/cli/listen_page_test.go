package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/inspect"
)

var updateListenPage = flag.Bool("update-docs", false, "write what the tests saw into docs/listen.md")

const listenPage = "../../docs/listen.md"

var shownListen = regexp.MustCompile("(?ms)^<!-- run: listen/(\\S+) -->\n```[a-z]*\n(.*?)^```$")

// TestListenPage: what docs/listen.md shows is what is printed for such a request,
// but for times and ports.
func TestListenPage(t *testing.T) {
	var text, object bytes.Buffer
	views := []interface{ arrival(inspect.Arrival) }{&listenText{out: &text, failed: t.FailNow}, &listenJSON{out: &object, failed: t.FailNow}}
	ctx, stop := context.WithCancel(t.Context())
	seen := make(chan struct{})
	server, err := inspect.Open(inspect.Options{Addresses: []string{"127.0.0.1:0"}, OnArrival: func(a inspect.Arrival) {
		for _, view := range views {
			view.arrival(a)
		}
		seen <- struct{}{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()
	for range 3 {
		c, err := net.Dial("tcp", server.Addresses()[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, strings.Replace(albHead, "10.0.3.7:80", "127.0.0.1:8080", 1)); err != nil {
			t.Fatal(err)
		}
		<-seen
		if _, err := io.ReadAll(c); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`(?m)^\d\d:\d\d:`).FindAllStringIndex(text.String(), -1)
	if len(parts) != 3 {
		t.Fatalf("not three arrivals:\n%s", text.String())
	}
	var indented bytes.Buffer
	line, _, _ := strings.Cut(object.String(), "\n")
	if err := json.Indent(&indented, []byte(line), "", "  "); err != nil {
		t.Fatal(err)
	}
	runs := map[string]string{
		"alb":   onListenPage(text.String()[:parts[1][0]]),
		"again": onListenPage(text.String()[parts[1][0]:]),
		"json":  onListenPage(indented.String()) + "\n",
	}
	content, err := os.ReadFile(listenPage)
	if err != nil {
		t.Fatal(err)
	}
	if *updateListenPage {
		content = shownListen.ReplaceAllFunc(content, func(block []byte) []byte {
			at := shownListen.FindSubmatchIndex(block)
			return []byte(string(block[:at[4]]) + runs[string(block[at[2]:at[3]])] + string(block[at[5]:]))
		})
		if err := os.WriteFile(listenPage, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shown := map[string]string{}
	for _, match := range shownListen.FindAllStringSubmatch(string(content), -1) {
		shown[match[1]] = match[2]
	}
	if diff := cmp.Diff(runs, shown); diff != "" {
		t.Errorf("docs/listen.md does not show what is printed; -update-docs writes it (-printed +shown):\n%s", diff)
	}
}

// onListenPage gives a run the addresses and times of the page.
func onListenPage(s string) string {
	for _, change := range [][2]string{
		{`(?m)^\d\d:\d\d:\d\d\.\d{3}`, "12:00:00.000"},
		{`"time": ".*?"`, `"time": "…"`},
		{`"bytes": ".*?"`, `"bytes": "…"`},
		{`127\.0\.0\.1:\d+ > 127\.0\.0\.1:\d+`, "10.0.1.20:40404 > :8080"},
		{`"listener": ".*?"`, `"listener": ":8080"`},
		{`"peer": ".*?"`, `"peer": "10.0.1.20:40404"`},
		{`every \S+ ± \S+,`, "every 30s ± 2ms,"},
		{`127\.0\.0\.1`, "10.0.3.7"},
	} {
		s = regexp.MustCompile(change[0]).ReplaceAllString(s, change[1])
	}
	return s
}
