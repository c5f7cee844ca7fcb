package lbconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// describe writes a Check for comparison: what is set, one line for each.
func describe(c Check) string {
	var b strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&b, "  %s: %v\n", name, value) }
	text := func(name, value string) {
		if value != "" {
			line(name, value)
		}
	}
	fmt.Fprintf(&b, "%s (%s) as %s\n", c.Name, c.Where, c.Dialect)
	text("target", c.Target)
	text("why not", c.Why)
	asked := c.Scheme
	if c.Method != "" {
		asked += " " + c.Method
	}
	text("asks", strings.TrimSpace(fmt.Sprintf("%s :%d %s", asked, c.Port, c.Path)))
	if c.Host != nil {
		line("host", fmt.Sprintf("%q", *c.Host))
	}
	text("version", c.Version)
	text("matcher", c.Matcher)
	if c.Timeout+c.Interval != 0 || c.Healthy+c.Unhealthy != 0 {
		line("pace", fmt.Sprintf("every %v, waits %v, up after %d, down after %d", c.Interval, c.Timeout, c.Healthy, c.Unhealthy))
	}
	for _, h := range c.Headers {
		line("field", h.Name+": "+h.Value)
	}
	if c.SNI != nil {
		line("sni", fmt.Sprintf("%q", *c.SNI))
	}
	if c.Verify != nil {
		line("verify", *c.Verify)
	}
	text("proxy", c.Proxy)
	text("body", c.Body)
	text("sends", c.SendBody)
	text("service", c.GRPCService)
	if c.Redirect != nil {
		line("redirects followed", *c.Redirect)
	}
	for _, n := range c.Notes {
		line("note", n)
	}
	return b.String()
}

// TestFiles reads the files in testdata; FILE.want has what they say.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.want")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, wantFile := range files {
		file := strings.TrimSuffix(wantFile, ".want")
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checks, err := Parse(filepath.Base(file), data)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, c := range checks {
				got.WriteString(describe(c))
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got.String()); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// TestReadIsBounded: what has no end, and does not say so, is not read for ever.
func TestReadIsBounded(t *testing.T) {
	const endless = "/dev/zero"
	if _, err := os.Stat(endless); err != nil {
		t.Skip(err)
	}
	if _, err := Read(endless); err == nil || !strings.Contains(err.Error(), "/dev/zero has more than 64 MiB") {
		t.Errorf("error %v", err)
	}
}
