package realserver

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = "1 33 33 0 -1 4194560 10 0 0 0 250 50 0 0 20 0 1 0"
	for name, c := range map[string]struct {
		line string
		want stat
	}{
		"plain":        {"7 (nginx) S " + rest, stat{7, 1, "S", 3 * time.Second}},
		"spaces":       {"7 (postgres: writer) T " + rest, stat{7, 1, "T", 3 * time.Second}},
		"parentheses":  {"7 (a) Z (b) R " + rest, stat{7, 1, "R", 3 * time.Second}},
		"no name":      {"7 S " + rest, stat{}},
		"short":        {"7 (nginx) S 1 2 3", stat{}},
		"not a number": {"7 (nginx) S x 33 33 0 -1 4194560 10 0 0 0 250 50", stat{}},
		"empty":        {"", stat{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(7, c.line)
			if c.want == (stat{}) {
				if err == nil {
					t.Errorf("got %+v, want an error", got)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}
