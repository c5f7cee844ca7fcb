package diagnose

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/inservice/inservice/internal/exchange"
)

// FuzzHostile: whatever a server answers, the diagnosis ends, keeps to its bounds,
// and says nothing that a terminal would take for more than text.
func FuzzHostile(f *testing.F) {
	f.Add(200, "Location", "\x1b]0;x\x07", "\x1b[2J<html>", uint8(0))
	f.Add(301, "Location", "https://\x00evil/\x1b[31m", "", uint8(0))
	f.Add(302, "Location", "//[::1", "", uint8(0))
	f.Add(503, "Retry-After", "\x1b", `{"status":"down","db":"\u001b[2J connection refused"}`, uint8(0))
	f.Add(401, "WWW-Authenticate", "Basic realm=\"\r\n\x1b\"", "", uint8(0))
	f.Add(405, "Allow", "\u202e", "", uint8(0))
	f.Add(0, "", "", "\x00\xff\x1b[H", uint8(1))
	f.Add(200, "Set-Cookie", "\x1b[1m=1", `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}`, uint8(0))
	f.Add(200, "X-Cache", "HIT \x9b2J", "ERROR \x1b[2J", uint8(2))
	f.Fuzz(func(t *testing.T, status int, name, value, text string, kind uint8) {
		m := &model{}
		m.layers = []layer{func(a ask) (exchange.Answer, bool) {
			got := answer(status%600, text, name+": "+value)
			switch kind % 4 {
			case 1:
				got = bytesThat(text)
			case 2:
				if a.n%2 == 1 {
					got.Failure, got.Stage = exchange.BodyCutShort, exchange.ReadingBody
				}
			case 3:
				got.Phases.Total = time.Duration(len(text)) * 100 * time.Millisecond
			}
			return got, true
		}}
		r := m.diagnosed(t, albQuestion(t, status%2 == 0))
		check := func(s string) {
			if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is not printable", s)
			}
		}
		for _, found := range append(r.Causes, r.Warnings...) {
			check(found.Location)
			for _, e := range found.Evidence {
				check(e)
			}
		}
		for _, n := range r.Notes {
			check(n.Text)
			for _, e := range n.Evidence {
				check(e)
			}
		}
		for _, s := range r.RuledOut {
			check(s)
		}
		for _, o := range r.Observations {
			check(o.Experiment.Name)
			check(o.Experiment.Change)
		}
	})
}
