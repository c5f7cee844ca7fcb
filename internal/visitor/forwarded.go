package visitor

import "strings"

// An element of a Forwarded field is what one proxy says of who connected to it.
type element struct {
	node   string // for=
	scheme string // proto=
}

// parseForwarded reads one line of a Forwarded field (RFC 7239, section 4). It
// minds white space as little as it can; but where one element ends and the next
// begins must be beyond doubt, or a visitor could write an element that looks
// like a proxy's.
func parseForwarded(line string) (elements []element, ok bool) {
	list, ok := splitUnquoted(line, ',')
	if !ok {
		return nil, false
	}
	for _, text := range list {
		pairs, _ := splitUnquoted(text, ';') // quotes were seen to be closed above
		var e element
		names := map[string]bool{}
		for _, pair := range pairs {
			if pair = strings.Trim(pair, " \t"); pair == "" {
				continue
			}
			name, value, ok := parsePair(pair)
			if !ok || names[name] {
				return nil, false
			}
			names[name] = true
			switch name {
			case "for":
				e.node = value
			case "proto":
				e.scheme = value
			}
		}
		if len(names) > 0 {
			elements = append(elements, e)
		}
	}
	return elements, true
}

// splitUnquoted splits s at the separators that stand outside quoted strings. It
// is not ok if a quoted string has no end.
func splitUnquoted(s string, separator byte) (parts []string, ok bool) {
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == separator && !quoted:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:]), !quoted
}

// parsePair reads "name=value" or `name="value"`.
func parsePair(pair string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(pair, "=")
	if !ok || name == "" || strings.ContainsAny(name, "\" \t") {
		return "", "", false
	}
	if strings.HasPrefix(value, `"`) {
		value, ok = unquote(value)
	} else {
		ok = value != "" && !strings.ContainsAny(value, "=\" \t")
	}
	return strings.ToLower(name), value, ok
}

// unquote returns the content of a quoted string (RFC 9110, section 5.6.4) that
// begins with its quote. It is not ok if anything follows the string.
func unquote(s string) (content string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}
