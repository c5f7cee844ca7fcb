package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tree is the source of a module without its tests.
type tree struct {
	module string // its path
	fset   *token.FileSet
	// packages are the packages, by their paths in the module; the one at the
	// root is ".".
	packages map[string]*source
}

// source is one package.
type source struct {
	name  string // from its package clause
	files []*ast.File
}

// parseTree reads the module whose root a directory is. Files that only some
// systems build are read on all of them.
func parseTree(root string) (*tree, error) {
	module, err := directive(root, "module")
	if err != nil {
		return nil, err
	}
	t := &tree{module: module, fset: token.NewFileSet(), packages: make(map[string]*source)}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != root && foreign(path, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(t.fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if t.packages[dir] == nil {
			t.packages[dir] = &source{name: file.Name.Name}
		}
		t.packages[dir].files = append(t.packages[dir].files, file)
		return nil
	})
	return t, err
}

// foreign reports whether the go command, too, leaves out a directory: one of
// test data, a hidden one, or another module.
func foreign(path, name string) bool {
	if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

// directive reads the value of a directive of one line, such as module or go,
// from the go.mod of a module.
func directive(root, name string) (string, error) {
	file := filepath.Join(root, "go.mod")
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s: no %s directive", file, name)
}
