package lbconfig

import "strings"

// shellWords splits a shell's command line into words and the operators between
// commands. It expands nothing but what expand knows of; a word that holds an
// unknown variable or a substitution is kept as written.
func shellWords(line string, expand func(string) (string, bool)) (words []string) {
	var word strings.Builder
	in := false
	flush := func() {
		if in {
			words = append(words, word.String())
		}
		word.Reset()
		in = false
	}
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'':
			word.WriteByte(c)
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, in = c, true
		case c == '\\' && i+1 < len(line):
			if i++; quote == '"' && !strings.ContainsRune("\\\"$`\n", rune(line[i])) {
				word.WriteByte('\\')
			}
			if line[i] != '\n' {
				word.WriteByte(line[i])
				in = true
			}
		case c == '$':
			text, n := variable(line[i:], expand)
			word.WriteString(text)
			in = true
			i += n - 1
		case quote != 0:
			word.WriteByte(c)
		case c == ' ' || c == '\t':
			flush()
		case c == '|' || c == '&' || c == ';' || c == '\n' || c == '(' || c == ')' || c == '{' && !in || c == '}' && !in:
			flush()
			op := string(c)
			if i+1 < len(line) && line[i+1] == c && (c == '|' || c == '&') {
				i++
				op += op
			}
			words = append(words, "\x00"+op)
		case c == '>' || c == '<':
			// A redirection takes the file behind it along.
			if n := word.String(); in && (n == "1" || n == "2") {
				word.Reset()
				in = false
			}
			flush()
			i = redirected(line, i)
		default:
			word.WriteByte(c)
			in = true
		}
	}
	flush()
	return words
}

// redirected returns where the redirection that begins at i ends: at the last byte
// of its file's name.
func redirected(line string, i int) int {
	next := func(of string, want bool) {
		for i+1 < len(line) && (strings.IndexByte(of, line[i+1]) >= 0) == want {
			i++
		}
	}
	next(">&", true)
	next(" ", true)
	next(" \t|&;\n)", false)
	return i
}

// variable reads $NAME, ${NAME} or ${NAME:-default} at the beginning of text, and
// tells how many bytes it takes. What is not known is left as it stands.
func variable(text string, expand func(string) (string, bool)) (string, int) {
	isName := func(c byte) bool {
		return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	end, name, otherwise, hasDefault := 1, "", "", false
	if strings.HasPrefix(text, "${") {
		i := strings.IndexByte(text, '}')
		if i < 0 {
			return "$", 1
		}
		inner := text[2:i]
		n := 0
		for n < len(inner) && isName(inner[n]) {
			n++
		}
		name, end = inner[:n], i+1
		switch rest := inner[n:]; {
		case strings.HasPrefix(rest, ":-"):
			otherwise, hasDefault = rest[2:], true
		case strings.HasPrefix(rest, "-"):
			otherwise, hasDefault = rest[1:], true
		case rest != "" && !strings.HasPrefix(rest, ":?") && !strings.HasPrefix(rest, "?"):
			return text[:end], end
		}
	} else {
		for end < len(text) && isName(text[end]) {
			end++
		}
		name = text[1:end]
	}
	if name == "" {
		return text[:end], end
	}
	if value, ok := expand(name); ok && (value != "" || !hasDefault) {
		return value, end
	}
	if hasDefault {
		return otherwise, end
	}
	return text[:end], end
}
