package arch

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// thisTree returns the root of this module and its source.
func thisTree(t *testing.T) (string, *tree) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	source, err := parseTree(root)
	if err != nil {
		t.Fatal(err)
	}
	return root, source
}

func TestImports(t *testing.T) {
	root, source := thisTree(t)
	markdown, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := parseTable(string(markdown))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range checkImports(source, rules) {
		t.Error(problem)
	}
}

func TestPackageDocs(t *testing.T) {
	_, source := thisTree(t)
	for _, problem := range checkDocs(source) {
		t.Error(problem)
	}
}

// speaksByLibrary are the public packages whose protocol is a library: whoever
// imports one has asked for it.
var speaksByLibrary = []string{"health/grpccheck"}

// behindPublic are the inner packages that public ones are made of. They come with
// the module and pull nothing themselves. The list is short on purpose.
var behindPublic = []string{"internal/threshold", "internal/linelimit", "internal/visitor"}

// TestPublicPackagesPullNothing builds a program that uses every other public
// package and requires this module alone.
func TestPublicPackagesPullNothing(t *testing.T) {
	root, source := thisTree(t)
	public := slices.DeleteFunc(slices.Sorted(maps.Keys(source.packages)), func(name string) bool {
		return source.packages[name].name == "main" || strings.HasPrefix(name, "internal/") || strings.HasPrefix(name, "bench/") ||
			slices.Contains(speaksByLibrary, name)
	})
	if !slices.Contains(public, "health") {
		t.Fatalf("public packages %v: health is missing", public)
	}
	got, err := consume(t.TempDir(), root, public)
	if err != nil {
		t.Fatal(err)
	}
	for _, imported := range got {
		name, own := strings.CutPrefix(imported, source.module+"/")
		if !own && imported != consumer {
			t.Errorf("a program that uses %v must be built with %s", public, imported)
		}
		if own && !slices.Contains(public, name) && !slices.Contains(behindPublic, name) {
			t.Errorf("%v need %s, which is neither public nor in behindPublic", public, name)
		}
	}
}
