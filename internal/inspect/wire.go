package inspect

import "fmt"

// Wire shows bytes as they were on the wire, one line of them in each string: what
// prints in ASCII as it is, a backslash doubled, all else, the ends of lines
// included, as Go writes it in a string: \r, \n, \t, \x1b. It holds nothing but
// printable ASCII, and exactly what b holds: strconv.Unquote finds that again.
func Wire(b []byte) []string {
	var lines []string
	var line []byte
	for _, c := range b {
		switch {
		case c == '\\':
			line = append(line, `\\`...)
		case ' ' <= c && c <= '~':
			line = append(line, c)
		case c == '\r':
			line = append(line, `\r`...)
		case c == '\t':
			line = append(line, `\t`...)
		case c == '\n':
			lines = append(lines, string(append(line, `\n`...)))
			line = line[:0]
		default:
			line = fmt.Appendf(line, `\x%02x`, c)
		}
	}
	if len(line) > 0 {
		lines = append(lines, string(line))
	}
	return lines
}
