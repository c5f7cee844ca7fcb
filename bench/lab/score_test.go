package main

import (
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/exchange"
)

// report is what a diagnosis said, in few words.
func report(verdict diagnose.Verdict, reason string, requests int, causes, warnings string) diagnose.Report {
	r := diagnose.Report{Verdict: verdict, Reason: reason}
	for _, id := range strings.Fields(causes) {
		r.Causes = append(r.Causes, diagnose.Finding{Cause: cause.ID(id), Confidence: 0.9})
	}
	for _, id := range strings.Fields(warnings) {
		r.Warnings = append(r.Warnings, diagnose.Finding{Cause: cause.ID(id), Confidence: 0.9})
	}
	for range requests {
		r.Observations = append(r.Observations, diagnose.Observation{Answers: make([]exchange.Answer, 1)})
	}
	return r
}

func TestJudge(t *testing.T) {
	const (
		mismatch = "Target.ResponseCodeMismatch"
		timeout  = 2 * time.Second
	)
	var (
		host   = testCase{Name: "x", Verdict: "fail", Reason: mismatch + " [400]", Cause: "host_not_allowed", Kind: "fail"}
		both   = testCase{Name: "x", Verdict: "fail", Reason: mismatch, Cause: "host_not_allowed", Also: "https_redirect", AlsoKind: "both", Kind: "fail"}
		either = testCase{Name: "x", Verdict: "fail", Reason: "Target.Timeout", Cause: "no_response", Also: "worker_saturated", AlsoKind: "either", Kind: "fail"}
		spa    = testCase{Name: "x", Verdict: "pass", Cause: "catch_all_ok", Kind: "pass"}
		cold   = testCase{Name: "x", Verdict: "flap", Reason: "Target.Timeout first", Cause: "cold_start", Kind: "flap"}
		fine   = testCase{Name: "x", Verdict: "pass", Cause: "healthy", Kind: "pass"}
	)
	for name, c := range map[string]struct {
		c      testCase
		mended bool
		r      diagnose.Report
		took   time.Duration
		want   string // a part of the problem; empty: right
	}{
		"right":                   {c: host, r: report("fail", mismatch, 2, "host_not_allowed", "")},
		"another comes second":    {c: host, r: report("fail", mismatch, 2, "host_not_allowed app_error", "")},
		"another comes first":     {c: host, r: report("fail", mismatch, 2, "app_error host_not_allowed", ""), want: "cause app_error, host_not_allowed, want host_not_allowed"},
		"no cause":                {c: host, r: report("fail", mismatch, 2, "", ""), want: "cause none, want"},
		"a warning is no cause":   {c: host, r: report("fail", mismatch, 2, "", "host_not_allowed"), want: "cause none"},
		"other verdict":           {c: host, r: report("pass", mismatch, 2, "host_not_allowed", ""), want: "verdict pass, want fail"},
		"other reason":            {c: host, r: report("fail", "Target.Timeout", 2, "host_not_allowed", ""), want: "reason Target.Timeout, want " + mismatch},
		"both":                    {c: both, r: report("fail", mismatch, 2, "https_redirect host_not_allowed", "")},
		"only one of both":        {c: both, r: report("fail", mismatch, 2, "https_redirect", ""), want: "want both host_not_allowed and https_redirect"},
		"one of both too late":    {c: both, r: report("fail", mismatch, 2, "https_redirect app_error host_not_allowed", ""), want: "want both"},
		"the first of either":     {c: either, r: report("fail", "Target.Timeout", 2, "no_response", "")},
		"the second of either":    {c: either, r: report("fail", "Target.Timeout", 2, "worker_saturated", "")},
		"none of either":          {c: either, r: report("fail", "Target.Timeout", 2, "slow_response", ""), want: "want no_response or worker_saturated"},
		"not true green":          {c: spa, r: report("pass", "", 2, "", "catch_all_ok")},
		"believed":                {c: spa, r: report("pass", "", 2, "", ""), want: "warning none, want catch_all_ok"},
		"a cause beside the pass": {c: spa, r: report("pass", "", 2, "app_error", "catch_all_ok"), want: "named the causes app_error"},
		"flap":                    {c: cold, r: report("flap", "", 2, "cold_start", "")},
		"flap seen at once":       {c: cold, r: report("flap", "", 1, "cold_start", ""), want: "1 request"},
		"healthy":                 {c: fine, r: report("pass", "", 2, "", "")},
		"healthy, warned":         {c: fine, r: report("pass", "", 2, "", "catch_all_ok"), want: "named catch_all_ok, but nothing is wrong"},
		"at the limit":            {c: host, r: report("fail", mismatch, 2, "host_not_allowed", ""), took: 9 * time.Second},
		"over the limit":          {c: host, r: report("fail", mismatch, 2, "host_not_allowed", ""), took: 9*time.Second + 1, want: "the limit is 9.0 s"},
		"mended":                  {c: host, mended: true, r: report("pass", "", 2, "", "shallow_check_ok")},
		"mended, red":             {c: host, mended: true, r: report("fail", "", 2, "", ""), want: "mended, and its verdict is fail"},
		"mended, a cause":         {c: host, mended: true, r: report("pass", "", 2, "app_error", ""), want: "causes are named: app_error"},
		"honest now":              {c: spa, mended: true, r: report("fail", mismatch, 2, "upstream_down", "")},
		"still not true":          {c: spa, mended: true, r: report("pass", "", 2, "", "catch_all_ok"), want: "still warned of catch_all_ok"},
	} {
		t.Run(name, func(t *testing.T) {
			o := judge(c.c, c.mended, c.r, c.took, timeout)
			got := strings.Join(o.Problems, "; ")
			if c.want == "" && got != "" {
				t.Errorf("wrong: %s", got)
			}
			if c.want != "" && !strings.Contains(got, c.want) {
				t.Errorf("got problems %q, want %q", got, c.want)
			}
		})
	}
}
