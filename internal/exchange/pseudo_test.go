package exchange

import (
	"slices"
	"testing"
)

// TestPseudo: HTTP/2's pseudo-fields go out in the order that was chosen, those
// that were not chosen behind them.
func TestPseudo(t *testing.T) {
	for _, c := range []struct{ chosen, want []string }{
		{nil, []string{":method", ":scheme", ":authority", ":path"}},
		{[]string{":authority", ":method", ":path", ":scheme"}, []string{":authority", ":method", ":path", ":scheme"}},
		{[]string{":path"}, []string{":path", ":method", ":scheme", ":authority"}},
	} {
		r := Request{Protocol: HTTP2, Fields: []Field{{"X", "y"}, {"Host", "a"}}, Pseudo: c.chosen}
		fields, _ := r.fields2()
		var got []string
		for _, f := range fields {
			got = append(got, f.Name)
		}
		if want := append(c.want, "x"); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", c.chosen, got, want)
		}
	}
}
