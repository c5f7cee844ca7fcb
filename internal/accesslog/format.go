package accesslog

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

const hex = "0123456789ABCDEF"

func appendCombined(b []byte, of *line) []byte {
	r := of.request
	b = appendAddr(b, of, "-")
	b = append(b, " - - ["...)
	b = of.arrived.AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	b = appendEscaped(b, r.Method)
	b = append(b, ' ')
	b = appendEscaped(b, withoutUser(r.RequestURI))
	b = append(b, ' ')
	b = appendEscaped(b, r.Proto)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(of.status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, of.bytes, 10)
	b = append(b, ` "`...)
	b = appendField(b, withoutUser(r.Referer()))
	b = append(b, `" "`...)
	b = appendField(b, r.UserAgent())
	return append(b, "\"\n"...)
}

func appendJSON(b []byte, of *line) []byte {
	r := of.request
	b = append(b, `{"time":"`...)
	b = of.arrived.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","client":"`...)
	b = appendAddr(b, of, "")
	b = append(b, '"')
	for _, field := range [...]struct{ name, value string }{
		{"scheme", of.visitor.Scheme},
		{"host", r.Host},
		{"method", r.Method},
		{"uri", withoutUser(r.RequestURI)},
		{"protocol", r.Proto},
		{"referer", withoutUser(r.Referer())},
		{"user_agent", r.UserAgent()},
	} {
		b = append(b, `,"`...)
		b = append(b, field.name...)
		b = append(b, `":`...)
		b = appendString(b, field.value)
	}
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(of.status), 10)
	if of.targetStatus != 0 {
		b = append(b, `,"target_status":`...)
		b = strconv.AppendInt(b, int64(of.targetStatus), 10)
	}
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, of.bytes, 10)
	b = append(b, `,"duration":`...)
	b = strconv.AppendFloat(b, of.took.Round(time.Microsecond).Seconds(), 'f', 6, 64)
	if of.aborted {
		b = append(b, `,"aborted":true`...)
	}
	return append(b, "}\n"...)
}

func appendAddr(b []byte, of *line, none string) []byte {
	if !of.visitor.Addr.IsValid() {
		return append(b, none...)
	}
	return of.visitor.Addr.AppendTo(b)
}

// appendField appends a field of combined that may be missing.
func appendField(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	return appendEscaped(b, s)
}

// appendEscaped escapes as nginx does in its log (ngx_http_log_escape, the
// default escaping of log_format).
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// appendString appends s as a JSON string of ASCII. The standard library's
// encoder lets some control characters pass, which terminals obey.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case ' ' <= c && c <= '~':
			b = append(b, byte(c))
		case c < 0x10000:
			b = appendUnit(b, c)
		default:
			high, low := utf16.EncodeRune(c)
			b = appendUnit(appendUnit(b, high), low)
		}
	}
	return append(b, '"')
}

func appendUnit(b []byte, c rune) []byte {
	return append(b, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
}

// withoutUser removes the user and the password from a URL, or from the
// authority that CONNECT names. A path is returned as it is.
func withoutUser(url string) string {
	if strings.HasPrefix(url, "/") {
		return url
	}
	start := 0
	if i := strings.Index(url, "://"); i >= 0 {
		start = i + len("://")
	}
	end := len(url)
	if i := strings.IndexAny(url[start:], "/?#"); i >= 0 {
		end = start + i
	}
	at := strings.LastIndexByte(url[start:end], '@')
	if at < 0 {
		return url
	}
	return url[:start] + url[start+at+1:]
}
