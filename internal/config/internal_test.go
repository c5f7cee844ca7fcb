package config

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// TestReadErrorPermission: as root, no file is unreadable, so the wording is tested apart.
func TestReadErrorPermission(t *testing.T) {
	err := readError("a.yaml", &fs.PathError{Op: "open", Path: "a.yaml", Err: syscall.EACCES})
	const want = "a.yaml: cannot read the configuration: permission denied; let the user that runs inservice read it"
	if err.Error() != want || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("readError = %v (is a permission error: %v), want %s", err, errors.Is(err, fs.ErrPermission), want)
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"interval", "interval", 0},
		{"intervall", "interval", 1},
		{"intreval", "interval", 1},
		{"inteval", "interval", 1},
		{"intorval", "interval", 1},
		{"kitten", "sitting", 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// TestNestedTooDeeply: what is refused before the YAML library, which would take minutes or
// all memory for it, gets its turn.
func TestNestedTooDeeply(t *testing.T) {
	repeat := func(s string, n int) []byte {
		var b []byte
		for range n {
			b = append(b, s...)
		}
		return b
	}
	for _, deep := range []string{"[", "{a: ", "- ", "? ", "[\n"} {
		if !nestedTooDeeply(repeat(deep, 101)) {
			t.Errorf("%q 101 times is not seen as too deep", deep)
		}
		if nestedTooDeeply(repeat(deep, 50)) {
			t.Errorf("%q 50 times is seen as too deep", deep)
		}
	}
	for _, flat := range []string{"[]", "- a\n", "- [a, {b: c}]\n", "# - - - -\n", "a-b-c: d\n", "# " + strings.Repeat("-", 300) + "\n"} {
		if nestedTooDeeply(repeat(flat, 1000)) {
			t.Errorf("%q 1000 times is seen as too deep", flat)
		}
	}
}
