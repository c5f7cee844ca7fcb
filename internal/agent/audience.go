package agent

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"github.com/inservice/inservice/internal/askers"
)

// Names of askers who are known by how they ask and not by what they send.
const (
	byGRPC    = "grpc"
	byWatch   = "grpc-watch"
	byWords   = "haproxy-agent"
	byPort    = "tcp"
	byVisitor = "forwarded" // in metrics only
)

// strangerTime is for how long the agent waits for somebody who has connected to
// Port only once, when it is not known yet how often it does.
const strangerTime = 10 * time.Second

// audience is everybody who asks, in whatever tongue.
func (a *Agent) audience(now time.Time) []askers.Asker {
	return a.withSilent(a.askers.List(now), now)
}

// ignorant are those of the audience whom a server that goes away waits for: they
// were told "in service" and have not learnt since that it is not.
func (a *Agent) ignorant(now time.Time) []askers.Asker {
	list := a.withSilent(a.askers.Ignorant(now), now)
	return slices.DeleteFunc(list, func(k askers.Asker) bool { return k.Knows })
}

// withSilent adds to a list those whose questions the table can't count. Whoever
// watches over gRPC asks once and is told of changes: it knows when its streams
// have been sent NOT_SERVING. And who connects to Port is refused without our
// hearing of it while the answer is red; see refused.
func (a *Agent) withSilent(list []askers.Asker, now time.Time) []askers.Asker {
	a.mu.Lock()
	since, connected := a.drained, a.connected
	a.mu.Unlock()
	if !since.IsZero() {
		list = slices.DeleteFunc(list, func(k askers.Asker) bool { return k.Name == byPort })
		for _, k := range connected {
			list = append(list, refused(k, now.Sub(since)))
		}
	}
	if a.grpc == nil {
		return list
	}
	for _, w := range a.grpc.Watchers() {
		k := askers.Asker{Key: askers.Key{Peer: w.Peer, Name: byWatch}, Last: now, Asked: uint64(w.Streams), Needs: 1}
		if w.Serving == 0 {
			k.Red, k.Knows = 1, true
		}
		list = append(list, k)
	}
	return list
}

// refused reckons what somebody has learnt who connected at its usual interval
// until the port was closed, and goes on at it: for all we know it has been
// refused once for each interval since.
func refused(k askers.Asker, closed time.Duration) askers.Asker {
	if k.Needs > 0 {
		interval := k.Interval
		if interval <= 0 {
			interval = strangerTime / time.Duration(k.Needs)
		}
		k.Red = min(k.Needs, int(closed/interval))
	}
	k.Knows = k.Red >= k.Needs
	return k
}

// passedOn reports whether the head of a request says that somebody sent it on for
// a visitor. Only whole lines are looked at, so a value can't pass for a field.
func passedOn(head []byte) bool {
	for {
		end := bytes.IndexByte(head, '\n')
		if end < 0 {
			return false
		}
		head = head[end+1:]
		if len(head) == 0 {
			return false
		}
		switch head[0] | 0x20 { // most fields of a probe begin otherwise
		case 'x', 'f', 'v':
			if name, _, ok := bytes.Cut(head[:min(len(head), longestPassing+1)], colon); ok && isPassing(name) {
				return true
			}
		}
	}
}

// passing are the fields of those who send requests on, as net/http writes them.
var passing = [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"}

const longestPassing = len("X-Forwarded-For")

var colon = []byte(":")

func isPassing(name []byte) bool {
	for _, field := range passing {
		if len(name) == len(field) && bytes.EqualFold(name, []byte(field)) {
			return true
		}
	}
	return false
}

// passedOnHTTP is passedOn of a request that net/http has read.
func passedOnHTTP(r *http.Request) bool {
	for _, field := range passing {
		if _, ok := r.Header[field]; ok {
			return true
		}
	}
	return false
}
