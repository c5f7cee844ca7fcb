package lbprofile

import "testing"

// TestSourcesAreUsed: a source that backs nothing is a fact that was lost.
func TestSourcesAreUsed(t *testing.T) {
	used := map[string]bool{}
	for _, p := range profiles {
		for _, f := range p.Facts {
			for _, key := range f.Sources {
				used[key] = true
			}
		}
	}
	for key := range sources {
		if !used[key] {
			t.Errorf("source %s backs no fact", key)
		}
	}
}
