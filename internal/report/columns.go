package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// row is one line of two columns: the same field of two messages, or a line that
// only one has.
type row struct {
	left, right string
	differs     bool
}

// align puts two messages' heads side by side, line for line by the names of
// their fields. What differs is marked, but for fields that differ each time.
func align(left, right []string) []row {
	lengths := common(left, right)
	var rows []row
	i, j := 0, 0
	for i < len(left) || j < len(right) {
		switch {
		case i < len(left) && j < len(right) && key(i, left) == key(j, right):
			rows = append(rows, row{left[i], right[j], left[i] != right[j] && !fleeting(key(i, left))})
			i, j = i+1, j+1
		case j == len(right) || i < len(left) && lengths[i+1][j] >= lengths[i][j+1]:
			rows = append(rows, row{left: left[i], differs: !fleeting(key(i, left))})
			i++
		default:
			rows = append(rows, row{right: right[j], differs: !fleeting(key(j, right))})
			j++
		}
	}
	return rows
}

// common holds, at [i][j], how many lines left[i:] and right[j:] have in common,
// in their order.
func common(left, right []string) [][]int {
	lengths := make([][]int, len(left)+1)
	for i := range lengths {
		lengths[i] = make([]int, len(right)+1)
	}
	for i := len(left) - 1; i >= 0; i-- {
		for j := len(right) - 1; j >= 0; j-- {
			if key(i, left) == key(j, right) {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	return lengths
}

// key is what line i of a head is about: the first line is one for itself, the
// others go by the name of their field.
func key(i int, lines []string) string {
	if i == 0 {
		return "\x00"
	}
	name, _, _ := strings.Cut(lines[i], ":")
	return strings.ToLower(name)
}

// fleeting are fields that say something else in each answer, whoever asks.
func fleeting(name string) bool {
	switch name {
	case "date", "etag", "last-modified", "content-length", "transfer-encoding", "x-request-id", "x-runtime", "x-varnish", "set-cookie", "keep-alive":
		return true
	}
	return false
}

// columns prints two messages side by side, or one below the other where there
// is no room for both.
func (t Text) columns(w io.Writer, titles [2]string, rows []row) {
	const least = 34 // characters in which a field can be read
	width := (t.width() - 2 - 3) / 2
	if width < least {
		t.stacked(w, titles, rows)
		return
	}
	fmt.Fprintf(w, "  %s   %s\n", t.paint(dim, pad(cut(titles[0], width), width)), t.paint(dim, cut(titles[1], width)))
	for _, r := range rows {
		left, right, mark := pad(cut(r.left, width), width), cut(r.right, width), " "
		if r.differs {
			mark, left, right = t.paint(bold, "≠"), t.paint(yellow, left), t.paint(yellow, right)
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s %s %s", left, mark, right), " "))
	}
}

func (t Text) stacked(w io.Writer, titles [2]string, rows []row) {
	for side, title := range titles {
		fmt.Fprintf(w, "  %s\n", t.paint(dim, cut(title, t.width()-2)))
		for _, r := range rows {
			line, mark := [2]string{r.left, r.right}[side], " "
			if r.differs {
				mark = "≠"
			}
			if line != "" {
				fmt.Fprintf(w, "  %s %s\n", mark, cut(line, t.width()-4))
			}
		}
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// cut shortens what is too long for its place. S has been made visible before.
func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(0, width-1)]) + "…"
}
