package doorman

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// appendAnswer appends a whole answer to b.
func appendAnswer(b []byte, k *known, code int, word, date string, keep bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(code)...)
	b = append(b, "\r\nDate: "...)
	b = append(b, date...)
	b = append(b, "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(word)), 10)
	b = append(b, "\r\nCache-Control: no-store\r\n"...)
	switch {
	case !keep:
		b = append(b, "Connection: close\r\n"...)
	case k.question.Proto == "HTTP/1.0":
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	b = append(b, "\r\n"...)
	if k.question.Method != http.MethodHead {
		b = append(b, word...)
	}
	return b
}

// A calendar writes the Date of answers, once each second. It is safe for
// concurrent use.
type calendar struct {
	page atomic.Pointer[page]
}

type page struct {
	second int64
	text   string
}

func (c *calendar) date(now time.Time) string {
	second := now.Unix()
	p := c.page.Load()
	if p == nil || p.second != second {
		p = &page{second, now.UTC().Format(http.TimeFormat)}
		c.page.Store(p)
	}
	return p.text
}
