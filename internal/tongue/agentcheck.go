package tongue

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/inservice/inservice/health"
)

// Bounds of HAProxy's conversations.
const (
	agentConnections = 64
	agentTimeout     = time.Second // from accepting to closing; a line fits any socket's buffer
	agentSend        = 4 << 10     // bytes of HAProxy's agent-send that are read
)

// leastWeight is the least percentage that a degraded server is given. Zero would
// be "no new sessions", and degraded is in service; and a server that gets next to
// nothing has no traffic left to show that it is well again.
const leastWeight = 10

// AgentCheck answers HAProxy's agent check: one line for each connection. The
// words are HAProxy's (configuration manual, "agent-check"):
//
//	ready up 100%   in service
//	ready up 60%    in service, 40 % of the checks that are this server's own are degraded
//	drain           draining: no new sessions; those that it has go on
//	down #fail      out of service; or #unknown, #starting
//
// On HAProxy's side it takes
//
//	server web1 10.0.0.5:80 weight 100 check agent-check agent-port 8088 agent-inter 2s
//
// The weight of 100 matters. HAProxy reckons weight × percentage in whole numbers,
// so for a server with its default weight, 1, any word below 100 % is 0, and a
// server that is only degraded gets no new sessions (see Steady).
//
// "ready" is said whenever "up" is, because HAProxy remembers "drain" over a
// restart of the agent and nothing else lifts it. It lifts as well what somebody
// imposed on the server by hand at HAProxy. Whoever does that says "disable agent
// web/web1" there first, or has the agent drain instead.
//
// HAProxy keeps the last word when the agent can't be reached, so its server line
// needs an ordinary check too.
type AgentCheck struct {
	// Herald reads the verdict. Required.
	Herald *Herald

	// Steady, if true, says 100 % while degraded too: for servers whose weight in
	// HAProxy's configuration is below 10.
	Steady bool

	// Asked, if not nil, is told of each line that was sent: to whom, and whether
	// it said "up". Many goroutines call it, and it must be quick.
	Asked func(peer netip.Addr, green bool)

	// Log gets what goes wrong. Nil discards it.
	Log *slog.Logger
}

// Run answers on the listener until ctx ends. Its error is that of a listener
// that failed.
func (a *AgentCheck) Run(ctx context.Context, listener net.Listener) error {
	crowd := newCrowd(listener, agentConnections, a.Log)
	defer crowd.Close()
	if a.Herald == nil {
		return fmt.Errorf("agent check: %w", errNoHerald)
	}
	stop := context.AfterFunc(ctx, func() { crowd.Close() })
	defer stop()

	var conversations sync.WaitGroup
	defer conversations.Wait()
	for {
		conn, err := crowd.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("agent check on %v: %w", listener.Addr(), err)
		}
		conversations.Go(func() { a.answer(ctx, conn) })
	}
}

// answer says the line and hangs up.
func (a *AgentCheck) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(agentTimeout)); err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	snapshot := a.Herald.Snapshot()
	if _, err := io.WriteString(conn, agentLine(snapshot, a.Steady)); err != nil {
		return // whoever asked has gone
	}
	if a.Asked != nil {
		v := verdictOf(snapshot)
		a.Asked(peerOf(conn.RemoteAddr()), v.inService() && !v.draining)
	}
	// Closing while an agent-send is unread would reset the connection, and the
	// line could be lost with it. So we wait for HAProxy to hang up, which it does
	// as soon as it has the line.
	io.CopyN(io.Discard, conn, agentSend)
}

// agentLine is what HAProxy is told, line end included: without it HAProxy
// ignores the answer.
func agentLine(s health.Snapshot, steady bool) string {
	v := verdictOf(s)
	switch {
	case v.draining:
		return "drain\n"
	case !v.inService():
		return "down #" + v.word() + "\n" // a blank before the #, or it is one unknown word
	case v.status == health.Warn && !steady:
		return fmt.Sprintf("ready up %d%%\n", weight(s.Degraded()))
	default:
		return "ready up 100%\n"
	}
}

// weight is the percentage for a server of which a share from 0 to 1 is degraded.
func weight(degraded float64) int {
	return max(leastWeight, int(math.Round(100*(1-degraded))))
}
