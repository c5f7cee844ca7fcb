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
		for _, allowed := range r.imports {
			if !t.uses(name, allowed) {
				problems = append(problems, fmt.Sprintf("%s: the import table lets it import %s, and it does not: remove that from its row", name, allowed))
			}
		}
	}
	return problems
}

// uses reports whether a package imports anything that an allowance is for.
func (t *tree) uses(name, allowed string) bool {
	return slices.ContainsFunc(t.packages[name].files, func(file *ast.File) bool {
		return slices.ContainsFunc(file.Imports, func(spec *ast.ImportSpec) bool {
			imported, err := strconv.Unquote(spec.Path.Value)
			return err == nil && covers(allowed, strings.TrimPrefix(imported, t.module+"/"))
		})
	})
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
		case r.level == pure && !isOwn && !slices.Contains(pureStandard, imported):
			report(spec.Pos(), "imports %s, which is not among the packages that level 0 computes with: move what needs it to the edge", imported)
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

// pureStandard are the packages of the standard library that a package of level
// 0 may import: those that only compute. None of them gives a way to start a
// goroutine.
var pureStandard = []string{
	"cmp", "errors", "fmt", "hash", "hash/crc32", "hash/fnv", "iter", "maps", "math", "math/bits",
	"net/netip", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8",
}

// impure are the names in pureStandard by which a result would depend on the
// machine or the moment, or something would be read or written.
var impure = map[string][]string{
	"fmt": {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	"time": {
		"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer",
		"Local", "LoadLocation",
	},
}

// checkPure reports goroutines and the use of impure names.
func checkPure(file *ast.File, report func(token.Pos, string, ...any)) {
	imports := map[string]string{} // by the names they have in the file
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil || impure[imported] == nil {
			continue
		}
		name := imported
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			report(spec.Pos(), "imports all names of package %s, so that the impure ones can't be told apart", imported)
		}
		imports[name] = imported
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			report(node.Pos(), "starts a goroutine: a package of level 0 only computes")
		case *ast.SelectorExpr:
			x, ok := node.X.(*ast.Ident)
			if !ok {
				break
			}
			if imported := imports[x.Name]; slices.Contains(impure[imported], node.Sel.Name) {
				report(node.Pos(), "uses %s.%s: a package of level 0 only computes, from what its caller tells it", imported, node.Sel.Name)
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
