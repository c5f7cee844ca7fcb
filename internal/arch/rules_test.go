package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// checkImports returns where a tree and its import table disagree.
func checkImports(t *tree, rules table) []string {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if t.packages[name] == nil {
			problems = append(problems, name+": has a row in the import table, but no such package exists: remove the row")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.packages)) {
		r, ok := rules[name]
		if !ok {
			problems = append(problems, name+": is not in the import table: add it there (ARCHITECTURE.md), with what it may import and why it exists")
			continue
		}
		for _, file := range t.packages[name].files {
			problems = append(problems, t.checkFile(name, r, rules, file)...)
		}
	}
	return problems
}

// checkFile checks one file of a package that has a row.
func (t *tree) checkFile(name string, r row, rules table, file *ast.File) []string {
	var problems []string
	report := func(pos token.Pos, format string, args ...any) {
		at := t.fset.Position(pos)
		problems = append(problems, fmt.Sprintf("%s/%s:%d: %s",
			name, filepath.Base(at.Filename), at.Line, fmt.Sprintf(format, args...)))
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			report(spec.Pos(), "import %s: %v", spec.Path.Value, err)
			continue
		}
		own, isOwn := strings.CutPrefix(imported, t.module+"/")
		switch {
		case isOwn && rules[own].level == testOnly && r.level != testOnly:
			report(spec.Pos(), "imports %s, which only tests and benches may import", own)
		case isOwn && !rules.mayImport(r, own):
			report(spec.Pos(), "imports %s: the import table lets %s", own, allowance(r))
		case !isOwn && thirdParty(imported) && !rules.mayImport(r, imported):
			report(spec.Pos(), "imports the third-party package %s: the import table lets %s", imported, allowance(r))
		case r.level == pure && impure(imported):
			report(spec.Pos(), "imports %s: a package of level 0 has no input or output; move that to the edge", imported)
		}
	}
	if r.level == pure {
		checkPure(file, report)
	}
	return problems
}

// allowance says in words what a row allows.
func allowance(r row) string {
	allowed := slices.Clone(r.imports)
	if r.everything {
		allowed = append(allowed, "everything of its level and below")
	}
	if len(allowed) == 0 {
		return "it import the standard library alone"
	}
	return "it import only " + strings.Join(allowed, ", ")
}

// impure reports whether a package of the standard library touches the world.
// net/netip and net/url are values and stay allowed.
func impure(imported string) bool {
	for _, root := range []string{"os", "net/http", "syscall", "log"} {
		if imported == root || strings.HasPrefix(imported, root+"/") {
			return true
		}
	}
	return imported == "net"
}

// clock are the functions of package time by which a result would depend on
// when, not on what.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}

// checkPure reports goroutines and clocks.
func checkPure(file *ast.File, report func(token.Pos, string, ...any)) {
	timeName := ""
	for _, spec := range file.Imports {
		if spec.Path.Value != `"time"` {
			continue
		}
		timeName = "time"
		if spec.Name != nil {
			timeName = spec.Name.Name
		}
		if timeName == "." {
			report(spec.Pos(), "imports all names of package time, so that its clocks can't be told apart")
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			report(node.Pos(), "starts a goroutine: a package of level 0 only computes")
		case *ast.SelectorExpr:
			x, ok := node.X.(*ast.Ident)
			if ok && timeName != "" && x.Name == timeName && slices.Contains(clock, node.Sel.Name) {
				report(node.Pos(), "uses time.%s: a package of level 0 is told the time by its caller", node.Sel.Name)
			}
		}
		return true
	})
}

// checkDocs returns the packages without exactly one package comment that
// begins as godoc wants it.
func checkDocs(t *tree) []string {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(t.packages)) {
		pkg := t.packages[name]
		begin := "Package " + pkg.name + " "
		if pkg.name == "main" {
			begin = "Command " + name[strings.LastIndex(name, "/")+1:] + " "
		}
		comments := 0
		for _, file := range pkg.files {
			if file.Doc == nil {
				continue
			}
			comments++
			if text := strings.ReplaceAll(file.Doc.Text(), "\n", " "); !strings.HasPrefix(text, begin) {
				problems = append(problems, fmt.Sprintf("%s: the package comment must begin with %q", name, begin))
			}
		}
		if comments != 1 {
			problems = append(problems, fmt.Sprintf("%s: has %d package comments, want one", name, comments))
		}
	}
	return problems
}
