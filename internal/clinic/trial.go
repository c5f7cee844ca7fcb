package clinic

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// trial is one question with a change, and the answer that it must get.
//
// It is written "change change… => answer condition…"; spaces inside a word are
// written %20. No change is the load balancer's own question, once more.
//
// Changes: host=NAME (host= sends none), path=, method=, xfp=PROTO
// (X-Forwarded-Proto), ua= (ua= sends none), header=Name:value, http=1.0, 1.1 or
// 2 (without TLS by prior knowledge), tls=on, off or 1.0 (no later version),
// sni=NAME, cert=client (a client certificate that the server trusts), proxy=v1,
// src=IP (asked from there), ip=IP (asked there), port=2 (the server's second
// port), patience=SECONDS (in place of the time-out).
//
// Answers: a status code; refused, unreachable, silence (nothing came in time),
// closed (ended without a byte), alert (TLS was refused), noise (bytes that are
// no HTTP), cut (a body shorter than announced). Conditions: location=URL,
// head~TEXT, body~TEXT, slow (took longer than the time-out).
type trial struct {
	Changes []change
	Answer  string
	Conds   []change // Name holds the operator too: "body~"
}

// change is a factor and its value.
type change struct{ Name, Value string }

var (
	changeNames = []string{"host", "path", "method", "xfp", "ua", "header", "http", "tls", "sni", "cert", "proxy", "src", "ip", "port", "patience"}
	condNames   = []string{"location=", "head~", "body~", "slow"}
	failures    = []string{"refused", "unreachable", "silence", "closed", "alert", "noise", "cut"}
)

// parseTrial reads a trial as it is written.
func parseTrial(s string) (trial, error) {
	changes, answer, ok := strings.Cut(" "+s, " => ")
	words := strings.Fields(answer)
	if !ok || len(words) == 0 {
		return trial{}, fmt.Errorf("trial %q: want \"changes => answer\"", s)
	}
	t := trial{Answer: words[0]}
	if _, err := strconv.Atoi(t.Answer); err != nil && !slices.Contains(failures, t.Answer) {
		return trial{}, fmt.Errorf("trial %q: unknown answer %q", s, t.Answer)
	}
	for word := range strings.FieldsSeq(changes) {
		name, value, err := split(word, "=")
		if err != nil || !slices.Contains(changeNames, name) {
			return trial{}, fmt.Errorf("trial %q: unknown change %q", s, word)
		}
		t.Changes = append(t.Changes, change{name, value})
	}
	for _, word := range words[1:] {
		name, value, err := split(word, "=~")
		if i := len(name); i < len(word) {
			name = word[:i+1]
		}
		if err != nil || !slices.Contains(condNames, name) {
			return trial{}, fmt.Errorf("trial %q: unknown condition %q", s, word)
		}
		t.Conds = append(t.Conds, change{name, value})
	}
	return t, nil
}

// split cuts a word at the first of the separators and decodes what follows.
func split(word, separators string) (name, value string, err error) {
	i := strings.IndexAny(word, separators)
	if i < 0 {
		return word, "", nil
	}
	value, err = url.PathUnescape(word[i+1:])
	return word[:i], value, err
}

// met returns what is wrong with an answer, or nil.
func (t trial) met(a answer, timeout float64) error {
	if a.word != t.Answer {
		return fmt.Errorf("answered %v, want %s", a, t.Answer)
	}
	for _, c := range t.Conds {
		switch c.Name {
		case "location=":
			if got := a.header.Get("Location"); got != c.Value {
				return fmt.Errorf("answered %v with Location %q, want %q", a, got, c.Value)
			}
		case "head~":
			if !strings.Contains(a.head, c.Value) {
				return fmt.Errorf("answered %v with the head %q, want %q in it", a, a.head, c.Value)
			}
		case "body~":
			if !strings.Contains(a.body, c.Value) {
				return fmt.Errorf("answered %v with the body %q, want %q in it", a, a.body, c.Value)
			}
		case "slow":
			if a.took.Seconds() <= timeout {
				return fmt.Errorf("answered %v after %v, want it to take longer than %v s", a, a.took, timeout)
			}
		}
	}
	return nil
}
