package gateway

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/proxy"
	"github.com/inservice/inservice/internal/traffic"
	"github.com/inservice/inservice/internal/visitor"
)

// checkInterval is that of the check of traffic, which costs next to nothing. It
// is short because visitors get errors meanwhile.
const checkInterval = time.Second

// aftermath is for how long after a failure of what all servers share visitors may
// still get errors: a pool of connections to fill again, a circuit breaker.
const aftermath = 10 * time.Second

// Check returns the check named "traffic": it fails when too much of what
// visitors get is bad, and is degraded when much of it is. No evidence is no
// failure: when no traffic comes any more, other checks decide. If traffic is not
// watched, it passes always.
//
// When what all servers share is down, they all give visitors errors, so what the
// check finds then is softened as [health.Check.FollowsShared] has it.
func (g *Gateway) Check() health.Check {
	watched := *cmp.Or(g.Traffic, &traffic.Policy{})
	return health.Check{
		Name:          "traffic",
		Interval:      checkInterval,
		FollowsShared: cmp.Or(watched.Window, traffic.DefaultWindow) + aftermath,
		ComponentType: "component",
		Run: func(context.Context) error {
			if g.watch == nil {
				return nil
			}
			return judge(g.watch.verdict(time.Now()))
		},
	}
}

// judge says a verdict in a check's words.
func judge(v traffic.Verdict) error {
	switch v.Level {
	case traffic.Fail:
		return errors.New(v.Reason)
	case traffic.Warn:
		return health.Degraded(errors.New(v.Reason))
	}
	return nil
}

// A watch counts what visitors get.
type watch struct {
	trusted []netip.Prefix // immutable

	mu     sync.Mutex
	window *traffic.Window // guarded by mu
}

func (w *watch) verdict(now time.Time) traffic.Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.window.Verdict(now)
}

func (w *watch) add(r *http.Request, o traffic.Outcome) {
	client := visitor.Of(r, w.trusted).Addr
	w.mu.Lock()
	defer w.mu.Unlock()
	w.window.Add(time.Now(), client, o)
}

func (w *watch) observe(o proxy.Observation) {
	if outcome, counts := outcomeOf(o); counts {
		w.add(o.Request, outcome)
	}
}

// outcomeOf says how a request's end at the app counts, if it does.
func outcomeOf(o proxy.Observation) (outcome traffic.Outcome, counts bool) {
	switch {
	case o.ClientGone:
		return 0, false
	case o.Status == http.StatusSwitchingProtocols:
		return 0, false // counted when it began
	case o.TimedOut:
		return traffic.TimedOut, true
	case o.Err == nil && (o.Status == http.StatusNotImplemented || o.Status == http.StatusHTTPVersionNotSupported):
		return traffic.Good, true // whoever likes can ask with an unknown method, or version
	case o.Failed():
		return traffic.Bad, true
	}
	return traffic.Good, true
}

// upgrades counts a request as good at the moment when its connection is handed
// over: the proxy does so when the app has agreed to an upgrade.
func (w *watch) upgrades(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header["Upgrade"] != nil {
			rw = &upgradeWriter{ResponseWriter: rw, upgraded: func() { w.add(r, traffic.Good) }}
		}
		next.ServeHTTP(rw, r)
	})
}

// An upgradeWriter tells when the connection is taken over.
type upgradeWriter struct {
	http.ResponseWriter
	upgraded func()
}

// Hijack is how http.ResponseController takes the connection over.
func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.upgraded()
	}
	return c, buffered, err
}

// Unwrap is how http.ResponseController finds all else.
func (w *upgradeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
