package main

import (
	"context"
	"strings"
	"time"

	"github.com/inservice/inservice/conformance/real"
	"github.com/inservice/inservice/internal/lab"
)

// patience is the time-out of every prober, and of the dialects: shorter than
// those of the lab, as a matter of time.
const patience = 2 * time.Second

// testCase is a case of the lab.
type testCase struct {
	name     string
	stateful bool // a question changes the answer to the next
}

func readCases(l *lab.Lab) ([]testCase, error) {
	rows, err := l.Table("cases.tsv", "id", "cause")
	if err != nil {
		return nil, err
	}
	var all []testCase
	for _, row := range rows {
		c := testCase{name: row["id"]}
		switch row["cause"] {
		case "flapping", "cold_start", "rate_limited":
			c.stateful = true
		}
		all = append(all, c)
	}
	return all, nil
}

// start starts a case and returns what a load balancer would ask it.
func start(ctx context.Context, l *lab.Lab, name string) (real.Question, error) {
	said, err := l.Start(ctx, name, false)
	if err != nil {
		return real.Question{}, err
	}
	if strings.HasSuffix(said["lb"], "-tcp") || said["proto"] == "tcp" {
		return real.Question{Kind: "tcp", Address: said["target"], Timeout: patience}, nil
	}
	return real.Question{
		Kind: "http", Address: said["target"], TLS: said["proto"] == "https",
		Path: said["path"], Method: said["method"], Host: said["host"], Timeout: patience,
	}, nil
}
