package diagnose

import (
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
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

func mediaType(a exchange.Answer) string {
	kind, _, _ := strings.Cut(a.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

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
	badWords  = []string{"error", "err", "fail", "failed", "failing", "failure", "down", "unhealthy", "critical", "unavailable", "ko", "dead", "not ok", "notok", "not_ok", "bad", "broken", "fatal", "nok", "unreachable", "disconnected", "offline", "outage", "out_of_service", "not ready", "not_ready", "notready", "not serving", "not_serving", "refused", "timeout", "timed out"}
	goodWords = []string{"ok", "okay", "pass", "passed", "up", "healthy", "alive", "ready", "success", "running", "operational", "available", "serving", "green", "good", "connected", "online", "true", "yes", "fine"}
	// verdictKeys tell how the whole or a part of it is.
	verdictKeys = []string{"status", "state", "health", "healthy", "ok", "success", "result", "alive", "ready", "up", "is_healthy", "ishealthy", "overall", "overall_status"}
	// partKeys name what an app depends on.
	parts   = regexp.MustCompile(`(?i)(^|[^a-z])(db|database|postgres(ql)?|pg|mysql|mariadb|sql|redis|cache|memcached?|mongo(db)?|rabbit(mq)?|amqp|kafka|queue|broker|elastic(search)?|opensearch|solr|storage|s3|disk(_?space)?|filesystem|smtp|mail(er)?|ldap|upstream|backend|dependenc(y|ies)|migrations?|workers?|celery|sidekiq|vault|consul|etcd|zookeeper|cassandra|dynamodb|payments?|stripe|api|search|hikari|datasource)([^a-z]|$)`)
	stores  = regexp.MustCompile(`(?i)(^|[^a-z])(db|database|postgres(ql)?|mysql|mariadb|redis|mongo(db)?|rabbit(mq)?|kafka)([^a-z]|$)`)
	tooMany = regexp.MustCompile(`(?i)too many (concurrent |simultaneous |open |active )*(connections|requests|clients)|(connection|concurrency) limit|overload(ed)?|server (is )?(too )?busy|at capacity|max(imum)? (number of )?(connections|clients)`)
	trouble = regexp.MustCompile(`(?i)connection refused|econnrefused|could not connect|can.?t connect|cannot connect|unable to connect|connect(ion)? (failed|timed out|error|reset|lost)|no route to host|etimedout|enotfound|timed? ?out|unreachable|unavailable|not available|is down|\bdown\b|\bfail(ed|ing|ure)?\b|\berror\b|unhealthy|refused|not ready|disconnected|\bcritical\b|not responding|broken|missing|lost`)
)

// word reads a value as a good (+1) or a bad (-1) word; 0 if it is neither.
func word(v any) int {
	switch v := v.(type) {
	case bool:
		if v {
			return 1
		}
		return -1
	case string:
		s := strings.ToLower(strings.TrimSpace(v))
		switch {
		case slices.Contains(goodWords, s):
			return 1
		case slices.Contains(badWords, s):
			return -1
		case len(s) < 400 && refusal.MatchString(s):
			return -1
		}
	}
	return 0
}

// refusal finds what only something broken says.
var refusal = regexp.MustCompile(`(?i)connection refused|econnrefused|could not connect|can.?t connect|cannot connect|unable to connect|connection (failed|timed out|error|reset|lost)|no route to host|etimedout|operationalerror|exception|traceback|access denied for user|unreachable|not reachable`)

// statusWords reads numbers where a status is meant.
func verdictOf(key string, v any) int {
	key = strings.ToLower(key)
	if n, ok := v.(float64); ok && (key == "status" || key == "code" || key == "statuscode" || key == "status_code") {
		if n >= 500 && n < 600 {
			return -1
		}
		return 0
	}
	if _, ok := v.(bool); ok && !slices.Contains(verdictKeys, key) {
		if stores.MatchString(key) {
			return word(v)
		}
		return 0
	}
	if slices.Contains(verdictKeys, key) || parts.MatchString(key) {
		return word(v)
	}
	if s, ok := v.(string); ok && (key == "error" || key == "exception" || key == "errormessage") && strings.TrimSpace(s) != "" {
		return -1
	}
	return 0
}

// complaint looks in a JSON body for what says that something is wrong. Where the
// top says that all is well, a part must be down outright to count.
func complaint(v any) (string, bool) {
	return complain(v, "", 0)
}

func complain(v any, where string, depth int) (string, bool) {
	if depth > 6 {
		return "", false
	}
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if optional(v) {
				break
			}
			if verdictOf(k, v[k]) < 0 {
				text, _ := json.Marshal(v[k])
				return join(where, k) + ": " + string(text), true
			}
		}
		for _, k := range keys {
			if s, ok := complain(v[k], join(where, k), depth+1); ok {
				return s, true
			}
		}
	case []any:
		for _, e := range v {
			if s, ok := complain(e, where, depth+1); ok {
				return s, true
			}
		}
	}
	return "", false
}

// optional reports whether an object says of itself that it is not needed.
func optional(m map[string]any) bool {
	for k, v := range m {
		switch strings.ToLower(k) {
		case "critical", "required":
			if b, ok := v.(bool); ok && !b {
				return true
			}
		case "optional":
			if b, ok := v.(bool); ok && b {
				return true
			}
		}
	}
	return false
}

func join(where, key string) string {
	if where == "" {
		return key
	}
	return where + "." + key
}

var (
	title      = regexp.MustCompile(`(?is)<(title|h1)[^>]*>(.*?)</(title|h1)>`)
	errorTitle = regexp.MustCompile(`(?i)^\W*((5\d\d|fatal|server|application|internal|unexpected|database|system|runtime)\b.*(error|unavailable|exception|gateway)|error\b|(an )?(unhandled )?exception|oops|whoops|service (temporarily )?unavailable|bad gateway|gateway time-?out|something went wrong|we'?re sorry|whitelabel error page|(site|database) (is )?(down|unavailable))`)
	errorPage  = regexp.MustCompile(`(?i)traceback \(most recent call last\)|error establishing a database connection|whitelabel error page|<b>(fatal|parse) error</b>|(php )?fatal error: |uncaught (exception|error|pdoexception)|sqlstate\[|unhandled exception|at [\w.$]+\([\w]+\.java:\d+\)`)
	errorLine  = regexp.MustCompile(`(?i)^\W*(error|err|fail(ed|ure|ing)?|down|unhealthy|critical|not[ _]ok|nok|ko|exception|unavailable|internal server error|service unavailable|dead|broken|bad)\b`)
	errorPart  = regexp.MustCompile(`(?i)\b[\w ]{2,30}\s*[:=]?\s*(is )?(down|fail(ed|ing)?|error|unhealthy|unreachable|unavailable|not ok|disconnected|connection refused)\b`)
	noError    = regexp.MustCompile(`(?i)\b(no|0|zero|without)\s+(errors?|fail(ures?|ed|ing)?)|\b(errors?|fail(ures?|ed)?)\b\s*[:=]\s*(0\b|none|false|\[\])`)
)

// errorInBody looks for an answer that says in its body what its status does not.
func errorInBody(a exchange.Answer) (string, bool) {
	if v, ok := tree(a); ok {
		if s, ok := complaint(v); ok {
			return quoted(s), true
		}
		return "", false
	}
	body := strings.TrimSpace(string(a.Body))
	if m := errorPage.FindString(body); m != "" {
		return quoted(m), true
	}
	if isHTML(a) {
		for _, m := range title.FindAllStringSubmatch(body, 4) {
			words := strings.TrimSpace(tags.ReplaceAllString(m[2], " "))
			if errorTitle.MatchString(words) {
				return quoted(words), true
			}
		}
		return "", false
	}
	if strings.HasPrefix(body, "<") {
		if m := xmlBad.FindString(body); m != "" {
			return quoted(m), true
		}
		return "", false
	}
	if len(body) == 0 || len(body) > 600 {
		return "", false
	}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if noError.MatchString(line) {
			continue
		}
		if errorLine.MatchString(line) || errorPart.MatchString(line) || refusal.MatchString(line) {
			return quoted(line), true
		}
	}
	return "", false
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	xmlBad = regexp.MustCompile(`(?i)<(status|state|health|db|database)>\s*(down|error|fail(ed)?|unhealthy|critical|ko)\s*</`)
)

// namesDependency finds in the body of a failing health answer what it says is
// down.
func namesDependency(a exchange.Answer) (string, bool) {
	if v, ok := tree(a); ok {
		if s, ok := complaint(v); ok && (parts.MatchString(s) || strings.Contains(s, ".")) {
			return quoted(s), true
		}
		if s, ok := saysPart(v, "", 0); ok {
			return quoted(s), true
		}
		return "", false
	}
	body := string(a.Body)
	if isHTML(a) {
		body = tags.ReplaceAllString(styles.ReplaceAllString(body, " "), " ")
	}
	if len(body) > 4000 {
		body = body[:4000]
	}
	for line := range strings.Lines(body) {
		for _, clause := range strings.FieldsFunc(line, func(r rune) bool { return r == ';' || r == ',' || r == '.' }) {
			if parts.MatchString(clause) && trouble.MatchString(clause) {
				return quoted(strings.TrimSpace(clause)), true
			}
		}
	}
	return "", false
}

var styles = regexp.MustCompile(`(?is)<(style|script)[^>]*>.*?</(style|script)>`)

// saysPart looks for a text that names a part and its trouble, or a part that is
// not well in words of its own.
func saysPart(v any, where string, depth int) (string, bool) {
	if depth > 6 {
		return "", false
	}
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if s, ok := saysPart(v[k], join(where, k), depth+1); ok {
				return s, true
			}
		}
	case []any:
		for _, e := range v {
			if s, ok := saysPart(e, where, depth+1); ok {
				return s, true
			}
		}
	case string:
		if (parts.MatchString(where) || parts.MatchString(v)) && trouble.MatchString(v) {
			return where + ": " + v, true
		}
	}
	return "", false
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
