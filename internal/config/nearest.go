package config

import "strings"

// suggest says what was likely meant, or else what is allowed, if anything.
func suggest(word string, allowed []string) string {
	switch best := Nearest(word, allowed); {
	case best != "":
		return "did you mean " + best + "?"
	case len(allowed) == 0:
		return ""
	case len(allowed) == 1:
		return "write " + allowed[0]
	}
	return "allowed: " + strings.Join(allowed, ", ")
}

// Nearest gives the allowed word, in lower case, that was likely meant: the one with the
// fewest letters inserted, deleted, replaced or swapped, at most two. It is "" when none is
// so near.
func Nearest(word string, allowed []string) string {
	best, least := "", 3 // more changes than two are another word
	for _, candidate := range allowed {
		d := distance(strings.ToLower(word), candidate)
		if d < least && d < len(candidate) {
			best, least = candidate, d
		}
	}
	return best
}

// distance is the number of single letters to insert, delete, replace or swap with their
// neighbour to get from a to b (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 2*len(b)+3 {
		return len(a) // too long to be a mistyped b; spares the table
	}
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			next[j+1] = min(last[j+1]+1, next[j]+1, last[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}
