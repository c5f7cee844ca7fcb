package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// words parts a comparable text where markup and punctuation do. What may stand in a
// random word, as base64 and dates do, stays together.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("#~+/=_-", r)
	})
}

// noise is what of a page changes by itself, learned from two answers or more to the
// very same request: true stands for a word that was not always the same. It is nil
// if they are not the same page, or only one was seen.
func (g *greens) noise() []bool {
	first := words(plain(g.base.answer(), g.base.request().Path))
	var mask []bool
	for i := range steadyRepeats {
		o := g.d.known[fmt.Sprintf("again=%d", i+1)]
		if o == nil || len(o.Answers) == 0 {
			continue
		}
		other := words(plain(view{ok: true, o: o}.answer(), g.base.request().Path))
		if len(other) != len(first) {
			return nil
		}
		if mask == nil {
			mask = make([]bool, len(first))
		}
		for i := range first {
			mask[i] = mask[i] || first[i] != other[i]
		}
	}
	return mask
}

// samePage reports whether an answer is the probe's own page: it differs in no more
// than from one time to the next, and in the path that it echoes.
func (g *greens) samePage(w view) bool {
	if same(w, g.base) {
		return true
	}
	x, y := g.base.answer(), w.answer()
	mask := g.noise()
	if !w.ok || x.Status != y.Status || mediaType(x) != mediaType(y) || !slices.Contains(mask, true) {
		return false
	}
	first, other := words(plain(x, g.base.request().Path)), words(plain(y, w.request().Path))
	if len(first) != len(other) {
		return false
	}
	kept := 0
	for i := range first {
		switch {
		case mask[i]:
		case first[i] != other[i]:
			return false
		default:
			kept++
		}
	}
	return kept > 0 // where all is noise there is nothing to compare
}
