package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
func readCases(dir string) ([]testCase, error) {
	rows, err := readTSV(filepath.Join(dir, "cases.tsv"), "id", "stack", "lb", "verdict", "reason", "cause", "also", "also_kind")
	if err != nil {
		return nil, err
	}
	vocabulary, err := readTSV(filepath.Join(dir, "vocab.tsv"), "cause", "kind")
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
			return nil, fmt.Errorf("%s: case %s: its cause %q is not in vocab.tsv", dir, c.Name, c.Cause)
		}
		if c.Also != "" && c.AlsoKind != "either" && c.AlsoKind != "both" {
			return nil, fmt.Errorf("%s: case %s: also_kind is %q, want either or both", dir, c.Name, c.AlsoKind)
		}
		script, err := script(dir, c.Name)
		if err != nil {
			return nil, err
		}
		c.Mendable = !bytes.Contains(script, []byte("NOFIXED=1"))
		all = append(all, c)
	}
	return all, nil
}

// script returns the script of a case, which lies in a folder of its own below
// a folder of cases.
func script(dir, name string) ([]byte, error) {
	found, err := filepath.Glob(filepath.Join(dir, "cases", "*", name, "case.sh"))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: case %s has %d scripts, want one", dir, name, len(found))
	}
	return os.ReadFile(found[0])
}

// readTSV reads a table with a line of headings into one map for each row.
func readTSV(path string, columns ...string) ([]map[string]string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no lab: %w; say where it is with -lab DIR, or make lab LAB=DIR", err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comma, r.LazyQuotes = '\t', true
	records, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	for _, column := range columns {
		if !slices.Contains(records[0], column) {
			return nil, fmt.Errorf("%s has no column %q, only %s", path, column, strings.Join(records[0], ", "))
		}
	}
	var rows []map[string]string
	for _, record := range records[1:] {
		row := make(map[string]string, len(record))
		for i, heading := range records[0] {
			row[heading] = record[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}
