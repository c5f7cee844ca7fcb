package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/inservice/inservice/conformance/real"
)

// The table stands between these lines of the page.
const (
	tableBegin = "<!-- matrix -->\n"
	tableEnd   = "<!-- /matrix -->\n"
)

// write puts rows into the page's table: in place of those of the same cases, or
// of all of them if whole.
func write(file string, rows []row, whole bool) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(content), tableBegin)
	old, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %q and %q", file, strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	var lines []string
	if !whole {
		lines = linesOf(old)
	}
	for _, r := range rows {
		lines = put(lines, line(r))
	}
	return os.WriteFile(file, []byte(before+tableBegin+table(lines)+tableEnd+after), 0o644)
}

// linesOf returns the rows of a table that was written before.
func linesOf(table string) []string {
	var lines []string
	for l := range strings.Lines(table) {
		if strings.HasPrefix(l, "| ") && !strings.HasPrefix(l, "| case ") && !strings.HasPrefix(l, "| --- ") {
			lines = append(lines, strings.TrimSpace(l))
		}
	}
	return lines
}

// put puts a line in place of that of the same case, or where it belongs by the
// alphabet, as the lab has them.
func put(lines []string, l string) []string {
	name := func(l string) string { return strings.Fields(l)[1] }
	for i := range lines {
		switch {
		case name(lines[i]) == name(l):
			lines[i] = l
			return lines
		case name(lines[i]) > name(l):
			return append(lines[:i], append([]string{l}, lines[i:]...)...)
		}
	}
	return append(lines, l)
}

func line(r row) string {
	b := "| " + r.name + " |"
	for i, c := range r.cells {
		b += " " + c.String()
		if c.differs() {
			if n := note(r.name, real.All()[i].Name); n > 0 {
				b += fmt.Sprintf(" (%d)", n)
			}
		}
		b += " |"
	}
	return b
}

func table(lines []string) string {
	var b strings.Builder
	compared, differ := 0, 0
	for _, l := range lines {
		cells := strings.Split(strings.Trim(l, "| "), " | ")[1:]
		for _, c := range cells {
			if c != "–" {
				compared++
			}
			if strings.HasPrefix(c, "**") {
				differ++
			}
		}
	}
	fmt.Fprintf(&b, "%d cases, %d verdicts compared, %d of them the same.\n\n| case |", len(lines), compared, compared-differ)
	for _, p := range real.All() {
		fmt.Fprintf(&b, " %s |", p.Name)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(real.All())) + "\n" + strings.Join(lines, "\n") + "\n")
	b.WriteString("\n")
	for i, text := range texts() {
		fmt.Fprintf(&b, "%d. %s\n", i+1, text)
	}
	return b.String()
}
