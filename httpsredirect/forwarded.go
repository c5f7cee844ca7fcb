package httpsredirect

import "strings"

// An element of a Forwarded field is what one proxy says of who connected to it.
type element struct {
	node  string // for=
	proto string // proto=
}

// parseForwarded reads one line of a Forwarded field (RFC 7239, section 4). It
// is lenient about white space and about characters that ought to be quoted,
// which proxies get wrong, and about nothing else: where one element ends and
// the next begins must be beyond doubt.
func parseForwarded(line string) (elements []element, ok bool) {
	var e element
	seen := map[string]bool{} // names of the current element's pairs
	rest := trimLeft(line)
	for rest != "" {
		switch rest[0] {
		case ',':
			if len(seen) > 0 {
				elements = append(elements, e)
			}
			e = element{}
			clear(seen)
			rest = trimLeft(rest[1:])
			continue
		case ';':
			rest = trimLeft(rest[1:])
			continue
		}
		var name, value string
		name, value, rest, ok = cutPair(rest)
		if !ok || seen[name] {
			return nil, false
		}
		seen[name] = true
		switch name {
		case "for":
			e.node = value
		case "proto":
			e.proto = value
		}
	}
	if len(seen) > 0 {
		elements = append(elements, e)
	}
	return elements, true
}

// cutPair reads a name and its value from the beginning of s, and what stands
// between them and the next separator, which must be nothing.
func cutPair(s string) (name, value, rest string, ok bool) {
	end := strings.IndexAny(s, `=,;" `+"\t")
	if end <= 0 || s[end] != '=' {
		return "", "", "", false
	}
	name, rest = strings.ToLower(s[:end]), s[end+1:]
	if strings.HasPrefix(rest, `"`) {
		value, rest, ok = cutQuoted(rest)
	} else {
		end = strings.IndexAny(rest, `=,;" `+"\t")
		if end < 0 {
			end = len(rest)
		}
		value, rest, ok = rest[:end], rest[end:], end > 0
	}
	rest = trimLeft(rest)
	return name, value, rest, ok && (rest == "" || rest[0] == ',' || rest[0] == ';')
}

// cutQuoted reads a quoted string from the beginning of s (RFC 9110, section
// 5.6.4).
func cutQuoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func trimLeft(s string) string { return strings.TrimLeft(s, " \t") }
