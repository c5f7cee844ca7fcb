package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	mentionedTest = regexp.MustCompile("`((?:[a-z0-9]+/)*[a-z0-9]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	link          = regexp.MustCompile(`\]\(([^)#:]+)\)`)
)

// TestDocsNameRealTests: a test that a document names is there, in the package
// that it names.
func TestDocsNameRealTests(t *testing.T) {
	root, _ := thisTree(t)
	mentions := 0
	for _, document := range []string{"ARCHITECTURE.md", "README.md"} {
		for _, found := range mentionedTest.FindAllStringSubmatch(read(t, filepath.Join(root, document)), -1) {
			mentions++
			if !hasTest(t, filepath.Join(root, found[1]), found[2]) && !hasTest(t, filepath.Join(root, "internal", found[1]), found[2]) {
				t.Errorf("%s names %s.%s, which is not there", document, found[1], found[2])
			}
		}
	}
	if mentions < 10 {
		t.Errorf("%d tests are named in the documents, which is fewer than there are invariants", mentions)
	}
}

// TestDocsLinkToWhatIsThere looks at links within this tree.
func TestDocsLinkToWhatIsThere(t *testing.T) {
	root, _ := thisTree(t)
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, document := range append(documents, filepath.Join(root, "ARCHITECTURE.md"), filepath.Join(root, "README.md")) {
		for _, found := range link.FindAllStringSubmatch(read(t, document), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), found[1])); err != nil {
				t.Errorf("%s links to %s: %v", filepath.Base(document), found[1], err)
			}
		}
	}
	if links == 0 {
		t.Error("no link was found, so none was looked at")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declaration := regexp.MustCompile(`(?m)^func ` + name + `\(`)
	for _, file := range files {
		if declaration.MatchString(read(t, file)) {
			return true
		}
	}
	return false
}
