package diagnose

import (
	"slices"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// TestLateByTheSitesName: a front server that has nothing for the load balancer's
// Host, and by the site's tries for seconds to reach an app that is dead.
func TestLateByTheSitesName(t *testing.T) {
	m := &model{}
	m.layers = []layer{
		unless(func(a ask) bool { return !bySite(a) }, func(*model, ask) exchange.Answer {
			return took(3*time.Second, answer(503, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n", "Content-Type: text/html"))
		})(m),
		unless(always, says(404))(m),
	}
	r := m.diagnosed(t, albQuestion(t, true))
	if got := ids(r.Causes); !slices.Equal(got[:min(2, len(got))], []string{"vhost_mismatch", "upstream_down"}) {
		t.Error(summary(r))
	}
}
