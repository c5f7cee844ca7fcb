// Package visible makes what strangers sent fit to be shown: nothing in its
// results controls a terminal, breaks a line, or hides. Whatever this program
// prints of a message that came over a network goes through here.
//
// It is pure, and its cost and its results grow with the input only.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line shows s in one line of at most limit characters, an ellipsis at the end
// if there is more; limit 0 means no limit. What does not print is shown as Go
// would write it in a string: \r, \x1b, \u202e. A backslash stays one.
func Line(s string, limit int) string {
	var b strings.Builder
	n := 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		shown := char(r, s[:size])
		width := utf8.RuneCountInString(shown)
		if limit > 0 && (n+width > limit || n+width == limit && len(s) > size) {
			b.WriteString("…")
			break
		}
		b.WriteString(shown)
		n += width
		s = s[size:]
	}
	return b.String()
}

// char shows one character, which raw holds.
func char(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case unicode.IsPrint(r):
		return raw
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r == '\n':
		return `\n`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// JSON writes what does not print in encoded, the text of JSON values, as JSON
// escapes it: by itself it leaves DEL, the controls from U+0080 on and the marks
// that turn the direction of text as they are. The values stay the same.
func JSON(encoded []byte) []byte {
	shown := make([]byte, 0, len(encoded))
	for len(encoded) > 0 {
		r, size := utf8.DecodeRune(encoded)
		switch {
		case r == '\n', unicode.IsPrint(r) && (r != utf8.RuneError || size > 1):
			shown = append(shown, encoded[:size]...)
		case r < 0x10000:
			shown = fmt.Appendf(shown, `\u%04x`, r)
		default: // in two halves, as JSON has it
			shown = fmt.Appendf(shown, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		}
		encoded = encoded[size:]
	}
	return shown
}

// Lines shows what was on a wire line by line. CR LF ends a line and is not
// shown; a bare LF ends one too and is shown, for it is a mark by which senders
// differ. Each line is at most width characters long (0: any length), and there
// are at most height of them (0: any number); more tells that something was
// left out.
func Lines(wire []byte, width, height int) (lines []string, more bool) {
	s := string(wire)
	for len(s) > 0 {
		if height > 0 && len(lines) == height {
			return lines, true
		}
		line, rest, ended := strings.Cut(s, "\n")
		if bare, crlf := strings.CutSuffix(line, "\r"); crlf && ended {
			line = bare
		} else if ended {
			line += "\n"
		}
		lines = append(lines, Line(line, width))
		s = rest
	}
	return lines, false
}
