package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/askers"
)

const (
	// look is how often a draining agent looks whether it may close.
	look = 50 * time.Millisecond
	// For how long no visitor may have come before they count as gone. Where many
	// came since the answer turned red, silenceFactor times their usual distance
	// says it: visitors who come by chance are silent for that long once in e^20
	// times. Never less than shortQuiet, for they may come in bursts, and never
	// more than quiet.
	quiet         = time.Second
	shortQuiet    = 200 * time.Millisecond
	silenceFactor = 20
	// settled is the age from which an agent that nobody has asked is taken for
	// one that nobody asks: AWS's and Google's balancers ask within 30 s by default.
	settled = 30 * time.Second
)

// circumstances are what it depends on whether a draining agent may close.
type circumstances struct {
	Drained   time.Duration // since the answer turned red
	Leaving   time.Duration // since the agent was told to end, which may be later
	Limit     time.Duration // the drain timeout, which counts from then
	Uptime    time.Duration // since Run began
	Askers    int           // who ask, or have asked in the last minutes
	Ignorant  int           // of these, who have not yet fetched enough red answers
	Visitors  bool          // the agent stands in front of an app, so it sees visitors
	InFlight  int64         // visitors' requests
	LastVisit time.Duration // since the last visitor came; meaningless without Visitors
	Visits    uint64        // since the answer turned red
}

// calm reports whether visitors have stopped coming.
func (c circumstances) calm() bool {
	if !c.Visitors {
		return true
	}
	enough := quiet
	if c.Visits > 0 {
		usual := (c.Drained - c.LastVisit) / time.Duration(c.Visits)
		enough = min(max(silenceFactor*usual, shortQuiet), quiet)
	}
	return c.InFlight == 0 && c.LastVisit >= enough
}

// mayClose decides, and says in words why not yet, or why now.
func (c circumstances) mayClose() (bool, string) {
	if c.Leaving >= c.Limit {
		return true, "the drain timeout has passed"
	}
	if c.Ignorant > 0 {
		return false, fmt.Sprintf("askers that have not fetched enough red answers: %d", c.Ignorant)
	}
	calm := c.calm()
	switch {
	case c.Askers > 0 && calm:
		return true, "everybody who asks knows, and nobody comes any more"
	case c.Askers > 0:
		return false, "visitors still come"
	case calm:
		return true, "nobody asks"
	case c.Uptime >= settled:
		// Such as behind nginx, which learns from a refused connection only. To wait
		// for its visitors to stay away would be to wait for ever.
		return true, "nobody asks, so nobody learns from the answer"
	default:
		return false, "nobody has asked yet, and visitors come"
	}
}

// circumstances are those of this moment.
func (a *Agent) circumstances(now time.Time) circumstances {
	c := circumstances{Limit: a.DrainTimeout, Uptime: now.Sub(a.began)}
	a.mu.Lock()
	if !a.drained.IsZero() {
		c.Drained = now.Sub(a.drained)
	}
	if !a.left.IsZero() {
		c.Leaving = now.Sub(a.left)
	}
	visits := a.visits
	a.mu.Unlock()
	for _, asker := range a.audience(now) {
		if learns(asker) {
			c.Askers++
		}
	}
	c.Ignorant = len(a.ignorant(now))
	if a.Gateway != nil {
		s := a.Gateway.Stats()
		c.Visitors, c.InFlight, c.LastVisit = true, s.InFlight, now.Sub(s.Last)
		c.Visits = s.Requests - visits
	}
	return c
}

// drainedSince is when the answer turned red on purpose; zero if it is not.
func (a *Agent) drainedSince() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.drained
}

// learns reports whether an asker acts on what it hears: not a monitor, nor a
// person who asked once or twice.
func learns(a askers.Asker) bool { return a.Needs > 0 && (a.Name != "" || a.Asked > 2) }

// leave turns the answer red and returns when everybody who asks knows and
// nobody comes any more, or at DrainTimeout, or when the agent breaks.
func (a *Agent) leave(broken <-chan struct{}) {
	a.mu.Lock()
	a.left = time.Now()
	a.drainLocked()
	a.mu.Unlock()
	a.herald.Nudge()
	if a.DrainTimeout <= 0 {
		return
	}
	a.Log.Info("draining: the answer is red; a second signal ends the agent at once", "drain_timeout", a.DrainTimeout.String())
	a.warnOfTheLate(time.Now())
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	said := ""
	for {
		c := a.circumstances(time.Now())
		over, why := c.mayClose()
		if over {
			a.logLeaving(why, c)
			a.mu.Lock()
			a.calm = c.calm()
			a.mu.Unlock()
			return
		}
		if why != said {
			said = why
			var attributes []any
			if c.Ignorant > 0 {
				attributes = []any{"waiting_for", names(a.ignorant(time.Now()))}
			}
			a.Log.Info("draining: "+why, attributes...)
		}
		select {
		case <-ticker.C:
		case <-broken:
			return
		}
	}
}

func (a *Agent) logLeaving(why string, c circumstances) {
	level := slog.LevelInfo
	attributes := []any{"drained_for", c.Drained.Round(time.Millisecond).String()}
	if c.Ignorant > 0 || c.InFlight > 0 {
		level = slog.LevelWarn
		attributes = append(attributes, "may_still_send", names(a.ignorant(time.Now())), "requests", c.InFlight)
	}
	a.Log.Log(context.Background(), level, "closing: "+why, attributes...)
}

// closing is how long the main listener may take to close: what is left of the
// drain timeout, but not less than closeTimeout. In the parting time each answer
// ends its connection.
func (a *Agent) closing() (parting, drain time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	drain = closeTimeout
	if !a.left.IsZero() {
		drain = max(drain, a.DrainTimeout-time.Since(a.left))
	}
	if a.calm {
		return 0, drain
	}
	return min(partingTime, a.DrainTimeout), drain
}

// warnOfTheLate names those who ask too seldom to learn within the drain timeout:
// they will send visitors to a server that has gone.
func (a *Agent) warnOfTheLate(now time.Time) {
	var late []askers.Asker
	var longest time.Duration
	for _, k := range a.ignorant(now) {
		if k.Interval*time.Duration(k.Needs-k.Red) > a.DrainTimeout {
			late = append(late, k)
			longest = max(longest, k.Interval*time.Duration(k.Needs))
		}
	}
	if len(late) > 0 {
		longest = (longest + time.Second - 1).Truncate(time.Second)
		a.Log.Warn("draining: the drain timeout is too short for some who ask to learn that the answer is red",
			"askers", names(late), "drain_timeout", a.DrainTimeout.String(),
			"hint", fmt.Sprintf("set agent.drain_timeout to %v or more, or have them ask more often", longest))
	}
}

// names tells who some askers are, in a few words.
func names(list []askers.Asker) string {
	const most = 5
	var words []string
	for i, asker := range list {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		words = append(words, nameOf(asker.Key))
	}
	return strings.Join(words, ", ")
}

// nameOf tells who asks: what kind of load balancer, if recognised, and from where.
func nameOf(k askers.Key) string {
	peer := "an unknown address"
	if k.Peer.IsValid() {
		peer = k.Peer.String()
	}
	if k.Name == "" {
		return peer
	}
	return k.Name + " at " + peer
}
