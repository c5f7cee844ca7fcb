package main

import (
	"bytes"
	"fmt"

	"github.com/inservice/inservice/internal/lab"
)

// testCase is a row of the lab's cases.tsv: what is true of one case.
type testCase struct {
	Name, Stack, Balancer string
	Verdict, Reason       string
	Cause                 string
	Also                  string // a second cause, or another that may be named; empty if there is none
	AlsoKind              string // either: Cause or Also; both: Cause and Also
	Kind                  string // of the cause, by the lab's vocabulary: fail, flap, unknown, pass
	Mendable              bool   // it has a variant without the fault
}

// readCases reads the lab's list of cases and its vocabulary.
func readCases(l *lab.Lab) ([]testCase, error) {
	rows, err := l.Table("cases.tsv", "id", "stack", "lb", "verdict", "reason", "cause", "also", "also_kind")
	if err != nil {
		return nil, err
	}
	vocabulary, err := l.Table("vocab.tsv", "cause", "kind")
	if err != nil {
		return nil, err
	}
	kinds := make(map[string]string)
	for _, row := range vocabulary {
		kinds[row["cause"]] = row["kind"]
	}
	var all []testCase
	for _, row := range rows {
		c := testCase{
			Name: row["id"], Stack: row["stack"], Balancer: row["lb"], Verdict: row["verdict"], Reason: row["reason"],
			Cause: row["cause"], Also: row["also"], AlsoKind: row["also_kind"], Kind: kinds[row["cause"]],
		}
		if c.Kind == "" {
			return nil, fmt.Errorf("case %s: its cause %q is not in vocab.tsv", c.Name, c.Cause)
		}
		if c.Also != "" && c.AlsoKind != "either" && c.AlsoKind != "both" {
			return nil, fmt.Errorf("case %s: also_kind is %q, want either or both", c.Name, c.AlsoKind)
		}
		script, err := l.Script(c.Name)
		if err != nil {
			return nil, err
		}
		c.Mendable = !bytes.Contains(script, []byte("NOFIXED=1"))
		all = append(all, c)
	}
	return all, nil
}
