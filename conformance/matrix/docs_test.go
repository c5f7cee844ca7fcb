package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inservice/inservice/conformance/real"
	"github.com/inservice/inservice/internal/dialect"
)

// TestWrite: rows take the place of those of the same case, others stay, and what
// surrounds the table does.
func TestWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("before\n"+tableBegin+tableEnd+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	made := func(name, theirs string, ours dialect.Outcome) row {
		r := row{name: name, cells: make([]cell, len(real.All()))}
		r.cells[0] = cell{asked: true, theirs: real.Answer{Outcome: theirs}, ours: dialect.Verdict{Outcome: ours}}
		return r
	}
	for _, step := range []struct {
		rows  []row
		whole bool
		want  []string
	}{
		{[]row{made("b", "pass", "pass"), made("a", "fail", "fail")}, true, []string{"2 cases, 2 verdicts compared, 2 of them the same.", "| a | down | – |", "| b | up | – |"}},
		{[]row{made("b", "pass", "fail"), made("c", "unknown", "unknown")}, false, []string{"3 cases, 3 verdicts compared, 2 of them the same.", "| a | down | – |", "| b | **up**, dialect down | – |", "| c | thrown away | – |"}},
		{[]row{made("d", "pass", "pass")}, true, []string{"1 cases, 1 verdicts compared, 1 of them the same.", "| d | up |"}},
	} {
		if err := write(file, step.rows, step.whole); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rest := string(content)
		if !strings.HasPrefix(rest, "before\n"+tableBegin) || !strings.HasSuffix(rest, tableEnd+"after\n") {
			t.Errorf("what surrounds the table: %s", rest)
		}
		for _, want := range step.want { // in this order
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Fatalf("no %q, or not behind the one before, in\n%s", want, content)
			}
			rest = after
		}
		if n := len(linesOf(string(content))); n != len(step.want)-1 {
			t.Errorf("%d rows, want %d:\n%s", n, len(step.want)-1, content)
		}
	}
	if err := write(filepath.Join(t.TempDir(), "none.md"), nil, true); err == nil {
		t.Error("a page that is not there was written")
	}
}

// TestNotes: a note is about a prober that there is, and has a text.
func TestNotes(t *testing.T) {
	for _, n := range notes {
		if _, ok := real.Lookup(n.prober); !ok || n.text == "" {
			t.Errorf("note about %s and %s: %q", n.cases, n.prober, n.text)
		}
		if note(n.cases, n.prober) == 0 || note(n.cases, "nobody") != 0 {
			t.Errorf("the note about %s and %s is not found, or for everybody", n.cases, n.prober)
		}
	}
}
