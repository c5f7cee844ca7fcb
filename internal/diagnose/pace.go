package diagnose

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// pace is how long to wait before the next experiment. A target that passes is not
// in need: it is asked so slowly that no sensible limit of requests takes notice,
// five times in the first second and eight times in each that follows. One that is
// slow sets the pace itself.
func (d *desk) pace() time.Duration {
	base := d.known["probe"]
	if base == nil || base.Pending || !passed(base.Verdict) || d.left() < 1500*time.Millisecond {
		return 0
	}
	gap := 200 * time.Millisecond
	if len(d.order) > 5 {
		gap = 120 * time.Millisecond
	}
	var took time.Duration
	for _, a := range d.order[len(d.order)-1].Answers {
		took += a.Phases.Total
	}
	return max(gap-took, 0)
}

// limitWords are how a limit of requests is told where its status is not 429.
var limitWords = regexp.MustCompile(`(?i)rate.?limit|too many requests|request limit|limit exceeded|thrott?led|throttling|slow down`)

// limited reports whether an answer is what a limit of requests gives.
func (v view) limited() bool {
	a := v.answer()
	switch {
	case !v.speaks() || v.passes():
		return false
	case a.Status == 429:
		return true
	case a.Status != 503 && a.Status != 403:
		return false
	}
	return limitWords.MatchString(bodyText(a)) || a.Status == 503 && (v.frontPage() || a.Get("Retry-After") != "")
}

// enough is how many passes in a row, at our pace, show that a limit which sets in
// then is none for a load balancer, which asks every few seconds. After fewer of
// them a pause tells.
const enough = 4

// limitedAfter is after how many passes a limit set in; 0 if none did. It sets in for
// good, unless its answer is 429, which nothing else gives: a limit lets one through
// now and then, and servers that take turns do not all say that.
func limitedAfter(series []view) int {
	passes := slices.IndexFunc(series, view.fails)
	if passes < 1 {
		return 0
	}
	for _, w := range series[passes:] {
		if !w.limited() && !(w.passes() && series[passes].status() == 429) {
			return 0
		}
	}
	return passes
}

// limitNote tells of a limit that the diagnosis met after so many requests, and that
// the load balancer does not.
func limitNote(requests int, first, hit exchange.Answer) Note {
	return Note{ID: "limited", Grade: Hint,
		Text:     fmt.Sprintf("The server limits requests, and a diagnosis asks faster than a load balancer: after %d requests in %.1f s comes %s. What may be behind the pass was not asked to the end.", requests, hit.Began.Sub(first.Began).Seconds(), told(hit)),
		Evidence: []string{limitSays(hit)}}
}

// limitSays is what the limit's answer tells of itself.
func limitSays(a exchange.Answer) string {
	if retry := a.Get("Retry-After"); retry != "" {
		return "Retry-After: " + quoted(retry)
	}
	if text := bodyText(a); text != "" {
		return quoted(text)
	}
	return told(a)
}
