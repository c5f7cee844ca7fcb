package dsn

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	mask     = "xxxxx"
	withheld = "the database's words are withheld: they may quote the password"
)

// RedactError wraps an error of the database so that its text is one line that people can
// use and does not hold the DSN's password, in any of the ways it may be written: as it
// stands in the DSN, decoded, encoded or quoted. Where the DSN is ambiguous, more than the
// password is masked; where the password is so short that masking is hopeless, the whole
// text is replaced.
//
// Of several attempts to connect, equal ones are told once. SQLite's file is named. Where
// something had to be masked, and the error is of a kind that needs no words of the
// database (a name that can't be resolved, a connection that is refused, a login that
// fails and the like), the text is this package's own, with the host and port that the DSN
// names if it can be read in one way only: a password that is also the name of its host is
// no secret in that place.
//
// The driver is one that [Open] takes. [errors.Is] and [errors.As] see the original error,
// whose own text is not redacted. An error whose text needs no change is given back as it
// is, a nil error too.
func RedactError(driver, dsn string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if file := sqliteFile(driver, dsn); file != "" {
		text = file + ": " + text
	}
	// A secret may have several lines, and lines that are joined may spell one.
	masked := redactText(dsn, text)
	clean := redactText(dsn, oneLine(masked))
	if masked != text {
		clean = plainly(driver, dsn, err, clean)
	}
	if clean == err.Error() {
		return err
	}
	return &redacted{text: clean, err: err}
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

// redactText masks in text whatever may be a secret of the DSN.
func redactText(dsn, text string) string {
	found := secrets(dsn)
	for _, s := range found {
		if len(s) < 3 {
			if strings.Contains(text, s) {
				return withheld
			}
			continue
		}
		text = strings.ReplaceAll(text, s, mask)
	}
	for _, s := range found {
		if strings.Contains(text, s) {
			return withheld // masking one secret has completed another
		}
	}
	return text
}

// secretParam matches a parameter whose name says that its value is secret, in a list of
// key=value or in a URL's query.
var secretParam = regexp.MustCompile(`(?i)(?:pass|pwd|secret|token|_key)[\w.-]*\s*=\s*('(?:\\.|[^'\\])*|(?:\\.|[^\s\\])*)`)

// secrets lists every string that may be a secret in the DSN, longest first: what a
// correct reading gives, and, unless the reading is beyond doubt, what any reading could.
func secrets(dsn string) []string {
	var list []string
	add := func(s string) { list = append(list, spellings(s)...) }

	for _, m := range secretParam.FindAllStringSubmatch(dsn, -1) {
		value := strings.TrimPrefix(m[1], "'")
		add(value)
		add(strings.NewReplacer(`\\`, `\`, `\`, "").Replace(value))
		if strings.Contains(dsn, "?") { // perhaps a query, where the next parameter follows
			first, _, _ := strings.Cut(value, "&")
			add(first)
		}
	}
	if region := userRegion(dsn); region != "" {
		add(region)
		if strings.ContainsAny(region, "@:/?# ") {
			for piece := range strings.FieldsFuncSeq(region, isDelimiter) {
				if len(piece) >= 3 { // shorter ones are in every text
					add(piece)
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// userRegion gives the widest part of the DSN that could be a password by its place: from
// the first colon (after the scheme) to the last @. In a URL without any @ that does not
// parse, the @ may have been forgotten: then it is everything after that colon.
func userRegion(dsn string) string {
	scheme, rest, isURL := strings.Cut(dsn, "://")
	if !isURL || !plainName.MatchString(scheme) {
		rest, isURL = dsn, false
	}
	end := strings.LastIndexByte(rest, '@')
	if end < 0 {
		if _, err := url.Parse(dsn); !isURL || err == nil {
			return ""
		}
		end = len(rest)
	}
	_, region, _ := strings.Cut(rest[:end], ":")
	return region
}

func isDelimiter(r rune) bool { return strings.ContainsRune("@:/?#&=()[] ", r) }

// spellings gives the ways in which a library may write a secret into its error.
func spellings(s string) []string {
	list := []string{s}
	if decoded, err := url.PathUnescape(s); err == nil {
		list = append(list, decoded)
	}
	if decoded, err := url.QueryUnescape(s); err == nil {
		list = append(list, decoded)
	}
	for _, plain := range slices.Clone(list) {
		quoted := strconv.Quote(plain)
		list = append(list, url.PathEscape(plain), url.QueryEscape(plain), quoted[1:len(quoted)-1])
	}
	return list
}
