package cause

import "strings"

// Placeholders are the names that may stand in angle brackets in the texts of
// the table, each with what is shown for it where no value is known.
var Placeholders = map[string]string{
	"path":      "/health_check",            // the health path, without a query
	"bare":      "health_check",             // the same without the slash before it
	"pattern":   "/health_check",            // path as a regular expression, not anchored
	"barepat":   "health_check",             // bare as a regular expression, not anchored
	"toggled":   "/health_check/",           // path with its last slash taken away, or added
	"other":     "/healthz",                 // another path that works
	"site":      "app.example.com",          // a public name of the site
	"sitepat":   `app\.example\.com`,        // site as a regular expression, not anchored
	"host":      "10.0.0.10",                // the Host that the load balancer sends, without its port
	"hostpat":   `10\.0\.0\.10`,             // host as a regular expression, not anchored
	"address":   "10.0.0.10",                // the target's address, without its port
	"port":      "80",                       // the port that is asked
	"otherport": "8080",                     // another port that answers
	"app":       "127.0.0.1:8000",           // where the app listens, behind the front server
	"apphost":   "127.0.0.1",                // app without its port
	"appport":   "8000",                     // the port of app
	"subnet":    "10.0.0.0/16",              // where the load balancer asks from
	"method":    "GET",                      // how the load balancer asks
	"status":    "200",                      // what the health path answers
	"timeout":   "5",                        // the load balancer's, in whole seconds
	"location":  "https://app.example.com/", // where a redirect leads
	"name":      "web",                      // of the load balancer's own thing: target group, health check, service
}

// Fill replaces the placeholders in text by values, whose keys are names of
// Placeholders; other keys change nothing. What follows from a value that is
// given (bare and pattern from path, sitepat from site) need not be given.
//
// The values may come from strangers, and the result is made to be pasted into
// a configuration or a shell: a value with anything but letters, digits and the
// few marks that addresses and paths are made of is not put in, and the
// placeholder stays.
func Fill(text string, values map[string]string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "<")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		// Tags of XML and HTML look like placeholders: only the known names are.
		name, after, closed := strings.Cut(rest, ">")
		if _, known := Placeholders[name]; closed && known {
			if v, ok := value(name, values); ok {
				out.WriteString(v)
				text = after
				continue
			}
		}
		out.WriteString("<")
		text = rest
	}
}

// value returns what is to be put in for a placeholder.
func value(name string, values map[string]string) (string, bool) {
	if v, given := values[name]; given {
		if name == "path" || name == "other" {
			v, _, _ = strings.Cut(v, "?") // configurations speak of paths alone
		}
		return v, harmless(v, strings.HasSuffix(name, "pat") || name == "pattern")
	}
	from := func(source string, change func(string) string) (string, bool) {
		v, ok := "", false
		if _, given := values[source]; given {
			v, ok = value(source, values)
		}
		return change(v), ok
	}
	switch name {
	case "bare":
		return from("path", func(v string) string { return strings.TrimPrefix(v, "/") })
	case "pattern":
		return from("path", quote)
	case "barepat":
		return from("path", func(v string) string { return quote(strings.TrimPrefix(v, "/")) })
	case "sitepat":
		return from("site", quote)
	case "hostpat":
		return from("host", quote)
	case "apphost":
		return from("app", func(v string) string { return v[:max(strings.LastIndexByte(v, ':'), 0)] })
	case "appport":
		return from("app", func(v string) string { return v[strings.LastIndexByte(v, ':')+1:] })
	case "toggled":
		return from("path", func(v string) string {
			if bare := strings.TrimSuffix(v, "/"); bare != v {
				return bare
			}
			return v + "/"
		})
	}
	return "", false
}

// quote makes a regular expression of a harmless value that fits nothing else.
func quote(v string) string {
	return strings.NewReplacer(".", `\.`, "+", `\+`, "[", `\[`, "]", `\]`).Replace(v)
}

// harmless reports whether v can stand in any quotes of any of the table's
// languages, and outside of quotes, without ending or starting anything.
func harmless(v string, pattern bool) bool {
	marks := "/._~-%+,:@=[]"
	if pattern {
		marks += `\`
	}
	for i := range len(v) {
		c := v[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(marks, c) >= 0 {
			continue
		}
		return false
	}
	return v != "" && v[0] != '-' && len(v) <= 500
}
