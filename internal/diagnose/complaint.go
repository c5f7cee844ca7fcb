package diagnose

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

var (
	badWords  = []string{"error", "err", "fail", "failed", "failing", "failure", "down", "unhealthy", "critical", "unavailable", "ko", "dead", "not ok", "notok", "not_ok", "bad", "broken", "fatal", "nok", "unreachable", "disconnected", "offline", "outage", "out_of_service", "not ready", "not_ready", "notready", "not serving", "not_serving", "refused", "timeout", "timed out"}
	goodWords = []string{"ok", "okay", "pass", "passed", "up", "healthy", "alive", "ready", "success", "running", "operational", "available", "serving", "green", "good", "connected", "online", "true", "yes", "fine"}
	// verdictKeys tell how the whole or a part of it is.
	verdictKeys = []string{"status", "state", "health", "healthy", "ok", "success", "result", "alive", "ready", "up", "is_healthy", "ishealthy", "overall", "overall_status"}
	// parts name what an app depends on; stores those without which it is nothing.
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
		case slices.Contains(badWords, s), foreignWhole.MatchString(s):
			return -1
		case len(s) < 400 && refusal.MatchString(s):
			return -1
		}
	}
	return 0
}

// refusal finds what only something broken says.
var refusal = regexp.MustCompile(`(?i)connection refused|econnrefused|could not connect|can.?t connect|cannot connect|unable to connect|connection (failed|timed out|error|reset|lost)|no route to host|etimedout|operationalerror|\wexception\b|\bexception( (in|at|while|was|occurred|thrown|caught)\b|:)|(unhandled|uncaught) exception|traceback|access denied for user|unreachable|not reachable`)

// refusalSeen is refusal for what people read on a page, where some of its words
// are subjects.
var refusalSeen = regexp.MustCompile(`(?i)connection refused|econnrefused|could not connect|can.?t connect|cannot connect|unable to connect|connection (failed|timed out|error|reset|lost)|no route to host|etimedout|operationalerror|\w(exception|error):|exception in thread|access denied for user`)

// nothing is how a value says that there is none of what its key names.
var nothing = []string{"", "0", "none", "no", "off", "false", "null", "nil", "n/a", "-", "ok", "[]", "{}"}

// verdictOf reads a key with its value as good (+1) or bad (-1); 0 if it tells
// neither. A number counts only where a status is meant, a flag only where it is
// of the whole or of a store.
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
	if s, ok := v.(string); ok && (key == "error" || key == "exception" || key == "errormessage") && !slices.Contains(nothing, strings.ToLower(strings.TrimSpace(s))) {
		return -1
	}
	return 0
}

// complaint looks in a JSON body for what says that something is wrong. Where the
// top says that all is well, a part must be down outright to count.
func complaint(v any) (string, bool) {
	return complain(v, "", 0)
}

// complain is complaint below a key; where names it.
func complain(v any, where string, depth int) (string, bool) {
	if depth > 6 {
		return "", false
	}
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		for _, k := range keys {
			if !optional(v) && verdictOf(k, v[k]) < 0 {
				text, _ := json.Marshal(v[k])
				return join(where, k) + ": " + string(text), true
			}
		}
		if s, ok := errorsOf(v); ok && depth == 0 {
			return s, true
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

// errorsOf finds errors in place of data, as GraphQL, JSON-RPC and JSON:API give
// them: a list or an object, where there is no data beside it, and nothing that says
// all is well.
func errorsOf(m map[string]any) (string, bool) {
	for k, v := range m {
		key := strings.ToLower(k)
		if slices.Contains(verdictKeys, key) && word(v) > 0 || (key == "data" || key == "result") && v != nil {
			return "", false
		}
	}
	for _, k := range []string{"errors", "error"} {
		bad := false
		switch v := m[k].(type) {
		case []any:
			bad = len(v) > 0
		case map[string]any:
			message, _ := v["message"].(string)
			bad = message != ""
			for _, e := range v {
				list, _ := e.([]any) // of a field's errors
				bad = bad || len(list) > 0
			}
		}
		if bad {
			text, _ := json.Marshal(m[k])
			return k + ": " + string(text), true
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

// join is the name of a key below another one.
func join(where, key string) string {
	if where == "" {
		return key
	}
	return where + "." + key
}

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

// saysPart looks for a text that names a part and its trouble, or a part that is
// not well in words of its own.
func saysPart(v any, where string, depth int) (string, bool) {
	if depth > 6 {
		return "", false
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
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
