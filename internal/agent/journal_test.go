package agent

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

// What of a check's runs is worth a line, and which.
func TestJournal(t *testing.T) {
	refused := errors.New("refused")
	var log lines
	j := newJournal(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "took" || a.Key == "scope" {
			return slog.Attr{}
		}
		return a
	}})))
	for i, step := range []struct {
		name   string
		result health.Result
		want   string
	}{
		{"the first pass", health.Result{Status: health.Pass, Passes: 1}, ""},
		{"a pass like it", health.Result{Status: health.Pass, Passes: 2}, ""},
		{"a failure that is too few", health.Result{Status: health.Pass, Failures: 1, Err: refused}, `level=WARN msg="check failed" check=c error=refused`},
		{"enough of them", health.Result{Status: health.Fail, Failures: 2, Err: refused}, `level=WARN msg="check failed" check=c error=refused again=1`},
		{"a pass that is too few", health.Result{Status: health.Fail, Passes: 1, Err: refused}, `level=INFO msg="check passes, and has failed too lately to count" check=c error=refused`},
		{"enough of them", health.Result{Status: health.Pass, Passes: 2}, `level=INFO msg="check passes again" check=c`},
		{"degraded", health.Result{Status: health.Warn, Passes: 3, Err: refused}, `level=WARN msg="check is degraded" check=c error=refused`},
		{"well", health.Result{Status: health.Pass, Passes: 4}, `level=INFO msg="check passes again" check=c`},
	} {
		step.result.Check, step.result.Time = "c", time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)
		j.result(step.result)
		if diff := cmp.Diff(step.want, strings.TrimSpace(log.take())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	j.result(health.Result{Check: "c", Status: health.Fail, Failures: 1, Err: &health.PanicError{Value: "oh", Stack: []byte("here")}})
	if got := log.take(); !strings.Contains(got, "stack=here") {
		t.Errorf("a panic is logged without where: %s", got)
	}
}
