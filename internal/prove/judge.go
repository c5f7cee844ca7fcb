package prove

import (
	"fmt"
	"time"
)

// judge makes a trial of what was seen. The kinds of the checks are for the hints. It
// is pure.
func judge(fault Fault, want watched, s seen, kinds map[string]string) Trial {
	t := Trial{
		Fault: fault, After: s.after, Bound: want.bound, Healed: s.healed, HealBound: want.healBound,
		Answer: s.broken.answer, Reasons: s.broken.reasons,
	}
	for i, name := range want.checks {
		r := Reaction{Check: name, After: s.bad[name], Bound: want.bounds[i], Reason: s.why[name]}
		t.Reactions = append(t.Reactions, r)
		switch {
		case r.After == 0:
			t.add(StaysGreen, name, "stays green for "+shown(want.bound+patience(want.bound))+": a check that cannot fail", hint(kinds[name], fault))
		case r.After > r.Bound:
			t.add(TooLate, name, fmt.Sprintf("fails after %s, and must within %s", shown(r.After), shown(r.Bound)), "")
		}
	}
	t.judgeAnswer(want, s)
	switch {
	case s.healed == 0:
		t.add(StaysRed, "", fmt.Sprintf("is not green again %s after the dependency is back: %s", shown(want.healBound+patience(want.healBound)), told(s.mended)), "")
	case s.healed > want.healBound:
		t.add(HealsTooLate, "", fmt.Sprintf("is green again after %s, and must be within %s", shown(s.healed), shown(want.healBound)), "")
	}
	return t
}

// judgeAnswer looks at the answer as a whole, where the checks do not explain it.
func (t *Trial) judgeAnswer(want watched, s seen) {
	if want.expect == Degraded && s.turnsRed > 0 {
		t.add(TurnsRed, "", fmt.Sprintf("goes out of service after %s, and was declared to be degraded only: %s", shown(s.turnsRed), told(s.broken)), "")
		return
	}
	switch {
	case s.after > want.bound && !t.has(TooLate):
		t.add(TooLate, "", fmt.Sprintf("is %s after %s, and must be within %s", want.expect, shown(s.after), shown(want.bound)), "")
	case s.after > 0 || t.has(StaysGreen):
	case len(want.checks) > 0:
		t.add(StaysIn, "", fmt.Sprintf("the answer is not %s though its checks fail: %s", want.expect, told(s.broken)), "")
	case want.expect == Degraded:
		t.add(StaysGreen, "", fmt.Sprintf("does not tell for %s that it is degraded: %s", shown(want.bound+patience(want.bound)), told(s.broken)),
			`let the body say "warn" or "degraded" (probe the path with the details, if they have one of their own)`)
	default:
		t.add(StaysGreen, "", fmt.Sprintf("stays green for %s: %s", shown(want.bound+patience(want.bound)), told(s.broken)), "")
	}
}

func (t *Trial) add(kind DefectKind, check, text, hint string) {
	t.Defects = append(t.Defects, Defect{Kind: kind, Check: check, Text: text, Hint: hint})
}

func (t *Trial) has(kind DefectKind) bool {
	for _, d := range t.Defects {
		if d.Kind == kind {
			return true
		}
	}
	return false
}

// told is an answer with its first reason.
func told(s sight) string {
	if len(s.reasons) == 0 {
		return s.answer
	}
	return s.answer + ", " + s.reasons[0]
}

// hint is what to do about a check that stays green.
func hint(kind string, fault Fault) string {
	switch {
	case kind == "tcp" && fault != Refuse:
		return "a TCP check passes as soon as the kernel accepts; ask what must answer: sql, redis, http or grpc"
	case kind == "tcp":
		return "it passes while nobody listens: what does it connect to?"
	default:
		return "what it asks is answered without the dependency, by a cache or a fallback"
	}
}

// shown is a duration without digits that nobody reads.
func shown(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}
