package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/report"
	"github.com/inservice/inservice/internal/visible"
)

// atOnce is how many dialects ask at the same time. More could make a small
// server slow by themselves, and then the answer would be about us.
const atOnce = 2

// allRow is one dialect's verdict: a line of the table, an element of --json.
type allRow struct {
	Dialect string  `json:"dialect"`
	Verdict string  `json:"verdict"` // pass, fail, unknown, or "skipped"
	Reason  string  `json:"reason"`
	Text    string  `json:"text"`
	TookMS  float64 `json:"took_ms"`
}

// probeAll asks one target in every dialect and prints one table.
func (p *program) probeAll(ctx context.Context, o probing, target string) error {
	probes, skipped, err := dialect.All(target, o.options)
	if err == nil && !o.options.Source.IsValid() {
		o.options.Local = localFor(probes[0].Request.Address)
		probes, skipped, err = dialect.All(target, o.options)
	}
	if err != nil {
		return &usageError{err: err, hint: "inservice probe --help"}
	}
	rows := make([]allRow, len(probes))
	slots := make(chan struct{}, atOnce)
	var asking sync.WaitGroup
	for i, probe := range probes {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			rows[i] = askAs(ctx, probe)
		})
	}
	asking.Wait()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("stopped before every load balancer had asked: %w", err)
	}
	for _, s := range skipped {
		rows = append(rows, allRow{Dialect: s.Name, Verdict: "skipped", Text: s.Why})
	}
	if o.asJSON {
		return report.JSON(p.stdout, rows)
	}
	return p.allTable(rows)
}

func askAs(ctx context.Context, made dialect.Probe) allRow {
	answers, verdict := dialect.Ask(ctx, made, exchange.Do)
	row := allRow{Dialect: made.Profile.Name, Verdict: string(verdict.Outcome), Reason: verdict.Reason, Text: report.Hide(verdict.Text, answers)}
	for _, a := range answers {
		row.TookMS += milliseconds(a.Phases.Total)
	}
	return row
}

func (p *program) allTable(rows []allRow) error {
	paint := identity{color: paints(p.stdout)}.paint
	room := 0 // no end, where no line has one
	if columns := width(p.stdout); columns > 0 {
		room = max(columns-len("azure-frontdoor")-len("unknown")-4, 20)
	}
	for _, r := range rows {
		style := map[string]string{"pass": "32", "fail": red, "unknown": "33"}[r.Verdict]
		if style == "" {
			style = dim
		}
		said := r.Text
		if r.Reason != "" && !strings.HasPrefix(said, r.Reason) {
			said = r.Reason + ": " + said
		}
		if _, err := fmt.Fprintf(p.stdout, "%-15s  %s  %s\n", r.Dialect, paint(style, fmt.Sprintf("%-7s", r.Verdict)), visible.Line(said, room)); err != nil {
			return err
		}
	}
	return nil
}
