package inspect

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Way is what is done instead of answering at once.
type Way uint8

// The Ways.
const (
	Reply Way = iota // an answer
	Close            // the connection is closed without a word
	Hang             // nothing is said until the other side gives up
)

// Answer is what an arrival is answered. The zero Answer is 200 and "ok".
type Answer struct {
	Way      Way
	Status   int           // zero: 200, or 302 with a Redirect
	Redirect string        // value of the Location field; empty: none
	After    time.Duration // from the end of the question to the answer
	Drip     time.Duration // between one byte of the answer and the next; zero: all at once
}

// Code is the status that is answered; 0 if nothing is.
func (a Answer) Code() int {
	switch {
	case a.Way != Reply:
		return 0
	case a.Redirect != "":
		return cmp.Or(a.Status, http.StatusFound)
	}
	return cmp.Or(a.Status, http.StatusOK)
}

// String tells a in a word or a few: "200", "close", "503 after 3s".
func (a Answer) String() string {
	var s string
	switch a.Way {
	case Close:
		s = "close"
	case Hang:
		return "hang"
	case Reply:
		s = strconv.Itoa(a.Code())
	}
	if a.Redirect != "" {
		s += " to " + a.Redirect
	}
	if a.After > 0 {
		s += " after " + a.After.String()
	}
	if a.Drip > 0 && a.Way == Reply {
		s += " dripping"
	}
	return s
}

// Step is one Answer of a Script, given some times in a row.
type Step struct {
	Answer Answer
	Times  int // zero is once; in the last Step, for good
}

// Script is what is answered to each sender, whatever the others get: its steps
// one after another. If the last step has no number it lasts; else all begins
// anew. The empty Script is 200 for good.
type Script []Step

// At is the answer to a sender's question number n, from 0.
func (s Script) At(n int) Answer {
	if len(s) == 0 {
		return Answer{}
	}
	round := 0
	for i, step := range s {
		if i == len(s)-1 && step.Times == 0 {
			round = 0 // it never begins anew
			break
		}
		round += max(step.Times, 1)
	}
	if round > 0 {
		n %= round
	}
	for _, step := range s[:len(s)-1] {
		if n < max(step.Times, 1) {
			return step.Answer
		}
		n -= max(step.Times, 1)
	}
	return s[len(s)-1].Answer
}

// Bounds of what a Script may hold.
const (
	maxTimes = 1_000_000
	maxAfter = 10 * time.Minute
	maxDrip  = 10 * time.Second
)

// ParseScript reads a Script as people write it: "200x5,500x2", "503",
// "200x3,close,hang". The rest of each Answer is that of base.
func ParseScript(text string, base Answer) (Script, error) {
	var script Script
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		what, times, counted := strings.Cut(word, "x")
		step := Step{Answer: base}
		switch what {
		case "close":
			step.Answer.Way, step.Answer.Redirect, step.Answer.Status = Close, "", 0
		case "hang":
			step.Answer.Way, step.Answer.Redirect, step.Answer.Status = Hang, "", 0
		default:
			code, err := strconv.Atoi(what)
			if err != nil || len(what) != 3 {
				return nil, fmt.Errorf("%q is no answer; write a status such as 503, or close or hang, with x5 behind it for five times", word)
			}
			step.Answer.Way, step.Answer.Status = Reply, code
			if code < 300 || code > 399 {
				step.Answer.Redirect = ""
			}
		}
		if counted {
			n, err := strconv.Atoi(times)
			if err != nil || n < 1 || n > maxTimes || strconv.Itoa(n) != times {
				return nil, fmt.Errorf("%q: how often must be a number from 1 to %d", word, maxTimes)
			}
			step.Times = n
		}
		script = append(script, step)
	}
	return script, script.Check()
}

// Check reports what can't be answered.
func (s Script) Check() error {
	for _, step := range s {
		a := step.Answer
		switch code := a.Code(); {
		case a.Way > Hang:
			return fmt.Errorf("no such way to answer: %d", a.Way)
		case a.Way == Reply && (code < 200 || code > 599):
			return fmt.Errorf("status %d can't be answered; use 200 to 599", code)
		case a.Redirect != "" && a.Way == Reply && (code < 300 || code > 399):
			return fmt.Errorf("a redirect can't have status %d; use 301, 302, 303, 307 or 308", code)
		case a.After < 0 || a.After > maxAfter:
			return fmt.Errorf("an answer after %v is out of bounds; use up to %v", a.After, maxAfter)
		case a.Drip < 0 || a.Drip > maxDrip:
			return fmt.Errorf("%v between two bytes is out of bounds; use up to %v", a.Drip, maxDrip)
		case step.Times < 0:
			return fmt.Errorf("an answer can't be given %d times", step.Times)
		}
		if err := checkLocation(a.Redirect); err != nil {
			return err
		}
	}
	return nil
}

func checkLocation(location string) error {
	if location == "" {
		return nil
	}
	u, err := url.Parse(location)
	if err != nil || strings.ContainsFunc(location, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("%q is no URL to redirect to", location)
	}
	if u.Scheme == "" && !strings.HasPrefix(location, "/") {
		return fmt.Errorf("%q is no URL to redirect to; write https://host/path or /path", location)
	}
	return nil
}
