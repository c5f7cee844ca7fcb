// Package tongue says a server's verdict to those who don't ask over HTTP: gRPC
// clients ([GRPC]), HAProxy's agent check ([AgentCheck]), balancers that can only
// connect ([Port]) and systemd ([Systemd]).
//
// What it guarantees: all say what one snapshot function says, at most 100 ms
// after it does, and none runs a check. In service is what
// [health.Status.InService] says and nothing else. Strangers learn the bare
// verdict, never a check's name or error. Whoever connects is bounded in number,
// bytes and time, and is never waited for.
//
// A tongue's fields are set before its Run and not changed afterwards. Each Run
// is called once, blocks until its context ends, returns when everything it
// started has ended, and closes the listener it was given. [Herald.Run] must run
// for as long as they do, or changes go untold.
package tongue

import (
	"errors"

	"github.com/inservice/inservice/health"
)

// errNoHerald is what Run returns when the field Herald is nil.
var errNoHerald = errors.New("the field Herald is nil: set it to the one that watches the verdict")

// verdict is what of a snapshot is worth telling when it changes.
type verdict struct {
	status             health.Status
	draining, starting bool
}

func verdictOf(s health.Snapshot) verdict {
	return verdict{status: s.Status, draining: s.Draining, starting: s.Starting}
}

func (v verdict) inService() bool { return v.status.InService() }

// word is the verdict for strangers.
func (v verdict) word() string {
	switch {
	case v.draining:
		return "draining"
	case v.starting:
		return "starting"
	default:
		return v.status.String()
	}
}
