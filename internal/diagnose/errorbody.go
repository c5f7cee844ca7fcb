package diagnose

import (
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

var (
	title      = regexp.MustCompile(`(?is)<(title|h1)[^>]*>(.*?)</(title|h1)>`)
	errorTitle = regexp.MustCompile(`(?i)^\W*((5\d\d|fatal|server|application|internal|unexpected|database|system|runtime)\b.*(error|unavailable|exception|gateway)|error\b|(an )?(unhandled )?exception|oops|whoops|service (temporarily )?unavailable|bad gateway|gateway time-?out|something went wrong|we'?re sorry|whitelabel error page|(site|database) (is )?(down|unavailable))`)
	errorPage  = regexp.MustCompile(`(?i)traceback \(most recent call last\)|error establishing a database connection|whitelabel error page|<b>(fatal|parse) error</b>|(php )?fatal error: |uncaught (exception|error|pdoexception)|sqlstate\[|unhandled exception|at [\w.$]+\([\w]+\.java:\d+\)`)
	markup     = regexp.MustCompile(`<[a-zA-Z!/]`)
	tags       = regexp.MustCompile(`<[^>]*>`)
	styles     = regexp.MustCompile(`(?is)<(style|script)[^>]*>.*?</(style|script)>`)
)

// Lines of a short text. The loose ones are for plain text, where a line that
// begins so is a verdict; the strict ones for what is left of a page, where
// headings and links use the same words.
var (
	errorLine   = regexp.MustCompile(`(?i)^\W*(error|err|fail(ed|ure|ing)?|down|unhealthy|critical|not[ _]ok|nok|ko|exception( (in|at|while|was|occurred|thrown|caught)\b|\W*$|\s*[:(–—-])|unavailable|internal server error|service unavailable|dead|broken|bad)\b`)
	errorPart   = regexp.MustCompile(`(?i)\b[\w ]{2,30}\s*[:=]?\s*(is )?(down|fail(ed|ing)?|error|unhealthy|unreachable|unavailable|not (ok|available|reachable|responding|connected)|disconnected|connection refused)\b`)
	verdictLine = regexp.MustCompile(`(?i)^\W*(` + badVerdict + `)\W*($|[:(!.–—-])`)
	verdictCell = regexp.MustCompile(`(?i)^[^:=]{2,40}?(:|=|\s[–—-])\s*\W*(` + badVerdict + `)\W*($|[:(,;!.–—-])`)
	verdictPart = regexp.MustCompile(`(?i)^.{1,40}?\s(is |has )?(` + badVerdict + `)\W*$`)
	badMark     = regexp.MustCompile(`[✗✘✖❌🔴]`)
)

// badVerdict are the words by which a page says that something is not well.
const badVerdict = `error|fail(ed|ure|ing)?|down|unhealthy|critical|not[ _](ok|available|reachable|responding|connected|ready|running)|nok|ko|dead|broken|bad|fatal|unavailable|unreachable|disconnected|offline|refused|timed out`

// noError finds the same words where they are denied, or head a count.
var noError = regexp.MustCompile(`(?i)\b(no|not|nothing|none|never|0|zero|without)\s+([\w-]+\s+){0,2}?(errors?|exceptions?|fail(ures?|ed|ing|s)?|down|dead|critical|broken|bad|unhealthy|unavailable|unreachable|offline|outages?|problems?)\b|\b(errors?|exceptions?|fail(ures?|ed|ing)?|down|dead|critical|broken|bad|unhealthy|unavailable|unreachable|offline)\b\s*[:=(]\s*(0\b|none\b|no\s*($|[,;.)])|false\b|null\b|\[\])|\b(errors|exceptions|failures|failed|failing|down|dead|critical|broken|offline)\b\s*[:=(]\s*\d+`)

// settled finds a name with a value that says there is nothing of it: what is named
// so, be it an error, is not there.
var settled = regexp.MustCompile(`(?i)[\p{L}\p{N}][\p{L}\p{N}_./'-]*( [\p{L}\p{N}][\p{L}\p{N}_./'-]*){0,5}\s*[:=：]\s*((none|no|off|false|null|nil|n/a|--?|\[\]|\{\}|keine?r?|nein|aucune?|non|ning[uú]n[ao]?|nessun[ao]?|nenhuma?|geen|nee|nej|brak|нет|无|無|なし|없음)\s*($|[,;|)])|0+(\.0+)?\s*%?($|[^\p{L}\p{N}.%]))`)

// unwell finds a flag of health that is not set.
var unwell = regexp.MustCompile(`(?i)^\W*(ok|(is[ _-]?)?(healthy|alive|ready|up)|success)\s*[:=]\s*(false|no)\W*$`)

// subordinate finds what is told of what might be: "what to do when the server is
// down" says nothing of now.
var subordinate = regexp.MustCompile(`(?i)\b(if|when|whenever|whether|how|what|why|should|unless|in case)\b[^,.;:!?]*`)

// sentence ends one.
var sentence = regexp.MustCompile(`[.!?]\s+`)

// stated is what a line says of now: without what it denies, and what might be.
func stated(line string) string {
	return subordinate.ReplaceAllString(noError.ReplaceAllString(settled.ReplaceAllString(line, ""), ""), "")
}

// errorInBody looks for an answer that says in its body what its status does not.
// What the body is, it tells itself: frameworks send plain text as HTML by default.
func errorInBody(a exchange.Answer) (string, bool) {
	if v, ok := tree(a); ok {
		s, bad := complaint(v)
		return quoted(s), bad
	}
	body := strings.TrimSpace(string(a.Body))
	if m := errorPage.FindString(body); m != "" {
		return quoted(m), true
	}
	switch {
	case !markup.MatchString(body):
		return errorInText(body)
	case isHTML(a):
		return errorInPage(a, body)
	}
	m, bad := complaintXML(body)
	return quoted(m), bad
}

// longestText is how long a text may be, in bytes, to be read as a health answer.
// What is longer is about something, and may well be about errors.
const longestText = 600

// errorInText reads a short plain text line by line.
func errorInText(text string) (string, bool) {
	if len(text) > longestText {
		return "", false
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		rest := stated(line)
		clauses := strings.FieldsFunc(rest, isComma)
		if errorLine.MatchString(rest) || errorPart.MatchString(rest) || refusal.MatchString(rest) || badMark.MatchString(rest) ||
			slices.ContainsFunc(clauses, verdictCell.MatchString) || slices.ContainsFunc(strings.FieldsFunc(line, isComma), unwell.MatchString) || foreignTrouble(line) {
			return quoted(line), true
		}
	}
	return "", false
}

// isComma reports whether a character parts the clauses of a line.
func isComma(r rune) bool { return r == ',' || r == ';' || r == '|' }

// errorInPage reads a page's headings, and all of it if it says little.
func errorInPage(a exchange.Answer, body string) (string, bool) {
	for _, m := range title.FindAllStringSubmatch(body, 4) {
		words := strings.TrimSpace(html.UnescapeString(tags.ReplaceAllString(m[2], " ")))
		if (errorTitle.MatchString(words) || foreignBegins.MatchString(words)) && !namesSuccess(words, a.Status) {
			return quoted(words), true
		}
	}
	lines := pageLines(body)
	if len(strings.Join(lines, "")) > longestText {
		return "", false
	}
	for _, line := range lines {
		if slices.ContainsFunc(sentence.Split(line, -1), badSentence) {
			return quoted(line), true
		}
	}
	return "", false
}

// badSentence reports whether a sentence of a page has a verdict's form, and a bad one.
func badSentence(text string) bool {
	rest := stated(text)
	return verdictLine.MatchString(rest) || verdictCell.MatchString(rest) || refusalSeen.MatchString(rest) || foreignTroubleSeen(text) ||
		parts.MatchString(rest) && (verdictPart.MatchString(rest) || badMark.MatchString(rest))
}

// namesSuccess reports whether a heading says no more than the answer's own status,
// a 2xx: what some servers head all pages of their own making with.
func namesSuccess(heading string, status int) bool {
	return status/100 == 2 && strings.Contains(" "+heading+" ", " "+strconv.Itoa(status)+" ")
}

var (
	headings = regexp.MustCompile(`(?is)<(title|h[1-6])\b[^>]*>.*?</(title|h[1-6])>`)
	nextCell = regexp.MustCompile(`(?i)</(td|th|dt)>\s*<(td|dd)\b`)
	lineEnds = regexp.MustCompile(`(?i)<(br|hr)\b[^>]*>|</(tr|li|p|div|dd|pre|section|article|header|footer|option|button|a)>|<(tr|li|p|div|pre|table|ul|ol|dl|dt)\b`)
)

// pageLines is a page's text as it is seen: a row of a table is a line, "name:
// value" where it has two cells. Headings are left out.
func pageLines(body string) []string {
	s := headings.ReplaceAllString(styles.ReplaceAllString(body, " "), "\n")
	s = strings.Join(strings.Fields(s), " ")
	s = nextCell.ReplaceAllString(s, ": <td")
	s = lineEnds.ReplaceAllString(s, "\n$0")
	var lines []string
	for line := range strings.Lines(html.UnescapeString(tags.ReplaceAllString(s, ""))) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
