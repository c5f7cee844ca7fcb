package cli

import (
	"errors"
	"io"
	"testing"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/report"
)

// TestProbeExitStatus: of several checks, one that fails weighs more than one that
// passes and is not true, whichever comes first.
func TestProbeExitStatus(t *testing.T) {
	fails := report.View{Verdict: diagnose.Fail}
	flaps := report.View{Verdict: diagnose.Flap}
	passes := report.View{Verdict: diagnose.Pass}
	untrue := report.View{Verdict: diagnose.Pass, Warnings: []report.Finding{{ID: "catch_all_ok"}}}
	for name, test := range map[string]struct {
		views  []report.View
		strict bool
		want   exitStatus
	}{
		"passes":             {[]report.View{passes}, true, 0},
		"fails":              {[]report.View{fails}, false, 1},
		"flaps":              {[]report.View{flaps}, false, 1},
		"not true":           {[]report.View{untrue}, true, 3},
		"not true, and fine": {[]report.View{untrue}, false, 0},
		"not true, then red": {[]report.View{untrue, fails}, true, 1},
		"red, then not true": {[]report.View{fails, untrue}, true, 1},
		"one of two":         {[]report.View{passes, untrue}, true, 3},
	} {
		t.Run(name, func(t *testing.T) {
			p := program{stdout: io.Discard}
			got := exitStatus(0)
			if err := p.tell(probing{strict: test.strict}, test.views); err != nil && !errors.As(err, &got) {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("exit status %d, want %d", got, test.want)
			}
		})
	}
}
