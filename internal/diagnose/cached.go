package diagnose

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/software"
)

var cacheFields = regexp.MustCompile(`(?i)^(x-.*cache.*|cf-cache-status|cache-status|x-served-from)$`)

// fromCache tells by which mark an answer came from a cache.
func fromCache(a exchange.Answer) (string, bool) {
	for _, f := range a.Fields {
		name, value := strings.ToLower(f.Name), strings.ToLower(f.Value)
		switch {
		case name == "age":
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
				return "Age: " + quoted(f.Value), true
			}
		case name == "x-varnish" && len(strings.Fields(value)) > 1:
			return "X-Varnish with two numbers: " + quoted(f.Value), true
		case cacheFields.MatchString(f.Name) && !strings.Contains(name, "key") && strings.Contains(value, "hit") && !strings.Contains(value, "miss"):
			return quoted(f.Name + ": " + f.Value), true
		}
	}
	return "", false
}

// date is when the server says that it answered.
func date(a exchange.Answer) (time.Time, bool) {
	t, err := http.ParseTime(a.Get("Date"))
	return t, err == nil
}

// cached: the answer was kept from earlier. That harms where a new query string, which
// no cache has, is answered otherwise.
func (g *greens) cached() {
	mark, marked := "", false
	from := g.base
	for i := range steadyRepeats {
		if w := g.d.known[fmt.Sprintf("again=%d", i+1)]; w != nil && !marked && len(w.Answers) > 0 {
			if mark, marked = fromCache(w.Answers[0]); marked {
				from = view{ok: true, o: w, name: w.Experiment.Name}
			}
		}
	}
	if m, ok := fromCache(g.base.answer()); ok {
		mark, marked, from = m, true, g.base
	}
	if old, ok := date(g.base.answer()); ok && !marked && g.random.speaks() {
		if now, ok := date(g.random.answer()); ok {
			lag := now.Sub(old) - g.random.answer().Began.Sub(g.base.answer().Began)
			if lag > 3*time.Second {
				mark, marked = fmt.Sprintf("its Date is %.0f s older than that of another path's answer", lag.Seconds()), true
			}
		}
	}
	_, again := fromCache(g.query.answer())
	differs := g.query.ok && !g.query.passes() && (g.query.status() >= 500 || g.query.status() == 0)
	switch {
	case marked && differs:
		g.warn(seen("cached_ok", 0.96, fmt.Sprintf("The answer comes from a cache (%s); with a new query string the same path gives %s.", mark, told(g.query.answer())), from, g.query))
	case marked && !again:
		g.noted = append(g.noted, Note{ID: "cached", Grade: Caution, Text: "The answer comes from a cache: while it is kept there, the app may be dead.", Evidence: []string{mark}})
	case differs && gone(g.query) && !g.frontOwns():
		g.warn(seen("cached_ok", 0.75, fmt.Sprintf("The path gives 200, but with a new query string %s: the 200 was kept from earlier.", told(g.query.answer())), g.query, g.base))
	}
}

// frontOwns reports whether the front server made the passing answer itself, from a
// rule that compares the whole target of the request.
func (g *greens) frontOwns() bool {
	own, ok := g.base.ownPage()
	if ok && own.Role == software.Front {
		return true
	}
	front, ok := software.Fronted(g.query.answer())
	return ok && (front.Name == "haproxy" || front.Name == "varnish" || front.Name == "envoy")
}
