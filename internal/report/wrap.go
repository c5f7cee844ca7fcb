package report

import (
	"fmt"
	"io"
	"strings"
)

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// wrap writes words in lines of the Text's width, the first line after first and
// the others after rest. A word that fits in no line is broken.
func (t Text) wrap(w io.Writer, first, rest, words string) {
	line, room, empty := first, t.width()-plainLength(first), true
	for _, word := range strings.Fields(words) {
		runes := []rune(word)
		for !empty && len(runes)+1 > room || empty && len(runes) > room {
			if empty { // it would fit nowhere
				n := max(1, room)
				line, runes = line+string(runes[:n]), runes[n:]
			}
			fmt.Fprintln(w, line)
			line, room, empty = rest, t.width()-plainLength(rest), true
		}
		if !empty {
			line, room = line+" ", room-1
		}
		line, room, empty = line+string(runes), room-len(runes), false
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

// plainLength is the number of characters of s without the styles in it.
func plainLength(s string) int {
	n, style := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			style = true
		case style:
			style = r != 'm'
		default:
			n++
		}
	}
	return n
}
