package proof

import (
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/rollout"
)

// TestRestart restarts a server under load, as a rolling restart does with one
// after the other: nobody loses a request, and the agent knows by itself when it
// may go. bench/drain does it more often, and behind nginx too.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, balancer := range []rollout.Balancer{rollout.Inservice, rollout.HAProxy} {
		t.Run(balancer.Name, func(t *testing.T) {
			t.Parallel()
			site := rollout.Open(t.Context(), t, rollout.Config{Program: program(t), Balancer: balancer})
			restart := site.Restart(0)
			tally := site.Finish()
			for _, loss := range tally.Losses {
				t.Errorf("lost: %v", loss)
			}
			// It takes about ten seconds, with 200 requests in each.
			if tally.Requests < 200 {
				t.Errorf("there were %d requests, which show nothing", tally.Requests)
			}
			// The drain timeout is 15 s.
			const knows = `msg="closing: everybody who asks knows, and nobody comes any more"`
			if log := site.Log(0); !strings.Contains(log, knows) || restart.Drain > 14*time.Second {
				t.Errorf("it left after %v, and its log has no %s:\n%s", restart.Drain, knows, log)
			}
		})
	}
}
