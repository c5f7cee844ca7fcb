package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/report"
	"github.com/inservice/inservice/internal/visible"
)

// again is how long probe --wait waits from the beginning of a probe to the
// beginning of the next.
const again = time.Second

// askOnce is a diagnosis without experiments.
func askOnce(ctx context.Context, made dialect.Probe) diagnose.Report {
	begun := time.Now()
	answers, verdict := dialect.Ask(ctx, made, exchange.Do)
	return diagnose.Report{
		Verdict: diagnose.Verdict(verdict.Outcome), Reason: verdict.Reason, Text: verdict.Text, Took: time.Since(begun),
		Observations: []diagnose.Observation{{Experiment: diagnose.Experiment{Name: "base", Probe: made}, Answers: answers, Verdict: verdict}},
	}
}

// await asks until the probe passes, or the time is over, and says each new reason
// to wait.
func (o probing) await(ctx context.Context, made dialect.Probe) {
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	said, since := "", time.Now()
	for {
		begun := time.Now()
		answers, v := dialect.Ask(ctx, made, exchange.Do)
		if v.Outcome == dialect.Pass || ctx.Err() != nil {
			return
		}
		if text := report.Hide(strings.TrimPrefix(v.Reason+": "+v.Text, ": "), answers); text != said {
			said = text
			fmt.Fprintf(o.progress, "waiting, %v of %v: %s\n", time.Since(since).Round(time.Second), o.wait, visible.Line(text, 200))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(again - min(again, time.Since(begun))):
		}
	}
}
