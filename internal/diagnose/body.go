package diagnose

import (
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

// plain is a body as comparable text: what names the path, numbers and long
// random words are taken out.
func plain(a exchange.Answer, path string) string {
	s := string(a.Body)
	for _, p := range []string{path, html.EscapeString(path), url.QueryEscape(path), strings.TrimPrefix(path, "/")} {
		if len(p) > 3 {
			s = strings.ReplaceAll(s, p, "~")
		}
	}
	s = varying.ReplaceAllString(s, "#")
	return strings.Join(strings.Fields(strings.ToLower(s)), " ")
}

// varying finds what changes from one answer of the same page to the next.
var varying = regexp.MustCompile(`[0-9A-Za-z+/_-]{24,}={0,2}|[0-9a-fA-F]{8,}|[0-9]+`)

// same reports whether two answers are the same page.
func same(a, b view) bool {
	x, y := a.answer(), b.answer()
	if x.Status != y.Status || mediaType(x) != mediaType(y) {
		return false
	}
	s, t := plain(x, a.request().Path), plain(y, b.request().Path)
	if s == t {
		return true
	}
	if len(s) < 200 || len(t) < 200 {
		return false
	}
	return alike(s, t)
}

// alike compares longer texts by the words that they share.
func alike(s, t string) bool {
	count := func(s string) map[string]int {
		m := make(map[string]int)
		for _, w := range strings.Fields(s) {
			m[w]++
		}
		return m
	}
	a, b := count(s), count(t)
	shared, all := 0, 0
	for w, n := range a {
		shared += min(n, b[w])
		all += max(n, b[w])
	}
	for w, n := range b {
		if _, ok := a[w]; !ok {
			all += n
		}
	}
	return all > 0 && float64(shared)/float64(all) > 0.9
}

// mediaType is the Content-Type without its parameters, in lower case.
func mediaType(a exchange.Answer) string {
	kind, _, _ := strings.Cut(a.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// isHTML reports whether a body is sent as HTML, or begins as a page does.
func isHTML(a exchange.Answer) bool {
	if strings.Contains(mediaType(a), "html") {
		return true
	}
	head := bytes.ToLower(bytes.TrimSpace(a.Body[:min(len(a.Body), 512)]))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

// tree is the body as JSON; false if it is none.
func tree(a exchange.Answer) (any, bool) {
	body := bytes.TrimSpace(a.Body)
	if len(body) == 0 || body[0] != '{' && body[0] != '[' {
		return nil, false
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil, false
	}
	return v, true
}

var (
	maintenanceWords = regexp.MustCompile(`(?i)maintenance|be right back|we.ll be back|scheduled|under construction|wartung|temporarily (down|closed|offline)|upgrading|back soon`)
	authWords        = regexp.MustCompile(`(?i)api[ _-]?key|credential|not authenticated|unauthenticated|authenticat(e|ion)|log ?in required|token (is )?(missing|required|invalid)|missing (the )?(authorization|token|api)|(missing|invalid|no) .{0,20}token|unauthorized|please (log|sign) in|login required|access token`)
	loginForm        = regexp.MustCompile(`(?i)<input[^>]+type=["']?password`)
	clientCertWords  = regexp.MustCompile(`(?i)(ssl|tls|client) certificate`)
	tlsPortWords     = regexp.MustCompile(`(?i)plain http request was sent to https port|speaking plain http to an ssl|http request to an https server|requires tls|client sent an http request|instead use the https scheme|plain http.{0,20}(tls|ssl|https)`)
)

// bodyText is the beginning of a body without markup.
func bodyText(a exchange.Answer) string {
	s := string(a.Body[:min(len(a.Body), 8192)])
	if isHTML(a) {
		s = tags.ReplaceAllString(styles.ReplaceAllString(s, " "), " ")
	}
	return strings.Join(strings.Fields(s), " ")
}
