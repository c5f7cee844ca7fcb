package diagnose

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// limits reports whether an answer may be a limit's. A front server's own 503 is
// none, unless it is nginx's: others say so where they reach no app.
func limits(w view) bool {
	own, isOwn := w.ownPage()
	if w.status() == 503 && isOwn && w.frontPage() && !nginxes[own.Name] && !limitWords.MatchString(bodyText(w.answer())) {
		return false
	}
	return w.limited()
}

// nginxes are nginx and what is built on it: they answer 503 to one request too
// many, and never for an app that is dead.
var nginxes = map[string]bool{"nginx": true, "openresty": true, "tengine": true, "angie": true}

// limitIn is limitedAfter where what set in can be a limit, and servers that take
// turns are ruled out; else 0.
func limitIn(series []view) int {
	passes := limitedAfter(series)
	if passes == 0 || !limits(series[passes]) || inTurns(series) {
		return 0
	}
	return passes
}

// mostHurried is how many repetitions are made without a pause.
const mostHurried = 8

func hurried(c change) bool { return c.factor == fAgain && strings.HasPrefix(c.label, "at once") }

// hurry repeats the question without a pause where the answers so far can be those
// of servers that take turns as well as those of a limit, which lets one through
// now and then. Turns go on whatever the pace; a limit then lets none through.
func (d *desk) hurry(series []view) []view {
	turns, fit := 0, true
	for i, w := range series {
		fit = fit && (w.passes() || limits(w))
		if i > 0 && w.passes() != series[i-1].passes() {
			turns++
		}
	}
	if turns < 2 || !fit || inTurns(series) {
		return series
	}
	for n := range mostHurried {
		w := d.see(series[0].at.with(change{factor: fAgain, label: fmt.Sprintf("at once %d", n+1)}))
		if !w.ok {
			break
		}
		series = append(series, w)
	}
	return series
}

// inTurns reports whether more than one repetition passed right after one had
// failed: what refuses one request too many does not relent so soon, twice.
func inTurns(series []view) bool {
	const soon = 60 * time.Millisecond
	n := 0
	for i, w := range series {
		if i == 0 || !w.passes() || series[i-1].passes() {
			continue
		}
		before := series[i-1].answer()
		if gap := w.answer().Began.Sub(before.Began.Add(before.Phases.Total)); gap >= 0 && gap < soon {
			n++
		}
	}
	return n > 1
}

// startWords are how a server says that it is on its way.
var startWords = regexp.MustCompile(`(?i)\b(re)?start(ing|s|up|ed)?\b|\bboot(ing|s)?\b|initiali[sz]|warm(ing|s)?.?up|warming|\bloading\b|not (yet )?ready|not_ready|\bstill\b|in progress|\byet\b|\bmoment\b|migrat|please wait`)

// heals reports whether a failure of the server passes by itself a little later, as
// that of an app does which is still starting. Where the answer says so, or where
// the health path alone answers 503 and names nothing that is down, it is looked
// at twice.
func (d *desk) heals(base view) bool {
	if d.see(base.at.with(later)).passes() {
		return true
	}
	a := base.answer()
	_, names := namesDependency(a)
	random := d.random(base)
	alone := a.Status == 503 && random.speaks() && random.status() < 500 && !base.frontPage()
	if names || !alone && !startWords.MatchString(bodyText(a)) {
		return false
	}
	return d.see(base.at.with(latest)).passes()
}
