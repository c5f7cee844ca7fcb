package clinic

import (
	"github.com/inservice/inservice/internal/cause"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestCases starts every case and shows two things of it: that what it says of
// itself is true, without the diagnosis; and that the diagnosis finds it.
func TestCases(t *testing.T) {
	byHouse := ByHouse()
	for _, name := range slices.Sorted(maps.Keys(byHouse)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patients := Open(t, name, byHouse[name])
			for _, p := range patients {
				t.Run(p.Name, func(t *testing.T) {
					t.Parallel()
					p.Settle(t.Context(), t, p.Ill)
					t.Run("true", func(t *testing.T) { isTrue(t, p) })
					t.Run("mended", func(t *testing.T) { isMended(t, p) })
					t.Run("found", func(t *testing.T) { isFound(t, p) })
				})
			}
		})
	}
}

// isTrue holds the case to its trials, in their order; those that follow each
// other and only wait for nothing to come, at the same time.
func isTrue(t *testing.T, p Patient) {
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for _, text := range p.Trials {
		check := func() {
			if err := p.try(t.Context(), p.Ill, text); err != nil {
				t.Error(err)
			}
		}
		if strings.HasSuffix(text, "=> silence") {
			waiting.Go(check)
			continue
		}
		waiting.Wait()
		check()
	}
}

// isMended shows that it was the fault that was mended.
func isMended(t *testing.T, p Patient) {
	if p.Mended == nil {
		t.Skip("not to be mended")
	}
	cure, _ := p.cure()
	if err := p.try(t.Context(), *p.Mended, cure); err != nil {
		t.Fatal(err)
	}
	if p.Case.Mended != "" {
		isFoundMended(t, p)
	}
}

// TestEveryCauseHasACase: what is not here is not tested.
func TestEveryCauseHasACase(t *testing.T) {
	count := make(map[cause.ID]int)
	healthy := 0
	names := make(map[string]bool)
	for _, c := range Cases() {
		if err := c.check(); err != nil {
			t.Error(err)
		}
		if names[c.Name] {
			t.Errorf("two cases %s", c.Name)
		}
		names[c.Name] = true
		truth := c.Truth()
		if c.Want == "pass" {
			healthy++
		}
		for _, id := range truth.Causes {
			if _, ok := cause.Lookup(cause.ID(id)); !ok {
				t.Errorf("case %s: unknown cause %q", c.Name, id)
			}
			count[cause.ID(id)]++
		}
	}
	for _, row := range cause.All() {
		if count[row.ID] == 0 && row.ID != "healthy" {
			t.Errorf("no case of %s", row.ID)
		}
	}
	if healthy < 6 {
		t.Errorf("%d healthy cases, want 6 at least", healthy)
	}
	t.Logf("%d cases, %d healthy", len(names), healthy)
}
