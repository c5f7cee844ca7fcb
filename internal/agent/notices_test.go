package agent

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/askers"
	"github.com/inservice/inservice/internal/linelimit"
)

// Strangers must not keep what a balancer learns out of the log.
func TestStrangersDoNotSilenceTheBalancer(t *testing.T) {
	var log lines
	logger := slog.New(slog.NewTextHandler(&log, nil))
	var n notices
	var table askers.Table
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	question := func(k askers.Key, green bool) {
		word := map[bool]string{true: "ok", false: "fail"}[green]
		n.question(logger, now, k, table.Asked(now, k, green), green, word)
	}
	alb := askers.Key{Peer: netip.MustParseAddr("10.0.0.1"), Name: "alb"}
	strangers := func(green bool) {
		for i := range byte(29) {
			question(askers.Key{Peer: netip.AddrFrom4([4]byte{203, 0, 113, i})}, green)
		}
	}
	said := func(message string) int {
		return strings.Count(log.take(), `msg="`+message+`" asker="alb at 10.0.0.1"`)
	}

	for range 3 {
		question(alb, true)
		now = now.Add(time.Second)
	}
	if got := said("first health question"); got != 1 {
		t.Errorf("the first question is logged %d times", got)
	}
	strangers(true)
	if got := strings.Count(log.take(), "\n"); got == 0 || got > linelimit.DefaultBurst {
		t.Errorf("29 strangers made %d lines", got)
	}
	question(alb, false)
	if got := said("told, for the first time, that the answer is red"); got != 1 {
		t.Errorf("the balancer's first red answer is logged %d times", got)
	}
	question(alb, false)
	if got := said("told again that the answer is red"); got != 1 {
		t.Errorf("its second red answer is logged %d times", got)
	}
	strangers(false)
	log.take()
	question(alb, true)
	if got := said("told that the answer is green again"); got != 1 {
		t.Errorf("that it is green again is logged %d times", got)
	}
	question(alb, true)
	if got := log.take(); got != "" {
		t.Errorf("a green answer like the last is logged: %s", got)
	}
}
