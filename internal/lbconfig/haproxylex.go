package lbconfig

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// haproxyWords splits a line of HAProxy's configuration (its manual, sections
// 2.2 and 2.3): blanks part words, a backslash takes the next character as it is
// or as an escape, "…" takes blanks and \ and ${variables}, '…' takes all as it
// is, # begins a comment.
func haproxyWords(line string) (words []string, err error) {
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'':
			word.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, in = c, true
		case c == '\\':
			if i++; i == len(line) {
				return nil, errors.New("a backslash at the end of the line")
			}
			in = true
			n, char := haproxyEscape(line[i:], quote == '"')
			i += n - 1
			word.WriteString(char)
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		case quote == 0 && c == '#':
			i = len(line)
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// haproxyEscape reads what stands behind a backslash: how many bytes it takes, and
// what it means. Within double quotes only \ itself, quotes and $ are escaped.
func haproxyEscape(rest string, quoted bool) (int, string) {
	c := rest[0]
	if quoted {
		switch c {
		case '\\', '"', '\'', '$':
			return 1, rest[:1]
		}
	}
	switch c {
	case 'n':
		return 1, "\n"
	case 'r':
		return 1, "\r"
	case 't':
		return 1, "\t"
	case 'x':
		if len(rest) >= 3 {
			if b, err := strconv.ParseUint(rest[1:3], 16, 8); err == nil {
				return 3, string([]byte{byte(b)})
			}
		}
	}
	if quoted {
		return 1, "\\" + rest[:1]
	}
	return 1, rest[:1]
}

// haproxyTime reads a time as its manual, section 2.5, has it: milliseconds
// without a unit.
func haproxyTime(text string) (time.Duration, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	unit, ok := map[string]time.Duration{"": time.Millisecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[text[len(digits):]]
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil || time.Duration(n) > (1<<62)/unit {
		return 0, fmt.Errorf("%q is no time: want a number and us, ms, s, m, h or d; a number alone is milliseconds", text)
	}
	return time.Duration(n) * unit, nil
}
