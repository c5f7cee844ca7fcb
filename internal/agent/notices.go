package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/inservice/inservice/internal/askers"
	"github.com/inservice/inservice/internal/linelimit"
)

// notices logs what of the questions is worth it: somebody new, an answer that
// differs from the last that this one got, and red answers. Green ones are silent.
//
// Somebody new and red answers each have a limit of their own. What changes for
// those who ask regularly is always logged, for it is how a balancer learns: there
// can't be more of them than the table of askers holds, whatever strangers do.
type notices struct {
	newcomers, repeats linelimit.Limit
}

func (n *notices) question(log *slog.Logger, now time.Time, k askers.Key, change askers.Change, green bool, word string) {
	limit, level, message := &n.newcomers, slog.LevelInfo, "first health question"
	switch {
	case green && change == askers.None:
		return
	case change == askers.None:
		limit, level, message = &n.repeats, slog.LevelWarn, "told again that the answer is red"
	case !green:
		level, message = slog.LevelWarn, "told, for the first time, that the answer is red"
	case change != askers.New:
		message = "told that the answer is green again"
	}
	attributes := []slog.Attr{slog.String("asker", nameOf(k)), slog.String("answer", word)}
	if change != askers.RegularChanged {
		ok, leftOut := limit.Allow(now)
		if !ok {
			return
		}
		if leftOut > 0 {
			attributes = append(attributes, slog.Int("lines_left_out", leftOut))
		}
	}
	log.LogAttrs(context.Background(), level, message, attributes...)
}
