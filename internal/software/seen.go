package software

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

// looked is how much of a body is looked at. Own pages are much shorter; of the
// longer ones (debug pages, welcome pages) the marks stand at the beginning.
const looked = 32 << 10

// seen is an answer, made ready for the rules. It is read only.
type seen struct {
	exchange.Answer
	body  string // its beginning
	whole bool   // body is all of it
	title string // of the HTML page, without the white space around it
	h1    string
	kind  string         // media type, in lower case, without parameters
	json  map[string]any // the body, if it is a small JSON object
}

var (
	titled  = regexp.MustCompile(`(?is)<title[^>]{0,80}>([^<]{0,300})</title`)
	headed  = regexp.MustCompile(`(?is)<h1[^>]{0,200}>([^<]{0,300})</h1`)
	version = regexp.MustCompile(`^v?[0-9][0-9A-Za-z.+~-]{0,31}`)
)

func look(a exchange.Answer) *seen {
	s := &seen{Answer: a, whole: a.Failure == exchange.None && !a.BodyMore && len(a.Body) <= looked}
	s.body = string(a.Body[:min(len(a.Body), looked)])
	kind, _, _ := strings.Cut(a.Get("Content-Type"), ";")
	s.kind = strings.ToLower(strings.TrimSpace(kind))
	first := func(r *regexp.Regexp) string {
		if m := r.FindStringSubmatch(s.body); m != nil {
			return strings.Join(strings.Fields(m[1]), " ")
		}
		return ""
	}
	if strings.Contains(s.body, "<") {
		s.title, s.h1 = first(titled), first(headed)
	}
	if s.whole && len(s.body) <= 8<<10 && strings.HasPrefix(s.body, "{") {
		if json.Unmarshal([]byte(s.body), &s.json) != nil {
			s.json = nil
		}
	}
	return s
}

// has reports whether the JSON object has all of the keys in need, and no others
// but those in may.
func (s *seen) has(need, may string) bool {
	n := 0
	for _, k := range strings.Fields(need) {
		if _, ok := s.json[k]; !ok {
			return false
		}
		n++
	}
	for _, k := range strings.Fields(may) {
		if _, ok := s.json[k]; ok {
			n++
		}
	}
	return s.json != nil && n == len(s.json)
}

// word returns the string at a key of the JSON object.
func (s *seen) word(key string) string {
	w, _ := s.json[key].(string)
	return w
}

// says reports whether the number at a key of the JSON object is the status.
func (s *seen) says(key string) bool {
	n, ok := s.json[key].(float64)
	return ok && int(n) == s.Status
}

// lone reports whether the head has no fields but the named ones and those that
// every server may add.
func (s *seen) lone(names string) bool {
	allowed := " date connection content-length transfer-encoding keep-alive " + names + " "
	for _, f := range s.Fields {
		if !strings.Contains(allowed, " "+strings.ToLower(f.Name)+" ") {
			return false
		}
	}
	return true
}

func (s *seen) field(name string) bool {
	for _, f := range s.Fields {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// show makes text from an answer safe to print, and short.
func show(text string) string {
	const limit = 100
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return strconv.QuoteToGraphic(text)
}

// pageOf is the page that a status means, where its page has nothing else to say.
func pageOf(status int) string {
	switch status {
	case 301, 302, 303, 307, 308:
		return PageRedirect
	case 400, 408, 411, 413, 414, 431:
		return PageBadRequest
	case 401, 407:
		return PageUnauthorized
	case 403:
		return PageForbidden
	case 404:
		return PageNotFound
	case 405, 501:
		return PageMethod
	case 421:
		return PageHostRefused
	case 426, 505:
		return PageVersion
	case 429:
		return PageRateLimited
	case 500:
		return PageError
	case 502:
		return PageBadGateway
	case 503:
		return PageUnavailable
	case 504:
		return PageTimeout
	}
	return PageOther
}
