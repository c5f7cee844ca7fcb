package config

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error lists everything that is wrong with a configuration. It is always an *Error.
type Error struct {
	// Name is the file's name as it was given, "flags" if there was no file.
	Name string
	// Problems is not empty; those of the file first, by position, then those of flags.
	Problems []Problem
}

// Error gives one line for each problem, without a newline at the end.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
		if p.Flag == "" {
			lines[i] = e.Name + ":" + lines[i]
		}
		if p.Flag == "" && p.Line == 0 {
			lines[i] = e.Name + ": " + p.text()
		}
	}
	return strings.Join(lines, "\n")
}

// Problem is one thing that is wrong. None of its fields holds a secret.
type Problem struct {
	Line, Column int    // from 1, columns in characters; 0 if it is not in the file
	Flag         string // the flag that the value came from, such as "--listen", or ""
	Key          string // path of the key, such as "agent.checks[0].interval"; "" = the file
	Message      string // what is wrong
	Want         string // what would be right; may be empty
}

// String gives the problem as one line: "7:9: key: message; want", or "--flag: message;
// want".
func (p Problem) String() string {
	switch {
	case p.Flag != "":
		return p.Flag + ": " + p.say()
	case p.Line == 0:
		return p.text()
	}
	return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.text())
}

// text is the problem with its key, without its place.
func (p Problem) text() string {
	if p.Key == "" {
		return p.say()
	}
	return p.Key + ": " + p.say()
}

func (p Problem) say() string {
	if p.Want == "" {
		return p.Message
	}
	return p.Message + "; " + p.Want
}

// place is where a key's value was written.
type place struct {
	line, column int
	flag         string
	hidden       bool // the value is secret or came from the environment: never quote it
}

// report collects problems, and knows where each key was written. It belongs to one call
// of Parse.
type report struct {
	lines      [][]byte
	places     map[string]place
	bad        map[string]bool // keys that have a problem already
	problems   []Problem
	unreadable bool // the file is no YAML mapping: there is nothing to validate
}

func newReport(data []byte) *report {
	var lines [][]byte
	if len(data) > 0 {
		lines = bytes.Split(data, []byte("\n"))
	}
	return (&report{lines: lines}).aside()
}

// aside gives an empty report on the same file.
func (r *report) aside() *report {
	return &report{lines: r.lines, places: map[string]place{}, bad: map[string]bool{}}
}

// add reports a problem with a key, at the place of the key or, if it was not written, of
// the section it belongs to.
func (r *report) add(key, message, want string) {
	r.bad[key] = true
	r.addAt(r.at(key), key, message, want)
}

// addAt reports a problem at a place of its own, as when a key is written twice. The value
// that the key has otherwise is not at fault.
func (r *report) addAt(at place, key, message, want string) {
	at = r.clamp(at)
	r.problems = append(r.problems, Problem{
		Line: at.line, Column: at.column, Flag: at.flag, Key: key, Message: message, Want: want,
	})
}

// at gives the place of a key, or of the nearest section around it.
func (r *report) at(key string) place {
	for {
		if at, found := r.places[key]; found {
			return at
		}
		if key == "" {
			return r.clamp(place{line: 1, column: 1})
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
}

// set records the place of a key. The library's positions of empty values can lie past the
// end of their line; no problem may point outside the file.
func (r *report) set(key string, at place) { r.places[key] = r.clamp(at) }

func (r *report) clamp(at place) place {
	if at.flag != "" || len(r.lines) == 0 {
		return place{flag: at.flag, hidden: at.hidden}
	}
	at.line = min(max(at.line, 1), len(r.lines))
	line := bytes.TrimSuffix(r.lines[at.line-1], []byte("\r"))
	at.column = min(max(at.column, 1), utf8.RuneCount(line)+1)
	return at
}

// ok reports whether the key has no problem so far, so that one mistake gives one problem.
func (r *report) ok(key string) bool { return !r.bad[key] }

// written reports whether the key is in the file or was set by a flag.
func (r *report) written(key string) bool {
	_, found := r.places[key]
	return found
}

// given gives the key itself if it was written, or else the first in it that was: flags
// append to lists, and set keys of sections, that no file has.
func (r *report) given(key string) (at string, found bool) {
	if r.written(key) {
		return key, true
	}
	for _, inside := range slices.Sorted(maps.Keys(r.places)) {
		if strings.HasPrefix(inside, key+"[") || strings.HasPrefix(inside, key+".") {
			return inside, true
		}
	}
	return "", false
}

// advice gives what to do about a key's value: a flag where it came from one, or else what
// to write into the file. The flags are those of `inservice agent`.
func (r *report) advice(key, flag, file string) string {
	if r.at(key).flag != "" {
		return flag
	}
	return file
}

// quote gives a key's value as it may be shown.
func (r *report) quote(key, value string) string { return quote(value, r.at(key).hidden) }

// quote gives a value as it may be shown: on one line, not too long, and not at all if it
// may be secret.
func quote(value string, hidden bool) string {
	if !mayShow(value, hidden) {
		return "the value"
	}
	if runes := []rune(value); len(runes) > 60 {
		value = string(runes[:60]) + "…"
	}
	return strconv.Quote(value)
}

// mayShow reports whether a value is no secret. An @ often follows a password.
func mayShow(value string, hidden bool) bool { return !hidden && !strings.Contains(value, "@") }

// sorted gives the problems in the order of the file, those of flags last.
func (r *report) sorted() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		if byFlag := cmp.Compare(len(a.Flag), 0) - cmp.Compare(len(b.Flag), 0); byFlag != 0 {
			return byFlag
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.problems
}
