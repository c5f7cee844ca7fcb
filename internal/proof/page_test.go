package proof

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateDocs = flag.Bool("update-docs", false, "write what the tests saw into docs/django.md")

const pageFile = "../../docs/django.md"

// pageLock is held while the page is read and written: tests run in parallel.
var pageLock sync.Mutex

// shownRun finds an output on the page: a comment that names it, then a code
// block.
var shownRun = regexp.MustCompile("(?ms)^<!-- run: (\\S+) -->\n```[a-z]*\n(.*?)^```$")

// everyRunDiffers in these: times, how long things took, and of which commit the
// program is.
var everyRunDiffers = regexp.MustCompile(`(?m)("time"|"observedValue"|"version"): .*?(,?)$`)

// chapter collects the outputs of one test, and at its end compares them with
// those on the page: each must be there, as it is, and no other by that
// chapter's name.
type chapter struct {
	t    *testing.T
	name string
	said []string          // pairs for strings.NewReplacer: of the run, on the page
	runs map[string]string // the outputs by their full names, "chapter/name"
}

func newChapter(t *testing.T, name string) *chapter {
	c := &chapter{t: t, name: name, runs: map[string]string{}}
	t.Cleanup(func() {
		if !t.Failed() && !t.Skipped() {
			c.compare()
		}
	})
	return c
}

// calls says that what the run calls so is called otherwise on the page.
func (c *chapter) calls(run, page string) { c.said = append(c.said, run, page) }

// show adds an output. It is translated when the chapter ends.
func (c *chapter) show(name string, parts ...string) {
	c.t.Helper()
	name = c.name + "/" + name
	if _, taken := c.runs[name]; taken {
		c.t.Fatalf("two outputs are called %s", name)
	}
	c.runs[name] = strings.Join(parts, "\n")
}

func (c *chapter) compare() {
	c.t.Helper()
	pageLock.Lock()
	defer pageLock.Unlock()
	said := strings.NewReplacer(c.said...)
	for name, text := range c.runs {
		text = said.Replace(strings.TrimSuffix(text, "\n") + "\n")
		c.runs[name] = everyRunDiffers.ReplaceAllString(text, "$1: …$2")
	}
	content, err := os.ReadFile(pageFile)
	if err != nil {
		c.t.Fatal(err)
	}
	if *updateDocs {
		content = shownRun.ReplaceAllFunc(content, func(block []byte) []byte {
			found := shownRun.FindSubmatchIndex(block)
			text, ran := c.runs[string(block[found[2]:found[3]])]
			if !ran {
				return block
			}
			return slices.Concat(block[:found[4]], []byte(text), block[found[5]:])
		})
		if err := os.WriteFile(pageFile, content, 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	onPage := map[string]string{}
	for _, found := range shownRun.FindAllStringSubmatch(string(content), -1) {
		if strings.HasPrefix(found[1], c.name+"/") {
			onPage[found[1]] = found[2]
		}
	}
	if diff := cmp.Diff(c.runs, onPage); diff != "" {
		c.t.Errorf("docs/django.md does not show what happened; -update-docs writes outputs that have a place there (-run +page):\n%s", diff)
	}
}
