package report

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

// hidden stands for a value that is nobody's business: a report is pasted into
// tickets and kept by build servers.
const hidden = "[hidden]"

// fewest is the length from which a secret is looked for outside its own field:
// a shorter one would be found everywhere.
const fewest = 4

// secrets are the values of the fields with which a probe proves who it is. The
// zero value hides only what stands in such a field.
type secrets struct{ replacer *strings.Replacer }

// Hide returns text, which was made of answers, without the secrets that were
// sent to get them. A View needs it not: nothing in that holds any.
func Hide(text string, answers []exchange.Answer) string { return secretsOf(answers).line(text) }

// secretsOf gathers them from all that was sent.
func secretsOf(answers []exchange.Answer) secrets {
	var values []string
	for _, a := range answers {
		maskFields(a.Sent, func(value string) { values = append(values, value) })
	}
	// The longest first: one may be a part of another.
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	var pairs []string
	for _, value := range slices.Compact(values) {
		if len(value) >= fewest {
			pairs = append(pairs, value, hidden)
		}
	}
	if len(pairs) == 0 {
		return secrets{}
	}
	return secrets{strings.NewReplacer(pairs...)}
}

// line hides them in s.
func (h secrets) line(s string) string {
	if h.replacer == nil {
		return s
	}
	return h.replacer.Replace(s)
}

// lines hides them in each of lines, and makes a new slice that is never nil.
func (h secrets) lines(lines []string) []string {
	made := make([]string, 0, len(lines))
	for _, l := range lines {
		made = append(made, h.line(l))
	}
	return made
}

// wire hides them in one direction of an exchange, and in any case what stands
// in a field for secrets.
func (h secrets) wire(message []byte) []byte {
	message = maskFields(message, func(string) {})
	if h.replacer == nil {
		return message
	}
	return []byte(h.replacer.Replace(string(message)))
}

// maskFields returns a message with its secret fields' values replaced, and tells
// each of these. A message without any is returned as it is.
func maskFields(message []byte, found func(value string)) []byte {
	head, body, whole := bytes.Cut(message, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\n") // a recorded request may end them so
	changed := false
	for i, line := range lines {
		name, value, isField := strings.Cut(line, ":")
		if !isField || !secretName(name) {
			continue
		}
		before, secret, after := aroundSecret(strings.ToLower(name), value)
		if secret != "" {
			found(secret)
			lines[i], changed = name+":"+before+hidden+after, true
		}
	}
	if !changed {
		return message
	}
	masked := []byte(strings.Join(lines, "\n"))
	if whole {
		masked = slices.Concat(masked, []byte("\r\n\r\n"), body)
	}
	return masked
}

// aroundSecret finds the secret in the value of a field. What can't be one by
// itself stays to be read: the scheme of an Authorization, the name and the
// attributes of a cookie that is set.
func aroundSecret(name, value string) (before, secret, after string) {
	secret = strings.TrimSpace(value)
	at := strings.Index(value, secret)
	switch {
	case name == "set-cookie":
		if cookie, rest, ok := strings.Cut(secret, "="); ok {
			at += len(cookie) + 1
			secret, _, _ = strings.Cut(rest, ";")
		}
	case strings.HasSuffix(name, "authorization"):
		if scheme, rest, ok := strings.Cut(secret, " "); ok {
			at += len(scheme) + 1
			secret = rest
		}
	}
	return value[:at], secret, value[at+len(secret):]
}

// secretName reports whether a field of that name is made to hold a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "cookie", "set-cookie", "authorization", "proxy-authorization":
		return true
	}
	if strings.ContainsAny(name, " /") {
		return false // a request line, with a port in its target
	}
	if strings.HasSuffix(name, "-key") {
		return !slices.ContainsFunc([]string{"cache", "surrogate", "websocket", "idempotency"},
			func(part string) bool { return strings.Contains(name, part) })
	}
	return name == "x-auth" || strings.HasPrefix(name, "x-auth-") || slices.ContainsFunc([]string{"token", "secret", "passw", "api-key", "apikey", "authorization", "credential", "signature", "session", "jwt"},
		func(part string) bool { return strings.Contains(name, part) })
}
