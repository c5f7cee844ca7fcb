package arch

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The small tree that the tests below each spoil in one way. It obeys its table.
var goodTree = map[string]string{
	"go.mod":                 "module example.org/m\n\ngo 1.26.0\n",
	"core/core.go":           "// Package core computes.\npackage core\n\nimport (\n\t\"net/netip\"\n\t\"time\"\n)\n\nvar A netip.Addr\n\nfunc Twice(d time.Duration) time.Duration { return 2 * d }\n",
	"core/core_test.go":      "package core\n\nimport (\n\t_ \"example.org/m/fake\"\n\t_ \"os\"\n)\n",
	"edge/edge.go":           "// Package edge acts.\npackage edge\n\nimport (\n\t_ \"driver.example/sql/v2/stdlib\"\n\t_ \"net/http\"\n\n\t_ \"example.org/m/core\"\n)\n",
	"fake/fake.go":           "// Package fake is for tests.\npackage fake\n",
	"cmd/run/main.go":        "// Command run runs.\npackage main\n\nimport _ \"example.org/m/edge\"\n\nfunc main() {}\n",
	"bench/speed/main.go":    "// Command speed measures.\npackage main\n\nimport (\n\t_ \"example.org/m/edge\"\n\t_ \"example.org/m/fake\"\n)\n\nfunc main() {}\n",
	"edge/testdata/bad.go":   "package bad\n\nimport _ \"nowhere.example/bad\"\n",
	"tools/go.mod":           "module example.org/m/tools\n",
	"tools/tools.go":         "package tools\n",
	"edge/.hidden/hidden.go": "package hidden\n",
}

const goodTable = `
Words before it.

<!-- imports -->
| level | package | may import |
| --- | --- | --- |
| 0 pure | ` + "`core`" + ` | – |
| 1 edge | ` + "`edge` | `core`, `driver.example/sql/v2/...`" + ` |
| 4 wire | ` + "`cmd/run`" + ` | everything |
| test | ` + "`fake`" + ` | – |
| test | ` + "`bench/speed`" + ` | everything |
<!-- /imports -->

| a | table | that is another |
`

// spoil writes the good tree with some files changed, removed where empty, and
// reads it back.
func spoil(t *testing.T, changes map[string]string) *tree {
	t.Helper()
	root := t.TempDir()
	files := maps.Clone(goodTree)
	maps.Copy(files, changes)
	for name, content := range files {
		if content != "" {
			write(t, filepath.Join(root, filepath.FromSlash(name)), content)
		}
	}
	got, err := parseTree(root)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestImportRules(t *testing.T) {
	const corePackage = "// Package core computes.\npackage core\n\n"
	for name, c := range map[string]struct {
		changes map[string]string
		old     string // in the table, replaced by new
		new     string
		want    []string
	}{
		"good": {},
		"own package that is not listed": {
			changes: map[string]string{"core/core.go": corePackage + `import _ "example.org/m/edge"`},
			want:    []string{"core/core.go:4: imports edge: the import table lets it import the standard library alone"},
		},
		"own package that does not exist": {
			changes: map[string]string{"edge/more.go": "package edge\n\nimport _ \"example.org/m/none\""},
			want:    []string{"edge/more.go:3: imports none: the import table lets it import only core, driver.example/sql/v2/..."},
		},
		"third-party package": {
			changes: map[string]string{"edge/more.go": "package edge\n\nimport _ \"driver.example/sql/v22\""},
			want:    []string{"edge/more.go:3: imports the third-party package driver.example/sql/v22: the import table lets it import only core, driver.example/sql/v2/..."},
		},
		"third-party package where everything is allowed": {
			changes: map[string]string{"cmd/run/main.go": "package main\n\nimport _ \"driver.example/sql/v2\""},
			want:    []string{"cmd/run/main.go:3: imports the third-party package driver.example/sql/v2: the import table lets it import only everything of its level and below"},
		},
		"test package in the product": {
			changes: map[string]string{"edge/more.go": "package edge\n\nimport _ \"example.org/m/fake\""},
			want:    []string{"edge/more.go:3: imports fake, which only tests and benches may import"},
		},
		"test package where everything is allowed": {
			changes: map[string]string{"cmd/run/main.go": "package main\n\nimport _ \"example.org/m/fake\""},
			want:    []string{"cmd/run/main.go:3: imports fake, which only tests and benches may import"},
		},
		"file for another system": {
			changes: map[string]string{"edge/edge_plan9.go": "//go:build plan9\n\npackage edge\n\nimport _ \"nowhere.example/x\""},
			want:    []string{"edge/edge_plan9.go:5: imports the third-party package nowhere.example/x: the import table lets it import only core, driver.example/sql/v2/..."},
		},
		"package without a row": {
			changes: map[string]string{"new/new.go": "package new\n"},
			want:    []string{"new: is not in the import table: add it there (ARCHITECTURE.md), with what it may import and why it exists"},
		},
		"row without a package": {
			changes: map[string]string{"fake/fake.go": "", "bench/speed/main.go": "package main\n"},
			want:    []string{"fake: has a row in the import table, but no such package exists: remove the row"},
		},
		"row gone": {
			old: "`core`, ", new: "",
			want: []string{"edge/edge.go:8: imports core: the import table lets it import only driver.example/sql/v2/..."},
		},
		"allowances that nobody uses": {
			changes: map[string]string{"edge/edge.go": "// Package edge acts.\npackage edge\n\nimport _ \"driver.example/sql/v22\"\n", "core/core.go": "package core"},
			old:     "`driver.example/sql/v2/...`", new: "`driver.example/sql/v2/...`, `driver.example/sql/v22`",
			want: []string{
				"edge: the import table lets it import core, and it does not: remove that from its row",
				"edge: the import table lets it import driver.example/sql/v2/..., and it does not: remove that from its row",
			},
		},
		"allowance used by one file of several": {
			changes: map[string]string{"edge/more.go": "package edge\n\nimport _ \"third.example/x\""},
			old:     "`core`, ", new: "`core`, `third.example/x`, ",
		},
		"what a pure package cannot compute with": {
			changes: map[string]string{"core/core.go": corePackage + "import (\n\t_ \"context\"\n\t_ \"crypto/tls\"\n\t_ \"io/ioutil\"\n\t_ \"math\"\n\t_ \"math/rand\"\n\t_ \"net\"\n\t_ \"path/filepath\"\n\t_ \"sync\"\n)"},
			want: []string{
				"core/core.go:5: imports context, which is not among the packages that level 0 computes with: move what needs it to the edge",
				"core/core.go:6: imports crypto/tls, which is not among the packages that level 0 computes with: move what needs it to the edge",
				"core/core.go:7: imports io/ioutil, which is not among the packages that level 0 computes with: move what needs it to the edge",
				"core/core.go:9: imports math/rand, which is not among the packages that level 0 computes with: move what needs it to the edge",
				"core/core.go:10: imports net, which is not among the packages that level 0 computes with: move what needs it to the edge",
				"core/core.go:11: imports path/filepath, which is not among the packages that level 0 computes with: move what needs it to the edge",
				"core/core.go:12: imports sync, which is not among the packages that level 0 computes with: move what needs it to the edge",
			},
		},
		"output of a pure package": {
			changes: map[string]string{"core/core.go": corePackage + "import \"fmt\"\n\nfunc F() string {\n\tfmt.Println()\n\treturn fmt.Sprint()\n}"},
			want:    []string{"core/core.go:7: uses fmt.Println: a package of level 0 only computes, from what its caller tells it"},
		},
		"goroutine in a pure package": {
			changes: map[string]string{"core/core.go": corePackage + "func F() {\n\tgo F()\n}"},
			want:    []string{"core/core.go:5: starts a goroutine: a package of level 0 only computes"},
		},
		"clock in a pure package": {
			changes: map[string]string{"core/core.go": corePackage + "import clock \"time\"\n\nvar at = clock.Now()\nvar wait = clock.After"},
			want: []string{
				"core/core.go:6: uses time.Now: a package of level 0 only computes, from what its caller tells it",
				"core/core.go:7: uses time.After: a package of level 0 only computes, from what its caller tells it",
			},
		},
		"clock by another door": {
			changes: map[string]string{"core/core.go": corePackage + "import . \"time\"\n\nvar at = Now()"},
			want:    []string{"core/core.go:4: imports all names of package time, so that the impure ones can't be told apart"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := parseTable(strings.Replace(goodTable, c.old, c.new, 1))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, checkImports(spoil(t, c.changes), rules)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTableErrors(t *testing.T) {
	row := func(cells string) string { return strings.Replace(goodTable, "<!-- /", cells+"\n<!-- /", 1) }
	for name, c := range map[string]struct{ markdown, want string }{
		"no table":       {"# Architecture\n", "no import table between <!-- imports --> and <!-- /imports -->"},
		"not closed":     {strings.Replace(goodTable, "<!-- /", "<!-- ", 1), "no import table between <!-- imports --> and <!-- /imports -->"},
		"two columns":    {row("| 1 edge | `x` |"), "import table: | 1 edge | `x` |: want three columns: | level | package | may import |"},
		"unknown level":  {row("| 5 sky | `x` | – |"), "import table: | 5 sky | `x` | – |: level \"5 sky\", want a number from 0 to 4 or test, then a word"},
		"bare package":   {row("| 1 edge | x | – |"), "import table: | 1 edge | x | – |: package \"x\", want a path in backquotes"},
		"bare import":    {row("| 1 edge | `x` | core |"), "import table: | 1 edge | `x` | core |: import \"core\", want a path in backquotes, everything or –"},
		"empty imports":  {row("| 1 edge | `x` | |"), "import table: | 1 edge | `x` | |: import \"\", want a path in backquotes, everything or –"},
		"second row":     {row("| 1 edge | `core` | – |"), "import table: | 1 edge | `core` | – |: the package has a row already"},
		"import unknown": {row("| 1 edge | `x` | `y` |"), "import table: x may import y, which has no row"},
		"import upward":  {row("| 0 pure | `x` | `edge` |"), "import table: x may import edge, which is of a higher level"},
		"two mistakes":   {row("| x | `x` | – |\n| 1 edge | `y` | `z` |"), "import table: | x | `x` | – |: level \"x\", want a number from 0 to 4 or test, then a word\nimport table: y may import z, which has no row"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseTable(c.markdown)
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestDocRules(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]string
		want    []string
	}{
		"good": {},
		"none": {
			changes: map[string]string{"core/core.go": "// Copyright.\n\npackage core\n"},
			want:    []string{"core: has 0 package comments, want one"},
		},
		"two": {
			changes: map[string]string{"core/doc.go": "// Package core is told of twice.\npackage core\n"},
			want:    []string{"core: has 2 package comments, want one"},
		},
		"another name": {
			changes: map[string]string{"core/core.go": "// Package cores computes.\npackage core\n"},
			want:    []string{`core: the package comment must begin with "Package core "`},
		},
		"command": {
			changes: map[string]string{"cmd/run/main.go": "// Package main runs.\npackage main\n"},
			want:    []string{`cmd/run: the package comment must begin with "Command run "`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checkDocs(spoil(t, c.changes))); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestConsume shows that a public package that needs a third-party module, even
// one that its own module has at hand, does not pass.
func TestConsume(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":              "module example.org/m\n\ngo 1.26.0\n\nrequire driver.example/sql v1.0.0\n\nreplace driver.example/sql => ./driver\n",
		"driver/go.mod":       "module driver.example/sql\n\ngo 1.26.0\n",
		"driver/driver.go":    "package sql\n",
		"plain/plain.go":      "package plain\n\nimport _ \"example.org/m/internal/inner\"\n",
		"internal/inner/i.go": "package inner\n\nimport _ \"net/http\"\n",
		"laden/laden.go":      "package laden\n\nimport _ \"driver.example/sql\"\n",
	} {
		write(t, filepath.Join(root, filepath.FromSlash(name)), content)
	}
	got, err := consume(t.TempDir(), root, []string{"plain"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"example.org/m/internal/inner", "example.org/m/plain", consumer}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if got, err = consume(t.TempDir(), root, []string{"laden"}); err == nil || !strings.Contains(err.Error(), "driver.example/sql") {
		t.Errorf("a third-party import: got %v, %v; want an error that names it", got, err)
	}
}
