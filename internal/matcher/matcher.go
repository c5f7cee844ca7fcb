// Package matcher decides which HTTP status codes count as a pass.
//
// A [Set] is written the way AWS writes a target group's matcher: single codes and
// ranges, separated by commas, such as "200" or "200-299,301". What parses prints back
// in one canonical form, and the canonical form parses to an equal Set.
//
// A Set never changes after [Parse] and is safe for use by any number of goroutines.
package matcher

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The status codes of HTTP: three digits, the first 1 to 5 (RFC 9110, section 15).
const (
	lowest  = 100
	highest = 599
)

// Set is a set of status codes from 100 to 599. The zero value matches nothing.
// Two Sets that match the same codes are equal by ==.
type Set struct {
	bits [(highest-lowest)/64 + 1]uint64 // bit i stands for the code lowest+i
}

// Parse reads a comma-separated list of codes and ranges. Both ends of a range belong to
// it. Spaces around commas and at either end are allowed, pieces may overlap. An empty
// list is an error, as is an empty piece, a code outside 100..599 and a range that runs
// downwards. The error names the bad piece and says what would be right.
func Parse(s string) (Set, error) {
	if strings.TrimSpace(s) == "" {
		return Set{}, errors.New("no status code; write one such as 200, or a list such as 200-299,301")
	}
	var set Set
	for piece := range strings.SplitSeq(s, ",") {
		low, high, err := parsePiece(strings.TrimSpace(piece))
		if err != nil {
			return Set{}, err
		}
		for code := low; code <= high; code++ {
			set.bits[(code-lowest)/64] |= 1 << ((code - lowest) % 64)
		}
	}
	return set, nil
}

// Match reports whether code is in the set. A code outside 100..599 never is.
func (s Set) Match(code int) bool {
	if code < lowest || code > highest {
		return false
	}
	return s.bits[(code-lowest)/64]&(1<<((code-lowest)%64)) != 0
}

// String gives the set in its canonical form: ascending, without spaces, neighbouring
// codes joined to a range, such as "200-299,301". The zero value gives "".
func (s Set) String() string {
	var b strings.Builder
	for code := lowest; code <= highest; code++ {
		if !s.Match(code) {
			continue
		}
		first := code
		for s.Match(code + 1) {
			code++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(first))
		if code > first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(code))
		}
	}
	return b.String()
}

// IsZero reports whether the set matches nothing.
func (s Set) IsZero() bool { return s == Set{} }

// parsePiece reads one code or one range, already trimmed.
func parsePiece(piece string) (low, high int, err error) {
	if piece == "" {
		return 0, 0, errors.New("an empty piece between commas; write codes such as 200-299,301")
	}
	from, to, isRange := strings.Cut(piece, "-")
	if low, err = parseCode(piece, from); err != nil {
		return 0, 0, err
	}
	if !isRange {
		return low, low, nil
	}
	if high, err = parseCode(piece, to); err != nil {
		return 0, 0, err
	}
	if high < low {
		return 0, 0, fmt.Errorf("%s: the range is the wrong way round; write %d-%d", piece, high, low)
	}
	return low, high, nil
}

// parseCode reads three digits; piece is what an error names. Signs, spaces and leading
// zeros are refused: what parses must look like a status code.
func parseCode(piece, text string) (int, error) {
	code, err := strconv.ParseUint(text, 10, 16)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s: no status code is that large; use %d to %d", quote(piece), lowest, highest)
	case err != nil:
		return 0, fmt.Errorf("%s: not a status code or a range of them; write 200 or 200-299", quote(piece))
	case code < lowest || code > highest:
		return 0, fmt.Errorf("%s: %d is outside the status codes, %d to %d", quote(piece), code, lowest, highest)
	case len(text) != 3:
		return 0, fmt.Errorf("%s: a status code has three digits; write %d", quote(piece), code)
	}
	return int(code), nil
}

// quote makes a piece of foreign text safe to print on one line: shortened, and quoted
// when it holds anything but digits and hyphens.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "…"
	}
	if strings.Trim(s, "0123456789-") == "" && s != "" {
		return s
	}
	return strconv.Quote(s)
}
