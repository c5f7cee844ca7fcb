package visible

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	for name, test := range map[string]struct {
		s     string
		limit int
		want  string
	}{
		"plain":                {"GET / HTTP/1.1", 0, "GET / HTTP/1.1"},
		"nothing":              {"", 5, ""},
		"colour":               {"\x1b[31mred", 0, `\x1b[31mred`},
		"line ends":            {"a\r\nb\tc", 0, `a\r\nb\tc`},
		"not UTF-8":            {"a\xff\xc3b", 0, `a\xff\xc3b`},
		"umlaut":               {"Größe", 0, "Größe"},
		"right to left":        {"a\u202egpj", 0, `a\u202egpj`},
		"eight-bit control":    {"\u009b31m", 0, `\u009b31m`},
		"not assigned":         {"\U0010fffe", 0, `\U0010fffe`},
		"fits":                 {"abcde", 5, "abcde"},
		"too long":             {"abcdef", 5, "abcd…"},
		"no half an escape":    {"abc\x1bd", 5, "abc…"},
		"escape at the end":    {"a\x1b", 5, `a\x1b`},
		"characters, no bytes": {"äöüß", 4, "äöüß"},
	} {
		if got := Line(test.s, test.limit); got != test.want {
			t.Errorf("%s: Line(%q, %d) = %q, want %q", name, test.s, test.limit, got, test.want)
		}
	}
}

func TestJSON(t *testing.T) {
	const strange = "a\x1b\x7f\u0085\u009b31m\u202e\U000e0001\u2028 Größe 日本 é\ufffd\\ \"b\""
	encoded, err := json.MarshalIndent(map[string]string{"text": strange}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	shown := JSON(encoded)
	for _, r := range string(shown) {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U is left in %q", r, shown)
		}
	}
	var back map[string]string
	if err := json.Unmarshal(shown, &back); err != nil || back["text"] != strange {
		t.Errorf("read back as %q, %v; want %q", back["text"], err, strange)
	}
	if !strings.Contains(string(shown), "Größe 日本 é") {
		t.Errorf("%s: what prints was changed", shown)
	}
	if got := string(JSON([]byte("\"a\x9bb\""))); got != `"a\ufffdb"` {
		t.Errorf("a byte that is no UTF-8 became %q", got)
	}
}

func TestLines(t *testing.T) {
	for name, test := range map[string]struct {
		wire          string
		width, height int
		want          []string
		more          bool
	}{
		"head":          {"GET / HTTP/1.0\r\nA: b\r\n\r\n", 0, 0, []string{"GET / HTTP/1.0", "A: b", ""}, false},
		"bare LF":       {"GET / HTTP/1.0\n\n", 0, 0, []string{`GET / HTTP/1.0\n`, `\n`}, false},
		"CR in a line":  {"a\rb\r\n", 0, 0, []string{`a\rb`}, false},
		"breaks off":    {"GET / HT", 0, 0, []string{"GET / HT"}, false},
		"CR at the end": {"GET\r", 0, 0, []string{`GET\r`}, false},
		"high":          {"a\r\nb\r\nc\r\n", 0, 2, []string{"a", "b"}, true},
		"just fits":     {"a\r\nb\r\n", 0, 2, []string{"a", "b"}, false},
		"wide":          {"abcdef\r\n", 4, 0, []string{"abc…"}, false},
		"nothing":       {"", 4, 4, nil, false},
	} {
		got, more := Lines([]byte(test.wire), test.width, test.height)
		if diff := cmp.Diff(test.want, got); diff != "" || more != test.more {
			t.Errorf("%s: more %v, want %v, lines -want +got:\n%s", name, more, test.more, diff)
		}
	}
}

// Whatever came, what is shown prints, keeps to the limits, and says the same
// again when it is shown again.
func FuzzLines(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nX: \x1b]0;title\x07\r\n\r\n\xff\xfe"), 20, 10)
	f.Add([]byte(strings.Repeat("\u202e\u2066\n", 30)), 7, 3)
	f.Fuzz(func(t *testing.T, wire []byte, width, height int) {
		width, height = max(0, width%200), max(0, height%50)
		lines, _ := Lines(wire, width, height)
		if height > 0 && len(lines) > height {
			t.Errorf("%d lines, at most %d were wanted", len(lines), height)
		}
		for _, line := range lines {
			if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q does not print", line)
			}
			if n := utf8.RuneCountInString(line); width > 0 && n > width {
				t.Errorf("%q has %d characters, at most %d were wanted", line, n, width)
			}
			if again := Line(line, 0); again != line {
				t.Errorf("%q became %q when it was shown again", line, again)
			}
		}
	})
}
