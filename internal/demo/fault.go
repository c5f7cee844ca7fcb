package demo

import (
	"fmt"
	"strings"
)

// Fault is what can be wrong with a site.
type Fault string

// The faults, and None, which mends whatever is wrong.
const (
	None     Fault = "heal"
	Errors   Fault = "errors"
	Hang     Fault = "hang"
	Database Fault = "database"
	Crash    Fault = "crash"
)

// Faults lists every fault in the order in which they are told, None last.
func Faults() []Fault { return []Fault{Errors, Hang, Database, Crash, None} }

// Effect says what a site does with the fault.
func (f Fault) Effect() string {
	switch f {
	case Errors:
		return "every page answers 500"
	case Hang:
		return "it accepts and never answers"
	case Database:
		return "its database file is gone"
	case Crash:
		return "nothing listens on its port"
	default:
		return "it is well again"
	}
}

// parseFault reads a fault that somebody typed.
func parseFault(s string) (Fault, error) {
	var known []string
	for _, f := range Faults() {
		if s == string(f) {
			return f, nil
		}
		known = append(known, string(f))
	}
	return None, unknownError(fmt.Sprintf("there is no fault %q: use one of %s", s, strings.Join(known, ", ")))
}
