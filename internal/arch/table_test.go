package arch

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Around the table in ARCHITECTURE.md.
const (
	tableBegin = "<!-- imports -->"
	tableEnd   = "<!-- /imports -->"
)

// level is the height of a package in the architecture. A package imports its
// own level or lower ones.
type level int

const (
	pure     level = 0 // only computes: see pureStandard
	testOnly level = 9 // for tests and benches; "test" in the table
)

// row says what one package may import besides the standard library.
type row struct {
	level level
	// everything lets it import all packages of this module up to its level.
	everything bool
	// imports are packages of this module, by their paths in it, and
	// third-party packages; those ending in "/..." stand for all below.
	imports []string
}

// table maps the path of each package in the module to its row.
type table map[string]row

var (
	levelCell = regexp.MustCompile(`^([0-4]|test)( [a-z]+)?$`)
	pathCell  = regexp.MustCompile("^`([^`]+)`$")
)

// parseTable reads the table between its markers. Its columns are the level (a
// number or "test", then a word), the package and what it may import: paths in
// backquotes separated by commas, "everything", or "–" for the standard library
// alone.
func parseTable(markdown string) (table, error) {
	_, rest, ok := strings.Cut(markdown, tableBegin)
	body, _, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		return nil, fmt.Errorf("no import table between %s and %s", tableBegin, tableEnd)
	}
	var problems []error
	t := make(table)
	head := 2 // the titles and the line below them
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if head > 0 {
			head--
			continue
		}
		name, r, err := parseRow(line)
		if _, twice := t[name]; err == nil && twice {
			err = errors.New("the package has a row already")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("import table: %s: %w", line, err))
			continue
		}
		t[name] = r
	}
	problems = append(problems, t.check()...)
	return t, errors.Join(problems...)
}

func parseRow(line string) (name string, r row, err error) {
	inner, begins := strings.CutPrefix(line, "|")
	inner, ends := strings.CutSuffix(inner, "|")
	cells := strings.Split(inner, "|")
	if !begins || !ends || len(cells) != 3 {
		return "", row{}, errors.New("want three columns: | level | package | may import |")
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	m := levelCell.FindStringSubmatch(cells[0])
	if m == nil {
		return "", row{}, fmt.Errorf("level %q, want a number from 0 to 4 or test, then a word", cells[0])
	}
	r.level = testOnly
	if m[1] != "test" {
		r.level = level(m[1][0] - '0')
	}
	if m = pathCell.FindStringSubmatch(cells[1]); m == nil {
		return "", row{}, fmt.Errorf("package %q, want a path in backquotes", cells[1])
	}
	name = m[1]
	if cells[2] == "–" {
		return name, r, nil
	}
	for cell := range strings.SplitSeq(cells[2], ",") {
		cell = strings.TrimSpace(cell)
		if cell == "everything" {
			r.everything = true
		} else if m := pathCell.FindStringSubmatch(cell); m != nil {
			r.imports = append(r.imports, m[1])
		} else {
			return "", row{}, fmt.Errorf("import %q, want a path in backquotes, everything or –", cell)
		}
	}
	return name, r, nil
}

// check looks for rows that contradict each other.
func (t table) check() []error {
	var problems []error
	for name, r := range t {
		for _, imported := range r.imports {
			if thirdParty(imported) {
				continue
			}
			other, ok := t[imported]
			if !ok {
				problems = append(problems, fmt.Errorf("import table: %s may import %s, which has no row", name, imported))
			} else if other.level > r.level {
				problems = append(problems, fmt.Errorf("import table: %s may import %s, which is of a higher level", name, imported))
			}
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return problems
}

// mayImport reports whether the table lets a package import a path, of this
// module or third-party.
func (t table) mayImport(r row, imported string) bool {
	if r.everything && !thirdParty(imported) {
		other, ok := t[imported]
		return ok && other.level <= r.level
	}
	return slices.ContainsFunc(r.imports, func(allowed string) bool { return covers(allowed, imported) })
}

// covers reports whether one entry of a row, which may end in "/...", is for a
// path.
func covers(allowed, imported string) bool {
	above, all := strings.CutSuffix(allowed, "/...")
	return imported == above || all && strings.HasPrefix(imported, above+"/")
}

// thirdParty reports whether a path begins with the name of a host, as those
// of modules do, and those of the standard library and of packages in this
// module don't.
func thirdParty(importPath string) bool {
	host, _, _ := strings.Cut(path.Clean(importPath), "/")
	return strings.Contains(host, ".")
}
