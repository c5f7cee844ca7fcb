// Package frame is what the programs of the folders beside it have in common:
// each holds the code of one real prober, reads questions and writes what that
// prober made of them, one JSON object to a line.
//
// It is a module of its own without any requirement, so that each prober is
// built with just the versions of its own dependencies, as its project builds
// it.
package frame

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Question is what to ask, in words that every prober has. What a prober cannot
// be told, it leaves out.
type Question struct {
	Kind    string        // http, tcp, grpc
	Address string        // host:port to connect to
	TLS     bool          // ask over TLS, with the certificate not verified
	Verify  bool          // verify it all the same
	Name    string        // server name of the handshake; empty: the prober's own way
	Path    string        // of an HTTP request
	Method  string        // empty: the prober's default
	Host    string        // of the Host field; empty: the prober's own way
	Timeout time.Duration // as the prober means it
}

// Outcomes of an Answer.
const (
	Pass    = "pass"
	Fail    = "fail"
	Unknown = "unknown" // the prober throws such a result away
)

// Answer is what a prober made of it.
type Answer struct {
	Outcome string
	Said    string // in its own words
	Problem string // the question could not be asked; Outcome is empty then
}

// Main answers what comes on standard input until it ends.
func Main(ask func(Question) (Answer, error)) {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var q Question
		err := in.Decode(&q)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			var a Answer
			if a, err = ask(q); err != nil {
				a = Answer{Problem: err.Error()}
			}
			err = out.Encode(a)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
