package redischeck

import (
	"errors"
	"fmt"
	"strings"
)

// words are what the codes of errors mean, as the end of a sentence about the
// server. The codes are those of Redis 7.0's source, src/server.c
// (createSharedObjects) and src/networking.c.
var words = map[string]string{
	"NOAUTH":     "asks for a password, and none was sent",
	"WRONGPASS":  "refused the user name or the password",
	"NOPERM":     "does not allow this user the command",
	"LOADING":    "is still loading its data",
	"MASTERDOWN": "is a replica that has lost its master and may not serve old data",
	"READONLY":   "is a replica that can't be written to",
	"MISCONF":    "refuses work because it can't save its data to the disk",
	"BUSY":       "is busy with a script that runs too long",
	"DENIED":     "is in protected mode, so it serves its own machine only",
}

// sayings are what the code ERR means, by what else is said.
var sayings = []struct{ part, words string }{
	{"max number of clients", "has no connection left"},
	{"invalid password", "refused the password"},                                     // up to Redis 5
	{"wrong number of arguments for 'auth'", "knows no user names before version 6"}, // up to Redis 5
	{"no password is set", "has no password, and one was sent"},                      // up to Redis 5
	{"without any password configured", "has no password, and one was sent"},
	{"DB index is out of range", "has no such database"},
	{"not allowed in cluster mode", "is a cluster, which has database 0 only"},
}

// judge says what is wrong with the answer to a command, as the end of a
// sentence about the server. What the server says is quoted, but not of its
// answer to AUTH: one that doesn't know the command repeats its arguments.
func (s Server) judge(c command, reply string) error {
	wanted := "+OK"
	if c.name() == "PING" {
		wanted = "+PONG"
	}
	if reply == wanted {
		return nil
	}
	problem, isError := strings.CutPrefix(reply, "-")
	if !isError {
		return s.strange(c, reply)
	}
	code, text, _ := strings.Cut(problem, " ")
	if saying, known := words[code]; known {
		return fmt.Errorf("%s (%s: %s)", saying, c.name(), code)
	}
	for _, saying := range sayings {
		if code == "ERR" && strings.Contains(text, saying.part) {
			return fmt.Errorf("%s (%s: %s)", saying.words, c.name(), code)
		}
	}
	if c.name() == "AUTH" {
		return errors.New("refused AUTH for a reason that may hold the password, so it is not shown")
	}
	return fmt.Errorf("answered %s with an error: %s", c.name(), s.quote(problem))
}

// strange is the error of an answer that is no answer to the command.
func (s Server) strange(c command, reply string) error {
	switch {
	case strings.HasPrefix(reply, "\x15\x03"): // an alert of TLS, RFC 8446 section 5.1
		return errors.New("speaks TLS: set TLS")
	case c.name() == "AUTH":
		return errors.New("did not answer AUTH with OK: is it Redis?")
	default:
		return fmt.Errorf("answered %s with %s: is it Redis?", c.name(), s.quote(reply))
	}
}

// quote shows the beginning of what the server says, on one line and without
// the password.
func (s Server) quote(text string) string {
	if s.Password != "" {
		text = strings.ReplaceAll(text, s.Password, "…")
	}
	const limit = 100
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return fmt.Sprintf("%q", text)
}
