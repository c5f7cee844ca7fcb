package matcher

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want string // canonical form
		pass []int
		fail []int
	}{
		{"one code", "200", "200", []int{200}, []int{199, 201, 0, -200}},
		{"range includes both ends", "200-299", "200-299", []int{200, 250, 299}, []int{199, 300}},
		{"list", "200-299,301", "200-299,301", []int{200, 299, 301}, []int{300, 302}},
		{"spaces around commas", " 200 , 301 ", "200,301", []int{200, 301}, []int{300}},
		{"sorted", "500,200", "200,500", []int{200, 500}, []int{499}},
		{"duplicates", "200,200", "200", []int{200}, []int{201}},
		{"neighbours join", "200,201,202", "200-202", []int{201}, []int{203}},
		{"two neighbours", "301,302", "301-302", []int{301, 302}, []int{300, 303}},
		{"overlap", "200-250,240-299", "200-299", []int{245, 299}, []int{300}},
		{"range of one", "204-204", "204", []int{204}, []int{203, 205}},
		{"everything", "100-599", "100-599", []int{100, 599}, []int{99, 600}},
		{"edges", "100,599", "100,599", []int{100, 599}, []int{99, 101, 598, 600, 1 << 20}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set, err := Parse(tt.in)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.in, err)
			}
			if got := set.String(); got != tt.want {
				t.Errorf("String() = %q, want %q", got, tt.want)
			}
			for _, code := range tt.pass {
				if !set.Match(code) {
					t.Errorf("Match(%d) = false, want true", code)
				}
			}
			for _, code := range tt.fail {
				if set.Match(code) {
					t.Errorf("Match(%d) = true, want false", code)
				}
			}
			if set.IsZero() {
				t.Error("IsZero() = true for a set that matches something")
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "no status code; write one such as 200, or a list such as 200-299,301"},
		{" \t", "no status code; write one such as 200, or a list such as 200-299,301"},
		{"299-200", "299-200: the range is the wrong way round; write 200-299"},
		{"200,,301", "an empty piece between commas; write codes such as 200-299,301"},
		{"200,", "an empty piece between commas; write codes such as 200-299,301"},
		{"ok", `"ok": not a status code or a range of them; write 200 or 200-299`},
		{"2xx", `"2xx": not a status code or a range of them; write 200 or 200-299`},
		{"200 301", `"200 301": not a status code or a range of them; write 200 or 200-299`},
		{"200 - 299", `"200 - 299": not a status code or a range of them; write 200 or 200-299`},
		{"+200", `"+200": not a status code or a range of them; write 200 or 200-299`},
		{"-200", `-200: not a status code or a range of them; write 200 or 200-299`},
		{"200-", `200-: not a status code or a range of them; write 200 or 200-299`},
		{"200-299-301", `200-299-301: not a status code or a range of them; write 200 or 200-299`},
		{"99", "99: 99 is outside the status codes, 100 to 599"},
		{"200-600", "200-600: 600 is outside the status codes, 100 to 599"},
		{"0200", "0200: a status code has three digits; write 200"},
		{"99999999999999999999", "99999999999999999999: no status code is that large; use 100 to 599"},
		{"200\n", ""}, // surrounding white space is no error
		{"20\n0", `"20\n0": not a status code or a range of them; write 200 or 200-299`},
		{strings.Repeat("x", 50), `"` + strings.Repeat("x", 40) + `…": not a status code or a range of them; write 200 or 200-299`},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			set, err := Parse(tt.in)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse(%q) error (-want +got):\n%s", tt.in, diff)
			}
			if err != nil && !set.IsZero() {
				t.Errorf("Parse(%q) = %v beside an error, want the zero Set", tt.in, set)
			}
		})
	}
}

func TestZeroSet(t *testing.T) {
	var set Set
	for code := -1; code <= 1000; code++ {
		if set.Match(code) {
			t.Fatalf("the zero Set matches %d", code)
		}
	}
	if set.String() != "" || !set.IsZero() {
		t.Errorf("zero Set: String() = %q, IsZero() = %v; want empty and true", set.String(), set.IsZero())
	}
}

// TestModel builds random lists beside a plain map, and asks both about every code.
func TestModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		model := map[int]bool{}
		var pieces []string
		for range 1 + r.IntN(6) {
			low := lowest + r.IntN(highest-lowest+1)
			high := low + r.IntN(min(60, highest-low+1))
			piece := strconv.Itoa(low)
			if high > low || r.IntN(2) == 0 {
				piece += "-" + strconv.Itoa(high)
			}
			pieces = append(pieces, strings.Repeat(" ", r.IntN(2))+piece)
			for code := low; code <= high; code++ {
				model[code] = true
			}
		}
		text := strings.Join(pieces, ",")
		set, err := Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		for code := 0; code <= 700; code++ {
			if set.Match(code) != model[code] {
				t.Fatalf("Parse(%q).Match(%d) = %v, the model says %v", text, code, set.Match(code), model[code])
			}
		}
		checkRoundTrip(t, set)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"200", "200-299,301", " 200 , 301 ", "299-200", "", ",", "100-599", "2xx", "200-", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, err := Parse(s)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("Parse(%q): error of more than one line: %q", s, err)
			}
			return
		}
		if set.IsZero() {
			t.Errorf("Parse(%q) gave a set that matches nothing and no error", s)
		}
		checkRoundTrip(t, set)
	})
}

// checkRoundTrip: the canonical form parses to an equal set and prints the same again.
func checkRoundTrip(t *testing.T, set Set) {
	t.Helper()
	again, err := Parse(set.String())
	if err != nil {
		t.Fatalf("Parse(%q), which String wrote: %v", set.String(), err)
	}
	if again != set || again.String() != set.String() {
		t.Fatalf("round trip of %q gives %q", set.String(), again.String())
	}
}
