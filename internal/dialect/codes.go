package dialect

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/lbprofile"
)

// grpcNames are gRPC's codes by number (grpc.io, status codes).
var grpcNames = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

func grpcName(code int) string {
	if code >= 0 && code < len(grpcNames) {
		return grpcNames[code]
	}
	return strconv.Itoa(code)
}

// grpcOf is the gRPC code for an HTTP status that came without one (gRPC's
// specification, http-grpc-status-mapping).
func grpcOf(status int) int {
	switch status {
	case 400:
		return 13
	case 401:
		return 16
	case 403:
		return 7
	case 404:
		return 12
	case 429, 502, 503, 504:
		return 14
	}
	return 2
}

// grpcTitle is a code as Go's gRPC writes it: "DeadlineExceeded".
func grpcTitle(code int) string {
	switch code {
	case 0:
		return "OK"
	case 1:
		return "Canceled"
	}
	name := ""
	for word := range strings.SplitSeq(grpcName(code), "_") {
		name += word[:1] + strings.ToLower(word[1:])
	}
	return name
}

// codes is a set of gRPC codes, 0 to 99 as AWS allows.
type codes [100]bool

// parseCodes reads a list of codes and ranges, such as "0,12" or "0-99".
func parseCodes(text string) (set codes, err error) {
	for piece := range strings.SplitSeq(text, ",") {
		piece = strings.TrimSpace(piece)
		from, to, isRange := strings.Cut(piece, "-")
		if !isRange {
			to = from
		}
		low, err := parseCode(piece, from)
		if err != nil {
			return set, err
		}
		high, err := parseCode(piece, to)
		if err != nil {
			return set, err
		}
		if high < low {
			return set, fmt.Errorf("matcher: %s: the range is the wrong way round; write %d-%d", piece, high, low)
		}
		for code := low; code <= high; code++ {
			set[code] = true
		}
	}
	return set, nil
}

func parseCode(piece, text string) (int, error) {
	code, err := strconv.ParseUint(text, 10, 8)
	if err != nil || code > 99 || len(text) > 1 && text[0] == '0' {
		return 0, fmt.Errorf("matcher: %q is no gRPC code; write one from 0 to 99, such as 12, or a list such as 0-5,12", piece)
	}
	return int(code), nil
}

func (c codes) match(code int) bool { return code >= 0 && code < len(c) && c[code] }

// didYouMean names the dialects whose names are close to one that is none.
func didYouMean(name string) string {
	best, most := []string(nil), 3
	for _, p := range lbprofile.All() {
		if !askable(p) {
			continue
		}
		for _, known := range append([]string{p.Name}, p.Aliases...) {
			d := distance(strings.ToLower(name), known)
			if len(name) > 2 && strings.Contains(known, strings.ToLower(name)) {
				d = min(d, 2)
			}
			if d < most {
				best, most = nil, d
			}
			if d == most && d < 3 && (len(best) == 0 || best[len(best)-1] != p.Name) {
				best = append(best, p.Name)
			}
		}
	}
	if len(best) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(best, " or ") + "?"
}

// distance counts the letters to insert, drop or replace to make b of a.
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
