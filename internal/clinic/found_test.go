package clinic

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/sockets"
)

// isFound asks the diagnosis, by the rules of the lab: the verdict is right, the
// first of what is named is the truth (both, where two are true), nothing is
// named where nothing is wrong, and it is done in time.
func isFound(t *testing.T, p Patient) {
	if p.Spare != p.Ill {
		p.Settle(t.Context(), t, p.Spare)
	}
	q := p.question(t, p.Spare)
	began := time.Now()
	report := diagnose.Run(t.Context(), q)
	took := time.Since(began)
	truth := p.Truth()
	if string(report.Verdict) != truth.Verdict {
		t.Errorf("verdict %s, want %s", report.Verdict, truth.Verdict)
	}
	named, other := report.Causes, report.Warnings
	if truth.Verdict == "pass" {
		named, other = other, named
		if len(other) > 0 {
			t.Errorf("named %s of a probe that passes", ids(other))
		}
	}
	switch {
	case len(truth.Causes) == 0:
		if len(named) > 0 {
			t.Errorf("named %s, but nothing is wrong", ids(named))
		}
	case len(named) == 0:
		t.Errorf("named nothing, want %s", p.Want)
	case truth.Either:
		if !slices.Contains(truth.Causes, string(named[0].Cause)) {
			t.Errorf("named %s, want %s", ids(named), p.Want)
		}
	default:
		for _, want := range truth.Causes {
			first := named[:min(len(named), len(truth.Causes))]
			if !slices.ContainsFunc(first, func(f diagnose.Finding) bool { return string(f.Cause) == want }) {
				t.Errorf("named %s, want %s", ids(named), p.Want)
				break
			}
		}
	}
	requests := 0
	for _, observed := range report.Observations {
		requests += len(observed.Answers)
	}
	if truth.Verdict == "flap" && requests < 2 {
		t.Errorf("%d request, but only repetition shows it", requests)
	}
	timeout := p.asked("", "").timeout
	if limit := 2*timeout + 5*time.Second; took > limit {
		t.Errorf("took %v, want %v at most", took, limit)
	}
	if t.Failed() {
		tell(t, report)
	}
}

// isFoundMended asks the diagnosis about a server whose fault is mended: if the
// load balancer is content now, no cause is named; what was green without being
// true is not called that any more.
func isFoundMended(t *testing.T, p Patient) {
	report := diagnose.Run(t.Context(), p.question(t, *p.Mended))
	truth := p.Truth()
	if truth.Verdict != "pass" && (report.Verdict != diagnose.Pass || len(report.Causes) > 0) {
		t.Errorf("mended: verdict %s, causes %q", report.Verdict, ids(report.Causes))
	}
	for _, f := range report.Warnings {
		if slices.Contains(truth.Causes, string(f.Cause)) {
			t.Errorf("mended, and still warned of %s", f.Cause)
		}
	}
	if t.Failed() {
		tell(t, report)
	}
}

// tell logs how a diagnosis came to its end.
func tell(t *testing.T, report diagnose.Report) {
	t.Helper()
	for _, observed := range report.Observations {
		var codes []int
		for _, a := range observed.Answers {
			codes = append(codes, a.Status)
		}
		t.Logf("%-24s %v %s", observed.Experiment.Name, codes, observed.Verdict.Text)
	}
	for _, f := range slices.Concat(report.Causes, report.Warnings) {
		t.Logf("%s %.2f: %s", f.Cause, f.Confidence, strings.Join(f.Evidence, " | "))
	}
}

// question is what a person would type who knows the load balancer's settings
// and the site's name.
func (p Patient) question(t *testing.T, at Place) diagnose.Question {
	t.Helper()
	c := p.Case
	scheme, path := c.Scheme, c.Path
	if scheme == "" {
		scheme = "http"
	}
	if path == "" {
		path = "/"
	}
	o := dialect.Options{Method: c.Method, Matcher: c.Matcher, Timeout: p.asked("", "").timeout}
	// HAProxy sends no Host unless it is told to, and who only connects sends nothing.
	if c.As != "haproxy" && !strings.HasSuffix(c.As, "-tcp") || c.Host != "" {
		host := p.HostSent(at)
		o.Host = &host
	}
	probe, err := dialect.New(c.As, scheme+"://"+p.Addr(at)+path, o)
	if err != nil {
		t.Fatal(err)
	}
	return diagnose.Question{Probe: probe, Site: Site, Machine: p.machine(t, at)}
}

// machine is what the machine knows of its own sockets, as far as it belongs to
// the case: its neighbours here are no part of a site.
func (p Patient) machine(t *testing.T, at Place) sockets.Table {
	t.Helper()
	table, err := sockets.Read()
	if err != nil {
		t.Fatal(err)
	}
	table.Sockets = slices.DeleteFunc(table.Sockets, func(s sockets.Socket) bool {
		return !slices.Contains([]string{at.Port, at.Second}, strconv.Itoa(int(s.Local.Port())))
	})
	return table
}

func ids(findings []diagnose.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, string(f.Cause))
	}
	return strings.Join(all, ", ")
}
